//! The columns of a custom resource: its name, then what its definition asks for.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::path::JsonPath;
use super::{age, definition};

/// A column of a custom resource.
#[derive(Debug)]
pub(super) struct Column {
    definition: Value,
    kind: String,
    path: Option<JsonPath>,
}

impl Column {
    fn new(entry: &Value) -> Self {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        let priority = entry.get("priority").and_then(Value::as_i64).unwrap_or_default();
        let description = match text("description") {
            "" => format!("Custom resource definition column (in JSONPath format): {}", text("jsonPath")),
            said => said.to_owned(),
        };
        Column {
            definition: definition(text("name"), text("type"), text("format"), &description, priority),
            kind: text("type").to_owned(),
            path: JsonPath::parse(text("jsonPath")),
        }
    }

    pub(super) fn definition(&self) -> Value {
        self.definition.clone()
    }

    fn cell(&self, object: &Value, now: Timestamp) -> Value {
        // Only the first value counts, as the real server has it.
        let Some(value) = self.path.as_ref().and_then(|path| path.find(object).first().copied()) else {
            return Value::Null;
        };
        match (self.kind.as_str(), value) {
            (_, Value::Null) => Value::Null,
            ("string", Value::String(_)) => value.clone(),
            ("string", _) => value.to_string().into(),
            ("integer", Value::Number(number)) => match number.as_f64() {
                Some(float) if !number.is_i64() => json!(float as i64),
                _ => value.clone(),
            },
            ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
            ("date", Value::String(text)) => age::since(Some(text), now, "<unknown>").into(),
            _ => Value::Null,
        }
    }
}

/// The columns of a version: those of its entry in the definition, else the age.
pub(super) fn columns(version: &Value) -> Vec<Column> {
    let name = Column {
        definition: definition("Name", "string", "name", "", 0),
        kind: "string".to_owned(),
        path: JsonPath::parse(".metadata.name"),
    };
    let declared = version.get("additionalPrinterColumns").and_then(Value::as_array).filter(|list| !list.is_empty());
    let rest: Vec<Column> = match declared {
        Some(list) => list.iter().map(Column::new).collect(),
        None => vec![Column::new(&json!({ "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" }))],
    };
    [name].into_iter().chain(rest).collect()
}

/// The cells of one object.
pub(super) fn cells(columns: &[Column], object: &Value, now: Timestamp) -> Vec<Value> {
    columns.iter().map(|column| column.cell(object, now)).collect()
}
