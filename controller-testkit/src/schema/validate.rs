//! Validating a value, with the errors that a cluster's API server answers.
//!
//! The texts, the paths and the choice among alternatives follow `k8s.io/kube-openapi/pkg/validation/validate` and
//! its translation in `apiextensions-apiserver`. The order of errors is fixed here, where the real one iterates over
//! Go's maps.

use std::collections::BTreeSet;

use serde_json::{Map, Number, Value};

use super::{Additional, ListType, Structural, Type, format, list, same};
use crate::field::{FieldError, Path, echo};

/// What is validated, which decides how fields are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The whole object.
    Object,
    /// Its status alone: fields are `status.x`, while the texts name `x`.
    Status,
}

impl Structural {
    /// What is wrong with a new value.
    pub(crate) fn validate(&self, value: &Value, target: Target) -> Vec<FieldError> {
        self.run(value, None, target.path())
    }

    /// What is wrong with a changed value. What was already wrong in `old` and did not change is let through, so that
    /// objects which became invalid when their schema changed can still be written.
    pub(crate) fn validate_update(&self, value: &Value, old: &Value, target: Target) -> Vec<FieldError> {
        self.run(value, Some(old), target.path())
    }

    /// What is wrong with a value that stands at `path` of a definition, such as a default.
    pub(super) fn validate_at(&self, value: &Value, path: &Path) -> Vec<FieldError> {
        self.run(value, None, path.clone())
    }

    fn run(&self, value: &Value, old: Option<&Value>, prefix: Path) -> Vec<FieldError> {
        let mut walk = Walk { prefix, name: String::new() };
        walk.node(self, value, old).errors
    }
}

impl Target {
    fn path(self) -> Path {
        match self {
            Target::Object => Path::root(),
            Target::Status => Path::new("status"),
        }
    }
}

/// The errors of one node and how many checks it passed, by which the closest of several alternatives is chosen.
#[derive(Default)]
struct Outcome {
    errors: Vec<FieldError>,
    seen: BTreeSet<(String, String)>,
    passed: usize,
}

impl Outcome {
    fn add(&mut self, error: FieldError) {
        if self.seen.insert((error.field.clone(), error.message.clone())) {
            self.errors.push(error);
        }
    }

    fn merge(&mut self, other: Outcome) {
        self.passed += other.passed;
        other.errors.into_iter().for_each(|error| self.add(error));
    }

    fn is_valid(&self) -> bool {
        self.errors.is_empty()
    }
}

struct Walk {
    /// Where the validated value stands in the object that the errors are about.
    prefix: Path,
    /// Where the value at hand stands in the validated value, as the texts write it.
    name: String,
}

impl Walk {
    /// A value and what it was before; unchanged errors are dropped.
    fn node(&mut self, schema: &Structural, value: &Value, old: Option<&Value>) -> Outcome {
        let outcome = self.checks(schema, value, old);
        if !outcome.is_valid() && old.is_some_and(|old| same(old, value)) {
            return Outcome::default();
        }
        outcome
    }

    fn checks(&mut self, schema: &Structural, value: &Value, old: Option<&Value>) -> Outcome {
        let mut outcome = Outcome::default();
        if value.is_null() {
            self.null(schema, &mut outcome);
            self.one_of_the_allowed(schema, value, &mut outcome);
            return outcome;
        }
        if schema.kind.is_some() || schema.int_or_string || schema.rules.format.is_some() {
            self.type_of(schema, value, &mut outcome);
            outcome.passed += 1;
        }
        self.alternatives(schema, value, old, &mut outcome);
        outcome.passed += 1;
        match value {
            Value::String(text) => {
                self.text(schema, text, &mut outcome);
                outcome.passed += 1;
                if let Some(format) = schema.rules.format.as_deref().filter(|_| is_text_format(schema)) {
                    self.format(format, text, &mut outcome);
                    outcome.passed += 1;
                }
            }
            Value::Number(number) => {
                self.number(schema, number, &mut outcome);
                outcome.passed += 2;
            }
            Value::Array(items) => {
                self.items(schema, items, old, &mut outcome);
                outcome.passed += 2;
            }
            _ => {}
        }
        self.one_of_the_allowed(schema, value, &mut outcome);
        outcome.passed += 1;
        if let Value::Object(fields) = value {
            self.fields(schema, fields, old, &mut outcome);
            outcome.passed += 1;
        }
        outcome.passed += 1;
        outcome
    }

