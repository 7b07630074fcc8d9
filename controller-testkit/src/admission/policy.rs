//! A policy that validates: what it says of a change.

use serde_json::Value;

use super::condition::{OF_POLICY, SPENT, Sentence, Trouble, conditions, hold, read};
use crate::cel::{Bound, Budget, Expression, Variables, Wanted};

/// The longest message that an expression may make.
const LONGEST: usize = 5 * 1024;

/// A policy that has been read.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    ignores_failures: bool,
    conditions: Vec<Sentence>,
    variables: Vec<(String, Result<Expression, String>)>,
    validations: Vec<Validation>,
    annotations: Vec<Sentence>,
}

#[derive(Clone, Debug)]
struct Validation {
    rule: Sentence,
    message: String,
    telling: Option<Sentence>,
    reason: String,
}

/// Why a change is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Denial {
    pub(crate) message: String,
    /// Empty where the policy does not say.
    pub(crate) reason: String,
}

/// What a policy says of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// What is met as the binding wants it met.
    pub(crate) denials: Vec<Denial>,
    /// What refuses the change in any case.
    pub(crate) faults: Vec<Denial>,
}

pub(super) fn items<'a>(of: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    of.get(member).and_then(Value::as_array).into_iter().flatten()
}

pub(super) fn text<'a>(of: &'a Value, member: &str) -> &'a str {
    of.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// The expressions that a policy gives names to.
pub(super) fn variables(spec: &Value) -> Vec<(String, Result<Expression, String>)> {
    let all = items(spec, "variables");
    all.map(|one| (text(one, "name").to_owned(), read(text(one, "expression"), Wanted::Any))).collect()
}

impl Policy {
    pub(crate) fn read(spec: &Value) -> Self {
        let validation = |one: &Value| Validation {
            rule: Sentence::new(text(one, "expression"), Wanted::Bool),
            message: text(one, "message").to_owned(),
            telling: Some(text(one, "messageExpression"))
                .filter(|telling| !telling.is_empty())
                .map(|telling| Sentence::new(telling, Wanted::Text)),
            reason: text(one, "reason").to_owned(),
        };
        Self {
            ignores_failures: text(spec, "failurePolicy") == "Ignore",
            conditions: conditions(spec),
            variables: variables(spec),
            validations: items(spec, "validations").map(validation).collect(),
            annotations: items(spec, "auditAnnotations")
                .map(|one| Sentence::new(text(one, "valueExpression"), Wanted::Any))
                .collect(),
        }
    }

    pub(crate) fn ignores_failures(&self) -> bool {
        self.ignores_failures
    }

    /// Judges a change, of which its expressions know it by these names.
    pub(crate) fn judge(&self, names: &[(&str, Bound<'_>)]) -> Judgement {
        let mut judgement = Judgement::default();
        let variables = Variables::new(&self.variables);
        let mut names = names.to_vec();
        names.push(("variables", Bound::Variables(&variables)));
        let failed = |message: String| match self.ignores_failures {
            true => Vec::new(),
            false => vec![Denial { message, reason: String::new() }],
        };
        match hold(&self.conditions, &names) {
            Ok(true) => {}
            Ok(false) => return judgement,
            Err(why) => return Judgement { denials: failed(why), ..judgement },
        }
        let mut budget = OF_POLICY;
        for validation in &self.validations {
            match validation.rule.run(&names, &mut budget) {
                Ok(Value::Bool(true)) => {}
                Ok(_) => match validation.message(&names, &mut budget) {
                    Ok(message) => judgement.denials.push(Denial { message, reason: validation.reason.clone() }),
                    Err(why) => judgement.denials.extend(failed(why)),
                },
                // What was found before does not count then.
                Err(Trouble::Spent) => return Judgement { denials: failed(SPENT.to_owned()), ..judgement },
                Err(Trouble::Fault(why)) => judgement.denials.extend(failed(why)),
            }
        }
        let mut budget = OF_POLICY;
        for annotation in &self.annotations {
            match annotation.run(&names, &mut budget) {
                Ok(Value::String(_) | Value::Null) => {}
                Ok(other) => judgement.faults.push(Denial {
                    message: format!(
                        "valueExpression '{}' resulted in unsupported return type: {}. Return type must be either string \
                         or null.",
                        annotation.text(),
                        type_of(&other)
                    ),
                    reason: String::new(),
                }),
                Err(Trouble::Spent) => return Judgement { denials: failed(SPENT.to_owned()), ..Judgement::default() },
                Err(trouble) => judgement.faults.extend(failed(trouble.message())),
            }
        }
        judgement
    }
}

impl Validation {
    /// What is said if the rule does not hold.
    fn message(&self, names: &[(&str, Bound<'_>)], budget: &mut Budget) -> Result<String, String> {
        let told = match self.telling.as_ref().map(|telling| telling.run(names, budget)) {
            Some(Ok(Value::String(told))) => told.trim().to_owned(),
            Some(Err(Trouble::Spent)) => return Err(format!("failed messageExpression: {SPENT}")),
            _ => String::new(),
        };
        if !told.is_empty() && told.len() <= LONGEST && !told.contains('\n') {
            return Ok(told);
        }
        Ok(match self.message.trim() {
            "" => format!("failed expression: {}", self.rule.text().trim()),
            message => message.to_owned(),
        })
    }
}

/// What the language calls the type of a value.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "double",
        Value::Number(_) => "int",
        Value::Array(_) => "list",
        Value::Object(_) => "map",
        Value::Null => "null_type",
        Value::String(_) => "string",
    }
}
