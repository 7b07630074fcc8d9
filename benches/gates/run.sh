#!/usr/bin/env bash
# Runs the gates, with valgrind from the system's packages where it is missing and can be had.
# `--required` fails where it can't be had; without, the gates are skipped and it is said why.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v valgrind >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get install -y --no-install-recommends valgrind >/dev/null ||
        { apt-get update >/dev/null && apt-get install -y --no-install-recommends valgrind >/dev/null; } || true
fi
if ! command -v valgrind >/dev/null; then
    echo "gates: not run, as valgrind is not there: apt-get install valgrind, or what your system has instead"
    [ "${1:-}" != --required ]
    exit
fi
cargo run --quiet --release --locked --target-dir ../../target/gates