    fn null(&self, schema: &Structural, outcome: &mut Outcome) {
        let types = type_names(schema);
        if !types.is_empty() && !schema.nullable {
            outcome.add(self.wrong_type(&types, "null"));
        } else {
            outcome.passed += 1;
        }
    }

    fn type_of(&self, schema: &Structural, value: &Value, outcome: &mut Outcome) {
        let (found, found_format) = match value {
            Value::Null => ("null", ""),
            Value::Bool(_) => ("boolean", ""),
            Value::Number(number) if number.is_i64() => ("integer", "int64"),
            Value::Number(_) => ("number", "float64"),
            Value::String(_) => ("string", ""),
            Value::Array(_) => ("array", ""),
            Value::Object(_) => ("object", ""),
        };
        let takes = |kind: Type| match (schema.int_or_string, schema.kind) {
            (true, _) => matches!(kind, Type::Integer | Type::String),
            (false, own) => own == Some(kind),
        };
        let fits = Type::parse(found).is_some_and(takes)
            || (found == "number" && is_whole(value) && takes(Type::Integer))
            || (found == "integer" && takes(Type::Number));
        let texty = value.is_string() || value.is_array();
        if let Some(format) = &schema.rules.format {
            if !texty && !fits && found_format != format.as_str() {
                outcome.add(self.wrong_type(format, found_format));
                return;
            }
            if texty && !takes(Type::Number) && !takes(Type::Integer) {
                outcome.passed += 1;
                return;
            }
        }
        if fits {
            outcome.passed += 1;
        } else {
            outcome.add(self.wrong_type(&type_names(schema), found));
        }
    }

    fn alternatives(&mut self, schema: &Structural, value: &Value, old: Option<&Value>, outcome: &mut Outcome) {
        let rules = &schema.rules;
        if !rules.any_of.is_empty() {
            self.any_of(&rules.any_of, value, old, outcome);
        }
        if !rules.one_of.is_empty() {
            self.exactly_one_of(&rules.one_of, value, old, outcome);
        }
        if !rules.all_of.is_empty() {
            let mut valid = 0;
            for schema in &rules.all_of {
                let found = self.checks(schema, value, old);
                valid += usize::from(found.is_valid());
                outcome.merge(found);
            }
            if valid < rules.all_of.len() {
                let none = if valid == 0 { ". None validated" } else { "" };
                let text = format!("must validate all the schemas (allOf){none}");
                outcome.add(self.about_the_value(&text));
            }
        }
        if let Some(not) = &rules.not
            && self.checks(not, value, old).is_valid()
        {
            outcome.add(self.about_the_value("must not validate the schema (not)"));
        }
        outcome.passed += 1;
    }

    fn any_of(&mut self, schemas: &[Structural], value: &Value, old: Option<&Value>, outcome: &mut Outcome) {
        let mut best: Option<Outcome> = None;
        for schema in schemas {
            let found = self.checks(schema, value, old);
            if found.is_valid() {
                outcome.merge(found);
                return;
            }
            if best.as_ref().is_none_or(|best| found.passed > best.passed) {
                best = Some(found);
            }
        }
        outcome.add(self.about_the_value("must validate at least one schema (anyOf)"));
        if let Some(best) = best {
            outcome.merge(best);
        }
    }

