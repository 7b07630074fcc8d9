//! The rules in CEL that a schema sets: what an object breaks of them.
//!
//! After `k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go`. Rules run only on objects that have
//! no fault of shape, each against the value of its own node; rules on changes (`oldSelf`) only where the old value
//! can be told. What an unchanged value broke before is a warning.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::parse::{flag, list, text};
use super::validate::counterpart;
use super::{Additional, Structural, Type, same};
use crate::cel::{self, Bound, Budget, Expression, Failure, Wanted};
use crate::field::{Cause, FieldError, Path, echo};

/// One rule of a node.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    source: String,
    check: Expression,
    message: String,
    message_expression: Option<Expression>,
    reason: Option<Cause>,
    field: String,
    optional_old: bool,
    compares: bool,
}

/// What came of running all rules.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub(crate) errors: Vec<FieldError>,
    /// What is broken and was so before.
    pub(crate) warnings: Vec<String>,
}

/// The rules that stand in a schema; those that can't be read are left out, as definitions with such are refused.
pub(super) fn read(schema: &Map<String, Value>, of: &Structural) -> Vec<Arc<Rule>> {
    if !cel::IS_THERE {
        return Vec::new();
    }
    let rules = list(schema, "x-kubernetes-validations").iter().filter_map(Value::as_object);
    rules.filter_map(|rule| Some(Arc::new(Rule::read(rule, of)?))).collect()
}

impl Rule {
    fn read(rule: &Map<String, Value>, of: &Structural) -> Option<Self> {
        let source = text(rule, "rule")?;
        let scope = [("self", Some(of)), ("oldSelf", None)];
        // At the root of a schema stands more than the schema says, and it can't be told here: nothing is judged twice.
        let loose = [("self", None), ("oldSelf", None)];
        let check = Expression::compile(source, Wanted::Bool, &scope)
            .or_else(|_| Expression::compile(source, Wanted::Bool, &loose))
            .ok()?;
        let message_expression = text(rule, "messageExpression");
        Some(Self {
            source: source.to_owned(),
            compares: check.names("oldSelf"),
            check,
            message: text(rule, "message").unwrap_or_default().trim().to_owned(),
            message_expression: message_expression
                .and_then(|source| Expression::compile(source, Wanted::Text, &loose).ok()),
            reason: match text(rule, "reason") {
                Some("FieldValueForbidden") => Some(Cause::Forbidden),
                Some("FieldValueRequired") => Some(Cause::Required),
                Some("FieldValueDuplicate") => Some(Cause::Duplicate),
                _ => None,
            },
            field: text(rule, "fieldPath").unwrap_or_default().trim().to_owned(),
            optional_old: flag(rule, "optionalOldSelf"),
        })
    }

    /// The rule in a message.
    fn told(&self) -> String {
        match self.message.as_str() {
            "" => format!("failed rule: {}", self.source.trim()),
            message => message.to_owned(),
        }
    }
}

impl Structural {
    /// Adds what every object has at its root, for rules to name.
    pub(super) fn name_every_object(&mut self) {
        let of_text = || Structural { kind: Some(Type::String), ..Structural::default() };
        for name in ["apiVersion", "kind"] {
            self.properties.insert(name.to_owned(), of_text());
        }
        let names = ["name", "generateName"].map(|name| (name.to_owned(), of_text()));
        let metadata = Structural { kind: Some(Type::Object), properties: names.into(), ..Structural::default() };
        self.properties.insert("metadata".to_owned(), metadata);
    }

    /// Whether any rule stands in it.
    pub(crate) fn has_rules(&self) -> bool {
        let below = self.properties.values().chain(self.items.as_deref());
        let of_map = match &self.additional {
            Additional::Schema(schema) => Some(&**schema),
            _ => None,
        };
        !self.validations.is_empty() || below.chain(of_map).any(Structural::has_rules)
    }

