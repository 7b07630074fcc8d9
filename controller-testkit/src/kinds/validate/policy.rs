//! Admission policies in CEL, and their bindings. Their expressions are read when they come, and refused if they can't
//! be.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::at::{At, Faults};
use super::selector::selector;
use super::webhooks::{compiled, conditions, rule};
use crate::field::{Cause, name};
use crate::schema::Structural;

pub(super) fn validating(new: &At<'_>, f: &mut Faults) {
    let spec = new.field("spec");
    let variables = reach(&spec, |_, _| (), f);
    let (validations, annotations) = (spec.field("validations"), spec.field("auditAnnotations"));
    if validations.is_empty() && annotations.is_empty() {
        const NONE: &str = "validations or auditAnnotations must contain at least one item";
        f.required(&validations, NONE);
        f.required(&annotations, NONE);
    }
    let scope = scope(&spec, &variables);
    for validation in validations.items() {
        let expression = validation.field("expression");
        if given(&expression, "expression is not specified", f) {
            compiled(&expression, &["bool"], &scope, f);
        }
        let (message, telling) = (validation.field("message"), validation.field("messageExpression"));
        let is_blank = |at: &At<'_>| !at.text().is_empty() && at.text().trim().is_empty();
        if is_blank(&telling) {
            f.invalid(&telling, "must be non-empty if specified");
        } else if !telling.is_empty() {
            compiled(&telling, &["string"], &scope, f);
        }
        if is_blank(&message) {
            f.invalid(&message, "must be non-empty if specified");
        } else if message.text().trim().contains('\n') {
            f.invalid(&message, "must not contain line breaks");
        }
        let reason = validation.field("reason");
        f.one_of_if_set(&reason, &["Forbidden", "Invalid", "RequestEntityTooLarge"]);
    }
    let policy = new.at("metadata.name").text();
    let mut keys = Vec::new();
    for annotation in annotations.items() {
        let (key, value) = (annotation.field("key"), annotation.field("valueExpression"));
        let whole = format!("{policy}/{}", key.text());
        name::qualified(&whole).into_iter().for_each(|wrong| f.invalid_as(&key, &whole, wrong));
        if keys.contains(&key.text()) {
            f.duplicate(&key, key.text());
        }
        keys.push(key.text());
        if given(&value, "valueExpression is not specified", f) {
            compiled(&value, &["string", "null_type"], &scope, f);
        }
    }
}

pub(super) fn mutating(new: &At<'_>, f: &mut Faults) {
    let spec = new.field("spec");
    let variables = reach(&spec, mutable, f);
    let mutations = spec.field("mutations");
    if mutations.is_empty() {
        f.required(&mutations, "mutations must contain at least one item");
    }
    let mut scope = scope(&spec, &variables);
    // What a mutation is made of.
    scope.extend(["Object", "JSONPatch"].map(|name| (name, None)));
    for mutation in mutations.items() {
        let kind = mutation.field("patchType");
        let forms = [("ApplyConfiguration", "applyConfiguration"), ("JSONPatch", "jsonPatch")];
        if !f.needs_one_of(&kind, &["ApplyConfiguration", "JSONPatch"]) {
            continue;
        }
        for (word, member) in forms {
            let patch = mutation.field(member);
            match (kind.text() == word, patch.is_set()) {
                (true, false) => f.required(&patch, &format!("must be specified when patchType is {word}")),
                (true, true) => {
                    let expression = patch.field("expression");
                    let wanted = if word == "JSONPatch" { "list(JSONPatch)" } else { "Object" };
                    if f.needs(&expression) {
                        compiled(&expression, &[wanted], &scope, f);
                    }
                }
                (false, true) => {
                    let shown = format!("\"{{{member}}}\"");
                    let why = format!("must not be specified when patchType is {}", kind.text());
                    f.shown(Cause::Invalid, &patch, &shown, why);
                }
                (false, false) => {}
            }
        }
    }
    f.needs_one_of(&spec.field("reinvocationPolicy"), &["IfNeeded", "Never"]);
}

/// Whether there is a text, and not only space.
fn given(at: &At<'_>, missing: &str, f: &mut Faults) -> bool {
    let is_there = !at.text().trim().is_empty();
    if !is_there {
        f.required(at, missing);
    }
    is_there
}