    fn exactly_one_of(&mut self, schemas: &[Structural], value: &Value, old: Option<&Value>, outcome: &mut Outcome) {
        let mut best: Option<Outcome> = None;
        let mut valid: Vec<Outcome> = Vec::new();
        for schema in schemas {
            let found = self.checks(schema, value, old);
            if found.is_valid() {
                valid.push(found);
            } else if best.as_ref().is_none_or(|best| found.passed > best.passed) {
                best = Some(found);
            }
        }
        match (valid.len(), best) {
            (1, _) => valid.into_iter().for_each(|found| outcome.merge(found)),
            (0, best) => {
                outcome.add(self.about_the_value("must validate one and only one schema (oneOf). Found none valid"));
                if let Some(best) = best {
                    outcome.merge(best);
                }
            }
            (several, _) => {
                let text = format!("must validate one and only one schema (oneOf). Found {several} valid alternatives");
                outcome.add(self.about_the_value(&text));
            }
        }
    }

    fn text(&self, schema: &Structural, text: &str, outcome: &mut Outcome) {
        let rules = &schema.rules;
        let length = || i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        if let Some(max) = rules.max_length.filter(|max| length() > *max) {
            outcome.add(FieldError::too_long(self.field(), max));
        } else if let Some(min) = rules.min_length.filter(|min| length() < *min) {
            let rule = format!("should be at least {min} chars long");
            outcome.add(self.invalid(text, &rule));
        } else if let Some(pattern) = rules.pattern.as_ref().filter(|pattern| !pattern.regex.is_match(text)) {
            outcome.add(self.invalid(text, &format!("should match '{}'", pattern.source)));
        }
    }

    fn format(&self, format: &str, text: &str, outcome: &mut Outcome) {
        if !format::fits(format, text) {
            outcome.add(self.wrong_type(format, text));
        }
    }

    fn number(&self, schema: &Structural, number: &Number, outcome: &mut Outcome) {
        let rules = &schema.rules;
        let kind = schema.kind.filter(|_| !schema.int_or_string);
        let format = rules.format.as_deref().unwrap_or_default();
        self.range("Checked value", number, kind, format, outcome);
        if let Some(factor) = &rules.multiple_of {
            let in_range = self.range("MultipleOf value", factor, kind, format, outcome);
            self.multiple_of(number, factor, in_range, outcome);
        }
        let bounds = [
            ("Maximum", &rules.maximum, rules.exclusive_maximum),
            ("Minimum", &rules.minimum, rules.exclusive_minimum),
        ];
        for (which, bound, exclusive) in bounds {
            let Some(bound) = bound else { continue };
            let in_range = self.range(&format!("{which} boundary value"), bound, kind, format, outcome);
            // Only a whole number is compared with the bound's whole part.
            let bound = match (number.as_i64(), bound.as_f64()) {
                (Some(_), Some(float)) if in_range => Number::from(truncated(float)),
                (_, Some(float)) => Number::from_f64(float).unwrap_or_else(|| bound.clone()),
                _ => bound.clone(),
            };
            let Some(order) = compare(number, &bound) else { continue };
            let (beyond, words) = match (which, exclusive) {
                ("Maximum", false) => (order.is_gt(), "less than or equal to"),
                ("Maximum", true) => (order.is_ge(), "less than"),
                (_, false) => (order.is_lt(), "greater than or equal to"),
                (_, true) => (order.is_le(), "greater than"),
            };
            if beyond {
                let rule = format!("should be {words} {}", echo::number(&bound));
                outcome.add(self.invalid(number, &rule));
            }
        }
        outcome.passed += 1;
    }

