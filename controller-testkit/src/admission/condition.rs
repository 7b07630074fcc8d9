//! An expression of a webhook or a policy, and conditions of which all must hold.

use serde_json::Value;

use crate::cel::{Bound, Budget, Expression, Failure, Wanted};

/// What all expressions of one kind of a policy may take.
pub(crate) const OF_POLICY: Budget = Budget(10_000_000);
/// What conditions may take.
const OF_CONDITIONS: Budget = Budget(2_500_000);
/// What one expression may take.
const OF_ONE: u64 = 1_000_000;
/// What is said once there is nothing left to take.
pub(crate) const SPENT: &str =
    "validation failed due to running out of cost budget, no further validation rules will be run";

/// What the expressions of webhooks and policies may name.
const SCOPE: [&str; 9] =
    ["object", "oldObject", "request", "params", "namespaceObject", "authorizer", "variables", "Object", "JSONPatch"];

/// An expression with its text, by which it is told of.
#[derive(Clone, Debug)]
pub(crate) struct Sentence {
    text: String,
    expression: Result<Expression, String>,
}

/// Why an expression came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// All that may be taken is taken.
    Spent,
    Fault(String),
}

impl Trouble {
    pub(crate) fn message(self) -> String {
        match self {
            Self::Spent => SPENT.to_owned(),
            Self::Fault(why) => why,
        }
    }
}

/// Reads an expression. What it may name is judged when the object that has it is written.
pub(crate) fn read(text: &str, wanted: Wanted) -> Result<Expression, String> {
    Expression::compile(text, wanted, &SCOPE.map(|name| (name, None)))
}

impl Sentence {
    pub(crate) fn new(text: &str, wanted: Wanted) -> Self {
        Self { text: text.to_owned(), expression: read(text, wanted) }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What it comes to.
    pub(crate) fn run(&self, names: &[(&str, Bound<'_>)], budget: &mut Budget) -> Result<Value, Trouble> {
        let expression = match &self.expression {
            Ok(expression) => expression,
            Err(why) => return Err(Trouble::Fault(format!("compilation error: {why}"))),
        };
        let mut own = Budget(OF_ONE.min(budget.0));
        let given = own.0;
        let done = expression.run(names, &mut own);
        budget.0 -= given - own.0;
        let fault = |why: &str| Trouble::Fault(format!("expression '{}' resulted in error: {why}", self.text));
        done.map_err(|failure| match failure {
            Failure::Spent if budget.0 == 0 => Trouble::Spent,
            Failure::Spent => fault("operation cancelled: actual cost limit exceeded"),
            Failure::Fault(why) => fault(&why),
        })
    }
}

/// The conditions of a webhook or a policy.
pub(crate) fn conditions(of: &Value) -> Vec<Sentence> {
    let all = of.get("matchConditions").and_then(Value::as_array).into_iter().flatten();
    let text =
        |condition: &'_ Value| condition.get("expression").and_then(Value::as_str).unwrap_or_default().to_owned();
    all.map(|condition| Sentence::new(&text(condition), Wanted::Bool)).collect()
}

/// Whether conditions hold; an error if that can't be told.
pub(crate) fn hold(conditions: &[Sentence], names: &[(&str, Bound<'_>)]) -> Result<bool, String> {
    let (mut budget, mut faults) = (OF_CONDITIONS, Vec::new());
    for condition in conditions {
        match condition.run(names, &mut budget) {
            // One that does not hold settles it, whatever the others say.
            Ok(Value::Bool(false)) => return Ok(false),
            Ok(_) => {}
            Err(Trouble::Spent) => return Err(SPENT.to_owned()),
            Err(Trouble::Fault(why)) if faults.contains(&why) => {}
            Err(Trouble::Fault(why)) => faults.push(why),
        }
    }
    match faults.as_slice() {
        [] => Ok(true),
        [one] => Err(one.clone()),
        many => Err(format!("[{}]", many.join(", "))),
    }
}
