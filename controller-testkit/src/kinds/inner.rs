//! How the real server prints a part of an object: its inner form, or its change.
//!
//! A server's own types have other names and another order than those that clients know, and leave nothing out.
//! `inner.txt`, written by `tests/differential/server/inner`, has those whose values its messages repeat: `type NAME`,
//! and a line ` NAME FORM` for each field in its order. `~` is an embedded type, whose fields stand among the others; `*`
//! a pointer, `[]` a list, `{}` a map, and `client` what a client sees too. What is not listed is printed as clients know
//! it, with its fields in their own order.

mod unified;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::OnceLock;

use serde_json::Value;

use super::{Form, Type};
use crate::field::echo;

const TABLE: &str = include_str!("inner.txt");

static NOTHING: Value = Value::Null;

/// What is known of a value's type.
#[derive(Clone, Copy, Debug)]
pub(super) enum Known {
    Nothing,
    Type(&'static Type),
    Form(&'static Form),
}

impl Known {
    fn ty(self) -> Option<&'static Type> {
        match self {
            Self::Type(ty) => Some(ty),
            Self::Form(Form::Struct(id)) => Some(id.get()),
            _ => None,
        }
    }

    pub(super) fn field(self, name: &str) -> Self {
        self.ty().and_then(|ty| ty.field(name)).map_or(Self::Nothing, |field| Self::Form(&field.form))
    }

    /// The type of a list's items, or of a map's entries.
    pub(super) fn element(self) -> Self {
        match self {
            Self::Form(Form::List(element) | Form::Items(element) | Form::Map(element)) => Self::Form(element),
            _ => Self::Nothing,
        }
    }
}

type Fields = Vec<(&'static str, &'static str)>;

fn table() -> &'static BTreeMap<&'static str, Fields> {
    static READ: OnceLock<BTreeMap<&'static str, Fields>> = OnceLock::new();
    READ.get_or_init(|| {
        let mut types: BTreeMap<&str, Fields> = BTreeMap::new();
        let mut current = "";
        for line in TABLE.lines() {
            if let Some(name) = line.strip_prefix("type ") {
                current = name;
            } else if let Some((name, form)) = line.strip_prefix(' ').and_then(|line| line.split_once(' ')) {
                types.entry(current).or_default().push((name, form));
            }
        }
        types
    })
}

/// The inner name of a type that clients know: `core.PodSpec` of `io.k8s.api.core.v1.PodSpec`.
fn inner_name(ty: &Type) -> Option<&'static str> {
    let mut words = ty.name.rsplit('.');
    let (name, _, group) = (words.next()?, words.next()?, words.next()?);
    table().get_key_value(format!("{group}.{name}").as_str()).map(|(name, _)| *name)
}

/// A value as a message shows it.
pub(super) fn shown(known: Known, value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => {
            let mut out = String::new();
            Printer { indent: None, depth: 0 }.known(&mut out, known, value, true);
            out
        }
        plain => echo::value(plain),
    }
}

/// A value as the versions of its kind have it, with its fields in their own order.
pub(super) fn of_client(known: Known, value: &Value) -> String {
    let mut out = String::new();
    Printer { indent: None, depth: 0 }.known(&mut out, known, value, false);
    out
}

/// The lines in which two values of a type differ, each with three lines around it.
pub(super) fn change(inner: &str, old: &Value, new: &Value) -> String {
    let lines = |value: &Value| {
        let mut out = String::new();
        Printer { indent: Some(" "), depth: 0 }.inner(&mut out, inner, value);
        out
    };
    unified::difference(&lines(old), &lines(new))
}

/// Writes JSON in one line, or in a line for each member.
struct Printer {
    indent: Option<&'static str>,
    depth: usize,
}

impl Printer {
    fn known(&mut self, out: &mut String, known: Known, value: &Value, inner: bool) {
        let name = known.ty().filter(|_| inner).and_then(inner_name);
        match (value, name, known.ty()) {
            (Value::Object(_), Some(name), _) => self.inner(out, name, value),
            (Value::Object(fields), None, ty) => {
                let mut members: Vec<(&String, &Value)> = fields.iter().collect();
                if let Some(ty) = ty {
                    let place = |name: &str| ty.fields.iter().position(|field| field.name == name);
                    members.sort_by_key(|(name, _)| place(name));
                }
                let mut written = self.open(out, '{');
                for (name, value) in members {
                    self.next(out, &mut written);
                    self.name(out, name);
                    let known = if known.ty().is_some() { known.field(name) } else { known.element() };
                    self.known(out, known, value, inner);
                }
                self.close(out, '}', written);
            }
            (Value::Array(items), _, _) => {
                let mut written = self.open(out, '[');
                for item in items {
                    self.next(out, &mut written);
                    self.known(out, known.element(), item, inner);
                }
                self.close(out, ']', written);
            }
            (plain, _, _) => out.push_str(&echo::json(plain)),
        }
    }

    fn inner(&mut self, out: &mut String, name: &str, value: &Value) {
        let mut written = self.open(out, '{');
        self.fields(out, name, value, &mut written);
        self.close(out, '}', written);
    }

