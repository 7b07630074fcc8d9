//! Acting as someone else: who is meant by a request's headers, and whether its sender may.
//!
//! A real server asks for narrow permissions first (`impersonate:user-info` and its like, with one for what is done as
//! that user) and for the old `impersonate` after that. The first of its refusals is the one that is told.

use http::{HeaderMap, HeaderName};

use super::user::{User, account};
use super::{Ask, Decision};
use crate::field::{echo, name};
use crate::server::decode;
use crate::status::ApiError;

const USER: HeaderName = HeaderName::from_static("impersonate-user");
const UID: HeaderName = HeaderName::from_static("impersonate-uid");
const GROUP: HeaderName = HeaderName::from_static("impersonate-group");
const EXTRA: &str = "impersonate-extra-";
const NODE: &str = "system:node:";
const AUTHENTICATION: &str = "authentication.k8s.io";

/// The user that a request's headers name, if they name any.
pub(crate) fn wanted(headers: &HeaderMap) -> Result<Option<User>, ApiError> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut user = User::new(text(&USER)).uid(text(&UID));
    for group in headers.get_all(&GROUP) {
        user = user.group(group.to_str().unwrap_or_default());
    }
    for (name, value) in headers {
        if let Some(key) = name.as_str().strip_prefix(EXTRA) {
            user = user.extra(decode(key, false), value.to_str().unwrap_or_default());
        }
    }
    if !user.name.is_empty() {
        return Ok(Some(user));
    }
    if user == User::default() {
        return Ok(None);
    }
    Err(ApiError::bad_request(format!("requested {} without impersonating a user name", in_go(&user))))
}

/// A user as Go prints its own.
fn in_go(user: &User) -> String {
    let list = |texts: &[String]| {
        let quoted: Vec<String> = texts.iter().map(|text| echo::quote(text)).collect();
        format!("[]string{{{}}}", quoted.join(", "))
    };
    let groups = if user.groups.is_empty() { "[]string(nil)".to_owned() } else { list(&user.groups) };
    let extra = match user.extra.is_empty() {
        true => "map[string][]string(nil)".to_owned(),
        false => {
            let pairs = user.extra.iter().map(|(key, values)| format!("{}:{}", echo::quote(key), list(values)));
            format!("map[string][]string{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
    };
    format!("&user.DefaultInfo{{Name:\"\", UID:{}, Groups:{groups}, Extra:{extra}}}", echo::quote(&user.uid))
}

/// One way of impersonating: what kind of user it is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    ArbitraryNode,
    ServiceAccount,
    UserInfo,
    Legacy,
}

impl Mode {
    fn verb(self) -> &'static str {
        match self {
            Self::ArbitraryNode => "impersonate:arbitrary-node",
            Self::ServiceAccount => "impersonate:serviceaccount",
            Self::UserInfo => "impersonate:user-info",
            Self::Legacy => "impersonate",
        }
    }

    /// The verb for what is done as someone else.
    fn verb_on(self, verb: &str) -> String {
        format!("impersonate-on:{}:{verb}", self.verb().trim_start_matches("impersonate:"))
    }

    fn is_for(self, user: &User) -> bool {
        let bare = user.uid.is_empty() && user.groups.is_empty() && user.extra.is_empty();
        match self {
            Self::ArbitraryNode => bare && node(&user.name).is_some(),
            Self::ServiceAccount => bare && account(&user.name).is_some(),
            Self::UserInfo => node(&user.name).is_none() && account(&user.name).is_none(),
            Self::Legacy => true,
        }
    }
}

fn node(user: &str) -> Option<&str> {
    user.strip_prefix(NODE).filter(|node| name::dns1123_subdomain(node).is_empty())
}

/// The user as which a request is done, if its sender may act as that one.
pub(crate) fn act_as(
    sender: &User,
    wanted: &User,
    ask: &Ask,
    decide: impl Fn(&Ask) -> Decision,
) -> Result<User, ApiError> {
    let check = |asked: &Ask| match decide(asked) {
        Decision { allowed: true, .. } => Ok(()),
        Decision { fault, .. } if fault.is_empty() => Err(asked.refusal(&sender.name, "")),
        Decision { fault, .. } => Err(asked.refusal(&sender.name, &format!("rbac: {fault}"))),
    };
    let mut first = None;
    for mode in [Mode::ArbitraryNode, Mode::ServiceAccount, Mode::UserInfo, Mode::Legacy] {
        if !mode.is_for(wanted) {
            continue;
        }
        let on = match mode {
            Mode::Legacy => Ok(()),
            mode => check(&Ask { verb: mode.verb_on(&ask.verb), ..ask.clone() }),
        };
        match on.and_then(|()| become_one(sender, wanted, mode, &check)) {
            Ok(user) => return Ok(user),
            Err(refusal) => first = first.or(Some(refusal)),
        }
    }
    Err(first.unwrap_or_else(|| ApiError::internal("all impersonation modes failed")))
}

fn become_one(
    sender: &User,
    wanted: &User,
    mode: Mode,
    check: &impl Fn(&Ask) -> Result<(), ApiError>,
) -> Result<User, ApiError> {
    let narrow = mode != Mode::Legacy;
    let ask = |group: &str, resource: &str, name: &str| Ask {
        verb: mode.verb().to_owned(),
        group: group.to_owned(),
        resource: resource.to_owned(),
        name: name.to_owned(),
        ..Ask::default()
    };
    let of_names = if narrow { AUTHENTICATION } else { "" };
    let mut user = wanted.clone();
    let mut as_user = ask(of_names, "users", &wanted.name);
    if narrow && let Some(node) = node(&wanted.name) {
        (as_user.resource, as_user.name) = ("nodes".to_owned(), node.to_owned());
        user.groups = vec!["system:nodes".to_owned()];
    }
    if let Some((namespace, account)) = account(&wanted.name) {
        as_user.resource = "serviceaccounts".to_owned();
        (as_user.namespace, as_user.name) = (namespace.to_owned(), account.to_owned());
        if wanted.groups.is_empty() {
            user.groups = User::service_account(namespace, account).groups;
        }
    }
    check(&as_user)?;
    if !wanted.uid.is_empty() {
        check(&ask(AUTHENTICATION, "uids", &wanted.uid))?;
    }
    for group in &wanted.groups {
        if narrow && (group.is_empty() || group == super::user::MASTERS) {
            let what = if group.is_empty() { "empty string" } else { group };
            let why = format!("impersonating the {what} group is not allowed");
            return Err(ask(of_names, "groups", group).refusal(&sender.name, &why));
        }
        check(&ask(of_names, "groups", group))?;
    }
    for (key, values) in &wanted.extra {
        for value in values {
            let asked = ask(AUTHENTICATION, "userextras", value);
            check(&Ask { subresource: key.clone(), ..asked })?;
        }
    }
    Ok(user.arrived())
}
