#!/usr/bin/env bash
# Runs clients of other languages against the program `apiserver`: each does a scenario of its own and prints `ok NAME`.
#
# Everything that they need is installed below target/clients, by each language's own tool, once. `just clients go node`
# runs some of them; a language whose toolchain is missing fails.
set -uo pipefail
cd "$(dirname "$0")/../.."
here=$PWD/tests/clients
place=${CARGO_TARGET_DIR:-$PWD/target}/clients
mkdir -p "$place"

install_go() { (cd "$here/go" && go build -o "$place/" ./clientgo ./runtime); }
install_helm() { (cd "$here/helm" && go build -o "$place/helm" helm.sh/helm/v4/cmd/helm); }
install_python() {
    [ -x "$place/python/bin/python" ] || python3 -m venv "$place/python" || return
    "$place/python/bin/python" -m pip install --quiet --requirement "$here/python/requirements.txt"
}
install_node() {
    mkdir -p "$place/node" && cp "$here/node/package.json" "$here/node/main.js" "$place/node/" &&
        (cd "$place/node" && npm install --silent --no-audit --no-fund)
}
install_java() {
    # It is quiet but for colours.
    mvn --quiet --batch-mode --file "$here/java/pom.xml" "-DbuildDirectory=$place/java" \
        compile dependency:build-classpath "-Dmdep.outputFile=$place/java/classpath"
}

run_clientgo() { "$place/clientgo"; }
run_runtime() { "$place/runtime"; }
run_helm() { HELM=$place/helm "$here/helm/run.sh"; }
run_kubernetes() { "$place/python/bin/python" "$here/python/client.py"; }
run_kopf() { "$place/python/bin/python" "$here/python/kopf_operator.py"; }
run_node() { node "$place/node/main.js"; }
run_java() { java -cp "$place/java/classes:$(cat "$place/java/classpath")" Main; }

# language: clients
languages=(go helm python node java)
declare -A clients=([go]="clientgo runtime" [helm]="helm" [python]="kubernetes kopf" [node]="node" [java]="java")
[ $# -gt 0 ] && languages=("$@")

cargo build --quiet -p controller-testkit --bin apiserver || exit 1
kubeconfig=$place/kubeconfig
rm -f "$kubeconfig"
"${CARGO_TARGET_DIR:-target}/debug/apiserver" -v --kubeconfig "$kubeconfig" >"$place/apiserver.out" 2>"$place/requests.log" &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server"' EXIT
until grep -q '^serving' "$place/apiserver.out"; do
    kill -0 "$server" 2>/dev/null || { cat "$place/requests.log"; exit 1; }
    sleep 0.02
done
export KUBECONFIG=$kubeconfig

passed=0 all=0
for language in "${languages[@]}"; do
    installed=yes
    "install_$language" || installed=no
    for client in ${clients[$language]}; do
        all=$((all + 1))
        if [ "$installed" = yes ] && timeout 180 bash -c "$(declare -f "run_$client"); place='$place' here='$here'; run_$client" \
            >"$place/$client.out" 2>&1; then
            grep '^ok ' "$place/$client.out" && passed=$((passed + 1))
        else
            echo "failed $client: the end of $place/$client.out"
            tail -n 20 "$place/$client.out" 2>/dev/null
        fi
    done
done
echo "$passed of $all clients pass"
[ "$passed" = "$all" ]
