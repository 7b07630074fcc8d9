//! A user as the API server knows one: a name, and what else its authenticator says of it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

/// The group whose members may do everything, whatever the roles say.
pub(crate) const MASTERS: &str = "system:masters";
pub(crate) const AUTHENTICATED: &str = "system:authenticated";
pub(crate) const UNAUTHENTICATED: &str = "system:unauthenticated";
pub(crate) const ANONYMOUS: &str = "system:anonymous";
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// Someone who asks the API server for something.
///
/// ```
/// use controller_testkit::User;
///
/// let bob = User::new("bob").group("people").uid("2");
/// let robot = User::service_account("default", "robot");
/// assert_eq!(robot.name(), "system:serviceaccount:default:robot");
/// # let _ = bob;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) groups: Vec<String>,
    pub(crate) extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// A user of that name, in no group but that of everyone who has been authenticated.
    pub fn new(name: impl Into<String>) -> Self {
        User { name: name.into(), ..User::default() }
    }

    /// A service account, in the groups that it has by its name.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        let user = User::new(format!("{SERVICE_ACCOUNT}{namespace}:{name}"));
        user.group("system:serviceaccounts").group(format!("system:serviceaccounts:{namespace}"))
    }

    /// An administrator: a member of `system:masters`, who may do everything.
    pub fn administrator() -> Self {
        User::new("kubernetes-admin").group(MASTERS)
    }

    /// Someone who has not said who they are.
    pub fn anonymous() -> Self {
        User::new(ANONYMOUS).group(UNAUTHENTICATED)
    }

    /// In this group too.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.groups.push(group.into());
        self
    }

    /// With this uid.
    #[must_use]
    pub fn uid(mut self, uid: impl Into<String>) -> Self {
        self.uid = uid.into();
        self
    }

    /// With one more value of a key that its authenticator gives it.
    #[must_use]
    pub fn extra(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.extra.entry(key.into()).or_default().push(value.into());
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The user as it arrives: in the group of those who have been authenticated, or of those who have not.
    pub(crate) fn arrived(mut self) -> Self {
        let is_in = |groups: &[String], group: &str| groups.iter().any(|one| one == group);
        let group = if self.name == ANONYMOUS { UNAUTHENTICATED } else { AUTHENTICATED };
        if !is_in(&self.groups, group) && !is_in(&self.groups, UNAUTHENTICATED) {
            self.groups.push(group.to_owned());
        }
        self
    }

    /// The administrator behind every request that comes from inside.
    pub(crate) fn insider() -> Arc<Self> {
        static INSIDER: OnceLock<Arc<User>> = OnceLock::new();
        INSIDER.get_or_init(|| Arc::new(User::administrator().arrived())).clone()
    }

    pub(crate) fn is_master(&self) -> bool {
        self.groups.iter().any(|group| group == MASTERS)
    }

    /// As reviews and webhooks are told of it.
    pub(crate) fn to_value(&self) -> Value {
        let mut members = Map::new();
        for (member, text) in [("username", &self.name), ("uid", &self.uid)] {
            if !text.is_empty() {
                members.insert(member.into(), text.as_str().into());
            }
        }
        if !self.groups.is_empty() {
            members.insert("groups".into(), self.groups.clone().into());
        }
        if !self.extra.is_empty() {
            let extra = self.extra.iter().map(|(key, values)| (key.clone(), Value::from(values.clone())));
            members.insert("extra".into(), Value::Object(extra.collect()));
        }
        Value::Object(members)
    }
}

/// Why a table of tokens can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the token table {why}: write `token,user,uid` and, in quotes, the groups: `\"one,two\"`")]
pub struct TokenTableError {
    line: usize,
    why: &'static str,
}

/// Reads a table of tokens, in the form that a kube-apiserver takes with `--token-auth-file`.
pub(crate) fn table(text: &str) -> Result<Vec<(String, User)>, TokenTableError> {
    let mut users = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let fault = |why| TokenTableError { line: at + 1, why };
        let fields = fields(line).ok_or_else(|| fault("has a quote that does not end"))?;
        let [token, name, uid, groups @ ..] = fields.as_slice() else {
            return Err(fault("has fewer than three fields"));
        };
        if token.is_empty() || name.is_empty() {
            return Err(fault("names no token or no user"));
        }
        let mut user = User::new(name).uid(uid);
        let groups = groups.first().map(String::as_str).unwrap_or_default();
        for group in groups.split(',').map(str::trim).filter(|group| !group.is_empty()) {
            user = user.group(group);
        }
        users.push((token.clone(), user));
    }
    Ok(users)
}

/// The fields of a line, of which some may stand in quotes; none if a quote does not end.
fn fields(line: &str) -> Option<Vec<String>> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field).trim().to_owned()),
            c => field.push(c),
        }
    }
    fields.push(field.trim().to_owned());
    (!quoted).then_some(fields)
}

/// The namespace and name in a service account's user name.
pub(crate) fn account(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')?;
    let is_name = |text: &str| !text.is_empty() && !text.contains([':', '/']);
    (is_name(namespace) && is_name(name)).then_some((namespace, name))
}