    /// Runs every rule on an object, after the checks of its shape have found these faults.
    pub(crate) fn judge(&self, object: &Value, old: Option<&Value>, faults: &[FieldError]) -> Judged {
        let mut run = Run { judged: Judged::default(), budget: Budget::default(), old_is_known: old.is_some() };
        if !self.has_rules() {
            return run.judged;
        }
        let blocks = |cause: Cause| {
            matches!(
                cause,
                Cause::NotSupported | Cause::Required | Cause::TooLong | Cause::TooMany | Cause::TypeInvalid
            )
        };
        if faults.iter().any(|fault| blocks(fault.cause)) {
            let why = "some validation rules were not checked because the object was invalid; correct the existing \
                       errors to complete validation";
            run.judged.errors.push(FieldError::invalid("<nil>", &Value::Null, why));
            return run.judged;
        }
        // Of an object's metadata rules see its names alone.
        let bare = |object: &Value| {
            let mut bare = object.clone();
            let metadata = object.get("metadata").unwrap_or(&Value::Null);
            let names =
                ["name", "generateName"].into_iter().filter_map(|name| Some((name, metadata.get(name)?.clone())));
            if let Value::Object(fields) = &mut bare {
                let names: Map<String, Value> = names.map(|(name, value)| (name.to_owned(), value)).collect();
                fields.insert("metadata".to_owned(), Value::Object(names));
            }
            bare
        };
        let (object, old) = (bare(object), old.map(bare));
        run.node(self, &object, old.as_ref(), &Path::root());
        run.judged
    }
}

struct Run {
    judged: Judged,
    budget: Budget,
    old_is_known: bool,
}

impl Run {
    /// Runs the rules of a node and of all below it; false once the budget is used up.
    fn node(&mut self, schema: &Structural, value: &Value, old: Option<&Value>, path: &Path) -> bool {
        let old = old.filter(|old| !old.is_null());
        if value.is_null() || !schema.has_rules() {
            return true;
        }
        for rule in &schema.validations {
            if !self.rule(rule, schema, value, old, path) {
                return false;
            }
        }
        match value {
            Value::Object(fields) => fields.iter().all(|(name, value)| {
                let Some(below) = schema.field(name) else { return true };
                let path = if schema.properties.contains_key(name) { path.child(name) } else { path.key(name) };
                self.node(below, value, old.and_then(|old| old.get(name)), &path)
            }),
            Value::Array(items) => items.iter().enumerate().all(|(at, item)| {
                let Some(below) = schema.items.as_deref() else { return true };
                self.node(below, item, counterpart(schema, item, old), &path.index(at))
            }),
            _ => true,
        }
    }

    fn rule(&mut self, rule: &Rule, schema: &Structural, value: &Value, old: Option<&Value>, path: &Path) -> bool {
        if rule.compares && old.is_none() && !rule.optional_old {
            return true;
        }
        let of_old = match rule.optional_old {
            true => Bound::Optional(old, Some(schema)),
            false => Bound::Value(old.unwrap_or(&Value::Null), Some(schema)),
        };
        let names = [("self", Bound::Value(value, Some(schema))), ("oldSelf", of_old)];
        let shown = if path.to_string().is_empty() { Path::new("<nil>") } else { path.clone() };
        let kind = schema.kind.map_or("", Type::as_str);
        match rule.check.run(&names, &mut self.budget) {
            Ok(Value::Bool(true)) => return true,
            Ok(_) => {}
            Err(Failure::Spent) => {
                let why =
                    "validation failed due to running out of cost budget, no further validation rules will be run";
                self.judged.errors.push(FieldError::invalid(shown, kind, why));
                return false;
            }
            Err(Failure::Fault(fault)) => {
                let why = match fault.as_str() {
                    "no such overload" => format!(
                        "'no such overload': call arguments did not match a supported operator, function or macro \
                         signature for rule: {}",
                        rule.source
                    ),
                    fault => format!("{fault} evaluating rule: {}", rule.source),
                };
                self.judged.errors.push(FieldError::invalid(shown, kind, why));
                return true;
            }
        }
        let own = rule.message_expression.as_ref().and_then(|message| message.run(&names, &mut self.budget).ok());
        let own = own.as_ref().and_then(Value::as_str).map(str::trim);
        let detail = match own.filter(|own| !own.is_empty() && !own.contains('\n') && own.len() <= 5 * 1024) {
            Some(own) => own.to_owned(),
            None => rule.told(),
        };
        let field = below(path, &rule.field).unwrap_or(shown);
        let is_plain = !matches!(schema.kind, Some(Type::Object | Type::Array));
        let error = match rule.reason {
            Some(Cause::Forbidden) => FieldError::forbidden(field, detail),
            Some(Cause::Required) => FieldError::required(field, detail),
            Some(Cause::Duplicate) if is_plain => FieldError::duplicate(field, value),
            Some(Cause::Duplicate) => FieldError::unshown(Cause::Duplicate, field, ""),
            _ if is_plain => FieldError::invalid(field, value, detail),
            _ => FieldError::unshown(Cause::Invalid, field, detail),
        };
        let is_old_news = self.old_is_known && !rule.compares && old.is_some_and(|old| same(old, value));
        match is_old_news {
            true => self.judged.warnings.push(error.to_string()),
            false => self.judged.errors.push(error),
        }
        true
    }
}

