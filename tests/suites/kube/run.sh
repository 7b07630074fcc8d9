#!/usr/bin/env bash
# The tests of kube-rs that need a cluster, which come with its crates: those of the version that is used here.
set -uo pipefail
cd "$(dirname "$0")/../../.."
place=${CARGO_TARGET_DIR:-$PWD/target}/suites/kube
mkdir -p "$place"
. tests/suites/serve.sh

# What can't pass.
left_out=(
    # Logs and exec are not modelled.
    test::can_get_pod_logs_and_evict
    test::pod_can_exec_and_write_to_stdin
    # There is no scheduler that has a status.
    events::test::event_recorder_attaches_events_without_namespace
)

crates=(kube kube-client kube-core kube-derive kube-runtime)
tested=(kube kube-client kube-runtime)
sources=$place/sources
rm -rf "$sources" && mkdir -p "$sources"
{
    echo '[workspace]'
    echo 'resolver = "2"'
    echo 'members = ["*"]'
    echo 'exclude = ["target"]'
    echo '[patch.crates-io]'
    printf '%s = { path = "%s" }\n' $(for crate in "${crates[@]}"; do echo "$crate" "$crate"; done)
    echo '[profile.test]'
    echo 'debug = 0'
} >"$sources/Cargo.toml"
cp Cargo.lock "$sources/"
# The workspace itself has no use for kube-runtime; what is measured beside it has.
manifests=$(for of in Cargo.toml benches/peers/kube-runtime/Cargo.toml; do
    cargo metadata --format-version 1 --locked --manifest-path "$of" | tr '{,' '\n\n' | sed -n 's/^"manifest_path":"\(.*\)"$/\1/p'
done | sort -u)
for crate in "${crates[@]}"; do
    manifest=$(grep -E "/$crate-[0-9][^/]*/Cargo.toml$" <<<"$manifests") || { echo "$crate is nowhere"; exit 1; }
    cp -r "$(dirname "$manifest")" "$sources/$crate"
    rm -f "$sources/$crate/Cargo.lock"
done
# Their tests name the crate above them, which a published manifest leaves out.
for crate in kube-client kube-runtime; do
    printf '\n[dev-dependencies.kube]\npath = "../kube"\nfeatures = ["derive", "runtime", "ws"]\n' >>"$sources/$crate/Cargo.toml"
done

features=kube/derive,kube/jsonpatch,kube/unstable-client,kube/unstable-runtime,kube/ws
features+=,kube-client/jsonpatch,kube-client/unstable-client,kube-client/ws,kube-runtime/unstable-runtime
cd "$sources" || exit 1
cargo test --quiet --target-dir "$place/target" "${tested[@]/#/--package=}" --lib --features "$features" --no-run || exit 1
cd - >/dev/null || exit 1

start_server --world full
(cd "$sources" && KUBECONFIG=$place/kubeconfig timeout 300 cargo test --quiet --no-fail-fast --target-dir "$place/target" \
    "${tested[@]/#/--package=}" --lib --features "$features" -- --ignored --exact \
    "${left_out[@]/#/--skip=}") >"$place/out" 2>&1
code=$?
stop_server
# Of `test result: ok. 5 passed; 0 failed; ...`, one for each crate.
passed=0 all=0
while read -r good bad; do
    passed=$((passed + good)) all=$((all + good + bad))
done < <(sed -n 's/^test result: .* \([0-9]*\) passed; \([0-9]*\) failed;.*/\1 \2/p' "$place/out")
sed -n '/^failures:/,/^test result/p' "$place/out"
echo "kube-rs: $passed of $all tests pass, ${#left_out[@]} are left out"
exit $code