    fn multiple_of(&self, number: &Number, factor: &Number, in_range: bool, outcome: &mut Outcome) {
        // A whole number is divided by the factor's whole part.
        let factor = match (number.as_i64(), factor.as_f64()) {
            (Some(_), Some(float)) if in_range => Number::from(truncated(float)),
            _ => factor.clone(),
        };
        if factor.as_f64().is_none_or(|factor| factor <= 0.0) {
            let text =
                format!("factor MultipleOf declared for {} must be positive: {}", self.name, echo::number(&factor));
            outcome.add(FieldError::invalid(self.field(), &factor, text));
            return;
        }
        let fits = match (number.as_i64(), factor.as_i64(), number.as_f64(), factor.as_f64()) {
            (Some(number), Some(factor), ..) => number % factor == 0,
            (_, _, Some(number), Some(factor)) => {
                let times = if factor < 1.0 { 1.0 / factor * number } else { number / factor };
                is_whole_float(times)
            }
            _ => true,
        };
        if !fits {
            let rule = format!("should be a multiple of {}", echo::number(&factor));
            outcome.add(self.invalid(number, &rule));
        }
    }

    /// Whether a number is within the range of the schema's type.
    fn range(&self, what: &str, number: &Number, kind: Option<Type>, format: &str, outcome: &mut Outcome) -> bool {
        let float = number.as_f64().unwrap_or(f64::INFINITY);
        let in_range = match (kind, format) {
            (Some(Type::Integer), "int32") => float.fract() == 0.0 && i32::try_from(truncated(float)).is_ok(),
            (Some(Type::Integer), _) => {
                // The greatest i64 is no float: the next float is the first one outside.
                number.is_i64() || (float.fract() == 0.0 && (-2f64.powi(63)..2f64.powi(63)).contains(&float))
            }
            (Some(Type::Number), "float") => float.abs() <= f64::from(f32::MAX),
            _ => true,
        };
        if !in_range {
            let kind = kind.map_or("", Type::as_str);
            let text = if format.is_empty() {
                format!("{what} must be of type {kind} (default format) in {}", self.name)
            } else {
                format!("{what} must be of type {kind} with format {format} in {}", self.name)
            };
            outcome.add(FieldError::invalid(&self.prefix, "", text));
        }
        in_range
    }

    fn items(&mut self, schema: &Structural, items: &[Value], old: Option<&Value>, outcome: &mut Outcome) {
        if let Some(of_items) = &schema.items {
            for (index, item) in items.iter().enumerate() {
                let old = counterpart(schema, item, old);
                let length = self.name.len();
                self.name.push_str(&format!("[{index}]"));
                let found = self.node(of_items, item, old);
                self.name.truncate(length);
                outcome.merge(found);
            }
        }
        let size = i64::try_from(items.len()).unwrap_or(i64::MAX);
        if let Some(min) = schema.rules.min_items.filter(|min| size < *min) {
            outcome.add(self.invalid(&size, &format!("should have at least {min} items")));
        }
        if let Some(max) = schema.rules.max_items.filter(|max| size > *max) {
            outcome.add(FieldError::too_many(self.field(), items.len(), max));
        }
        outcome.passed += 1;
    }

    fn fields(&mut self, schema: &Structural, fields: &Map<String, Value>, old: Option<&Value>, outcome: &mut Outcome) {
        let size = i64::try_from(fields.len()).unwrap_or(i64::MAX);
        if let Some(min) = schema.rules.min_properties.filter(|min| size < *min) {
            outcome.add(self.invalid(&size, &format!("should have at least {min} properties")));
        }
        if let Some(max) = schema.rules.max_properties.filter(|max| size > *max) {
            outcome.add(FieldError::too_many(self.field(), fields.len(), max));
        }
        for (name, value) in fields {
            if schema.properties.contains_key(name) {
                continue;
            }
            match &schema.additional {
                Additional::Schema(of_values) => {
                    let old = self.old_field(name, old);
                    let found = self.inside(name, true, |walk| walk.node(of_values, value, old));
                    outcome.merge(found);
                }
                Additional::Allowed(false) => {
                    let text = format!("{}.{name} in body is a forbidden property", self.name);
                    outcome.add(FieldError::invalid(self.field(), name, text));
                }
                Additional::Allowed(true) | Additional::Unsaid => {}
            }
        }
        for (name, of_value) in &schema.properties {
            if let Some(value) = fields.get(name) {
                let old = self.old_field(name, old);
                let found = self.inside(name, false, |walk| walk.node(of_value, value, old));
                outcome.merge(found);
            }
        }
        for name in schema.rules.required.iter().filter(|name| !fields.contains_key(*name)) {
            let error = self.inside(name, true, |walk| FieldError::required(walk.field(), ""));
            outcome.add(error);
        }
    }

