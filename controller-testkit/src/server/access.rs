//! Who sends a request and whether they may, before anybody looks at what it asks for.

use std::cell::LazyCell;
use std::sync::Arc;

use http::request::Parts;
use jiff::Timestamp;
use serde_json::Value;

use super::flows::Marks;
use super::query::Query;
use super::read::subject;
use super::route::{Route, decode};
use super::scope::key;
use super::{Server, meta};
use crate::auth::{self, Ask, Authorization, Caller, Gate, Grant, Hints, Roles, User};
use crate::catalog::Resource;
use crate::selector::FieldSelector;
use crate::status::ApiError;

const GROUP: &str = "rbac.authorization.k8s.io";

impl Server {
    pub(crate) fn gate(&mut self) -> &mut Gate {
        &mut self.gate
    }

    /// The user as whom a request is to be done, if its sender may act as that one.
    pub(super) fn enter(&self, head: &Parts, now: Timestamp) -> Result<Arc<User>, ApiError> {
        let caller = head.extensions.get::<Caller>();
        let sender = self.gate.identify(caller, &head.headers, now, |namespace, name| self.account(namespace, name))?;
        match auth::wanted(&head.headers)? {
            None => Ok(sender),
            Some(wanted) => {
                let decide = |ask: &Ask| self.gate.decide(&self.store, &sender, ask);
                Ok(Arc::new(auth::act_as(&sender, &wanted, &asked(head), decide)?))
            }
        }
    }

    /// Notes how a request comes in, and refuses what its user may not do.
    pub(super) fn admit_to(
        &mut self,
        route: &Route,
        user: &User,
        head: &Parts,
        marks: &mut Marks,
    ) -> Result<(), ApiError> {
        let ask = LazyCell::new(|| asked(head));
        let caller = head.extensions.get::<Caller>();
        match (route, caller) {
            // Nobody reads the answers to the cluster itself, and what can't be read has not come in.
            (Route::Unescapable, _) | (_, Some(Caller::Inside | Caller::Controller(_))) => *marks = Marks::default(),
            _ => self.sort(marks, user, route, &ask),
        }
        match user.is_master() || matches!(caller, Some(Caller::Controller(_))) {
            true => Ok(()),
            false => self.gate.check(&self.store, user, &ask),
        }
    }

    /// The uid of a service account.
    pub(super) fn account(&self, namespace: &str, name: &str) -> Option<String> {
        let account = self.store.get("/serviceaccounts", &key(Some(namespace), name))?;
        Some(meta::text(&account.value(), "uid").to_owned())
    }

    /// Refuses to create what a client meant to change, if it may only do that.
    pub(super) fn may_create(
        &self,
        (resource, namespace, name): super::update::Place<'_>,
        user: &User,
    ) -> Result<(), ApiError> {
        let ask = Ask {
            verb: "create".to_owned(),
            namespace: namespace.unwrap_or_default().to_owned(),
            group: resource.group.clone(),
            version: resource.version.clone(),
            resource: resource.plural.clone(),
            name: name.to_owned(),
            ..Ask::default()
        };
        self.gate.check(&self.store, user, &ask)
    }

    /// Refuses a role or a binding that gives more than its writer has.
    pub(super) fn no_escalation(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        new: &Value,
        old: Option<&Value>,
        user: &User,
    ) -> Result<(), ApiError> {
        if resource.group != GROUP || user.is_master() || self.gate.authorization == Authorization::AlwaysAllow {
            return Ok(());
        }
        if old.is_some_and(|old| lets_go_only(old, new)) {
            return Ok(());
        }
        let namespace = namespace.unwrap_or_default();
        let may = |verb: &str, of: &str, name: &str| {
            let ask = Ask {
                verb: verb.to_owned(),
                namespace: namespace.to_owned(),
                group: GROUP.to_owned(),
                resource: of.to_owned(),
                name: name.to_owned(),
                ..Ask::default()
            };
            self.gate.decide(&self.store, user, &ask).allowed
        };
        let text = |pointer: &str| new.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if let "roles" | "clusterroles" = resource.plural.as_str() {
            // To create an object is to name none, for the real server's eyes.
            let name = if old.is_some() { meta::name(new) } else { "" };
            if may("escalate", &resource.plural, name) {
                return Ok(());
            }
            let rules = new.get("rules").and_then(Value::as_array).into_iter().flatten();
            let grants: Vec<Grant<'_>> = rules.flat_map(Grant::of_value).collect();
            self.holds(resource, namespace, new, &grants, user)?;
            if aggregates(new) || old.is_some_and(aggregates) {
                self.holds(resource, namespace, new, &Grant::ALL, user).map_err(|_| {
                    let why = "must have cluster-admin privileges to use the aggregationRule";
                    ApiError::forbidden(subject(resource), meta::name(new), why)
                })?;
            }
            return Ok(());
        }
        let of = if text("/roleRef/kind") == "Role" { "roles" } else { "clusterroles" };
        if may("bind", of, text("/roleRef/name")) {
            return Ok(());
        }
        let role = new.get("roleRef").unwrap_or(&Value::Null);
        let rules = Roles(&self.store).rules_of(role, namespace);
        // A real server takes the name of what is written for that of what it can't find.
        let rules = rules.map_err(|missing| ApiError::not_found(subject(resource), &missing.name))?;
        let grants: Vec<Grant<'_>> = rules.flat_map(Grant::of).collect();
        self.holds(resource, namespace, new, &grants, user)
    }

    fn holds(
        &self,
        resource: &Resource,
        namespace: &str,
        new: &Value,
        grants: &[Grant<'_>],
        user: &User,
    ) -> Result<(), ApiError> {
        let (held, missing) = self.gate.rules(&self.store, user, namespace);
        let lacks = auth::not_held(grants, &held);
        if lacks.is_empty() {
            return Ok(());
        }
        let mut why = format!(
            "user {:?} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
            user.name,
            auth::quoted(&user.groups),
            lacks.join("\n")
        );
        if !missing.is_empty() {
            let faults: Vec<String> =
                missing.iter().map(|name| format!("{} {name:?} not found", subject(resource))).collect();
            let faults = if let [one] = faults.as_slice() { one.clone() } else { format!("[{}]", faults.join(", ")) };
            why.push_str(&format!("; resolution errors: [{faults}]"));
        }
        Err(ApiError::forbidden(subject(resource), meta::name(new), &why))
    }
}

/// What a request asks to do.
pub(super) fn asked(head: &Parts) -> Ask {
    // Read as the route reads it: what is asked about is what is done.
    let path = decode(head.uri.path(), false);
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    Ask::read(&head.method, &path, &parts, || {
        let query = Query::parse(head.uri.query());
        let selector = query.get("fieldSelector").and_then(|text| FieldSelector::parse(text).ok());
        let name = selector.and_then(|selector| selector.exact("metadata.name").map(str::to_owned));
        Hints { watch: query.flag("watch").unwrap_or_default(), name }
    })
}

fn aggregates(role: &Value) -> bool {
    let selectors = role.pointer("/aggregationRule/clusterRoleSelectors").and_then(Value::as_array);
    selectors.is_some_and(|selectors| !selectors.is_empty())
}

/// Whether a change does no more than let an object go: its owners and finalizers.
pub(super) fn lets_go_only(old: &Value, new: &Value) -> bool {
    let bare = |object: &Value| {
        let mut object = object.clone();
        let metadata = meta::of(&mut object);
        for member in ["ownerReferences", "finalizers", "managedFields"] {
            metadata.remove(member);
        }
        object
    };
    bare(old) == bare(new)
}
