//! The cluster's own controllers: garbage collection, namespaces, and what plays kubelet and the workload controllers.
//!
//! The world reads the store's event log behind a cursor of its own, notes what that gives it to do, and does it when
//! it is due: every piece of work looks at the present state and writes through the server, under the rules that hold
//! for any client. It is driven by events, the time and one source of chance, so it is the same world every time.
//! A task of the cluster steps it; nothing here waits.

mod author;
mod budgets;
mod cronjobs;
mod daemonsets;
mod definitions;
mod deployments;
mod endpoints;
mod event;
mod fresh;
mod furniture;
mod gc;
mod hand;
mod index;
mod jobs;
mod namespaces;
mod object;
mod placement;
mod pods;
mod queue;
mod quotas;
mod references;
mod revisions;
mod roles;
mod replicasets;
mod rollout;
mod stage;
mod stages;
mod statefulsets;
mod task;
#[cfg(test)]
mod tests;
mod volumes;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::admission::{Call, Reply};
use crate::server::{Answer, Server};
use crate::store::{Change, Object, Range};
use endpoints::Services;
use hand::{Hand, kind};
use index::Index;
use pods::Why;
use queue::{Place, Queue, Work};
pub use stage::{Stage, StageError};
pub(crate) use task::spawn;
pub(crate) use waiting::Ticket;
use waiting::{Waiting, Wanted};

/// What of the cluster's own controllers is at work.
///
/// ```
/// use controller_testkit::{Cluster, World};
/// use std::time::Duration;
///
/// // Pods take a second from one stage of their life to the next.
/// let slow = Cluster::builder().world(World::full().pace(Duration::from_secs(1))).build();
/// // Objects are what the test makes of them: no controller touches any.
/// let bare = Cluster::builder().world(World::none()).build();
/// # let _ = (slow, bare);
/// ```
#[derive(Debug, Clone)]
pub struct World {
    reach: Reach,
    pace: Duration,
    stages: Vec<Stage>,
}

/// How much of the world is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// What the API server does by itself: definitions that are deleted take their objects along, events expire.
    Server,
    /// And garbage collection, and what is in every namespace.
    Housekeeping,
    /// And workloads.
    Workloads,
}

/// From one stage of a pod's life to the next, unless said otherwise.
const PACE: Duration = Duration::from_millis(20);
/// How long an event is kept, as by a real server.
const EVENT_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// By these finalizers storage waits until nobody uses it.
const PROTECTIONS: [&str; 3] =
    ["kubernetes.io/pvc-protection", "kubernetes.io/pv-protection", "kubernetes.io/vac-protection"];
/// No more work than this is done in one step, so that clients get their turn.
const STINT: usize = 256;

impl World {
    /// Everything: garbage collection, namespaces, and workloads that run.
    pub fn full() -> Self {
        World { reach: Reach::Workloads, pace: PACE, stages: Vec::new() }
    }

    /// Garbage collection, and namespaces with what is in each of them; pods stay pending, and deployments get none.
    pub fn housekeeping() -> Self {
        World { reach: Reach::Housekeeping, pace: PACE, stages: Vec::new() }
    }

    /// No controllers at all: what stays is the API server's own doing, such as the objects of a deleted definition
    /// that go with it.
    pub fn none() -> Self {
        World { reach: Reach::Server, pace: PACE, stages: Vec::new() }
    }

    /// How long each stage of a pod's life takes: to be scheduled, to start, to end.
    pub fn pace(mut self, pace: Duration) -> Self {
        self.pace = pace;
        self
    }

    /// Plays these stages too, in this order and before its own. One that is named as one of its own (`pod-remove`,
    /// `pod-schedule`, `pod-create`, `pod-start`, `pod-complete`) or as a controller (`replicaset`, `deployment`,
    /// `statefulset`, `daemonset`, `job`, `cronjob`, `poddisruptionbudget`, `resourcequota`, `persistentvolume`, `endpoints`) takes
    /// its place.
    pub fn stages(mut self, stages: impl IntoIterator<Item = Stage>) -> Self {
        self.stages.extend(stages);
        self
    }

