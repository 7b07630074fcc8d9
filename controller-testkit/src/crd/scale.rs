//! The scale subresource of a custom resource: three fields of the object under names that every scaler knows.

use serde_json::{Map, Value, json};

use crate::field::FieldError;
use crate::field::echo;

/// Where a custom resource keeps its replica counts: paths of names, as `.spec.replicas` in the definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scale {
    pub(crate) spec_replicas: String,
    pub(crate) status_replicas: String,
    pub(crate) label_selector: Option<String>,
}

impl Scale {
    pub(super) fn parse(spec: &Value) -> Option<Self> {
        let text = |field: &str| spec.get(field).and_then(Value::as_str).filter(|path| !path.is_empty());
        Some(Self {
            spec_replicas: text("specReplicasPath")?.to_owned(),
            status_replicas: text("statusReplicasPath")?.to_owned(),
            label_selector: text("labelSelectorPath").map(str::to_owned),
        })
    }

    /// The `autoscaling/v1` Scale of an object. The error is the message of a 500, as a real server answers it.
    pub(crate) fn get(&self, object: &Value) -> Result<Value, String> {
        let Some(wanted) = integer(object, &self.spec_replicas)? else {
            return Err(format!("the spec replicas field {} does not exist", echo::quote(&self.spec_replicas)));
        };
        self.body(object, Some(wanted))
    }

    /// The Scale that a patch applies to: one without replicas where the object has none.
    pub(crate) fn get_for_patch(&self, object: &Value) -> Result<Value, String> {
        self.body(object, integer(object, &self.spec_replicas)?)
    }

    fn body(&self, object: &Value, wanted: Option<i64>) -> Result<Value, String> {
        let current = integer(object, &self.status_replicas)?.unwrap_or_default();
        let selector = match &self.label_selector {
            Some(path) => string(object, path)?,
            None => None,
        };
        let metadata: Map<String, Value> = ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"]
            .into_iter()
            .filter_map(|field| Some((field.to_owned(), object.get("metadata")?.get(field)?.clone())))
            .collect();
        let mut body = json!({
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": metadata,
            "spec": {},
            "status": { "replicas": current },
        });
        if let Some(wanted) = wanted.filter(|wanted| *wanted != 0) {
            body["spec"]["replicas"] = json!(wanted);
        }
        if let Some(selector) = selector.filter(|selector| !selector.is_empty()) {
            body["status"]["selector"] = json!(selector);
        }
        Ok(body)
    }

    /// Writes a Scale's wanted replicas into the object; a Scale without them means none. The error is the message of
    /// a 500.
    pub(crate) fn set(&self, object: &mut Value, scale: &Value) -> Result<(), String> {
        let wanted = scale.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or_default();
        let mut at = object;
        let mut names = steps(&self.spec_replicas).peekable();
        while let Some(name) = names.next() {
            let Value::Object(fields) = at else {
                return Err(format!(
                    "value cannot be set because {} is not a map[string]interface{{}}",
                    self.spec_replicas
                ));
            };
            if names.peek().is_none() {
                fields.insert(name.to_owned(), json!(wanted));
                break;
            }
            at = fields.entry(name).or_insert_with(|| Value::Object(Map::new()));
        }
        Ok(())
    }

    /// What is wrong with an object's wanted replicas.
    pub(super) fn validate_spec(&self, object: &Value) -> Vec<FieldError> {
        validate_replicas(object, &self.spec_replicas)
    }

    /// What is wrong with an object's counted replicas and selector.
    pub(super) fn validate_status(&self, object: &Value) -> Vec<FieldError> {
        let mut errors = validate_replicas(object, &self.status_replicas);
        if let Some(path) = &self.label_selector
            && let Err(text) = string(object, path)
        {
            errors.push(FieldError::invalid(path, "", text));
        }
        errors
    }
}

fn validate_replicas(object: &Value, path: &str) -> Vec<FieldError> {
    let error = match integer(object, path) {
        Err(text) => FieldError::invalid(path, &0, text),
        Ok(Some(replicas)) if replicas < 0 => FieldError::invalid(path, &replicas, "should be a non-negative integer"),
        Ok(Some(replicas)) if replicas > i64::from(i32::MAX) => {
            let detail = format!("should be less than or equal to {}", i32::MAX);
            FieldError::invalid(path, &replicas, detail)
        }
        Ok(_) => return Vec::new(),
    };
    vec![error]
}

fn steps(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('.').unwrap_or(path).split('.')
}

/// The value at a path; an error where something on the way is no object.
fn find<'a>(object: &'a Value, path: &str) -> Result<Option<&'a Value>, String> {
    let mut at = object;
    let mut passed = String::new();
    for name in steps(path) {
        passed = format!("{passed}.{name}");
        match at {
            // A null on the way counts as absent.
            Value::Null => return Ok(None),
            Value::Object(fields) => match fields.get(name) {
                None => return Ok(None),
                Some(value) => at = value,
            },
            other => {
                let kind = go_type(other);
                let shown = go(other);
                return Err(format!(
                    "{passed} accessor error: {shown} is of the type {kind}, expected map[string]interface{{}}"
                ));
            }
        }
    }
    Ok(Some(at))
}

fn integer(object: &Value, path: &str) -> Result<Option<i64>, String> {
    typed(object, path, "int64", Value::as_i64)
}

fn string(object: &Value, path: &str) -> Result<Option<String>, String> {
    typed(object, path, "string", |value| value.as_str().map(str::to_owned))
}

fn typed<T>(object: &Value, path: &str, wanted: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Option<T>, String> {
    let Some(value) = find(object, path)? else {
        return Ok(None);
    };
    match read(value) {
        Some(found) => Ok(Some(found)),
        None => {
            let path = path.strip_prefix('.').unwrap_or(path);
            Err(format!(".{path} accessor error: {} is of the type {}, expected {wanted}", go(value), go_type(value)))
        }
    }
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_i64() => "int64",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// A value in Go's `%v`.
fn go(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => echo::number(number),
        Value::Array(items) => format!("[{}]", items.iter().map(go).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}:{}", go(value))).collect();
            format!("map[{}]", fields.join(" "))
        }
        other => other.to_string(),
    }
}
