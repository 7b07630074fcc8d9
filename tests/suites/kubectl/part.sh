#!/usr/bin/env bash
# `part.sh FUNCTION PLACE`: one part of the scripts, in whose folder this is called, beside a server of its own. It
# leaves `PLACE/out`, which ends with `passed` if it has.
part=$1 place=$2
mkdir -p "$place"
if [ -z "${INNER:-}" ]; then
    INNER=yes timeout -k 5 240 "$0" "$@" </dev/null >"$place/out" 2>&1 && printf "\npassed\n" >>"$place/out"
    exit 0
fi
. "$SERVE"

# As `hack/make-rules/test-cmd.sh` has it, nobody is refused anything. The roles are only there where they count.
case $part in
run_authorization_tests | run_impersonation_tests | runTests) authorization=always-allow ;;
*) authorization=rbac ;;
esac
start_server --world full --authorization "$authorization" --token-auth-file hack/testdata/auth-tokens.csv
trap stop_server EXIT

export HOME=$place/home TMPDIR=$place/home KUBE_TEMP=$place/home TERM=xterm CONTEXT=test ALLOW_SKEW=yes
mkdir -p "$HOME"
export SECURE_API_PORT=$(sed -n 's/^serving at .*:\([0-9]*\)$/\1/p' "$place/apiserver.out")
sed -n 's/^ *certificate-authority-data: //p' "$place/kubeconfig" | base64 -d >"$TMPDIR/apiserver.crt"
kubectl() { _output/bin/kubectl "$@"; }
{
    kubectl config set-credentials test-admin --token admin-token
    kubectl config set-cluster local --insecure-skip-tls-verify --server "https://127.0.0.1:$SECURE_API_PORT"
    kubectl config set-context test --user test-admin --cluster local
    kubectl config use-context test
    # Its own node is the only one that the scripts know, and no class of storage.
    kubectl delete node/node-1 storageclass/standard
    kubectl create -f - <<'NODE'
{
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "127.0.0.1", "annotations": {"save-managers": "true"}},
    "status": {
        "capacity": {"memory": "1Gi"},
        "conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusNeverUpdated"}]
    }
}
NODE
} >/dev/null
unset -f kubectl

set -o errexit -o nounset -o pipefail
source hack/lib/init.sh
source hack/lib/test.sh
source test/cmd/legacy-script.sh >/dev/null 2>&1
kube::util::ensure-gnu-sed
record_command() {
    [ "$part" = runTests ] && return
    set +o nounset +o errexit
    create_and_use_new_namespace
    ("$part")
    local code=$?
    stop-proxy
    exit "$code"
}
export SUPPORTED_RESOURCES=("*")
[ "$part" = runTests ] || WHAT=$part
runTests
