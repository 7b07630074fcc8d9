#!/usr/bin/env bash
# Runs other projects' own tests against the program `apiserver`. Nothing of theirs is kept here: they come from the
# registries, and each folder has what runs them and names what of them is left out, with the reason.
#
# `just suites kube kr8s` runs some suites; `just suites runtime client cache` some packages of the one that has packages.
set -uo pipefail
cd "$(dirname "$0")/../.."

suites=(runtime flux kube kr8s kubectl)
if [ "${1:-}" = runtime ]; then
    shift
    exec tests/suites/runtime/run.sh "$@"
fi
[ $# -gt 0 ] && suites=("$@")

cargo build --quiet -p controller-testkit --bin apiserver || exit 1
failed=()
for suite in "${suites[@]}"; do
    "tests/suites/$suite/run.sh" || failed+=("$suite")
done
[ ${#failed[@]} = 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
