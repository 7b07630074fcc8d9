//! A policy that mutates: what it makes of an object.

use serde_json::{Map, Value};

use super::condition::{OF_POLICY, Sentence, Trouble, conditions, hold};
use super::policy::{items, text, variables};
use crate::apply::{self, Node};
use crate::cel::{Bound, Expression, TYPE, Variables, Wanted};
use crate::patch::{self, JsonPatch};

/// A policy that has been read.
#[derive(Clone, Debug)]
pub(crate) struct Mutation {
    ignores_failures: bool,
    comes_again: bool,
    conditions: Vec<Sentence>,
    variables: Vec<(String, Result<Expression, String>)>,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
struct Step {
    form: Form,
    made: Sentence,
}

/// What an expression makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// An object that is laid over the one that there is.
    Object,
    /// Operations.
    Patch,
}

impl Mutation {
    pub(crate) fn read(spec: &Value) -> Self {
        let step = |one: &Value| {
            let form = if text(one, "patchType") == "JSONPatch" { Form::Patch } else { Form::Object };
            let member = if form == Form::Patch { "jsonPatch" } else { "applyConfiguration" };
            let expression = text(one.get(member).unwrap_or(&Value::Null), "expression");
            Step { form, made: Sentence::new(expression, Wanted::Any) }
        };
        Self {
            ignores_failures: text(spec, "failurePolicy") == "Ignore",
            comes_again: text(spec, "reinvocationPolicy") == "IfNeeded",
            conditions: conditions(spec),
            variables: variables(spec),
            steps: items(spec, "mutations").map(step).collect(),
        }
    }

    pub(crate) fn ignores_failures(&self) -> bool {
        self.ignores_failures
    }

    /// Whether it wants to see again what others have changed after it.
    pub(crate) fn comes_again(&self) -> bool {
        self.comes_again
    }

    /// How many steps it takes, each of which sees what the one before has made.
    pub(crate) fn steps(&self) -> usize {
        self.steps.len()
    }

    /// Whether it has anything to do with a change.
    pub(crate) fn minds(&self, names: &[(&str, Bound<'_>)]) -> Result<bool, String> {
        let variables = Variables::new(&self.variables);
        let mut names = names.to_vec();
        names.push(("variables", Bound::Variables(&variables)));
        hold(&self.conditions, &names)
    }

    /// What a step makes of an object of this type; without a type, of one that can't be laid over another.
    pub(crate) fn step(
        &self,
        at: usize,
        object: &Value,
        node: Result<Node<'_>, String>,
        names: &[(&str, Bound<'_>)],
    ) -> Result<Value, String> {
        let Some(step) = self.steps.get(at) else { return Ok(object.clone()) };
        let variables = Variables::new(&self.variables);
        let mut names = names.to_vec();
        names.push(("variables", Bound::Variables(&variables)));
        let mut made = step.made.run(&names, &mut OF_POLICY.clone()).map_err(Trouble::message)?;
        match step.form {
            Form::Object => {
                of_its_type(&mut made, "Object")?;
                let Value::Object(members) = &mut made else { return Err("unsupported return type".to_owned()) };
                for member in ["apiVersion", "kind"] {
                    if let Some(value) = object.get(member) {
                        members.insert(member.to_owned(), value.clone());
                    }
                }
                let why = |why: String| format!("error applying patch: {why}");
                let node = node.map_err(|what| {
                    why(format!("failed to convert patch object to typed object: no corresponding type for {what}"))
                })?;
                apply::laid(&node, object, &made).map_err(why)
            }
            Form::Patch => {
                for operation in made.as_array_mut().into_iter().flatten() {
                    if let Some(value) = operation.get_mut("value") {
                        let own = value.get(TYPE).and_then(Value::as_str).unwrap_or_default().to_owned();
                        let checked = of_its_type(value, &own);
                        if !own.is_empty() {
                            checked?;
                        }
                    }
                }
                let operations = JsonPatch::parse(made.to_string().as_bytes()).map_err(|error| error.to_string())?;
                match operations.apply(object) {
                    Ok(patched) => Ok(patched),
                    // Then nothing is to be done.
                    Err(patch::Error::TestFailed(_)) => Ok(object.clone()),
                    Err(error) => Err(format!("JSON Patch: {error}")),
                }
            }
        }
    }
}

/// Takes the names of types off an object that an expression has made; they must be those of the fields that lead there.
fn of_its_type(made: &mut Value, path: &str) -> Result<(), String> {
    let mut faults = Vec::new();
    unmark(made, path, &mut faults);
    match faults.is_empty() {
        true => Ok(()),
        false => Err(format!("type mismatch: {}", faults.join("\n"))),
    }
}

fn unmark(value: &mut Value, path: &str, faults: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            let name = take_mark(members);
            if let Some(name) = name.as_deref().filter(|name| *name != path) {
                faults.push(format!(
                    "unexpected type name {name:?}, expected {path:?}, which matches field name path from root Object \
                     type"
                ));
            }
            for (member, inner) in members {
                // The keys of a map are data.
                let below = if name.is_some() { format!("{path}.{member}") } else { path.to_owned() };
                unmark(inner, &below, faults);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|item| unmark(item, path, faults)),
        _ => {}
    }
}

fn take_mark(members: &mut Map<String, Value>) -> Option<String> {
    members.remove(TYPE).and_then(|name| name.as_str().map(str::to_owned))
}
