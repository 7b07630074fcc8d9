//! The gate: from what a front knows of a request's sender to a user, and what that user may do.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::str::FromStr;
use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use jiff::Timestamp;

use super::roles::Roles;
use super::token::Seal;
use super::user::{ANONYMOUS, User};
use super::{Ask, rule::Rule};
use crate::status::ApiError;
use crate::store::Store;

/// Who decides what a user may do.
///
/// ```
/// use controller_testkit::{Authorization, Cluster};
///
/// let lenient = Cluster::builder().authorization(Authorization::AlwaysAllow).build();
/// assert_eq!("rbac".parse(), Ok(Authorization::Rbac));
/// # let _ = lenient;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authorization {
    /// The roles and bindings in the cluster, which starts with those of a fresh one.
    #[default]
    Rbac,
    /// Nobody: every user who is known may do everything.
    AlwaysAllow,
}

impl FromStr for Authorization {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "rbac" => Ok(Self::Rbac),
            "always-allow" => Ok(Self::AlwaysAllow),
            _ => Err("it is `rbac` or `always-allow`"),
        }
    }
}

/// How a request's user is known; travels with the request. A request without one comes from inside, or over a front
/// on which everyone is an administrator: only a token that is known makes it someone else's.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// The front knows who it is.
    User(Arc<User>),
    /// The server itself, about whose doings nobody else is asked.
    Inside,
    /// One of the cluster's own controllers, which may do everything.
    Controller(Arc<User>),
    /// Whoever the bearer token says; without one, someone anonymous.
    Bearer,
    /// Whoever the bearer token says; without one, the administrator.
    Host,
}

/// Whom the server lets in, and who decides what they may do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    pub(crate) authorization: Authorization,
    pub(crate) seal: Seal,
    tokens: BTreeMap<String, Arc<User>>,
}

/// What was decided of one thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) allowed: bool,
    /// By which binding it is allowed, or what was wrong with some binding.
    pub(crate) reason: String,
    /// What was wrong with some binding.
    pub(crate) fault: String,
}

impl Gate {
    pub(crate) fn new(authorization: Authorization, rng: &mut fastrand::Rng) -> Self {
        Self { authorization, seal: Seal([rng.u64(..), rng.u64(..)]), tokens: BTreeMap::new() }
    }

    /// Takes whoever bears this token for that user.
    pub(crate) fn know(&mut self, token: impl Into<String>, user: User) {
        self.tokens.insert(token.into(), Arc::new(user.arrived()));
    }

    /// The user with this token. `accounts` tells the uid of a service account that there is.
    pub(crate) fn by_token(
        &self,
        token: &str,
        now: Timestamp,
        accounts: impl FnOnce(&str, &str) -> Option<String>,
    ) -> Option<(Arc<User>, Vec<String>)> {
        if let Some(user) = self.tokens.get(token) {
            return Some((user.clone(), Vec::new()));
        }
        let known = self.seal.read(token, now)?;
        let is_there = accounts(&known.namespace, &known.account)? == known.account_uid;
        is_there.then(|| (Arc::new(known.user()), known.audiences))
    }

    /// The user behind a request.
    pub(crate) fn identify(
        &self,
        caller: Option<&Caller>,
        headers: &HeaderMap,
        now: Timestamp,
        accounts: impl FnOnce(&str, &str) -> Option<String>,
    ) -> Result<Arc<User>, ApiError> {
        let token = bearer(headers);
        match (caller, token) {
            (Some(Caller::User(user) | Caller::Controller(user)), _) => Ok(user.clone()),
            (Some(Caller::Inside), _) => Ok(User::insider()),
            (None | Some(Caller::Host), None) => Ok(User::insider()),
            (None, Some(token)) => Ok(self.by_token(token, now, accounts).map_or_else(User::insider, |(user, _)| user)),
            (Some(Caller::Bearer), None) => Ok(Arc::new(User::anonymous())),
            (Some(Caller::Bearer | Caller::Host), Some(token)) => match self.by_token(token, now, accounts) {
                Some((user, _)) => Ok(user),
                None => Err(ApiError::unauthorized()),
            },
        }
    }

    /// Whether a user may do that.
    pub(crate) fn decide(&self, store: &Store, user: &User, ask: &Ask) -> Decision {
        let yes = |reason: String| Decision { allowed: true, reason, fault: String::new() };
        if user.is_master() || (self.authorization == Authorization::AlwaysAllow && user.name != ANONYMOUS) {
            return yes(String::new());
        }
        let mut missing = Vec::new();
        let found = Roles(store).visit(user, &ask.namespace, |held| match held {
            Ok((rule, source)) if rule.allows(ask) => ControlFlow::Break(source.to_string()),
            Ok(_) => ControlFlow::Continue(()),
            Err(one) => {
                let text = format!("{}.rbac.authorization.k8s.io {:?} not found", one.kind, one.name);
                if !missing.contains(&text) {
                    missing.push(text);
                }
                ControlFlow::Continue(())
            }
        });
        match found {
            ControlFlow::Break(source) => yes(format!("RBAC: allowed by {source}")),
            ControlFlow::Continue(()) => {
                let fault = match missing.as_slice() {
                    [] => String::new(),
                    [one] => format!("RBAC: {one}"),
                    many => format!("RBAC: [{}]", many.join(", ")),
                };
                Decision { allowed: false, reason: fault.clone(), fault }
            }
        }
    }

    /// Lets a user do that, or says why not.
    pub(crate) fn check(&self, store: &Store, user: &User, ask: &Ask) -> Result<(), ApiError> {
        if user.is_master() {
            return Ok(());
        }
        // What a server tells everyone: those who keep no roles tell no one else anything.
        if self.authorization == Authorization::AlwaysAllow && user.name == ANONYMOUS {
            let open = matches!(ask.path.as_str(), "/healthz" | "/livez" | "/readyz" | "/version" | "/version/");
            return if open { Ok(()) } else { Err(ApiError::unauthorized()) };
        }
        let decision = self.decide(store, user, ask);
        match decision.allowed {
            true => Ok(()),
            false if decision.fault.is_empty() => Err(ask.refusal(&user.name, "")),
            false => Err(ask.refusal(&user.name, &format!("rbac: {}", decision.fault))),
        }
    }

    /// Every rule that a user holds in a namespace, those of the cluster first.
    pub(crate) fn rules<'a>(&self, store: &'a Store, user: &User, namespace: &str) -> (Vec<Rule<'a>>, Vec<String>) {
        let (mut rules, mut missing) = (Vec::new(), Vec::new());
        let _ = Roles(store).visit::<()>(user, namespace, |held| {
            match held {
                Ok((rule, _)) => rules.push(rule),
                Err(one) => missing.push(one.name),
            }
            ControlFlow::Continue(())
        });
        (rules, missing)
    }
}

/// The bearer token of a request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then(|| token.trim())
}
