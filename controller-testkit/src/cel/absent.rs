//! Expressions where the language is not built in: none is read, and none is run.

use serde_json::Value;

use super::{Bound, Budget, Failure, Wanted};
use crate::schema::Structural;

/// An expression that is not run.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    text: String,
}

impl Expression {
    pub(crate) fn compile(text: &str, _: Wanted, _: &[(&str, Option<&Structural>)]) -> Result<Self, String> {
        Ok(Self { text: text.to_owned() })
    }

    pub(crate) fn kind(&self) -> &'static str {
        ""
    }

    pub(crate) fn names(&self, word: &str) -> bool {
        self.text.contains(word)
    }

    pub(crate) fn cost(&self, _: &[(&str, Option<&Structural>)]) -> u64 {
        0
    }

    pub(crate) fn run(&self, _: &[(&str, Bound<'_>)], _: &mut Budget) -> Result<Value, Failure> {
        Err(Failure::Fault("expressions in CEL are not run: build with the feature `cel`".to_owned()))
    }
}

/// Expressions with names, which nobody asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variables<'a> {
    named: &'a [(String, Result<Expression, String>)],
}

impl<'a> Variables<'a> {
    pub(crate) fn new(named: &'a [(String, Result<Expression, String>)]) -> Self {
        Self { named }
    }
}
