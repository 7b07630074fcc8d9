//! Cluster roles that gather their rules from others.

use jiff::Timestamp;
use serde_json::json;

use super::Clockwork;
use super::hand::{Hand, Seen, kind};
use super::queue::{Place, Work};
use crate::auth;

impl Clockwork {
    pub(super) fn see_role(&mut self, place: &Place, now: Timestamp) {
        if kind::CLUSTER_ROLES.is(place) {
            self.queue.add(Work::Roles, now);
        }
    }
}

/// Gives each gathering role the rules of those that it selects. What that changes is seen, and looked at again.
pub(super) fn aggregate(hand: &mut Hand<'_>) {
    let kind = &kind::CLUSTER_ROLES;
    let places = hand.places(kind.group, kind.plural).into_iter();
    let roles: Vec<(Place, Seen)> = places.filter_map(|place| hand.role(&place).map(|role| (place, role))).collect();
    for (place, role) in &roles {
        let Some(rules) = auth::aggregate(role, roles.iter().map(|(_, role)| &**role)) else { continue };
        if role.get("rules") != Some(&rules) {
            hand.patch(place, &json!({"rules": rules}));
        }
    }
}