fn parameters(kind: &At<'_>, f: &mut Faults) {
    if !kind.is_set() {
        return;
    }
    let (version, name) = (kind.field("apiVersion"), kind.field("kind"));
    if f.needs(&version) {
        let parts: Vec<&str> = version.text().split('/').collect();
        match parts.as_slice() {
            [version_alone] => version_word(&version, version_alone, f),
            [group, short] => {
                name::dns1123_subdomain(group).into_iter().for_each(|wrong| f.invalid_as(&version, group, wrong));
                version_word(&version, short, f);
            }
            _ => f.invalid(&version, format!("unexpected GroupVersion string: {}", version.text())),
        }
    }
    if f.needs(&name) {
        for wrong in name::dns1035_label(&name.text().to_lowercase()) {
            f.invalid(&name, format!("may have mixed case, but should otherwise match: {wrong}"));
        }
    }
}

fn version_word(at: &At<'_>, version: &str, f: &mut Faults) {
    name::dns1035_label(version).into_iter().for_each(|wrong| f.invalid_as(at, version, wrong));
}

fn constraints(spec: &At<'_>, f: &mut Faults) {
    let constraints = spec.field("matchConstraints");
    if !constraints.is_set() {
        return f.required(&constraints, "");
    }
    resources(&constraints, f);
    f.needs(&constraints.field("resourceRules"));
}

/// Which requests are meant.
fn resources(at: &At<'_>, f: &mut Faults) {
    f.one_of_if_set(&at.field("matchPolicy"), &["Equivalent", "Exact"]);
    selector(&at.field("namespaceSelector"), f);
    selector(&at.field("objectSelector"), f);
    for list in ["resourceRules", "excludeResourceRules"] {
        for item in at.field(list).items() {
            rule(&item, f);
            let mut seen = Vec::new();
            for name in item.field("resourceNames").items() {
                f.follows(&name, name::path_segment);
                if seen.contains(&name.text()) {
                    f.duplicate(&name, name.text());
                }
                seen.push(name.text());
            }
        }
    }
}

/// What is deleted can't be made another.
fn mutable(matches: &At<'_>, f: &mut Faults) {
    let place = matches.at("resourceRules.operations");
    for operation in matches.field("resourceRules").items().iter().flat_map(|rule| rule.field("operations").items()) {
        let known = ["*", "CONNECT", "CREATE", "UPDATE"];
        if !known.contains(&operation.text()) {
            f.not_supported(&place, operation.text(), &known);
        }
    }
}

/// What both kinds of policies say of when they apply. What is left are their variables.
fn reach(spec: &At<'_>, constrained: fn(&At<'_>, &mut Faults), f: &mut Faults) -> Structural {
    f.one_of_if_set(&spec.field("failurePolicy"), &["Fail", "Ignore"]);
    parameters(&spec.field("paramKind"), f);
    constraints(spec, f);
    constrained(&spec.field("matchConstraints"), f);
    conditions(&spec.field("matchConditions"), f);
    variables(spec, f)
}

/// What a policy calls by a name of its own, each of which knows those before it.
fn variables(spec: &At<'_>, f: &mut Faults) -> Structural {
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    let schema = |known: &BTreeMap<String, Value>| Structural::parse(&json!({ "type": "object", "properties": known }));
    for variable in spec.field("variables").items() {
        let (name, expression) = (variable.field("name"), variable.field("expression"));
        if given(&name, "name is not specified", f) && !is_identifier(name.text()) {
            f.invalid(&name, "must be a valid CEL identifier");
        }
        if given(&expression, "expression is not specified", f) {
            let before = schema(&known);
            let kind = compiled(&expression, &[], &scope(spec, &before), f);
            let ty = match kind {
                "bool" => json!({ "type": "boolean" }),
                "string" => json!({ "type": "string" }),
                "int" => json!({ "type": "integer" }),
                _ => json!({ "x-kubernetes-preserve-unknown-fields": true }),
            };
            known.insert(name.text().to_owned(), ty);
        }
    }
    schema(&known)
}

fn is_identifier(text: &str) -> bool {
    let reserved = ["true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"];
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !reserved.contains(&text)
}

