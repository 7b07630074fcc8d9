//! A drawn request with what must be there before it, in the form of a scenario: what is found can be pasted into one.

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::scenario::Scenario;
use super::base::Base;
use super::mutation::{self, Pool};
use super::schema::Schemas;

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) kind: String,
    /// The namespace that it is played in.
    pub(crate) space: String,
    pub(crate) text: String,
    /// Whether it begins with nothing, so that it may be told again in another namespace.
    #[serde(default)]
    pub(crate) is_story: bool,
}

impl Case {
    pub(crate) fn scenario(&self) -> anyhow::Result<Scenario> {
        Scenario::parse(&self.space, &self.text)
    }
}

/// Kinds whose objects change what becomes of others: they are only ever tried.
const CAREFUL: [&str; 16] = [
    "APIService",
    "CustomResourceDefinition",
    "FlowSchema",
    "IngressClass",
    "LimitRange",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "Namespace",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "ResourceQuota",
    "ServiceCIDR",
    "StorageClass",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];
/// Those of which none may be stored either.
const NEVER: [&str; 7] = [
    "APIService",
    "CustomResourceDefinition",
    "FlowSchema",
    "MutatingWebhookConfiguration",
    "PriorityLevelConfiguration",
    "ServiceCIDR",
    "ValidatingWebhookConfiguration",
];

/// Whether what becomes of an object changes what becomes of others.
pub(crate) fn is_careful(base: &Base) -> bool {
    is_one_of(&CAREFUL, base) || is_one_of(&NEVER, base)
}

fn is_one_of(kinds: &[&str], base: &Base) -> bool {
    kinds.iter().any(|kind| base.kind.ends_with(&format!("/{kind}")))
}

fn case(base: &Base, requests: &[(String, Option<&Value>)]) -> Case {
    let mut text = String::new();
    for (line, body) in requests {
        text.push_str(&format!("{line}\n\n"));
        if let Some(body) = body {
            text.push_str(&format!("{body}\n\n"));
        }
    }
    Case { kind: base.kind.clone(), space: base.space.clone(), text, is_story: false }
}

/// Creates the object of a base under some name.
pub(crate) fn create(base: &Base, name: &str, query: &str) -> Case {
    let mut object = base.object.clone();
    mutation::set(&mut object, "/metadata/name", json!(name));
    case(base, &[(format!("POST {}{query}", base.path), Some(&object))])
}

/// The object that changes are tried on.
pub(crate) fn stored(base: &Base) -> Option<Case> {
    let name = base.name();
    (!is_one_of(&NEVER, base) && !name.is_empty())
        .then(|| case(base, &[(format!("POST {}", base.path), Some(&base.object))]))
}

/// Draws cases, each of its own number.
pub(crate) struct Drawer<'a> {
    schemas: &'a Schemas,
    pool: &'a Pool,
    rng: Rng,
    number: usize,
}

impl<'a> Drawer<'a> {
    pub(crate) fn new(schemas: &'a Schemas, pool: &'a Pool, seed: u64) -> Self {
        Drawer { schemas, pool, rng: Rng::with_seed(seed), number: 0 }
    }

    pub(crate) fn draw(&mut self, bases: &[Base]) -> Option<Case> {
        self.number += 1;
        // Every kind is as likely as any other, however many objects of it are known.
        let mut kinds: Vec<&str> = bases.iter().map(|base| base.kind.as_str()).collect();
        kinds.dedup();
        let kind = *self.rng.choice(&kinds)?;
        let base = *self.rng.choice(&bases.iter().filter(|base| base.kind == kind).collect::<Vec<_>>())?;
        match self.rng.u8(..20) {
            0..=8 => self.created(base),
            9 if self.schemas.has(&base.kind, &base.path, "status") => self.status(base),
            _ if is_one_of(&NEVER, base) => self.created(base),
            _ => self.changed(base),
        }
    }

    /// The steps of one change, sometimes of two.
    fn steps(&mut self, base: &Base, object: &Value, below: &str) -> Option<Vec<Value>> {
        let schema = self.schemas.of(&base.kind)?;
        let mut sites = mutation::sites(self.schemas, &schema, object);
        sites.retain(|site| site.pointer.starts_with(below));
        let mut steps = mutation::draw(self.schemas, self.pool, &sites, &mut self.rng)?;
        if self.rng.u8(..5) == 0 {
            steps.extend(mutation::draw(self.schemas, self.pool, &sites, &mut self.rng)?);
        }
        Some(steps)
    }

    fn created(&mut self, base: &Base) -> Option<Case> {
        let mut base = base.clone();
        mutation::set(&mut base.object, "/metadata/name", json!(format!("n{}", self.number)));
        let steps = self.steps(&base, &base.object.clone(), "")?;
        let object = after(&base.object, &steps);
        let strict = ["", "", "", "&fieldValidation=Strict", "&fieldValidation=Ignore"][self.rng.usize(..5)];
        if is_one_of(&CAREFUL, &base) || self.rng.u8(..3) > 0 {
            return Some(match self.rng.u8(..6) {
                0 => {
                    let line = format!("APPLY {}/{}?fieldManager=a&dryRun=All{strict}", base.path, base.name());
                    case(&base, &[(line, Some(&object))])
                }
                _ => case(&base, &[(format!("POST {}?dryRun=All{strict}", base.path), Some(&object))]),
            });
        }
        let create = (format!("POST {}?{}", base.path, strict.trim_start_matches('&')), Some(&object));
        let create = (create.0.trim_end_matches('?').to_owned(), create.1);
        let path = format!("{}/{}", base.path, base.name());
        Some(case(&base, &[create, (format!("DELETE {path}?gracePeriodSeconds=0"), None)]))
    }

