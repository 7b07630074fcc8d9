#!/usr/bin/env bash
# The tests of Flux's manager of what is applied, as its authors run them against envtest's cluster. They need Go.
set -uo pipefail
cd "$(dirname "$0")/../../.."
here=$PWD/tests/suites/flux
place=${CARGO_TARGET_DIR:-$PWD/target}/suites/flux
mkdir -p "$place"
. tests/suites/serve.sh

# An apply in another version than its manager's last: what the older version's schema lacks is no fault here.
left_out='MigrateAPIVersion(_RealWorldExternalSecrets)?$'

home=$(cd "$here" && go list -m -f '{{.Dir}}' github.com/fluxcd/pkg/ssa) || exit 1
passed=0 failed=0 code=0
for package in ssa ssa/jsondiff; do
    name=${package##*/}
    (cd "$here" && go test -c -o "$place/$name.test" "github.com/fluxcd/pkg/$package") || exit 1
    start_server --world none
    (cd "$home/${package#ssa}" && KUBECONFIG=$place/kubeconfig USE_EXISTING_CLUSTER=true timeout 300 \
        "$place/$name.test" -test.v "-test.skip=$left_out" >"$place/$name.out" 2>&1) || code=1
    stop_server
    grep -E '^ *--- FAIL' "$place/$name.out"
    passed=$((passed + $(grep -c '^--- PASS' "$place/$name.out"))) failed=$((failed + $(grep -c '^--- FAIL' "$place/$name.out")))
done
echo "Flux: $passed of $((passed + failed)) tests pass, $(grep -hE "^func Test.*MigrateAPIVersion(_RealWorldExternalSecrets)?\(" "$home"/*_test.go | wc -l) are left out"
exit $code