/// What a policy's expressions may name.
fn scope<'a>(spec: &At<'_>, variables: &'a Structural) -> Vec<(&'static str, Option<&'a Structural>)> {
    static REQUEST: OnceLock<Structural> = OnceLock::new();
    static NAMESPACE: OnceLock<Structural> = OnceLock::new();
    let (text, number, any) = (
        json!({ "type": "string" }),
        json!({ "type": "integer" }),
        json!({ "x-kubernetes-preserve-unknown-fields": true }),
    );
    let made_of = |properties: Value| json!({ "type": "object", "properties": properties });
    let list_of = |items: &Value| json!({ "type": "array", "items": items });
    let map_of = |values: &Value| json!({ "type": "object", "additionalProperties": values });
    let request = REQUEST.get_or_init(|| {
        let named = |by: &str| made_of(json!({ "group": text, "version": text, by: text }));
        let (kind, resource) = (named("kind"), named("resource"));
        let user = made_of(json!({
            "username": text, "uid": text, "groups": list_of(&text), "extra": map_of(&list_of(&text)),
        }));
        Structural::parse(&made_of(json!({
            "kind": kind, "resource": resource, "subResource": text, "requestKind": kind, "requestResource": resource,
            "requestSubResource": text, "name": text, "namespace": text, "operation": text, "userInfo": user,
            "dryRun": { "type": "boolean" }, "options": any,
        })))
    });
    let namespace = NAMESPACE.get_or_init(|| {
        let time = json!({ "type": "string", "format": "date-time" });
        let condition =
            made_of(json!({ "status": text, "type": text, "lastTransitionTime": time, "message": text, "reason": text }));
        // The uid has another name than in the object: nobody finds it.
        let metadata = made_of(json!({
            "name": text, "generateName": text, "namespace": text, "labels": map_of(&text), "annotations": map_of(&text),
            "UID": text, "creationTimestamp": time, "deletionGracePeriodSeconds": number, "deletionTimestamp": time,
            "generation": number, "resourceVersion": text, "finalizers": list_of(&text),
        }));
        Structural::parse(&made_of(json!({
            "metadata": metadata, "spec": made_of(json!({ "finalizers": list_of(&text) })),
            "status": made_of(json!({ "conditions": list_of(&condition), "phase": text })),
        })))
    });
    let mut scope: Vec<(&str, Option<&Structural>)> = vec![
        ("object", None),
        ("oldObject", None),
        ("request", Some(request)),
        ("authorizer", None),
        ("namespaceObject", Some(namespace)),
    ];
    if spec.field("paramKind").is_set() {
        scope.push(("params", None));
    }
    if !variables.properties.is_empty() || !spec.field("variables").is_empty() {
        scope.push(("variables", Some(variables)));
    }
    scope
}

pub(super) fn binding(new: &At<'_>, validates: bool, f: &mut Faults) {
    let spec = new.field("spec");
    let policy = spec.field("policyName");
    if f.needs(&policy) {
        f.follows(&policy, name::dns1123_subdomain);
    }
    let reference = spec.field("paramRef");
    if reference.is_set() {
        self::reference(&reference, f);
    }
    if spec.field("matchResources").is_set() {
        resources(&spec.field("matchResources"), f);
    }
    if !validates {
        return mutable(&spec.field("matchResources"), f);
    }
    let actions = spec.field("validationActions");
    let mut seen = Vec::new();
    for action in actions.items() {
        f.one_of(&action, &["Audit", "Deny", "Warn"]);
        if seen.contains(&action.text()) {
            f.duplicate(&action, action.text());
        }
        seen.push(action.text());
    }
    if ["Deny", "Warn"].iter().all(|action| seen.contains(action)) {
        let why = "must not contain both Deny and Warn (repeating the same validation failure information in the API \
                   response and headers serves no purpose)";
        f.invalid(&actions, why);
    }
    f.needs(&actions);
}

fn reference(reference: &At<'_>, f: &mut Faults) {
    let (name, chosen) = (reference.field("name"), reference.field("selector"));
    match (name.is_empty(), chosen.is_set()) {
        (true, false) => f.required(reference, "one of name or selector must be specified"),
        (false, true) => {
            const BOTH: &str = "name and selector are mutually exclusive";
            f.forbidden(&name, BOTH);
            f.forbidden(&chosen, BOTH);
        }
        (false, false) => f.follows(&name, name::path_segment),
        (true, true) => selector(&chosen, f),
    }
    let action = reference.field("parameterNotFoundAction");
    f.needs_one_of(&action, &["Deny", "Allow"]);
}

/// What a policy's status says of its conditions and its types.
pub(super) fn status(new: &At<'_>, f: &mut Faults) {
    for condition in new.at("status.conditions").items() {
        if condition.field("type").is_empty() {
            f.required(&condition.field("type"), "is required");
        }
        self::condition(&condition, f);
    }
    for warning in new.at("status.typeChecking.expressionWarnings").items() {
        f.needs(&warning.field("warning"));
        f.needs(&warning.field("fieldRef"));
    }
}

/// A condition as all kinds have it.
pub(super) fn condition(condition: &At<'_>, f: &mut Faults) {
    f.one_of(&condition.field("status"), &["False", "True", "Unknown"]);
    for member in ["lastTransitionTime", "reason"] {
        f.needs(&condition.field(member));
    }
}
