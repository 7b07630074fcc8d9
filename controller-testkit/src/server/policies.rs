//! Asking policies about a change before it is stored, which they judge by expressions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::present::Look;
use super::read::subject;
use super::scope::{key, table};
use super::write::Cx;
use super::{Server, convert, meta};
use crate::admission::{Change, Denial, Mutation, Policy, Reach, kind_of_part, review};
use crate::auth::{Ask, Decision, User};
use crate::catalog::{Resource, split_api_version};
use crate::cel::{self, Authority, Bound, Question};
use crate::selector::LabelSelector;
use crate::status::ApiError;
use crate::store::{Object, Range};

const POLICIES: &str = "admissionregistration.k8s.io/validatingadmissionpolicies";
const BINDINGS: &str = "admissionregistration.k8s.io/validatingadmissionpolicybindings";

/// Something that has been read, with the resourceVersion that it was read at, by name.
type Read<T> = Mutex<BTreeMap<String, (u64, Arc<T>)>>;

/// Policies that have been read.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    policies: Read<Policy>,
    pub(super) mutations: Read<Mutation>,
}

impl Shelf {
    fn policy(&self, name: &str, stored: &Object) -> Arc<Policy> {
        Self::read(&self.policies, name, stored, Policy::read)
    }

    pub(super) fn read<T>(shelf: &Read<T>, name: &str, stored: &Object, read: impl FnOnce(&Value) -> T) -> Arc<T> {
        let mut known = shelf.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(name) {
            Some((rv, policy)) if *rv == stored.rv => policy.clone(),
            _ => {
                let policy = Arc::new(read(stored.kept_value().get("spec").unwrap_or(&Value::Null)));
                known.insert(name.to_owned(), (stored.rv, policy.clone()));
                policy
            }
        }
    }
}

/// A policy with a binding and one object that has its parameters.
pub(super) struct Turn<'a, T> {
    pub(super) policy: Arc<T>,
    pub(super) name: &'a str,
    pub(super) binding: &'a str,
    /// What the binding says.
    bound: &'a Value,
    pub(super) params: Value,
    /// The version in which the policy means the change.
    pub(super) shown: &'a Resource,
}

/// A policy, or one of its bindings, that can't be asked.
pub(super) struct Misfit<'a, T> {
    pub(super) policy: Arc<T>,
    pub(super) name: &'a str,
    pub(super) binding: Option<&'a str>,
    pub(super) why: String,
}

