//! What the world has to do, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

/// Where an object is: the store's table, and `namespace/name` or `name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) table: Arc<str>,
    pub(super) key: Arc<str>,
}

impl Place {
    /// The namespace, of namespaced objects.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.key.split_once('/').map(|(namespace, _)| namespace)
    }

    pub(super) fn name(&self) -> &str {
        self.key.split_once('/').map_or(&self.key, |(_, name)| name)
    }
}

/// Of these places those in one table and namespace.
pub(super) fn within<'a>(
    places: &'a BTreeSet<Place>,
    table: &'a str,
    namespace: &'a str,
) -> impl Iterator<Item = &'a Place> {
    let from = Place { table: table.into(), key: format!("{namespace}/").into() };
    places.range(from..).take_while(move |place| *place.table == *table && place.namespace() == Some(namespace))
}

/// One thing to do. Each looks at the present state when its time comes, so doing one twice does no harm.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    /// Delete an object whose owners are gone, or drop the references to those that are.
    Collect(Arc<str>),
    /// See an object off that waits for its dependents, or for them to be let go.
    Release(Arc<str>),
    /// Empty a namespace that is being deleted.
    Namespace(Place),
    /// Put into a namespace what every namespace has.
    Furnish(Place),
    /// Fill the roles that gather their rules from others.
    Roles,
    /// Delete the objects of a definition that is being deleted.
    Definition(Place),
    /// Let storage go that is being deleted.
    Unprotect(Place),
    /// Remove an event that is too old.
    Expire(Place),
    /// Take a pod through its life.
    Pod(Place),
    /// Take an object through a stage of a user's.
    Stage(Place),
    ReplicaSet(Place),
    ReplicationController(Place),
    Deployment(Place),
    StatefulSet(Place),
    DaemonSet(Place),
    Job(Place),
    CronJob(Place),
    /// Bind a claim to a volume.
    Claim(Place),
    /// Say what a volume is good for.
    Volume(Place),
    /// Count for a disruption budget how many of its pods may go.
    Budget(Place),
    /// Count what of a quota is used.
    Quota(Place),
    /// Bring the endpoints of a service up to date.
    Service(Place),
}

/// Work in the order in which it falls due.
#[derive(Default)]
pub(super) struct Queue {
    due: BTreeMap<Work, Timestamp>,
    order: BTreeSet<(Timestamp, Work)>,
}

impl Queue {
    /// Adds work, or brings it forward.
    pub(super) fn add(&mut self, work: Work, at: Timestamp) {
        match self.due.get(&work) {
            Some(due) if *due <= at => return,
            Some(due) => drop(self.order.remove(&(*due, work.clone()))),
            None => {}
        }
        self.due.insert(work.clone(), at);
        self.order.insert((at, work));
    }

    /// Does not do it after all.
    pub(super) fn drop(&mut self, work: &Work) {
        if let Some(due) = self.due.remove(work) {
            self.order.remove(&(due, work.clone()));
        }
    }

    /// The next work that is due.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<Work> {
        let (at, work) = self.order.pop_first()?;
        if at > now {
            self.order.insert((at, work));
            return None;
        }
        self.due.remove(&work);
        Some(work)
    }

    /// When there is something to do.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_comes_once_at_its_earliest_time() {
        let at = |seconds| Timestamp::from_second(seconds).expect("a moment near the epoch");
        let work = |name: &str| Work::Collect(name.into());
        let mut queue = Queue::default();
        queue.add(work("a"), at(5));
        queue.add(work("a"), at(3));
        queue.add(work("a"), at(9));
        queue.add(work("b"), at(4));
        assert_eq!(queue.next(), Some(at(3)));
        assert_eq!(queue.pop(at(2)), None);
        assert_eq!(queue.pop(at(4)), Some(work("a")));
        assert_eq!(queue.pop(at(4)), Some(work("b")));
        assert_eq!(queue.pop(at(9)), None);
        assert_eq!(queue.next(), None);
        queue.add(work("a"), at(5));
        queue.drop(&work("a"));
        queue.drop(&work("b"));
        assert_eq!(queue.next(), None);
    }
}