    /// What a field was before; the type of the object itself is not let through.
    fn old_field<'v>(&self, name: &str, old: Option<&'v Value>) -> Option<&'v Value> {
        if self.name.is_empty() && matches!(name, "apiVersion" | "kind") {
            return None;
        }
        old?.get(name)
    }

    fn one_of_the_allowed(&self, schema: &Structural, value: &Value, outcome: &mut Outcome) {
        let allowed = &schema.rules.allowed;
        // A null is none of the allowed values, even where null is listed among them.
        if allowed.is_empty() || (!value.is_null() && allowed.iter().any(|allowed| same(allowed, value))) {
            return;
        }
        let names = allowed.iter().map(|allowed| match allowed {
            Value::String(text) => text.clone(),
            other => echo::json(other),
        });
        outcome.add(FieldError::not_supported(self.field(), value, names));
    }

    /// Runs on a field of the value at hand. Where the real server writes a dot before the name even at the top, texts
    /// show it.
    fn inside<T>(&mut self, name: &str, always_dotted: bool, run: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.name.len();
        if always_dotted || length > 0 {
            self.name.push('.');
        }
        self.name.push_str(name);
        let result = run(self);
        self.name.truncate(length);
        result
    }

    fn field(&self) -> Path {
        match self.name.strip_prefix('.').unwrap_or(&self.name) {
            "" => self.prefix.clone(),
            name if name.starts_with('[') => Path::new(format!("{}{name}", self.prefix)),
            name => self.prefix.child(name),
        }
    }

    fn invalid(&self, value: &(impl serde::Serialize + ?Sized), rule: &str) -> FieldError {
        FieldError::invalid(self.field(), value, format!("{} in body {rule}", self.name))
    }

    fn wrong_type(&self, wanted: &str, found: &str) -> FieldError {
        let text = format!("{} in body must be of type {wanted}: {}", self.name, echo::quote(found));
        FieldError::type_invalid(self.field(), found, text)
    }

    /// An error that the real server cannot attribute to a field.
    fn about_the_value(&self, rule: &str) -> FieldError {
        FieldError::invalid(&self.prefix, "", format!("{} {rule}", echo::quote(&self.name)))
    }
}

fn type_names(schema: &Structural) -> String {
    match (schema.int_or_string, schema.kind) {
        (true, _) => "integer,string".to_owned(),
        (false, Some(kind)) => kind.as_str().to_owned(),
        (false, None) => String::new(),
    }
}

fn is_text_format(schema: &Structural) -> bool {
    schema.int_or_string || !matches!(schema.kind, Some(Type::Integer | Type::Number))
}

/// The item of the old list that an item of a list of type map has the keys of.
pub(super) fn counterpart<'v>(schema: &Structural, item: &Value, old: Option<&'v Value>) -> Option<&'v Value> {
    let ListType::Map(keys) = &schema.list else {
        return None;
    };
    let key = list::key_of(item, keys);
    old?.as_array()?.iter().find(|old| list::key_of(old, keys) == key)
}

fn compare(a: &Number, b: &Number) -> Option<std::cmp::Ordering> {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn is_whole(value: &Value) -> bool {
    value.as_f64().is_some_and(is_whole_float)
}

/// Whether a float is as good as a whole number; beyond 2^53 none is taken for one.
fn is_whole_float(value: f64) -> bool {
    let whole = value.trunc();
    value.abs() <= 9_007_199_254_740_991.0
        && (value == whole || (whole != 0.0 && (value - whole).abs() / (value.abs() + whole.abs()) < 1e-9))
}

/// The whole part of a float.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is what is wanted here")]
fn truncated(value: f64) -> i64 {
    value as i64
}
