//! What a fresh cluster and a fresh namespace come with.

use serde_json::json;

use super::Reach;
use super::hand::{Hand, kind};
use super::object;

/// The name of the one node.
pub(super) const NODE: &str = "node-1";

/// What the first namespaces have: the same as those that come later, which get it by requests.
static NAMESPACES: &str = include_str!("namespaces.txt");
/// The node, and the lease by which it shows that it lives.
static NODES: &str = include_str!("node.txt");

/// What the cluster's own controllers put into a fresh cluster, as lines of the form that `server/first.rs` tells of.
pub(super) fn of(reach: Reach) -> impl Iterator<Item = &'static str> {
    let of_namespaces = NAMESPACES.lines().filter(move |_| reach >= Reach::Housekeeping);
    of_namespaces.chain(NODES.lines().filter(move |_| reach >= Reach::Workloads))
}

/// Puts into a namespace what it lacks of the things that every namespace has.
pub(super) fn furnish_namespace(name: &str, hand: &mut Hand<'_>) {
    let place = kind::NAMESPACES.place("", name);
    if hand.get(&place).is_none_or(|namespace| object::is_deleting(&namespace)) {
        return;
    }
    let account = kind::SERVICE_ACCOUNTS.place(name, "default");
    if hand.get(&account).is_none() {
        hand.create(&kind::SERVICE_ACCOUNTS, name, &json!({"metadata": {"name": "default"}}));
    }
    let authority = kind::CONFIG_MAPS.place(name, "kube-root-ca.crt");
    if hand.get(&authority).is_none() {
        let about = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints \
                     such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across \
                     distributions of Kubernetes clusters.";
        hand.create(
            &kind::CONFIG_MAPS,
            name,
            &json!({
                "metadata": {
                    "name": "kube-root-ca.crt",
                    "annotations": {"kubernetes.io/description": about},
                },
                "data": {"ca.crt": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"},
            }),
        );
    }
}