    /// The world at work, over a server with what a fresh cluster has.
    pub(crate) fn begin(&self, server: &mut Server, now: Timestamp, rng: &mut fastrand::Rng) -> Clockwork {
        if self.reach >= Reach::Workloads {
            server.ask_for_accounts();
        }
        let resumed = server.store().tables().next().is_some();
        fresh::furnish(server, self.reach, now, rng);
        let pace = SignedDuration::try_from(self.pace).unwrap_or(SignedDuration::MAX);
        let (reach, stages) = (self.reach, self.stages.clone());
        let mut clockwork = Clockwork {
            reach,
            pace,
            stages,
            cursor: 0,
            index: Index::default(),
            queue: Queue::default(),
            services: Services::default(),
            budgets: BTreeSet::new(),
            quotas: BTreeSet::new(),
            unbound: BTreeSet::new(),
            stuck: BTreeMap::new(),
            waiting: Waiting::default(),
            failures: BTreeMap::new(),
            addresses: 0,
            authority: None,
        };
        match resumed {
            true => clockwork.look_around(server, now),
            false => {
                clockwork.take_in(server, now);
                // The roles of a fresh cluster have been gathered.
                clockwork.queue.drop(&Work::Roles);
            }
        }
        clockwork
    }
}

/// Work that could not make what it wants is done again after twice the time, each time, as a real controller's queue has it.
const FIRST_RETRY: SignedDuration = SignedDuration::from_millis(5);
const LAST_RETRY: SignedDuration = SignedDuration::from_secs(1000);

/// The world at work.
pub(crate) struct Clockwork {
    reach: Reach,
    pace: SignedDuration,
    /// Those of a user.
    stages: Vec<Stage>,
    cursor: u64,
    index: Index,
    queue: Queue,
    services: Services,
    /// The disruption budgets that there are.
    budgets: BTreeSet<Place>,
    /// The quotas that there are.
    quotas: BTreeSet<Place>,
    /// The claims that have no volume yet.
    unbound: BTreeSet<Place>,
    /// The pods that lack something, and what was told of it.
    stuck: BTreeMap<Place, Why>,
    waiting: Waiting,
    /// How often in a row work could not make what it wants.
    failures: BTreeMap<Work, u32>,
    /// How many pod addresses have been given out.
    addresses: u32,
    /// The certificate of the authority that vouches for the server, once it is served.
    authority: Option<String>,
}

impl Clockwork {
    /// Does what is due, and says when there is more to do though nothing changes.
    pub(crate) fn step(&mut self, server: &mut Server, now: Timestamp, rng: &mut fastrand::Rng) -> Option<Timestamp> {
        self.take_in(server, now);
        while let Some(event) = self.waiting.ready() {
            if let Answer::Call { call, request } = server.handle(event, now, rng) {
                self.waiting.hold_event(Wanted { call, request });
            }
        }
        for _ in 0..STINT {
            let Some(work) = self.queue.pop(now) else { break };
            if !self.waiting.holds(&work) {
                self.do_work(&work, server, now, rng);
                self.take_in(server, now);
            }
        }
        self.queue.next()
    }

    fn do_work(&mut self, work: &Work, server: &mut Server, now: Timestamp, rng: &mut fastrand::Rng) {
        let times = self.failures.get(work).copied();
        let mut hand = Hand::new(server, now, rng, work, self.waiting.answered(work), times.is_some());
        self.work(work, &mut hand);
        let Hand { wanted, events, failure, .. } = hand;
        events.into_iter().for_each(|event| self.waiting.hold_event(event));
        if let Some(wanted) = wanted {
            return self.waiting.hold(work, wanted);
        }
        if failure.is_none() {
            self.failures.remove(work);
            return;
        }
        let times = times.unwrap_or(0);
        let wait = FIRST_RETRY.checked_mul(1 << times).unwrap_or(LAST_RETRY).min(LAST_RETRY);
        self.failures.insert(work.clone(), (times + 1).min(30));
        self.queue.add(work.clone(), now.checked_add(wait).unwrap_or(Timestamp::MAX));
    }