    fn fields(&mut self, out: &mut String, name: &str, value: &Value, written: &mut bool) {
        for (field, form) in table().get(name).into_iter().flatten() {
            match (*field, *form) {
                // The only such thing that clients see are metadata.
                ("~", "client") => {
                    let metadata = value.get("metadata").and_then(Value::as_object);
                    let ty = super::named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
                    for known in ty.into_iter().flat_map(|ty| &ty.fields) {
                        if let Some(value) = metadata.and_then(|metadata| metadata.get(known.name)) {
                            self.next(out, written);
                            self.name(out, known.name);
                            self.known(out, Known::Form(&known.form), value, false);
                        }
                    }
                }
                ("~", embedded) => self.fields(out, embedded, value, written),
                (field, form) => {
                    self.next(out, written);
                    self.name(out, field);
                    self.form(out, form, member(value, field));
                }
            }
        }
    }

    fn form(&mut self, out: &mut String, form: &str, value: &Value) {
        if let Some(pointed) = form.strip_prefix('*') {
            return if value.is_null() { out.push_str("null") } else { self.form(out, pointed, value) };
        }
        match (form.strip_prefix("[]").or_else(|| form.strip_prefix("{}")), value) {
            (Some(element), Value::Array(items)) => {
                let mut written = self.open(out, '[');
                for item in items {
                    self.next(out, &mut written);
                    self.form(out, element, item);
                }
                return self.close(out, ']', written);
            }
            (Some(element), Value::Object(entries)) => {
                let mut written = self.open(out, '{');
                for (key, value) in entries {
                    self.next(out, &mut written);
                    self.name(out, key);
                    self.form(out, element, value);
                }
                return self.close(out, '}', written);
            }
            (Some(_), _) => return out.push_str("null"),
            (None, _) => {}
        }
        match (form, value) {
            ("string", Value::Null) => out.push_str("\"\""),
            ("int", Value::Null) => out.push('0'),
            ("bool", Value::Null) => out.push_str("false"),
            ("quantity", Value::Null) => out.push_str("\"0\""),
            ("client", Value::Object(_)) => {
                // Of these, clients see label selectors.
                let ty = super::named("io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector");
                self.known(out, ty.map_or(Known::Nothing, Known::Type), value, false);
            }
            ("string" | "int" | "bool" | "quantity" | "client", plain) => out.push_str(&echo::json(plain)),
            (name, value) => self.inner(out, name, value),
        }
    }

    fn open(&mut self, out: &mut String, bracket: char) -> bool {
        out.push(bracket);
        self.depth += 1;
        false
    }

    fn next(&self, out: &mut String, written: &mut bool) {
        if std::mem::replace(written, true) {
            out.push(',');
        }
        self.line(out);
    }

    fn line(&self, out: &mut String) {
        if let Some(indent) = self.indent {
            out.push('\n');
            out.push_str(&indent.repeat(self.depth));
        }
    }

    fn close(&mut self, out: &mut String, bracket: char, written: bool) {
        self.depth -= 1;
        if written {
            self.line(out);
        }
        out.push(bracket);
    }

    fn name(&self, out: &mut String, name: &str) {
        let space = if self.indent.is_some() { " " } else { "" };
        // Writing into a String cannot fail.
        let _ = write!(out, "{}:{space}", echo::json(&Value::from(name)));
    }
}

/// The member that is a field's, whose names differ in the case of their letters only, but for one.
fn member<'a>(value: &'a Value, field: &str) -> &'a Value {
    let field = if field == "DeprecatedServiceAccount" { "serviceAccountName" } else { field };
    let members = value.as_object().into_iter().flatten();
    let found = members.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(field));
    found.map_or(&NOTHING, |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::of_kind;

    #[test]
    fn what_clients_know_by_other_names_is_printed_as_the_real_server_does() {
        let budget = of_kind("policy", "v1", "PodDisruptionBudget").expect("a built-in kind");
        let spec = json!({ "minAvailable": 1, "selector": { "matchLabels": { "a": "b" } }, "maxUnavailable": 1 });
        let expect = r#"{"MinAvailable":1,"Selector":{"matchLabels":{"a":"b"}},"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}"#;
        assert_eq!(shown(Known::Type(budget).field("spec"), &spec), expect);
        let claim = of_kind("resource.k8s.io", "v1", "ResourceClaim").expect("a built-in kind");
        let request =
            json!({ "exactly": { "count": 1, "allocationMode": "ExactCount", "deviceClassName": "c" }, "name": "a" });
        let known = Known::Type(claim).field("spec").field("devices").field("requests").element();
        let expect = r#"{"name":"a","exactly":{"deviceClassName":"c","allocationMode":"ExactCount","count":1}}"#;
        assert_eq!(of_client(known, &request), expect);
    }

    #[test]
    fn a_change_is_shown_by_its_lines() {
        let source = |path: &str| json!({ "hostPath": { "path": path, "type": "" } });
        let expect = "@@ -2,7 +2,7 @@\n  \"GCEPersistentDisk\": null,\n  \"AWSElasticBlockStore\": null,\n  \"HostPath\": {\n-  \"Path\": \"/tmp\",\n+  \"Path\": \"/other\",\n   \"Type\": \"\"\n  },\n  \"Glusterfs\": null,\n";
        assert_eq!(change("core.PersistentVolumeSource", &source("/tmp"), &source("/other")), expect);
    }
}
