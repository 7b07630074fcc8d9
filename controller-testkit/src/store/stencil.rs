//! A store's history as a stencil: drawn once, and copied with other uids and another time.
//!
//! What every fresh cluster is given takes some hundred steps to make, and is the same each time but for uids and times,
//! which are texts of fixed lengths. So one cluster is made that way, the places of those texts are noted, and every
//! other is a copy of its bytes with the places filled in.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::object::Change;
use super::{Event, Object, Store};

/// The history of a small store.
#[derive(Debug)]
pub(crate) struct Stencil {
    drawn: Vec<Drawn>,
    uids: usize,
}

/// One change.
#[derive(Debug)]
struct Drawn {
    table: Arc<str>,
    key: Arc<str>,
    change: Change,
    object: Arc<Object>,
    holes: Vec<(usize, Hole)>,
}

/// What stands in an object's line and differs between the copies.
#[derive(Clone, Copy, Debug)]
enum Hole {
    /// The uid that was drawn so many uids after the first.
    Uid(usize),
    Seconds,
    Micros,
}

/// A moment as objects carry it, in whole seconds and in millionths.
pub(crate) struct Moment {
    pub(crate) seconds: String,
    pub(crate) micros: String,
}

impl Moment {
    pub(crate) fn of(at: Timestamp) -> Self {
        let text = |format: &str| at.strftime(format).to_string();
        Self { seconds: text("%Y-%m-%dT%H:%M:%SZ"), micros: text("%Y-%m-%dT%H:%M:%S.%6fZ") }
    }

    fn has_length_of(&self, other: &Self) -> bool {
        let lengths = |moment: &Self| [moment.seconds.len(), moment.micros.len()];
        lengths(self) == lengths(other)
    }
}

/// How long a uid is.
const UID: usize = 36;

impl Stencil {
    /// The history of a store that has forgotten nothing, in which everything happened at one moment, and in which that
    /// moment stands for nothing else.
    pub(crate) fn of(store: &Store, at: Timestamp) -> Self {
        let moment = Moment::of(at);
        let mut uids: BTreeMap<String, usize> = BTreeMap::new();
        let events = store.all_events_after(0).map(|event| {
            let uid = event.object.uid().into_owned();
            let next = uids.len();
            uids.entry(uid).or_insert(next);
            let mut holes = Vec::new();
            let line = String::from_utf8_lossy(event.object.line());
            // What differs stands in quotes, which in a field's name are escaped.
            let mut from = 0;
            for part in line.split('"') {
                let text = part.trim_end_matches('\\');
                holes.extend(match text {
                    _ if text == moment.seconds => Some((from, Hole::Seconds)),
                    _ if text == moment.micros => Some((from, Hole::Micros)),
                    // A uid may have something before it.
                    _ => text.len().checked_sub(UID).and_then(|at| {
                        let number = uids.get(text.get(at..)?)?;
                        Some((from + at, Hole::Uid(*number)))
                    }),
                });
                from += part.len() + 1;
            }
            let Event { table, key, change, object, .. } = &**event;
            Drawn { table: table.clone(), key: key.clone(), change: *change, object: object.clone(), holes }
        });
        let drawn = events.collect();
        Self { drawn, uids: uids.len() }
    }

    /// The same history with these uids, in the order in which the first ones were drawn, and at that time; none if the
    /// time does not fit.
    pub(crate) fn copy(&self, mut uid: impl FnMut() -> String, at: Timestamp) -> Option<Store> {
        let (moment, usual) = (Moment::of(at), Moment::of(Timestamp::UNIX_EPOCH));
        if !moment.has_length_of(&usual) {
            return None;
        }
        let uids: Vec<String> = (0..self.uids).map(|_| uid()).collect();
        let mut store = Store::new();
        for Drawn { table, key, change, object, holes } in &self.drawn {
            let mut line = object.line().to_vec();
            for (place, hole) in holes {
                let text = match hole {
                    Hole::Uid(number) => &uids[*number],
                    Hole::Seconds => &moment.seconds,
                    Hole::Micros => &moment.micros,
                };
                line.get_mut(*place..*place + text.len())?.copy_from_slice(text.as_bytes());
            }
            let object = Arc::new(object.with_line(line));
            store.commit(*change, table.clone(), key.clone(), object)?;
        }
        Some(store)
    }
}