    /// The calls of webhooks that writes wait for.
    pub(crate) fn calls(&mut self) -> Vec<(Ticket, Call)> {
        self.waiting.calls()
    }

    /// Takes in what a call came to.
    pub(crate) fn reply(&mut self, ticket: Ticket, reply: Reply, now: Timestamp) {
        if let Some(work) = self.waiting.reply(ticket, reply) {
            self.queue.add(work, now);
        }
    }

    /// Tells every namespace whom to trust.
    pub(crate) fn trust(&mut self, authority: String, server: &Server, now: Timestamp) {
        self.authority = Some(authority);
        if self.reach >= Reach::Housekeeping {
            let table = kind::NAMESPACES.table();
            for (key, _) in server.store().scan(&table, Range { prefix: "", from: "" }) {
                self.queue.add(Work::Furnish(Place { table: table.clone(), key: key.clone() }), now);
            }
        }
    }

    /// Sees everything that is there, where the events that made it are long past.
    fn look_around(&mut self, server: &Server, now: Timestamp) {
        let whole = Range { prefix: "", from: "" };
        for table in server.store().tables() {
            for (key, object) in server.store().scan(table, whole) {
                let place = Place { table: table.clone(), key: key.clone() };
                if kind::PODS.is(&place) {
                    // What an older life gave out is not given out again.
                    self.addresses += 1;
                    self.resume_pod(&place, &object.value());
                }
                self.see(&place, object, Change::Added, now);
            }
        }
        self.cursor = server.current_rv();
    }

    /// Reads the events since the last time. To be called before the log forgets them.
    pub(crate) fn take_in(&mut self, server: &Server, now: Timestamp) {
        let rv = server.current_rv();
        if rv == self.cursor {
            return;
        }
        for event in server.events_after(self.cursor) {
            let place = Place { table: event.table.clone(), key: event.key.clone() };
            self.see(&place, &event.object, event.change, now);
        }
        self.cursor = rv;
    }

    /// Takes in one change. Few need the whole object for that.
    fn see(&mut self, place: &Place, object: &Object, change: Change, now: Timestamp) {
        self.see_definition(place, object, now);
        self.see_event(place, object, now);
        self.see_staged(place, object, change, now);
        if self.reach >= Reach::Housekeeping {
            self.see_owner(place, object, change, now);
            self.see_namespace(place, object, change, now);
            self.see_storage(place, object, now);
            self.see_role(place, now);
        }
        if self.reach >= Reach::Workloads {
            self.see_workload(place, object, now);
            self.see_service(place, object, change, now);
            self.see_budget(place, change, now);
            self.see_quota(place, change, now);
            self.see_volume(place, object, change, now);
            self.see_needs(place, now);
        }
    }

    fn see_definition(&mut self, place: &Place, object: &Object, now: Timestamp) {
        if kind::DEFINITIONS.is(place) && object.is_deleting() {
            self.queue.add(Work::Definition(place.clone()), now);
        }
    }

    fn see_event(&mut self, place: &Place, object: &Object, now: Timestamp) {
        if kind::EVENTS.is(place) {
            let made = object::text(&object.value(), "/metadata/creationTimestamp").parse::<Timestamp>().ok();
            let end = made.unwrap_or(now).checked_add(EVENT_LIFE).unwrap_or(Timestamp::MAX);
            self.queue.add(Work::Expire(place.clone()), end);
        }
    }

    /// Storage that is to be deleted is let go: whether a pod uses it is not looked at.
    fn see_storage(&mut self, place: &Place, object: &Object, now: Timestamp) {
        let is_storage = kind::CLAIMS.is(place) || kind::VOLUMES.is(place);
        let held = |object: &Value| PROTECTIONS.iter().any(|one| object::has_finalizer(object, one));
        if is_storage && object.is_deleting() && held(&object.value()) {
            self.queue.add(Work::Unprotect(place.clone()), now);
        }
    }

