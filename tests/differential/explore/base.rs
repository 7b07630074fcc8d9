//! Objects that a real server takes: those of the scenarios, and some with all that they may have.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::play::Player;
use super::super::scenario::{Act, Scenario};
use super::super::{folder, recording};
use super::case::{self, Case};
use super::mutation::{self, Pool};
use super::schema::Schemas;

/// A valid object and where it is created.
#[derive(Clone)]
pub(crate) struct Base {
    /// `apps/v1/Deployment`.
    pub(crate) kind: String,
    /// `/apis/apps/v1/namespaces/{{ns}}/deployments`.
    pub(crate) path: String,
    pub(crate) object: Value,
    /// The namespace of what is stored of it.
    pub(crate) space: String,
}

/// How many fields are tried on one object.
const TRIES: usize = 500;
/// How many objects of one kind are taken from the scenarios.
const OF_A_KIND: usize = 12;

/// Every scenario, whatever else was asked for.
fn scenarios() -> Result<Vec<Scenario>> {
    let mut paths: Vec<_> = fs::read_dir(folder().join("scenarios"))?.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("a name in plain letters")?;
        Scenario::parse(name, &fs::read_to_string(path)?)
    };
    paths.iter().map(read).collect()
}

/// All bodies of the scenarios: what values a field of some name may have.
pub(crate) fn bodies() -> Result<Vec<Value>> {
    let scenarios = scenarios()?;
    let steps = scenarios.iter().flat_map(|scenario| &scenario.steps);
    Ok(steps.filter_map(|step| serde_json::from_str(&step.body).ok()).collect())
}

/// The definitions of custom resources, and objects of theirs.
pub(crate) fn definitions() -> Result<Vec<Case>> {
    let text = fs::read_to_string(folder().join("explore/definitions.http"))?;
    Ok(vec![Case { kind: "definitions".to_owned(), space: "x".to_owned(), text, is_story: false }])
}

/// What the scenarios create, of every kind.
pub(crate) fn gather() -> Result<Vec<Base>> {
    let mut found: BTreeMap<String, Vec<Base>> = BTreeMap::new();
    for scenario in scenarios()? {
        for (step, answer) in scenario.steps.iter().zip(recording(&scenario)?) {
            if let Some(base) = base(&scenario.name, step, &answer) {
                found.entry(base.kind.clone()).or_default().push(base);
            }
        }
    }
    let text = fs::read_to_string(folder().join("explore/definitions.http"))?;
    for step in Scenario::parse("x", &text)?.steps {
        if let (Act::Ask { method, path }, Ok(object)) = (&step.act, serde_json::from_str::<Value>(&step.body))
            && method == "POST"
            && path.contains("explore.example.com")
        {
            let kind = format!("{}/{}", text_of(&object, "apiVersion"), text_of(&object, "kind"));
            let base = Base { kind: kind.clone(), path: path.clone(), object, space: String::new() };
            found.entry(kind).or_default().push(base);
        }
    }
    for bases in found.values_mut() {
        bases.sort_by_key(|base| base.object.to_string().len());
        // The least of them, and those that hold most.
        let length = bases.len();
        if length > OF_A_KIND {
            bases.drain(OF_A_KIND / 2..length - OF_A_KIND / 2);
        }
    }
    Ok(found.into_values().flatten().collect())
}

fn text_of<'a>(object: &'a Value, member: &str) -> &'a str {
    object.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn base(scenario: &str, step: &super::super::scenario::Step, answer: &Value) -> Option<Base> {
    let Act::Ask { method, path } = &step.act else { return None };
    let mut object: Value = serde_json::from_str(&step.body).ok()?;
    let body = answer.get("body")?;
    let is_created = method == "POST" && answer["code"] == 201 && body.pointer("/metadata/uid").is_some();
    let (api, kind) = (text_of(body, "apiVersion"), text_of(body, "kind"));
    // Custom resources have definitions that only their scenario has, and reviews are of no object.
    if !is_created || path.contains('?') || step.body.contains("{{") || api.contains("example.com") {
        return None;
    }
    if api.starts_with("authentication") || text_of(&object, "kind") == "Status" || api.contains("t1.k8s.io") {
        return None;
    }
    let path = path.replace(&format!("namespaces/{scenario}/"), "namespaces/{{ns}}/");
    let is_elsewhere = path.contains("/namespaces/") && !path.contains("{{ns}}");
    let members = object.as_object_mut()?;
    members.insert("apiVersion".into(), api.into());
    members.insert("kind".into(), kind.into());
    let metadata = members.get_mut("metadata")?.as_object_mut()?;
    for own in ["namespace", "resourceVersion", "uid", "creationTimestamp", "managedFields", "generateName"] {
        metadata.remove(own);
    }
    let is_default = object.pointer("/globalDefault") == Some(&Value::Bool(true));
    (!is_elsewhere && !is_default).then(|| Base { kind: format!("{api}/{kind}"), path, object, space: String::new() })
}

/// The largest of each kind.
pub(crate) fn fullest(bases: &[Base]) -> Vec<Base> {
    let mut found: BTreeMap<&str, &Base> = BTreeMap::new();
    for base in bases {
        found.insert(&base.kind, base);
    }
    found.into_values().cloned().collect()
}

impl Base {
    pub(crate) fn name(&self) -> &str {
        self.object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
    }

    /// The same with every field that it may have beside the others, as far as one value of a few fits; and how many
    /// were tried.
    pub(crate) async fn fill(
        mut self,
        schemas: &Schemas,
        pool: &Pool,
        real: &Player<'_>,
        seed: u64,
    ) -> (Option<Base>, usize) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let Some(schema) = schemas.of(&self.kind) else { return (None, 0) };
        let (mut tried, mut level) = (0, 1);
        self.space = "default".to_owned();
        while level < 9 && tried < TRIES {
            let absent = mutation::sites(schemas, &schema, &self.object)
                .into_iter()
                .filter(|site| site.value.is_none() && site.depth() == level && !site.pointer.starts_with("/status"));
            for site in absent.collect::<Vec<_>>() {
                if site.depth() == 2 && site.pointer.starts_with("/metadata") {
                    continue;
                }
                let Some(value) = pool.plausible(schemas, &site.schema, site.name(), &mut rng) else { continue };
                let mut fuller = self.clone();
                mutation::set(&mut fuller.object, &site.pointer, value);
                tried += 1;
                let Ok(scenario) = case::create(&fuller, "full", "?dryRun=All").scenario() else { continue };
                if real.answers(&scenario).await.is_ok_and(|answers| answers[0]["code"] == 201) {
                    self = fuller;
                }
            }
            level += 1;
        }
        (Some(self), tried)
    }
}
