//! What there is: the version and the last change of each object, who watches, and what happened of late.

use hyper::body::Bytes;
use tokio::sync::mpsc;

use super::wire::{Format, Kind, Wire};
use crate::template::{FIRST_VERSION, Face};

/// Some events of one size.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) bytes: Bytes,
    /// The size of each: they are sent a chunk each, as an API server flushes each event.
    pub(super) each: usize,
}

/// One watch.
#[derive(Debug, Clone)]
pub(super) struct Watcher {
    pub(super) id: u64,
    pub(super) format: Format,
    pub(super) batches: mpsc::Sender<Batch>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Object {
    version: u64,
    at: u64,
    event: u32,
    gone: bool,
}

/// The objects and who follows them.
pub(super) struct Cluster {
    pub(super) wire: Wire,
    objects: Vec<Object>,
    live: usize,
    version: u64,
    /// A watch from before this version is too old.
    oldest: u64,
    /// Which object got which version, since the oldest.
    log: Vec<(u64, u32)>,
    watchers: Vec<Watcher>,
    watches: u64,
    event: u32,
}

impl Cluster {
    pub(super) fn new(wire: Wire, objects: u32) -> Self {
        let versions = FIRST_VERSION..;
        let objects: Vec<_> =
            (0..objects).zip(versions).map(|(_, version)| Object { version, ..Object::default() }).collect();
        let version = FIRST_VERSION + objects.len() as u64;
        let live = objects.len();
        Self {
            wire,
            objects,
            live,
            version,
            oldest: version,
            log: Vec::new(),
            watchers: Vec::new(),
            watches: 0,
            event: 0,
        }
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn oldest(&self) -> u64 {
        self.oldest
    }

    /// How many objects there are.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// How many objects there ever were.
    pub(super) fn size(&self) -> usize {
        self.objects.len()
    }

    /// The number of the last change.
    pub(super) fn event(&self) -> u32 {
        self.event
    }

    pub(super) fn watchers(&self) -> &[Watcher] {
        &self.watchers
    }

    /// Whether each watcher takes another batch at once.
    pub(super) fn has_room(&self) -> bool {
        self.watchers.iter().all(|watcher| watcher.batches.capacity() > 0)
    }

    /// The objects from this number on that are there, and the number behind the last one.
    pub(super) fn page(&self, from: usize, limit: usize) -> (Vec<Face>, usize) {
        let mut faces = Vec::new();
        for number in from..self.objects.len() {
            if faces.len() == limit {
                return (faces, number);
            }
            let object = self.objects[number];
            if !object.gone {
                faces.push(self.face(number));
            }
        }
        (faces, self.objects.len())
    }

    /// How many objects are there from this number on.
    pub(super) fn remaining(&self, from: usize) -> usize {
        self.objects[from.min(self.objects.len())..].iter().filter(|object| !object.gone).count()
    }

    fn face(&self, number: usize) -> Face {
        let Object { version, at, event, .. } = self.objects[number];
        Face { number: number as u32, version, at, event }
    }

    /// Changes an object, or brings it back.
    pub(super) fn change(&mut self, number: u32, at: u64) -> Face {
        self.version += 1;
        self.event += 1;
        let object = &mut self.objects[number as usize];
        self.live += usize::from(object.gone);
        *object = Object { version: self.version, at, event: self.event, gone: false };
        self.log.push((self.version, number));
        self.face(number as usize)
    }

    /// Takes an object away. None if it is gone already.
    pub(super) fn delete(&mut self, number: u32) -> Option<Face> {
        if self.objects[number as usize].gone {
            return None;
        }
        self.version += 1;
        self.live -= 1;
        let object = &mut self.objects[number as usize];
        (object.version, object.gone) = (self.version, true);
        self.log.push((self.version, number));
        Some(self.face(number as usize))
    }

    /// Forgets what happened up to now.
    pub(super) fn expire(&mut self) {
        self.oldest = self.version;
        self.log.clear();
    }

    /// Ends all watches, and gives those that were there.
    pub(super) fn end_watches(&mut self) -> Vec<Watcher> {
        std::mem::take(&mut self.watchers)
    }

    pub(super) fn end_watch(&mut self, id: u64) {
        self.watchers.retain(|watcher| watcher.id != id);
    }

    /// Follows from this version on: what happened since, if anything did, else the watcher is one from now on.
    pub(super) fn follow(&mut self, since: u64, format: Format, batches: &mpsc::Sender<Batch>) -> Followed {
        let at = self.log.partition_point(|(version, _)| *version <= since);
        let missed: Vec<_> = self.log[at..].iter().map(|&(_, number)| number).collect();
        if missed.is_empty() {
            self.watches += 1;
            self.watchers.push(Watcher { id: self.watches, format, batches: batches.clone() });
            return Followed::Watching { id: self.watches };
        }
        let events = missed
            .into_iter()
            .map(|number| {
                let kind = if self.objects[number as usize].gone { Kind::Deleted } else { Kind::Modified };
                (kind, self.face(number as usize))
            })
            .collect();
        Followed::Missed { events, upto: self.version }
    }
}

/// What a watch begins with.
pub(super) enum Followed {
    Watching { id: u64 },
    Missed { events: Vec<(Kind, Face)>, upto: u64 },
}