    fn unprotect(&self, place: &Place, hand: &mut Hand<'_>) {
        let Some(object) = hand.get(place) else { return };
        if let Some(protection) = PROTECTIONS.iter().find(|one| object::has_finalizer(&object, one)) {
            let kept = object::finalizers_but(&object, protection);
            hand.patch(place, &serde_json::json!({"metadata": {"finalizers": kept}}));
        }
    }

    /// A workload has changed: it is looked at, and so is what manages it.
    fn see_workload(&mut self, place: &Place, object: &Object, now: Timestamp) {
        let Some(work) = Work::of(place) else { return };
        let object = object.value();
        let soon = match work {
            Work::Pod(_) => self.pods_next(&object, place, now),
            _ => Some(now),
        };
        if let Some(soon) = soon {
            self.queue.add(work, soon);
        }
        let manager = object::controller(&object).and_then(|uid| self.index.get(uid));
        if let Some(work) = manager.and_then(|manager| Work::of(&manager.place)) {
            self.queue.add(work, now);
        }
    }

    fn work(&mut self, work: &Work, hand: &mut Hand<'_>) {
        match work {
            Work::Collect(uid) => self.collect(uid, hand),
            Work::Release(uid) => self.release(uid, hand),
            Work::Namespace(place) => self.namespace(place, hand),
            Work::Furnish(place) => furniture::furnish_namespace(place.name(), self.authority.as_deref(), hand),
            Work::Roles => roles::aggregate(hand),
            Work::Definition(place) => self.definition(place, hand),
            Work::Unprotect(place) => self.unprotect(place, hand),
            Work::Expire(place) => hand.delete(place, "", "Background"),
            Work::Pod(place) => self.pod(place, hand),
            Work::Stage(place) => self.stage(place, hand),
            Work::ReplicaSet(_) if self.is_replaced("replicaset") => {}
            Work::ReplicaSet(place) => self.replicaset(place, hand),
            Work::ReplicationController(_) if self.is_replaced("replicationcontroller") => {}
            Work::ReplicationController(place) => self.replication_controller(place, hand),
            Work::Deployment(_) if self.is_replaced("deployment") => {}
            Work::Deployment(place) => self.deployment(place, hand),
            Work::StatefulSet(_) if self.is_replaced("statefulset") => {}
            Work::StatefulSet(place) => self.statefulset(place, hand),
            Work::DaemonSet(_) if self.is_replaced("daemonset") => {}
            Work::DaemonSet(place) => self.daemonset(place, hand),
            Work::Job(_) if self.is_replaced("job") => {}
            Work::Job(place) => self.job(place, hand),
            Work::CronJob(_) if self.is_replaced("cronjob") => {}
            Work::CronJob(place) => self.cron_job(place, hand),
            Work::Claim(_) | Work::Volume(_) if self.is_replaced("persistentvolume") => {}
            Work::Claim(place) => self.claim_volume(place, hand),
            Work::Volume(place) => self.volume(place, hand),
            Work::Budget(_) if self.is_replaced("poddisruptionbudget") => {}
            Work::Budget(place) => self.budget(place, hand),
            Work::Quota(_) if self.is_replaced("resourcequota") => {}
            Work::Quota(place) => self.quota(place, hand),
            Work::Service(_) if self.is_replaced("endpoints") => {}
            Work::Service(place) => self.service(place, hand),
        }
    }
}

impl Work {
    /// The work that a change of such an object gives.
    fn of(place: &Place) -> Option<Work> {
        type Make = fn(Place) -> Work;
        let works: [(&hand::Kind, Make); 8] = [
            (&kind::PODS, Work::Pod),
            (&kind::REPLICASETS, Work::ReplicaSet),
            (&kind::REPLICATION_CONTROLLERS, Work::ReplicationController),
            (&kind::DEPLOYMENTS, Work::Deployment),
            (&kind::STATEFULSETS, Work::StatefulSet),
            (&kind::DAEMONSETS, Work::DaemonSet),
            (&kind::JOBS, Work::Job),
            (&kind::CRON_JOBS, Work::CronJob),
        ];
        works.iter().find(|(kind, _)| kind.is(place)).map(|(_, work)| work(place.clone()))
    }
}
