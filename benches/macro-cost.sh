#!/usr/bin/env bash
# What the attribute costs: its own crate, and `cargo check` of 200 controllers beside the same impls written without it.
# In CPU seconds, the least of five runs each, so that a busy machine prints the same. It fails where the attribute adds
# more than two seconds to what its expansion costs by hand.
set -euo pipefail
cd "$(dirname "$0")/.."
controllers=${1:-200}
runs=5
target=${CARGO_TARGET_DIR:-$PWD/target}
folder=$target/macro-cost
mkdir -p "$folder/src"
cp Cargo.lock "$folder/Cargo.lock"

cat >"$folder/Cargo.toml" <<MANIFEST
[package]
name = "controllers"
version = "0.0.0"
edition = "2024"
publish = false

[workspace]

[dependencies]
controller-core = { path = "$PWD/controller-core" }
k8s-openapi = { version = "0.29", default-features = false, features = ["v1_37"] }

[profile.dev]
debug = "line-tables-only"
incremental = false

[profile.dev.package."*"]
debug = false
MANIFEST

# The callbacks of one controller; its argument goes before each `async fn`.
callbacks() {
    for callback in add modify delete; do
        echo "    $1async fn $callback(&self, pod: &Pod, cx: &Context<Self>) -> Result {"
        echo "        let _ = (pod.metadata.name.as_deref(), cx.key());"
        echo "        Ok(())"
        echo "    }"
    done
    echo "    $1async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) -> Result<Action> {"
    echo "        let _ = (pod.metadata.name.as_deref(), cx.key());"
    echo "        Ok(Action::Requeue(secs(60)))"
    echo "    }"
}

# $1 is how the controllers are written.
program() {
    echo "#![allow(dead_code, unused_imports)]"
    echo "use controller_core::prelude::*;"
    echo "use controller_core::{Callback, Described, Descriptor};"
    echo "use k8s_openapi::api::core::v1::Pod;"
    for ((at = 0; at < controllers; at++)); do
        echo "pub struct W$at;"
        case $1 in
        attribute)
            echo "#[controller(api_version = \"v1\", kind = \"Pod\", reconcile_delay = \"1m\", concurrency = 4)]"
            echo "impl W$at {"
            callbacks ""
            ;;
        by-hand)
            echo "impl Described for W$at {"
            echo "    const DESCRIPTOR: Descriptor = Descriptor::new(\"w$at\", \"v1\", \"Pod\").on(Callback::Add).on(Callback::Modify)"
            echo "        .on(Callback::Delete).on(Callback::Reconcile).reconcile_delay(secs(60)).concurrency(4);"
            echo "}"
            echo "impl Controller for W$at {"
            echo "    type Object = Pod;"
            callbacks ""
            ;;
        esac
        echo "}"
    done
}

# The least CPU seconds of a command, each time after something that makes it start anew.
least() {
    local prepare=$1
    shift
    local best="" spent
    TIMEFORMAT='%U %S'
    for ((run = 0; run < runs; run++)); do
        $prepare
        spent=$({ time "$@" >&2; } 2>&1 | tail -1 | awk '{ printf "%.2f", $1 + $2 }')
        best=$(printf '%s\n' $best "$spent" | sort -g | head -1)
    done
    echo "$best"
}

export CARGO_TARGET_DIR=$target
check() { cargo check --quiet --offline --manifest-path "$folder/Cargo.toml"; }
touch_controllers() { touch "$folder/src/lib.rs"; }
touch_macros() { touch controller-macros/src/lib.rs; }

declare -A cost
for form in by-hand attribute; do
    program $form >"$folder/src/lib.rs"
    check
    cost[$form]=$(least touch_controllers check)
done
echo "pub fn nothing() {}" >"$folder/src/lib.rs"
check
cost[nothing]=$(least touch_controllers check)
cost[crate]=$(CARGO_INCREMENTAL=0 least touch_macros cargo build --quiet --offline -p controller-macros)

awk -v n="$controllers" -v crate="${cost[crate]}" -v nothing="${cost[nothing]}" -v hand="${cost[by-hand]}" -v attribute="${cost[attribute]}" '
    BEGIN {
        added = attribute - hand
        print "| what | CPU seconds |"
        print "| --- | --- |"
        printf "| `cargo build` of controller-macros, its dependencies there | %.1f |\n", crate
        printf "| `cargo check` of %d controllers written by hand | %.2f |\n", n, hand - nothing
        printf "| the same with the attribute | %.2f |\n", attribute - nothing
        printf "| so the attribute adds | %.2f, a factor of %.2f |\n", added, (attribute - nothing) / (hand - nothing)
        exit added > 2 || crate > 12
    }'
