//! Values that expressions call by a name, each made by an expression of its own when it is first asked for.

use std::collections::BTreeMap;
use std::sync::Mutex;

use kube_cel::cel::context::VariableResolver;
use kube_cel::cel::parser::Expression as Tree;
use kube_cel::cel::{ExecutionError, Value as Cel};

use super::authority::locked;
use super::{Expression, Failure, ask, engine, known};

/// How expressions name what is lazy: the tree has one name where the text has a field of `variables`.
pub(super) const PREFIX: &str = "variables.";

/// Expressions with names, and what those that were asked for came to.
#[derive(Debug)]
pub(crate) struct Variables<'a> {
    named: &'a [(String, Result<Expression, String>)],
    known: Mutex<BTreeMap<usize, Result<Cel, Failure>>>,
}

impl<'a> Variables<'a> {
    /// Each may use those before it.
    pub(crate) fn new(named: &'a [(String, Result<Expression, String>)]) -> Self {
        Self { named, known: Mutex::default() }
    }

    /// How deep they go, one within another.
    pub(super) fn depth(&self) -> usize {
        self.named.iter().filter_map(|(_, expression)| expression.as_ref().ok()).map(Expression::depth).sum()
    }
}

/// Runs an expression with the values that it may name.
#[derive(Clone, Copy)]
pub(super) struct Runner<'a> {
    pub(super) values: &'a [(String, Cel)],
    pub(super) variables: Option<&'a Variables<'a>>,
    /// How many of the variables may be used.
    pub(super) upto: usize,
}

impl Runner<'_> {
    pub(super) fn run(self, tree: &Tree) -> Result<Cel, Failure> {
        let mut scope = known::base().new_inner_scope();
        for (name, value) in self.values {
            scope.add_variable_from_value(name.as_str(), value.clone());
        }
        scope.set_variable_resolver(&self);
        Cel::resolve(tree, &scope).map_err(|error| self.failure(&error))
    }

    fn failure(self, error: &ExecutionError) -> Failure {
        match (error, self.variables) {
            (ExecutionError::UndeclaredReference(name), Some(variables)) if name.starts_with(PREFIX) => {
                let at = variables.named.iter().position(|(known, _)| known == &name[PREFIX.len()..]);
                let known = locked(&variables.known);
                match at.and_then(|at| known.get(&at)) {
                    Some(Err(failure)) => failure.clone(),
                    _ => engine::failure(error),
                }
            }
            _ => engine::failure(error),
        }
    }
}

impl VariableResolver for Runner<'_> {
    fn resolve(&self, name: &str) -> Option<Cel> {
        let name = name.strip_prefix(PREFIX)?;
        let variables = self.variables?;
        let at = variables.named.iter().take(self.upto).position(|(known, _)| known == name)?;
        let known = locked(&variables.known).get(&at).cloned();
        let found = known.unwrap_or_else(|| {
            let made = match &variables.named[at].1 {
                Err(why) => Err(Failure::Fault(format!("composited variable {name:?} fails to compile: {why}"))),
                Ok(expression) => {
                    Runner { upto: at, ..*self }.run(expression.tree()).map_err(|failure| match failure {
                        Failure::Fault(why) if why != ask::OPEN => {
                            Failure::Fault(format!("composited variable {name:?} fails to evaluate: {why}"))
                        }
                        other => other,
                    })
                }
            };
            locked(&variables.known).insert(at, made.clone());
            made
        });
        found.ok()
    }
}

impl Variables<'_> {
    /// Forgets what failed, which may come to something once more is known.
    pub(super) fn forget_failures(&self) {
        locked(&self.known).retain(|_, made| made.is_ok());
    }
}
