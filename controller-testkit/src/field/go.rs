//! Values as Go's `fmt` prints them, which some messages of the real server do.

use serde_json::{Map, Value};

/// As `%v` prints it.
pub(crate) fn printed(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => printed_list(items),
        Value::Object(members) => printed_map(members),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// A list as `%v` prints it.
pub(crate) fn printed_list(items: &[Value]) -> String {
    format!("[{}]", items.iter().map(printed).collect::<Vec<_>>().join(" "))
}

/// A map as `%v` prints it.
pub(crate) fn printed_map(members: &Map<String, Value>) -> String {
    let members = members.iter().map(|(name, value)| format!("{name}:{}", printed(value)));
    format!("map[{}]", members.collect::<Vec<_>>().join(" "))
}

/// As `%#v` prints it.
pub(crate) fn quoted(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::Array(items) => {
            format!("{}{{{}}}", type_name(value), items.iter().map(quoted).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{name:?}:{}", quoted(value)));
            format!("{}{{{}}}", type_name(value), members.collect::<Vec<_>>().join(", "))
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// What kind of value it is, by the names of Go's `reflect`.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nil",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_i64() => "int64",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
    }
}

/// As `%T` prints it.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_printed_as_go_prints_them() {
        let value = json!({"b": [1, "x", null], "a": {"c": true, "d": 1.5}});
        assert_eq!(printed(&value), "map[a:map[c:true d:1.5] b:[1 x <nil>]]");
        let quoted = quoted(&value["b"]);
        assert_eq!(quoted, r#"[]interface {}{1, "x", interface {}(nil)}"#);
        assert_eq!(
            [json!(1), json!(1.5), json!({})].map(|value| type_name(&value)),
            ["int64", "float64", "map[string]interface {}"]
        );
    }
}
