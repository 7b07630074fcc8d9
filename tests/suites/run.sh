#!/usr/bin/env bash
# Runs other projects' own tests against the program `apiserver`: those of controller-runtime, package by package, as its
# authors run them against envtest's cluster. It needs Go; nothing of theirs is kept here but the names of the packages.
#
# `just suites client cache` runs some packages. Whatever is not in `left_out` must pass.
set -uo pipefail
cd "$(dirname "$0")/../.."
here=$PWD/tests/suites/runtime
place=${CARGO_TARGET_DIR:-$PWD/target}/suites
mkdir -p "$place"

packages=(builder cache client cluster controller controller/controllerutil manager webhook)
[ $# -gt 0 ] && packages=("$@")

# Specs that can't pass, as ginkgo's expression, with the reason: none so far.
left_out='^$'

cargo build --quiet -p controller-testkit --bin apiserver || exit 1
home=$(cd "$here" && go list -m -f '{{.Dir}}' sigs.k8s.io/controller-runtime) || exit 1

passed=0 all=0 failed=()
for package in "${packages[@]}"; do
    name=${package##*/}
    out=$place/$name.out
    rm -f "$place/kubeconfig" "$place/apiserver.out"
    "${CARGO_TARGET_DIR:-target}/debug/apiserver" --world none --kubeconfig "$place/kubeconfig" \
        >"$place/apiserver.out" 2>"$place/apiserver.log" &
    server=$!
    until grep -qs '^serving' "$place/apiserver.out"; do
        kill -0 "$server" 2>/dev/null || { cat "$place/apiserver.log"; exit 1; }
        sleep 0.02
    done
    (cd "$here" && go test -c -o "$place/$name.test" "sigs.k8s.io/controller-runtime/pkg/$package") &&
        (cd "$home/pkg/$package" && KUBECONFIG=$place/kubeconfig USE_EXISTING_CLUSTER=true timeout 500 \
            "$place/$name.test" -ginkgo.no-color "-ginkgo.skip=$left_out" >"$out" 2>&1) || failed+=("$package")
    kill "$server" && wait "$server"
    # Of `Ran 72 of 72 Specs` and `72 Passed | 0 Failed`.
    ran=$(sed -n 's/^Ran \([0-9]*\) of .*/\1/p' "$out")
    good=$(sed -n 's/.* \([0-9]*\) Passed.*/\1/p' "$out")
    echo "$package: ${good:-0} of ${ran:-0}"
    grep -E '^ *\[(FAIL|PANICKED|TIMEDOUT)\] ' "$out" | sort -u
    passed=$((passed + ${good:-0})) all=$((all + ${ran:-0}))
done
echo "$passed of $all specs of ${#packages[@]} suites pass"
[ ${#failed[@]} = 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
