//! The roles and bindings that a fresh cluster has.
//!
//! They are those of a kube-apiserver v1.37.2 that has just been started, as this prints them:
//! `kubectl get clusterroles,clusterrolebindings,roles,rolebindings -A -o json | jq -c '.items[]
//! | del(.metadata.uid, .metadata.resourceVersion, .metadata.creationTimestamp, .metadata.managedFields[].time)'`.

use std::sync::OnceLock;

use serde_json::Value;

static ROLES: &str = include_str!("bootstrap.jsonl");

/// Who fills the roles that gather their rules from others.
pub(crate) const AGGREGATED: &str = "clusterrole-aggregation-controller";

/// The objects, as a client would create them.
pub(crate) fn roles() -> &'static [Value] {
    static PARSED: OnceLock<Vec<Value>> = OnceLock::new();
    PARSED.get_or_init(|| {
        let lines = ROLES.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().expect("the file in this folder holds an object in each line")
    })
}
