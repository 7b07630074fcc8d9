//! A patched object as the messages of a real server repeat it.
//!
//! What a patch did not touch stands as Go writes it, with the members in the order of Go's fields; the objects on its way
//! have been taken apart, and are written with their members in the order of their names.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::field::echo;
use crate::kinds::{Form, Type};

/// The objects and lists that a patch went through, and the values that it gave.
#[derive(Debug, Default)]
pub(super) struct Touched {
    below: BTreeMap<String, Touched>,
    is_given: bool,
}

impl Touched {
    /// By a merge patch: all that it has an object for.
    pub(super) fn by_merge(patch: &Value) -> Self {
        let Value::Object(members) = patch else { return Self { is_given: true, ..Self::default() } };
        let below = members.iter().map(|(name, value)| (name.clone(), Self::by_merge(value)));
        Self { below: below.collect(), is_given: false }
    }

    /// By the pointers of a JSON patch: what is above each.
    pub(super) fn by_pointers<'a>(pointers: impl Iterator<Item = &'a str>) -> Self {
        let mut touched = Self::default();
        for pointer in pointers {
            let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
            steps.fold(&mut touched, |at, step| at.below.entry(step).or_default()).is_given = true;
        }
        touched
    }
}

/// The object as it is repeated.
pub(super) fn printed(ty: &Type, object: &Value, touched: &Touched) -> String {
    let mut out = String::new();
    fields(&mut out, Some(ty), object, Some(touched));
    out
}

/// An object, of a known type or of none.
fn fields(out: &mut String, ty: Option<&Type>, object: &Value, touched: Option<&Touched>) {
    let Value::Object(members) = object else { return out.push_str(&echo::json(object)) };
    let mut names: Vec<&String> = members.keys().collect();
    if let (Some(ty), None) = (ty, touched) {
        // What the type does not know was not written by Go.
        names.sort_by_key(|name| ty.fields.iter().position(|field| field.name == name.as_str()));
    }
    out.push('{');
    for (index, name) in names.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&echo::json(&Value::from(name.as_str())));
        out.push(':');
        let form = ty.and_then(|ty| ty.field(name)).map(|field| &field.form);
        value(out, form, &members[name], touched.and_then(|touched| touched.below.get(name)));
    }
    out.push('}');
}

fn value(out: &mut String, form: Option<&Form>, at: &Value, touched: Option<&Touched>) {
    match (form, at) {
        _ if touched.is_some_and(|touched| touched.is_given) => out.push_str(&echo::json(at)),
        (Some(Form::Struct(id)), Value::Object(_)) => fields(out, Some(id.get()), at, touched),
        (Some(Form::List(element) | Form::Items(element)), Value::Array(items)) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                let touched = touched.and_then(|touched| touched.below.get(&index.to_string()));
                value(out, Some(element), item, touched);
            }
            out.push(']');
        }
        _ => out.push_str(&echo::json(at)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds;

    #[test]
    fn what_is_not_touched_stands_in_the_order_of_go() {
        let ty = kinds::of_kind("", "v1", "Service").expect("a kind of the table");
        let service = json!({
            "kind": "Service", "apiVersion": "v1", "metadata": {"uid": "u", "name": "n"},
            "spec": {"type": "ClusterIP", "ports": [{"port": 80, "protocol": "TCP"}]},
        });
        let metadata = r#""metadata":{"name":"n","uid":"u"}"#;
        let check = |touched: &Touched, spec: &str| {
            let wanted = format!(r#"{{"apiVersion":"v1","kind":"Service",{metadata},"spec":{{{spec}}}}}"#);
            assert_eq!(printed(ty, &service, touched), wanted);
        };
        let ports = r#""ports":[{"protocol":"TCP","port":80}]"#;
        check(&Touched::default(), &format!(r#"{ports},"type":"ClusterIP""#));
        check(&Touched::by_merge(&json!({"spec": {"x": 1}})), &format!(r#"{ports},"type":"ClusterIP""#));
        let pointers = Touched::by_pointers(["/spec/ports/0/port"].into_iter());
        check(&pointers, r#""ports":[{"port":80,"protocol":"TCP"}],"type":"ClusterIP""#);
    }
}
