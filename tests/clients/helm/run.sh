#!/usr/bin/env bash
# Helm: a release is tried, installed with its hook, its definition and an object of that, upgraded by the server's apply
# and by the client's, tested, rolled back and removed.
set -euo pipefail
cd "$(dirname "$0")"
helm=${HELM:?}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HELM_CACHE_HOME=$work HELM_CONFIG_HOME=$work HELM_DATA_HOME=$work

says() {
    local expect=$1
    shift
    local text
    text=$("$@" 2>&1) || { echo "$* failed: $text"; exit 1; }
    case $text in *$expect*) ;; *) echo "$* lacks $expect: $text"; exit 1 ;; esac
}

fails() { ! "$@"; }

says 'no matches for kind "Gizmo"' fails "$helm" install web chart --namespace helm --create-namespace --skip-crds --timeout 60s
says 'STATUS: deployed' "$helm" install web chart --namespace helm --create-namespace --wait --timeout 60s
says 'web' "$helm" list --namespace helm
says 'replicas: 2' "$helm" get manifest web --namespace helm
says 'replicas: 4' "$helm" upgrade web chart --namespace helm --set replicas=4 --dry-run=server
says 'has been upgraded' "$helm" upgrade web chart --namespace helm --set replicas=3 --wait --timeout 60s
says 'size: 3' "$helm" get manifest web --namespace helm
says 'has been upgraded' "$helm" upgrade web chart --namespace helm --set replicas=1 --server-side=false --wait --timeout 60s
says 'Phase:          Succeeded' "$helm" test web --namespace helm --timeout 60s
says 'Rollback was a success' "$helm" rollback web 1 --namespace helm --wait --timeout 60s
says 'Rollback to 1' "$helm" history web --namespace helm
says 'deployed' "$helm" status web --namespace helm
says 'uninstalled' "$helm" uninstall web --namespace helm --wait --timeout 60s
echo "ok helm"
