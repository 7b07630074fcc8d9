//! What the API server itself puts into an empty cluster, beside the roles that `auth` knows: the namespaces, how it
//! can be reached, the groups that it serves, the classes of priority of the cluster's own pods, and how requests would
//! be queued.
//!
//! They are those of a kube-apiserver v1.37.2 that has just been started, as this prints them:
//! `kubectl get namespaces,services,endpoints,endpointslices,leases,servicecidrs,ipaddresses,apiservices,\
//! priorityclasses,flowschemas,prioritylevelconfigurations -A -o json --show-managed-fields | jq -c '.items[]'`.
//! Its own addresses and name are replaced by those of the one node, and before each object stand its table and its key.
//!
//! The objects are written as the store writes them, so that nobody need take them apart: a cluster is to be there at
//! once. What differs between clusters is marked: `$rv`, `$uid`, `$time` and `$micros` for the moment, and `$owner`
//! for the uid of the object before. A test holds the lines to this form, and `UPDATE_EXPECT=1` brings them into it.

use jiff::Timestamp;

use super::{Server, meta};
use crate::store::Moment;

static OBJECTS: &str = include_str!("first.txt");

/// The lines of the objects that every cluster has.
pub(crate) fn objects() -> impl Iterator<Item = &'static str> {
    OBJECTS.lines()
}

impl Server {
    /// Puts what is missing of these objects into the store. What is there is from an older life, and its owner's: it stays.
    pub(crate) fn furnish<'a>(
        &mut self,
        lines: impl Iterator<Item = &'a str>,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) {
        let (generation, moment, mut desk) = (self.catalog.generation(), Moment::of(now), String::new());
        let mut uid = String::new();
        for line in lines {
            let mut parts = line.splitn(3, ' ');
            let (Some(table), Some(key), Some(object)) = (parts.next(), parts.next(), parts.next()) else { continue };
            if let Some(known) = self.store.get(table, key) {
                uid = known.uid().into_owned();
                continue;
            }
            let owner = std::mem::replace(&mut uid, meta::uid(rng));
            self.store.plant(table, key, generation, &mut desk, |text, rv| {
                let rv = rv.to_string();
                fill(text, object, |mark| match mark {
                    "uid" => &uid,
                    "owner" => &owner,
                    "time" => &moment.seconds,
                    "micros" => &moment.micros,
                    _ => &rv,
                });
            });
        }
    }
}

/// Writes an object with something in place of each mark.
fn fill<'a>(text: &mut String, object: &str, with: impl Fn(&str) -> &'a String) {
    let mut parts = object.split('$');
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (mark, rest) = part.split_at(part.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(part.len()));
        text.push_str(with(mark));
        text.push_str(rest);
    }
}
