#!/usr/bin/env bash
# The tests of controller-runtime, package by package, as its authors run them: envtest starts a cluster for each from
# KUBEBUILDER_ASSETS, where the program `apiserver` stands under the names of the real ones. They need Go.
#
# `just suites runtime client cache` runs some packages. Whatever is not in `left_out` must pass.
set -uo pipefail
cd "$(dirname "$0")/../../.."
here=$PWD/tests/suites/runtime
place=${CARGO_TARGET_DIR:-$PWD/target}/suites
mkdir -p "$place"

packages=(
    builder cache client cluster controller controller/controllerutil envtest handler internal/controller
    internal/recorder manager manager/internal/integration metrics/filters reconcile source webhook
)
# client/apiutil fetches the definitions that it tests with from elsewhere.
[ $# -gt 0 ] && packages=("$@")

# Specs that can't pass, as ginkgo's expression, with the reason: none so far.
left_out='^$'

cargo build --quiet -p controller-testkit --bin apiserver || exit 1
"${CARGO_TARGET_DIR:-target}/debug/apiserver" --envtest "$place/assets" >/dev/null || exit 1
home=$(cd "$here" && go list -m -f '{{.Dir}}' sigs.k8s.io/controller-runtime) || exit 1

passed=0 all=0 failed=()
for package in "${packages[@]}"; do
    name=${package//\//-}
    out=$place/$name.out
    (cd "$here" && go test -c -o "$place/$name.test" "sigs.k8s.io/controller-runtime/pkg/$package") &&
        (cd "$home/pkg/$package" && KUBEBUILDER_ASSETS=$place/assets timeout 500 \
            "$place/$name.test" -ginkgo.no-color "-ginkgo.skip=$left_out" >"$out" 2>&1) || failed+=("$package")
    # Of `Ran 72 of 72 Specs` and `72 Passed | 0 Failed`.
    ran=$(sed -n 's/^Ran \([0-9]*\) of .*/\1/p' "$out")
    good=$(sed -n 's/.* \([0-9]*\) Passed.*/\1/p' "$out")
    echo "$package: ${good:-0} of ${ran:-0}"
    grep -E '^ *\[(FAIL|PANICKED|TIMEDOUT)\] ' "$out" | sort -u
    passed=$((passed + ${good:-0})) all=$((all + ${ran:-0}))
done
echo "controller-runtime: $passed of $all specs of ${#packages[@]} packages pass"
[ ${#failed[@]} = 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
