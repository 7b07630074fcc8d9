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

/// Of what a policy may have as parameters.
pub(super) enum Params<'a> {
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
        let whole = Range { prefix: "", from: "" };
        let mut refusal = None;
        for (name, stored) in self.store.scan(POLICIES, whole) {
            let mut bindings = self.bindings(BINDINGS, name).peekable();
            if bindings.peek().is_none() {
                continue;
            }
            let spec = stored.kept_value().get("spec").unwrap_or(&Value::Null);
            let Some(shown) = self.reaches(spec.get("matchConstraints"), change) else { continue };
            let policy = self.shelf.policy(name, stored);
            let mut refuse = |binding: Option<&str>, denial: Denial| {
                let by = binding.map(|binding| format!(" with binding '{binding}'")).unwrap_or_default();
                let message = format!("ValidatingAdmissionPolicy '{name}'{by} denied request: {}", denial.message);
                refusal.get_or_insert((message, denial.reason));
            };
            let params = self.params(spec);
            if let Params::Unknown(why) = &params {
                if !policy.ignores_failures() {
                    refuse(None, Denial { message: format!("failed to configure policy: {why}"), ..Denial::default() });
                }
                continue;
            }
            for (bound, of_binding) in bindings {
                if of_binding.get("matchResources").is_some_and(|matches| self.reaches(Some(matches), change).is_none())
                {
                    continue;
                }
                let given = match self.given(&params, of_binding, change) {
                    Ok(given) => given,
                    Err(_) if policy.ignores_failures() => continue,
                    Err(why) => {
                        let message = format!("failed to configure binding: {why}");
                        refuse(Some(bound), Denial { message, ..Denial::default() });
                        continue;
                    }
                };
                let actions = of_binding.get("validationActions").and_then(Value::as_array).into_iter().flatten();
                let actions: Vec<&str> = actions.filter_map(Value::as_str).collect();
                for params in given {
                    let said = self.about(change, shown, &params, cx, |names| policy.judge(names));
                    for denial in said.denials {
                        if actions.contains(&"Warn") {
                            cx.warnings.push(format!(
                                "Validation failed for ValidatingAdmissionPolicy '{name}' with binding '{bound}': {}",
                                denial.message
                            ));
                        }
                        if actions.contains(&"Deny") {
                            refuse(Some(bound), denial);
                        }
                    }
                    said.faults.into_iter().for_each(|fault| refuse(Some(bound), fault));
                }
            }
        }
        match refusal {
            None => Ok(()),
            Some((message, reason)) => {
                let name = named(change);
                Err(ApiError::ruled_out(subject(change.resource), name, &message, &reason))
            }
        }
    }

    /// The bindings of a policy, by name, and what they say.
    pub(super) fn bindings<'a>(
        &'a self,
        table: &'a str,
        policy: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let all = self.store.scan(table, Range { prefix: "", from: "" });
        let specs = all.map(|(name, binding)| (&**name, binding.kept_value().get("spec").unwrap_or(&Value::Null)));
        specs.filter(move |(_, spec)| text(spec, "/policyName") == policy)
    }

    /// The version in which these constraints mean a change; none if they do not.
    pub(super) fn reaches<'a>(&'a self, matches: Option<&'a Value>, change: &Change<'a>) -> Option<&'a Resource> {
        let reach = Reach::of_policy(matches?);
        let labels = self.labels_of_namespace(change);
        reach.selects(change, labels.as_ref()).then(|| reach.wants(change, &self.catalog)).flatten()
    }

    pub(super) fn params(&self, spec: &Value) -> Params<'_> {
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
    pub(super) fn given(
        &self,
        params: &Params<'_>,
        binding: &Value,
        change: &Change<'_>,
    ) -> Result<Vec<Value>, String> {
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
    let is_other = shown.version != change.resource.version && kind_of_part(change.part).is_none();
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
