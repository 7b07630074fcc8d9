# Sourced by each suite: starts the program `apiserver` anew, with these options, and its kubeconfig in $place.

start_server() {
    rm -f "$place/kubeconfig" "$place/apiserver.out"
    "${CARGO_TARGET_DIR:-target}/debug/apiserver" --kubeconfig "$place/kubeconfig" "$@" \
        >"$place/apiserver.out" 2>"$place/apiserver.log" &
    server=$!
    until grep -qs '^serving' "$place/apiserver.out"; do
        kill -0 "$server" 2>/dev/null || { cat "$place/apiserver.log"; exit 1; }
        sleep 0.02
    done
}

stop_server() { kill "$server" && wait "$server"; }
