//! What Go says of a value that does not fit the field of a type: the words of the converter that makes objects of
//! strategic merge patches, which are not those of its JSON decoder.

use serde_json::Value;

use super::{Form, Type};

/// What is wrong with the first value that does not fit. Forms with a text of their own are left to the decoder.
pub(crate) fn misfit(ty: &Type, object: &Value) -> Option<String> {
    ty.fields.iter().find_map(|field| of_form(&field.form, object.get(field.name)?))
}

fn of_form(form: &Form, value: &Value) -> Option<String> {
    let kind = match value {
        Value::Null => return None,
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
    };
    let whole = |value: &Value| value.as_f64().is_some_and(|number| number.fract() == 0.0);
    match (form, value) {
        (Form::String, Value::String(_))
        | (Form::Bool, Value::Bool(_))
        | (Form::Double | Form::Int32 | Form::Int64, Value::Number(_))
            if kind != "float64" || matches!(form, Form::Double) || whole(value) =>
        {
            None
        }
        // Go could make a letter of a number, and refuses to.
        (Form::String, _) if kind == "int64" => Some("cannot convert int64 to string".to_owned()),
        (Form::Int32, _) if kind == "float64" => Some("cannot convert float64 to int32".to_owned()),
        (Form::Int64, _) if kind == "float64" => Some("cannot convert float64 to int64".to_owned()),
        (Form::String, _) => Some("unrecognized type: string".to_owned()),
        (Form::Bool, _) => Some("unrecognized type: bool".to_owned()),
        (Form::Int32, _) => Some("unrecognized type: int32".to_owned()),
        (Form::Int64, _) => Some("unrecognized type: int64".to_owned()),
        (Form::Double, _) => Some("unrecognized type: float64".to_owned()),
        (Form::Struct(id), Value::Object(_)) => misfit(id.get(), value),
        (Form::Struct(_), _) => Some(format!("cannot restore struct from: {kind}")),
        (Form::List(element) | Form::Items(element), Value::Array(items)) => {
            items.iter().find_map(|item| of_form(element, item))
        }
        (Form::List(_) | Form::Items(_), _) => Some(format!("cannot restore slice from {kind}")),
        (Form::Map(element), Value::Object(entries)) => entries.values().find_map(|entry| of_form(element, entry)),
        (Form::Map(_), _) => Some(format!("cannot restore map from {kind}")),
        _ => None,
    }
}
