#!/usr/bin/env bash
# The tests of kr8s, which come with its package. They need Python and kubectl.
set -uo pipefail
cd "$(dirname "$0")/../../.."
here=$PWD/tests/suites/kr8s
place=${CARGO_TARGET_DIR:-$PWD/target}/suites/kr8s
mkdir -p "$place"
. tests/suites/serve.sh

[ -x "$place/python/bin/python" ] || python3 -m venv "$place/python" || exit 1
"$place/python/bin/python" -m pip install --quiet --requirement "$here/requirements.txt" || exit 1
home=$("$place/python/bin/python" -c 'import pathlib, kr8s; print(pathlib.Path(kr8s.__file__).parent)') || exit 1
mapfile -t left_out < <(sed "/^#/d; /^$/d; s|^|--deselect=kr8s/tests/|" "$here/left_out")

start_server --world full
export KUBECONFIG=$place/kubeconfig
# They take a cluster to have some pod already, of the namespace where a real one has its own.
kubectl run pod --namespace kube-system --image registry.k8s.io/pause >"$place/pod.out" || exit 1
(cd "$home/.." && PYTHONPATH=$here timeout 500 "$place/python/bin/python" -m pytest --quiet -p embedded -p no:cacheprovider \
    --timeout 40 -o asyncio_mode=auto --rootdir . "${left_out[@]}" kr8s/tests) >"$place/out" 2>&1
code=$?
stop_server
grep -E '^(FAILED|ERROR) ' "$place/out"
# Of `173 passed, 3 skipped, 41 deselected in 61.20s`.
echo "kr8s: $(tail -n 1 "$place/out" | sed 's/ in [0-9].*//'), $(wc -l < <(printf '%s\n' "${left_out[@]}")) tests left out"
exit $code