/// Of what a policy may have as parameters.
enum Params<'a> {
    /// It has none, or this binding gives none.
    None,
    Of(&'a Arc<Resource>),
    /// There is no such kind.
    Unknown(String),
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

impl Server {
    /// Lets the policies judge a change, any of which may refuse it.
    pub(super) fn judge(&self, change: &Change<'_>, cx: &mut Cx<'_>) -> Result<(), ApiError> {
        if !cel::IS_THERE || cx.calls.is_none() || is_policy(change) {
            return Ok(());
        }
        let mut refusal = None;
        let mut refuse = |policy: &str, binding: Option<&str>, denial: Denial| {
            let by = binding.map(|binding| format!(" with binding '{binding}'")).unwrap_or_default();
            let message = format!("ValidatingAdmissionPolicy '{policy}'{by} denied request: {}", denial.message);
            refusal.get_or_insert((message, denial.reason));
        };
        for meant in self.meant(change, [POLICIES, BINDINGS], |name, stored| self.shelf.policy(name, stored)) {
            let Turn { policy, name, binding, bound, params, shown } = match meant {
                Ok(turn) => turn,
                Err(misfit) if misfit.policy.ignores_failures() => continue,
                Err(Misfit { name, binding, why, .. }) => {
                    refuse(name, binding, Denial { message: why, ..Denial::default() });
                    continue;
                }
            };
            let actions = bound.get("validationActions").and_then(Value::as_array).into_iter().flatten();
            let actions: Vec<&str> = actions.filter_map(Value::as_str).collect();
            let said = self.about(change, shown, &params, cx, |names| policy.judge(names));
            for denial in said.denials {
                if actions.contains(&"Warn") {
                    cx.warnings.push(format!(
                        "Validation failed for ValidatingAdmissionPolicy '{name}' with binding '{binding}': {}",
                        denial.message
                    ));
                }
                if actions.contains(&"Deny") {
                    refuse(name, Some(binding), denial);
                }
            }
            said.faults.into_iter().for_each(|fault| refuse(name, Some(binding), fault));
        }
        match refusal {
            None => Ok(()),
            Some((message, reason)) => {
                let name = named(change);
                Err(ApiError::ruled_out(subject(change.resource), name, &message, &reason))
            }
        }
    }

    /// Every policy that means a change, with its bindings and their parameters; or why it can't be asked.
    pub(super) fn meant<'a, T>(
        &'a self,
        change: &Change<'a>,
        [policies, bindings]: [&'a str; 2],
        read: impl Fn(&str, &Object) -> Arc<T>,
    ) -> Vec<Result<Turn<'a, T>, Misfit<'a, T>>> {
        let mut meant = Vec::new();
        for (name, stored) in self.store.scan(policies, Range { prefix: "", from: "" }) {
            let name = &**name;
            let mut bindings = self.bindings(bindings, name).peekable();
            if bindings.peek().is_none() {
                continue;
            }
            let spec = stored.kept_value().get("spec").unwrap_or(&Value::Null);
            let Some(shown) = self.reaches(spec.get("matchConstraints"), change) else { continue };
            let policy = read(name, stored);
            let misfit = |binding: Option<&'a str>, why: String| {
                let what = if binding.is_some() { "binding" } else { "policy" };
                let why = format!("failed to configure {what}: {why}");
                Err(Misfit { policy: policy.clone(), name, binding, why })
            };
            let params = match self.params(spec) {
                Params::Unknown(why) => {
                    meant.push(misfit(None, why));
                    continue;
                }
                params => params,
            };
            for (binding, bound) in bindings {
                let matches = bound.get("matchResources");
                if matches.is_some() && self.reaches(matches, change).is_none() {
                    continue;
                }
                match self.given(&params, bound, change) {
                    Err(why) => meant.push(misfit(Some(binding), why)),
                    Ok(given) => meant.extend(
                        given
                            .into_iter()
                            .map(|params| Ok(Turn { policy: policy.clone(), name, binding, bound, params, shown })),
                    ),
                }
            }
        }
        meant
    }

    /// The bindings of a policy, by name, and what they say.
    fn bindings<'a>(&'a self, table: &'a str, policy: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let all = self.store.scan(table, Range { prefix: "", from: "" });
        let specs = all.map(|(name, binding)| (&**name, binding.kept_value().get("spec").unwrap_or(&Value::Null)));
        specs.filter(move |(_, spec)| text(spec, "/policyName") == policy)
    }

    /// The version in which these constraints mean a change; none if they do not.
    fn reaches<'a>(&'a self, matches: Option<&'a Value>, change: &Change<'a>) -> Option<&'a Resource> {
        let reach = Reach::of_policy(matches?);
        let labels = self.labels_of_namespace(change);
        reach.selects(change, labels.as_ref()).then(|| reach.wants(change, &self.catalog)).flatten()
    }

    fn params(&self, spec: &Value) -> Params<'_> {
        let Some(kind) = spec.get("paramKind").filter(|kind| kind.is_object()) else { return Params::None };
        let (group, version) = split_api_version(text(kind, "/apiVersion"));
        let kind = text(kind, "/kind");
        match self.catalog.by_kind(group, version, kind) {
            Some(resource) => Params::Of(resource),
            None => Params::Unknown(format!(
                "failed to find resource referenced by paramKind: '{group}/{version}, Kind={kind}'"
            )),
        }
    }

    /// The parameters that a binding gives, for each of which a policy judges anew.
    fn given(&self, params: &Params<'_>, binding: &Value, change: &Change<'_>) -> Result<Vec<Value>, String> {
        let (Params::Of(resource), Some(reference)) = (params, binding.get("paramRef").filter(|one| one.is_object()))
        else {
            return Ok(vec![Value::Null]);
        };
        let named = text(reference, "/namespace");
        let own = if change.is_of_namespaces() { change.name } else { change.namespace };
        let namespace = match (resource.namespaced, named, own) {
            (false, "", _) => None,
            (false, _, _) => {
                return Err("paramRef.namespace must not be provided for a cluster-scoped `paramKind`".to_owned());
            }
            (true, "", "") => {
                return Err(
                    "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources".to_owned()
                );
            }
            (true, "", own) => Some(own),
            (true, named, _) => Some(named),
        };
        let table = table(resource);
        let value = |object: &Object| Look::plain(self.catalog.generation()).value(resource, object);
        let found: Vec<Value> = match text(reference, "/name") {
            "" => {
                let selector = reference.get("selector").map(LabelSelector::of_object).unwrap_or_default();
                let prefix = namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
                let all = self.store.scan(&table, Range { prefix: &prefix, from: "" });
                all.filter(|(_, object)| selector.matches(object.labels().as_ref()))
                    .map(|(_, object)| value(object))
                    .collect()
            }
            name => self.store.get(&table, &key(namespace, name)).map(|object| value(object)).into_iter().collect(),
        };
        if found.is_empty() && text(reference, "/parameterNotFoundAction") == "Deny" {
            return Err("no params found for policy binding with `Deny` parameterNotFoundAction".to_owned());
        }
        Ok(found)
    }

    /// Does something with what the expressions of a policy know of a change.
    pub(super) fn about<T>(
        &self,
        change: &Change<'_>,
        shown: &Resource,
        params: &Value,
        cx: &Cx<'_>,
        work: impl FnOnce(&[(&str, Bound<'_>)]) -> T,
    ) -> T {
        let [object, old] = [change.new, change.old].map(|object| as_shown(change, shown, object).unwrap_or_default());
        // They know the objects by names of their own.
        let mut asked = review(change, shown, (None, None), &cx.user, "", (cx.dry_run, &cx.options));
        let mut request = asked.get_mut("request").map(Value::take).unwrap_or_default();
        for member in ["object", "oldObject"] {
            meta::members(&mut request).remove(member);
        }
        let namespace = self.namespace_object(change);
        let decide = |question: &Question| self.decide(question, &cx.user);
        let authority = Authority::new(what_is_asked(change), &decide);
        work(&[
            ("object", Bound::Value(&object, None)),
            ("oldObject", Bound::Value(&old, None)),
            ("request", Bound::Value(&request, None)),
            ("params", Bound::Value(params, None)),
            ("namespaceObject", Bound::Value(&namespace, None)),
            ("authorizer", Bound::Authorizer(&authority)),
        ])
    }

    /// Decides what an expression asks on behalf of a user.
    pub(super) fn decide(&self, question: &Question, user: &User) -> Decision {
        let account =
            question.account.as_ref().map(|(namespace, name)| User::service_account(namespace, name).arrived());
        self.gate.decide(&self.store, account.as_ref().unwrap_or(user), &question.ask)
    }

    /// The namespace that a change is in, as expressions see it.
    fn namespace_object(&self, change: &Change<'_>) -> Value {
        let Some(found) = self.store.get("/namespaces", change.namespace).filter(|_| !change.namespace.is_empty())
        else {
            return Value::Null;
        };
        let value = found.value();
        let mut shown = Map::new();
        for member in ["metadata", "spec", "status"] {
            meta::set(&mut shown, member, value.get(member).cloned());
        }
        let mut shown = json!(shown);
        for member in ["managedFields", "ownerReferences"] {
            meta::of(&mut shown).remove(member);
        }
        shown
    }
}

/// Policies are not asked about policies, which could lock everyone out.
pub(super) fn is_policy(change: &Change<'_>) -> bool {
    change.resource.group == "admissionregistration.k8s.io" && change.resource.plural.contains("admissionpolic")
}

/// An object in the version in which it is meant; what is sent to a subresource has but one.
pub(super) fn as_shown(change: &Change<'_>, shown: &Resource, object: Option<&Value>) -> Option<Value> {
    let is_other = shown.version != change.resource.version && kind_of_part(change).is_none();
    object.map(|object| if is_other { convert::to_version(shown, object) } else { object.clone() })
}

/// What a change asks to be allowed.
pub(super) fn what_is_asked(change: &Change<'_>) -> Ask {
    Ask {
        namespace: change.namespace.to_owned(),
        group: change.resource.group.clone(),
        version: change.resource.version.clone(),
        resource: change.resource.plural.clone(),
        subresource: change.part.to_owned(),
        name: change.name.to_owned(),
        ..Ask::default()
    }
}

/// The name by which a refusal tells of an object.
pub(super) fn named<'a>(change: &Change<'a>) -> &'a str {
    let of_object = |member: &str| change.new.map(|object| meta::text(object, member)).unwrap_or_default();
    match (change.name, of_object("name"), of_object("generateName")) {
        ("", "", "") => "Unknown",
        ("", "", drawn) => drawn,
        ("", name, _) | (name, _, _) => name,
    }
}
