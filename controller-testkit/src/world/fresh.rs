//! A fresh cluster: made once, then copied.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;

use super::Reach;
use super::furniture;
use crate::auth::{Authorization, Filled, bootstrap_roles};
use crate::server::{Server, first_objects, new_uid};
use crate::store::{Stencil, Store};

/// When the cluster that is copied was made: a moment that stands nowhere else.
const MADE: i64 = 981_173_106_123_456;

/// Puts into a cluster what it lacks of the things that every cluster has.
pub(super) fn furnish(server: &mut Server, reach: Reach, now: Timestamp, rng: &mut fastrand::Rng) {
    let authorization = server.gate().authorization;
    if server.current_rv() == Store::new().current_rv()
        && let Some(stencil) = stencil(reach, authorization)
    {
        let mut drawn = rng.clone();
        if let Some(store) = stencil.copy(|| new_uid(&mut drawn), now) {
            *rng = drawn;
            return server.take(store);
        }
    }
    make(server, reach, authorization, now, rng);
}

fn make(server: &mut Server, reach: Reach, authorization: Authorization, now: Timestamp, rng: &mut fastrand::Rng) {
    let filled = if reach >= Reach::Housekeeping { Filled::Yes } else { Filled::No };
    let roles = (authorization == Authorization::Rbac).then(|| bootstrap_roles(filled));
    server.furnish(first_objects().chain(roles.into_iter().flatten()).chain(furniture::of(reach)), now, rng);
}

/// One kind of fresh cluster.
struct Kind {
    is_known: AtomicBool,
    stencil: OnceLock<Stencil>,
}

impl Kind {
    const fn new() -> Self {
        Kind { is_known: AtomicBool::new(false), stencil: OnceLock::new() }
    }
}

/// None for the first cluster of its kind: many a process has only one, and is not to wait for what only others need.
fn stencil(reach: Reach, authorization: Authorization) -> Option<&'static Stencil> {
    static KINDS: [[Kind; 2]; 3] = [const { [const { Kind::new() }; 2] }; 3];
    let kind = &KINDS[reach as usize][usize::from(authorization == Authorization::Rbac)];
    kind.is_known.swap(true, Ordering::Relaxed).then(|| {
        kind.stencil.get_or_init(|| {
            let made = Timestamp::from_microsecond(MADE).unwrap_or_default();
            let mut server = Server::over(Store::new());
            make(&mut server, reach, authorization, made, &mut fastrand::Rng::with_seed(0));
            Stencil::of(server.store(), made)
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::hand::{Hand, kind};
    use super::super::queue::Work;
    use super::*;

    /// Everything that the store holds and remembers.
    fn told(server: &Server) -> Vec<String> {
        let events = server.events_after(0);
        events
            .map(|event| {
                let text = String::from_utf8_lossy(event.object.text()).into_owned();
                let before = event.previous.as_ref().map(|previous| previous.rv);
                format!("{} {:?} {}{} {before:?} {text}", event.rv, event.change, event.table, event.key)
            })
            .collect()
    }

    #[test]
    fn a_copy_is_what_is_made_anew() {
        let now: Timestamp = "2026-07-08T09:10:11.121314Z".parse().expect("a moment");
        for reach in [Reach::Server, Reach::Housekeeping, Reach::Workloads] {
            for authorization in [Authorization::Rbac, Authorization::AlwaysAllow] {
                let (mut copied, mut made) = (Server::new(), Server::new());
                let (mut one, mut other) = (fastrand::Rng::with_seed(7), fastrand::Rng::with_seed(7));
                copied.gate().authorization = authorization;
                made.gate().authorization = authorization;
                // The first one is made in any case.
                furnish(&mut Server::new(), reach, now, &mut one.clone());
                furnish(&mut copied, reach, now, &mut one);
                make(&mut made, reach, authorization, now, &mut other);
                assert_eq!(told(&copied), told(&made), "{reach:?} {authorization:?}");
                assert_eq!(one, other, "as much was left to chance");
                assert_eq!(copied.current_rv(), made.current_rv());
            }
        }
    }

    #[test]
    fn a_time_that_does_not_fit_is_met_make() {
        let mut server = Server::new();
        furnish(&mut server, Reach::Server, Timestamp::MIN, &mut fastrand::Rng::with_seed(7));
        let early = server.store().get("/namespaces", "default").expect("it is furnished").value();
        let made = early["metadata"]["creationTimestamp"].as_str().unwrap_or_default();
        assert!(made.starts_with('-') && made.ends_with("9999-01-02T01:59:59Z"), "{made}");
    }

    fn without_uid(mut object: Value) -> Value {
        object["metadata"]["uid"].take();
        object
    }

    #[test]
    fn the_first_namespaces_have_what_later_ones_get() {
        let now: Timestamp = "2026-07-08T09:10:11.121314Z".parse().expect("a moment");
        let rng = &mut fastrand::Rng::with_seed(7);
        let (mut copied, mut made) = (Server::new(), Server::new());
        copied.furnish(first_objects().chain(furniture::of(Reach::Housekeeping)), now, rng);
        made.furnish(first_objects(), now, rng);
        for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            let work = Work::Furnish(kind::NAMESPACES.place("", name));
            furniture::furnish_namespace(name, None, &mut Hand::new(&mut made, now, rng, &work, None, false));
        }
        let bare = |server: &Server| -> Vec<Value> {
            let later = server.events_after(0).skip(first_objects().count());
            let objects = later.map(|event| (*event.object.value()).clone());
            objects.map(without_uid).collect()
        };
        assert_eq!(bare(&copied), bare(&made));
    }
}
