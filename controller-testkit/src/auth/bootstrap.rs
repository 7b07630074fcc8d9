//! The roles and bindings that a fresh cluster has.
//!
//! They are those of a kube-apiserver v1.37.2 that has just been started, as this prints them:
//! `kubectl get clusterroles,clusterrolebindings,roles,rolebindings -A -o json --show-managed-fields | jq -c '.items[]'`,
//! in the form in which `server/first.rs` has what else such a cluster has. Those that gather their rules from others
//! have none there; a test fills them into `gathered.txt`, with `UPDATE_EXPECT=1`.

static ROLES: &str = include_str!("bootstrap.txt");
static GATHERED: &str = include_str!("gathered.txt");

/// Who fills the roles that gather their rules from others.
pub(crate) const AGGREGATED: &str = "clusterrole-aggregation-controller";

/// Whether the roles that gather their rules from others have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    Yes,
    No,
}

/// The lines of the objects: table, key, and the object with its marks.
pub(crate) fn roles(filled: Filled) -> impl Iterator<Item = &'static str> {
    ROLES.lines().map(move |line| {
        let place = line.find('{').unwrap_or_default();
        let full = (filled == Filled::Yes).then(|| GATHERED.lines().find(|full| full.starts_with(&line[..place])));
        full.flatten().unwrap_or(line)
    })
}
