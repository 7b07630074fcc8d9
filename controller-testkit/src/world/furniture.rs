//! What a fresh cluster and a fresh namespace come with.

use serde_json::{Value, json};

use super::Reach;
use super::hand::{Hand, kind};
use super::object;

/// The name of the one node.
pub(super) const NODE: &str = "node-1";

/// The map that tells pods whom to trust.
pub(super) const AUTHORITY: &str = "kube-root-ca.crt";

/// What the first namespaces have: the same as those that come later, which get it by requests.
static NAMESPACES: &str = include_str!("namespaces.txt");
/// The node, the lease by which it shows that it lives, and the class of volumes for claims that name none.
static NODES: &str = include_str!("node.txt");

/// What the cluster's own controllers put into a fresh cluster, as lines of the form that `server/first.rs` tells of.
pub(super) fn of(reach: Reach) -> impl Iterator<Item = &'static str> {
    let of_namespaces = NAMESPACES.lines().filter(move |_| reach >= Reach::Housekeeping);
    of_namespaces.chain(NODES.lines().filter(move |_| reach >= Reach::Workloads))
}

/// Of the authority of a cluster that nobody reaches over the network.
const NOBODY: &str = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";

/// Puts into a namespace what it lacks of the things that every namespace has.
pub(super) fn furnish_namespace(name: &str, authority: Option<&str>, hand: &mut Hand<'_>) {
    let place = kind::NAMESPACES.place("", name);
    if hand.get(&place).is_none_or(|namespace| object::is_deleting(&namespace)) {
        return;
    }
    let account = kind::SERVICE_ACCOUNTS.place(name, "default");
    if hand.get(&account).is_none() {
        hand.create(&kind::SERVICE_ACCOUNTS, name, &json!({"metadata": {"name": "default"}}));
    }
    let place = kind::CONFIG_MAPS.place(name, AUTHORITY);
    let data = json!({"ca.crt": authority.unwrap_or(NOBODY)});
    match hand.get(&place) {
        Some(map) if map.get("data") == Some(&data) => {}
        Some(map) => {
            let mut map = Value::clone(&map);
            map["data"] = data;
            hand.replace(&place, &map);
        }
        None => {
            let about = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal \
                         endpoints such as the internal service IP or kubernetes.default.svc. No other usage is \
                         guaranteed across distributions of Kubernetes clusters.";
            let metadata = json!({"name": AUTHORITY, "annotations": {"kubernetes.io/description": about}});
            hand.create(&kind::CONFIG_MAPS, name, &json!({"metadata": metadata, "data": data}));
        }
    }
}