    fn changed(&mut self, base: &Base) -> Option<Case> {
        let steps = self.steps(base, &base.object, "")?;
        let object = after(&base.object, &steps);
        let path = format!("{}/{}", base.path, base.name());
        let strict = ["", "", "", "&fieldValidation=Strict"][self.rng.usize(..4)];
        let query = format!("?dryRun=All{strict}");
        Some(match self.rng.u8(..12) {
            0..=2 => {
                let mut object = object;
                let text = match self.rng.bool() {
                    true => {
                        mutation::set(&mut object, "/metadata/resourceVersion", json!("{{rv}}"));
                        format!("GET {path}\n\n> rv = /metadata/resourceVersion\n\n")
                    }
                    false => String::new(),
                };
                let put = case(base, &[(format!("PUT {path}{query}"), Some(&object))]);
                Case { text: format!("{text}{}", put.text), ..put }
            }
            3..=4 => {
                let patch = merge(&base.object, &object);
                case(base, &[(format!("MERGE {path}{query}"), Some(&patch))])
            }
            5..=6 => case(base, &[(format!("JSON {path}{query}"), Some(&steps.into()))]),
            7..=8 => {
                let patch = strategic(&base.object, &object);
                case(base, &[(format!("STRATEGIC {path}{query}"), Some(&patch))])
            }
            _ => {
                let force = if self.rng.bool() { "&force=true" } else { "" };
                let line = format!("APPLY {path}{query}&fieldManager=a{force}");
                case(base, &[(line, Some(&object))])
            }
        })
    }

    /// A change of the status, which has what its schema knows.
    fn status(&mut self, base: &Base) -> Option<Case> {
        let schema = self.schemas.of(&base.kind)?;
        let (_, field) = self.schemas.fields(&schema).into_iter().find(|(name, _)| name == "status")?;
        let status = self.pool.plausible(self.schemas, &field, "status", &mut self.rng)?;
        let mut object = base.object.clone();
        mutation::set(&mut object, "/status", status);
        let steps = self.steps(base, &object, "/status")?;
        let object = after(&object, &steps);
        let path = format!("{}/{}/status?dryRun=All", base.path, base.name());
        let merge = json!({"status": object["status"]});
        Some(match self.rng.u8(..3) {
            0 => case(base, &[(format!("PUT {path}"), Some(&object))]),
            1 => case(base, &[(format!("MERGE {path}"), Some(&merge))]),
            _ => {
                let applied = json!({"apiVersion": object["apiVersion"], "kind": object["kind"],
                    "metadata": {"name": base.name()}, "status": object["status"]});
                case(base, &[(format!("APPLY {path}&fieldManager=a"), Some(&applied))])
            }
        })
    }
}

/// An object after the steps of a patch.
pub(crate) fn after(object: &Value, steps: &[Value]) -> Value {
    let mut object = object.clone();
    for step in steps {
        let path = step["path"].as_str().unwrap_or_default();
        match step.get("value") {
            Some(value) => mutation::set(&mut object, path, value.clone()),
            None => mutation::remove(&mut object, path),
        }
    }
    object
}

/// The merge patch between two objects.
pub(crate) fn merge(old: &Value, new: &Value) -> Value {
    let (Value::Object(before), Value::Object(now)) = (old, new) else { return new.clone() };
    let mut patch = Map::new();
    for (name, value) in now {
        match before.get(name) {
            Some(old) if old == value => {}
            Some(old) => drop(patch.insert(name.clone(), merge(old, value))),
            None => drop(patch.insert(name.clone(), value.clone())),
        }
    }
    let gone = before.keys().filter(|name| !now.contains_key(*name));
    patch.extend(gone.map(|name| (name.clone(), Value::Null)));
    Value::Object(patch)
}

/// What may tell the items of a list apart.
const KEYS: [&str; 10] =
    ["name", "containerPort", "port", "protocol", "mountPath", "ip", "type", "uid", "key", "topologyKey"];

/// The strategic patch between two objects, as far as it is known which fields are keys.
pub(crate) fn strategic(old: &Value, new: &Value) -> Value {
    match (old, new) {
        (Value::Object(before), Value::Object(now)) => {
            let Value::Object(mut patch) = merge(old, new) else { return new.clone() };
            for (name, value) in &mut patch {
                if let (Some(before), Some(now)) = (before.get(name), now.get(name)) {
                    *value = strategic(before, now);
                }
            }
            Value::Object(patch)
        }
        (Value::Array(before), Value::Array(now)) if before.len() == now.len() => {
            let changed = before.iter().zip(now).filter(|(before, now)| before != now);
            let changed = changed.map(|(before, now)| {
                let mut patch = strategic(before, now);
                if let (Value::Object(patch), Value::Object(before)) = (&mut patch, before) {
                    for key in KEYS.iter().filter(|key| before.contains_key(**key)) {
                        patch.entry(*key).or_insert_with(|| before[*key].clone());
                    }
                }
                patch
            });
            changed.collect()
        }
        _ => new.clone(),
    }
}
