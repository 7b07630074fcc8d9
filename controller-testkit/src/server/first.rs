//! What the API server itself puts into an empty cluster, beside the roles that `auth` knows: the namespaces, how it
//! can be reached, the groups that it serves, the classes of priority of the cluster's own pods, and how requests would
//! be queued.
//!
//! They are those of a kube-apiserver v1.37.2 that has just been started, as this prints them:
//! `kubectl get namespaces,services,configmaps,endpoints,endpointslices,leases,servicecidrs,ipaddresses,apiservices,\
//! priorityclasses,flowschemas,prioritylevelconfigurations -A -o json --show-managed-fields | jq -c '.items[]'`.
//! Its own addresses and name are replaced by those of the one node, and before each object stand its table and its key.
//!
//! The objects are written as the store writes them, so that nobody need take them apart: a cluster is to be there at
//! once. What differs between clusters is marked: `$rv`, `$uid`, and `$date`, `$time` and `$micros` for the moment.
//! A test holds the lines to this form, and `UPDATE_EXPECT=1` brings them into it.

use std::fmt::Write;

use jiff::Timestamp;

use super::{Server, meta};
use crate::store::Moment;

static OBJECTS: &str = include_str!("first.txt");

/// The lines of the objects that every cluster has.
pub(super) fn objects() -> impl Iterator<Item = &'static str> {
    OBJECTS.lines()
}

impl Server {
    /// Puts what every cluster has into the store.
    pub(crate) fn furnish_first(&mut self, now: Timestamp, rng: &mut fastrand::Rng) {
        self.furnish(objects(), now, rng);
    }

    /// What is there is from an older life, and its owner's: it stays.
    pub(super) fn furnish<'a>(
        &mut self,
        lines: impl Iterator<Item = &'a str>,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) {
        let (generation, moment) = (self.catalog.generation(), Moment::of(now));
        for line in lines {
            let mut parts = line.splitn(3, ' ');
            let (Some(table), Some(key), Some(object)) = (parts.next(), parts.next(), parts.next()) else { continue };
            self.store.plant(table, key, generation, |rv| fill(object, rv, &meta::uid(rng), &moment));
        }
    }
}

/// An object in place of its marks.
fn fill(object: &str, rv: u64, uid: &str, moment: &Moment) -> String {
    let mut parts = object.split('$');
    let mut text = String::with_capacity(object.len() + object.len() / 4);
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (mark, rest) = part.split_at(part.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(part.len()));
        match mark {
            "uid" => text.push_str(uid),
            "date" => text.push_str(&moment.date),
            "time" => text.push_str(&moment.seconds),
            "micros" => text.push_str(&moment.micros),
            // Writing into memory cannot fail.
            _ => drop(write!(text, "{rv}")),
        }
        text.push_str(rest);
    }
    text
}
