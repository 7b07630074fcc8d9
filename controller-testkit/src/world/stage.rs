//! Stages that a user adds to the world, or puts in place of its own: what becomes of an object, and when.
//!
//! A stage is data, in the form of kwok's `Stage`: which objects it is for, how long after their last change it comes, and
//! what it makes of them. Of kwok's templates it takes paths and the time. What it does not take it refuses by name.

use std::fmt::Write;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::object;
use crate::catalog::split_api_version;
use crate::table::JsonPath;

/// What becomes of some objects, a while after their last change.
///
/// ```
/// use controller_testkit::{Cluster, Stage, World};
///
/// // A pod that is labelled so fails, once it runs.
/// let stages = Stage::read(r#"
/// apiVersion: kwok.x-k8s.io/v1alpha1
/// kind: Stage
/// metadata: {name: crash}
/// spec:
///   resourceRef: {apiGroup: v1, kind: Pod}
///   selector:
///     matchLabels: {crash: "yes"}
///     matchExpressions:
///     - {key: .status.phase, operator: In, values: [Running]}
///   delay: {durationMilliseconds: 500}
///   next:
///     event: {type: Warning, reason: Crashed, message: It was told to.}
///     statusTemplate: |
///       phase: Failed
///       reason: Crashed
/// "#)?;
/// let cluster = Cluster::builder().world(World::full().stages(stages)).build();
/// # let _ = cluster;
/// # Ok::<_, controller_testkit::StageError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Stage {
    pub(super) name: String,
    group: String,
    kind: String,
    conditions: Vec<Condition>,
    /// None for the world's own pace.
    pub(super) delay: Option<Duration>,
    pub(super) next: Next,
}

/// Stages that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {why}")]
pub struct StageError {
    /// The stage, where it has a name.
    place: String,
    why: String,
}

/// Holds of an object, or does not.
#[derive(Debug, Clone)]
struct Condition {
    path: JsonPath,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

/// What a stage makes of an object.
#[derive(Debug, Clone)]
pub(super) struct Next {
    pub(super) event: Option<Told>,
    pub(super) finalizers: Finalizers,
    pub(super) status: Option<Template>,
    pub(super) delete: bool,
}

/// An event about it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    #[serde(rename = "type", default = "normal")]
    pub(super) kind: String,
    pub(super) reason: String,
    #[serde(default)]
    pub(super) message: String,
}

fn normal() -> String {
    "Normal".to_owned()
}

/// How its finalizers change.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Finalizers {
    add: Vec<Finalizer>,
    remove: Vec<Finalizer>,
    empty: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Finalizer {
    value: String,
}

/// A text with values of the object in it.
#[derive(Debug, Clone)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Value { of: Source, quoted: bool },
}

#[derive(Debug, Clone)]
enum Source {
    Now,
    Path(JsonPath),
}

