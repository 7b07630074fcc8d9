//! How Go fills a type with the values of a strategic merge patch: by a converter of its own, which takes numbers that
//! its JSON decoder refuses, and says in other words what it does not take.

use serde_json::Value;

use super::{Form, Type};
use crate::field::go;

/// Makes the numbers those that the fields hold, and says what is wrong with the first value that does not fit. Forms
/// with a text of their own are left to the decoder.
pub(crate) fn restore(ty: &Type, object: &mut Value) -> Result<(), String> {
    ty.fields
        .iter()
        .try_for_each(|field| object.get_mut(field.name).map_or(Ok(()), |value| of_form(&field.form, value)))
}

fn of_form(form: &Form, value: &mut Value) -> Result<(), String> {
    let kind = go::kind(value);
    if value.is_null() {
        return Ok(());
    }
    match (form, &mut *value) {
        (Form::String, Value::String(_)) | (Form::Bool, Value::Bool(_)) | (Form::Double, Value::Number(_)) => Ok(()),
        (Form::Int32 | Form::Int64, Value::Number(number)) => {
            let whole = number.as_i64().or_else(|| number.as_f64().filter(|float| float.fract() == 0.0).map(cut));
            match (whole, form) {
                (Some(whole), Form::Int32) => *value = low_half(whole).into(),
                (Some(whole), _) => *value = whole.into(),
                (None, Form::Int32) => return Err("cannot convert float64 to int32".to_owned()),
                (None, _) => return Err("cannot convert float64 to int64".to_owned()),
            }
            Ok(())
        }
        // Go could make a letter of a number, and refuses to.
        (Form::String, _) if kind == "int64" => Err("cannot convert int64 to string".to_owned()),
        (Form::String, _) => Err("unrecognized type: string".to_owned()),
        (Form::Bool, _) => Err("unrecognized type: bool".to_owned()),
        (Form::Int32, _) => Err("unrecognized type: int32".to_owned()),
        (Form::Int64, _) => Err("unrecognized type: int64".to_owned()),
        (Form::Double, _) => Err("unrecognized type: float64".to_owned()),
        (Form::Struct(id), Value::Object(_)) => restore(id.get(), value),
        (Form::Struct(_), _) => Err(format!("cannot restore struct from: {kind}")),
        (Form::List(element) | Form::Items(element), Value::Array(items)) => {
            items.iter_mut().try_for_each(|item| of_form(element, item))
        }
        (Form::List(_) | Form::Items(_), _) => Err(format!("cannot restore slice from {kind}")),
        (Form::Map(element), Value::Object(entries)) => {
            entries.values_mut().try_for_each(|entry| of_form(element, entry))
        }
        (Form::Map(_), _) => Err(format!("cannot restore map from {kind}")),
        _ => Ok(()),
    }
}

/// A number without a fraction as Go's processor makes an integer of it: what is too large is the least of all.
fn cut(float: f64) -> i64 {
    const END: f64 = 9_223_372_036_854_775_808.0;
    if (-END..END).contains(&float) { float as i64 } else { i64::MIN }
}

/// The lower half of a number, which is all that a smaller field takes of it; nothing is said of what is lost.
fn low_half(number: i64) -> i32 {
    number as i32
}
