//! A fresh cluster: made once, then copied.

use std::sync::OnceLock;

use jiff::Timestamp;

use super::Reach;
use super::furniture;
use super::hand::Hand;
use crate::auth::{Authorization, Filled};
use crate::server::{Server, new_uid};
use crate::store::{Stencil, Store};

/// When the cluster that is copied was made: a moment that stands nowhere else.
const MADE: i64 = 981_173_106_123_456;

/// Puts into a cluster what it lacks of the things that every cluster has.
pub(super) fn furnish(server: &mut Server, reach: Reach, now: Timestamp, rng: &mut fastrand::Rng) {
    let authorization = server.gate().authorization;
    if server.current_rv() == Store::new().current_rv() {
        let mut drawn = rng.clone();
        if let Some(store) = stencil(reach, authorization).copy(|| new_uid(&mut drawn), now) {
            *rng = drawn;
            return server.take(store);
        }
    }
    make(server, reach, authorization, now, rng);
}

fn make(server: &mut Server, reach: Reach, authorization: Authorization, now: Timestamp, rng: &mut fastrand::Rng) {
    server.furnish_first(now, rng);
    furniture::furnish(&mut Hand::new(server, now, rng), reach);
    if authorization == Authorization::Rbac {
        let filled = if reach >= Reach::Housekeeping { Filled::Yes } else { Filled::No };
        server.furnish_roles(filled, now, rng);
    }
}

fn stencil(reach: Reach, authorization: Authorization) -> &'static Stencil {
    static DRAWN: [[OnceLock<Stencil>; 2]; 3] = [const { [const { OnceLock::new() }; 2] }; 3];
    let of_roles = usize::from(authorization == Authorization::Rbac);
    DRAWN[reach as usize][of_roles].get_or_init(|| {
        let made = Timestamp::from_microsecond(MADE).unwrap_or_default();
        let mut server = Server::over(Store::new());
        make(&mut server, reach, authorization, made, &mut fastrand::Rng::with_seed(0));
        Stencil::of(server.store(), made)
    })
}

#[cfg(test)]
mod tests {
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
}