/// The field that a rule is about, if it names one: `.spec.name` or `['a-b']`.
fn below(path: &Path, field: &str) -> Option<Path> {
    if field.is_empty() {
        return None;
    }
    let mut path = path.clone();
    let mut rest = field;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("['") {
            let (name, after) = quoted.split_once("']")?;
            path = path.child(name);
            rest = after;
        } else {
            let named = rest.strip_prefix('.')?;
            let end = named.find(['.', '[']).unwrap_or(named.len());
            let (name, after) = named.split_at(end);
            path = path.child(name);
            rest = after;
        }
    }
    Some(path)
}

/// What is wrong with the rules of a definition's schema, where `cardinality` values of it may stand in one object.
pub(super) fn check(
    schema: &Map<String, Value>,
    of: &Structural,
    path: &Path,
    cardinality: u64,
    uncorrelated: Option<&Path>,
    total: &mut Vec<(Path, u64)>,
) -> Vec<FieldError> {
    /// What one rule may cost.
    const LIMIT: u64 = 10_000_000;
    let mut errors = Vec::new();
    for (index, rule) in list(schema, "x-kubernetes-validations").iter().enumerate() {
        let Some(rule) = rule.as_object() else { continue };
        let path = path.child("x-kubernetes-validations").index(index);
        let scope = [("self", Some(of)), ("oldSelf", Some(of))];
        let optional = flag(rule, "optionalOldSelf");
        let scope = if optional { [scope[0], ("oldSelf", None)] } else { scope };
        let mut judge = |member: &str, wanted: Wanted, what: &str| -> Option<Expression> {
            let source = text(rule, member)?;
            match Expression::compile(source, wanted, &scope) {
                Ok(expression) => {
                    let cost = expression.cost(&scope).saturating_mul(cardinality);
                    if cost > LIMIT {
                        errors.push(FieldError::forbidden(path.child(member), too_costly(what, cost, LIMIT)));
                    }
                    total.push((path.child(member), cost));
                    Some(expression)
                }
                Err(why) => {
                    let opening = if wanted == Wanted::Text { "messageExpression " } else { "" };
                    let why = match why.strip_prefix("compilation failed") {
                        Some(rest) => format!("{opening}compilation failed{rest}"),
                        None => why,
                    };
                    errors.push(FieldError::invalid_shown(path.child(member), &in_go(rule), why));
                    None
                }
            }
        };
        let check = judge("rule", Wanted::Bool, "estimated rule cost");
        judge("messageExpression", Wanted::Text, "estimated messageExpression cost");
        let Some(check) = check else { continue };
        match (check.names("oldSelf"), uncorrelated) {
            (true, Some(within)) => {
                let why = format!("oldSelf cannot be used on the uncorrelatable portion of the schema within {within}");
                errors.push(FieldError::invalid(path.child("rule"), text(rule, "rule").unwrap_or_default(), why));
            }
            (false, _) if rule.contains_key("optionalOldSelf") => {
                let why = "may not be set if oldSelf is not used in rule";
                errors.push(FieldError::invalid(path.child("optionalOldSelf"), &optional, why));
            }
            _ => {}
        }
    }
    errors
}

/// The words of a real server on what costs too much.
pub(super) fn too_costly(what: &str, cost: u64, limit: u64) -> String {
    let factor = match cost / limit {
        factor if factor >= 100 => "more than 100x".to_owned(),
        _ => format!("{:.1}x", cost as f64 / limit as f64),
    };
    format!(
        "{what} exceeds budget by factor of {factor} (try simplifying the rule, or adding maxItems, maxProperties, and \
         maxLength where arrays, maps, and strings are declared)"
    )
}

/// A rule as Go prints its own.
fn in_go(rule: &Map<String, Value>) -> String {
    let of = |member: &str| rule.get(member).cloned().unwrap_or_else(|| json!(""));
    let or_null = |member: &str| rule.get(member).cloned().unwrap_or(Value::Null);
    let members = [
        ("Rule", of("rule")),
        ("Message", of("message")),
        ("MessageExpression", of("messageExpression")),
        ("Reason", or_null("reason")),
        ("FieldPath", of("fieldPath")),
        ("OptionalOldSelf", or_null("optionalOldSelf")),
    ];
    let members = members.iter().map(|(name, value)| format!("\"{name}\":{}", echo::json(value)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}
