#!/usr/bin/env bash
# Starts each example as a newcomer would, waits for the lines of its callbacks, stops it with SIGTERM, and expects 0.
set -euo pipefail
cd "$(dirname "$0")/.."
examples="${CARGO_TARGET_DIR:-target}/debug/examples"

# smoke EXAMPLE LINE.. : each LINE must appear in the output within 20 s.
smoke() {
    local name=$1 log status=0
    shift
    log=$(mktemp)
    "$examples/$name" >"$log" 2>&1 &
    local pid=$!
    for line in "$@"; do
        for _ in $(seq 200); do
            grep -q -- "$line" "$log" && continue 2
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        printf '%s: no line with "%s" in:\n' "$name" "$line"
        cat "$log"
        kill "$pid" 2>/dev/null || true
        exit 1
    done
    kill -TERM "$pid"
    wait "$pid" || status=$?
    if [ "$status" -ne 0 ]; then
        printf '%s: exit %s after SIGTERM:\n' "$name" "$status"
        cat "$log"
        exit 1
    fi
    printf '%s: ok\n' "$name"
    rm -f "$log"
}

smoke pod_watcher "^export KUBECONFIG=" "add default/" "modify default/" "delete default/" "reconcile default/"
smoke by_hand "add default/" "modify default/" "delete default/" "reconcile default/"
smoke config_reloader "add default/settings" "workers went from 1 to 2"
smoke quota_guard "reconcile team-a/small: 3 of 2 pods"
smoke supervised "shipping: reconcile default/parcel" "asked to crash" "stock: reconcile default/crash"

# ends CODE COMMAND.. : the command ends by itself with this exit code.
ends() {
    local expect=$1 status=0
    shift
    "$@" >/dev/null 2>&1 || status=$?
    if [ "$status" -ne "$expect" ]; then
        printf '%s: exit %s instead of %s\n' "$*" "$status" "$expect"
        exit 1
    fi
    printf 'exit %s: ok\n' "$expect"
}

ends 0 "$examples/pod_watcher" --help
ends 1 env KUBECONFIG=/nowhere "$examples/pod_watcher" --cluster
ends 2 "$examples/pod_watcher" --clutser
