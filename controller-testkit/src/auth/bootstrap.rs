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
    let lines = GATHERED.lines().filter(|_| filled == Filled::Yes);
    let full: Vec<(&str, &str)> = lines.filter_map(|line| Some((line.split_once('{')?.0, line))).collect();
    ROLES.lines().map(move |line| {
        let full = full.iter().find(|(place, _)| line.starts_with(place));
        full.map_or(line, |(_, full)| *full)
    })
}