/// A stage as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Written {
    api_version: String,
    kind: String,
    metadata: Named,
    spec: Spec,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Spec {
    resource_ref: ResourceRef,
    #[serde(default)]
    selector: Selector,
    delay: Option<Delay>,
    next: WrittenNext,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ResourceRef {
    #[serde(default = "core")]
    api_group: String,
    kind: String,
}

fn core() -> String {
    "v1".to_owned()
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct Selector {
    match_labels: Map<String, Value>,
    match_annotations: Map<String, Value>,
    match_expressions: Vec<Expression>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expression {
    key: String,
    operator: Operator,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Delay {
    duration_milliseconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WrittenNext {
    event: Option<Told>,
    #[serde(default)]
    finalizers: Finalizers,
    status_template: Option<String>,
    #[serde(default)]
    delete: bool,
}

impl Stage {
    /// Reads stages from YAML, one or more documents.
    ///
    /// # Errors
    /// What is no stage, and what a stage of kwok can have and one of this world cannot.
    pub fn read(yaml: &str) -> Result<Vec<Stage>, StageError> {
        let written: Vec<Written> = serde_saphyr::from_multiple(yaml)
            .map_err(|fault| StageError { place: "stages".to_owned(), why: fault.to_string() })?;
        written.into_iter().map(Stage::of).collect()
    }

    fn of(written: Written) -> Result<Self, StageError> {
        let name = written.metadata.name;
        let fault = |why: String| StageError { place: format!("stage `{name}`"), why };
        if written.kind != "Stage" || !written.api_version.starts_with("kwok.x-k8s.io/") {
            return Err(fault(format!("`{}` of `{}` is no Stage of kwok", written.kind, written.api_version)));
        }
        let Spec { resource_ref, selector, delay, next } = written.spec;
        let mut conditions = Vec::new();
        for (member, wanted) in [("labels", selector.match_labels), ("annotations", selector.match_annotations)] {
            for (key, value) in wanted {
                let path = JsonPath::parse(&format!(".metadata.{member}['{key}']"))
                    .ok_or_else(|| fault(format!("`{key}` is no key of {member}")))?;
                conditions.push(Condition { path, operator: Operator::In, values: vec![text(&value)] });
            }
        }
        for Expression { key, operator, values } in selector.match_expressions {
            let path = JsonPath::parse(&key).ok_or_else(|| fault(format!("`{key}` is no path")))?;
            conditions.push(Condition { path, operator, values });
        }
        let status = next.status_template.map(|text| Template::parse(&text)).transpose().map_err(&fault)?;
        if let Some(status) = &status {
            status.render(&Value::Null, Timestamp::UNIX_EPOCH).map_err(&fault)?;
        }
        let next = Next { event: next.event, finalizers: next.finalizers, status, delete: next.delete };
        // An apiGroup with a version, as in kwok, or without one.
        let group = match split_api_version(&resource_ref.api_group) {
            ("", version) if version != "v1" => version,
            (group, _) => group,
        };
        let (group, delay) = (group.to_owned(), delay.map(|delay| Duration::from_millis(delay.duration_milliseconds)));
        Ok(Stage { name, group, kind: resource_ref.kind, conditions, delay, next })
    }

    /// Whether it is for this object as it is now.
    pub(super) fn fits(&self, object: &Value) -> bool {
        let (group, _) = split_api_version(object::text(object, "/apiVersion"));
        let holds = |condition: &Condition| condition.holds(object);
        self.kind == object::text(object, "/kind") && self.group == group && self.conditions.iter().all(holds)
    }
}

impl Condition {
    fn holds(&self, object: &Value) -> bool {
        let mut found = self.path.find(object).into_iter().filter(|value| !value.is_null());
        match self.operator {
            Operator::Exists => found.next().is_some(),
            Operator::DoesNotExist => found.next().is_none(),
            Operator::In => found.any(|value| self.values.contains(&text(value))),
            Operator::NotIn => !found.any(|value| self.values.contains(&text(value))),
        }
    }
}

impl Finalizers {
    /// The finalizers as they are to be; none if they stay.
    pub(super) fn change(&self, object: &Value) -> Option<Vec<Value>> {
        let old = object::items(object, "/metadata/finalizers");
        let goes = |one: &&Value| self.empty || self.remove.iter().any(|gone| *one == &gone.value);
        let mut new: Vec<Value> = old.iter().filter(|one| !goes(one)).cloned().collect();
        for added in &self.add {
            if !new.iter().any(|one| *one == added.value) {
                new.push(added.value.as_str().into());
            }
        }
        (new != old).then_some(new)
    }
}

impl Template {
    fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = text.split("{{");
        let mut parts = vec![Part::Text(pieces.next().unwrap_or_default().to_owned())];
        for piece in pieces {
            let (words, rest) = piece.split_once("}}").ok_or("a `{{` has no `}}`")?;
            let (words, quoted) = match words.trim().split_once('|') {
                Some((words, function)) if function.trim() == "Quote" => (words.trim(), true),
                Some((_, function)) => return Err(format!("`{}` is no function here: Quote is", function.trim())),
                None => (words.trim(), false),
            };
            let of = match words {
                "Now" => Source::Now,
                path if path.starts_with('.') => {
                    Source::Path(JsonPath::parse(path).ok_or_else(|| format!("`{path}` is no path"))?)
                }
                other => return Err(format!("`{other}` is neither a path nor Now: templates have nothing else here")),
            };
            parts.push(Part::Value { of, quoted });
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Template(parts))
    }

    /// What it says of an object. What the object lacks is empty.
    pub(super) fn render(&self, object: &Value, now: Timestamp) -> Result<Value, String> {
        let mut yaml = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => yaml.push_str(text),
                Part::Value { of, quoted } => {
                    let value = match of {
                        Source::Now => object::time(now),
                        Source::Path(path) => path.find(object).first().map_or_else(String::new, |value| text(value)),
                    };
                    // Writing into memory cannot fail.
                    let _ = if *quoted { write!(yaml, "{value:?}") } else { write!(yaml, "{value}") };
                }
            }
        }
        match serde_saphyr::from_str(&yaml) {
            Ok(value @ (Value::Object(_) | Value::Null)) => Ok(value),
            Ok(_) => Err("the status is no object".to_owned()),
            Err(fault) => Err(format!("the status is no YAML: {fault}")),
        }
    }
}

/// A value as it stands in a text.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
