//! Owns the check that an object passes before a callback sees it.
//!
//! A [`Schema`] is compiled once, when its controller starts. It is given an object's bytes and answers from memory
//! where it has seen the same bytes before. The engine that knows JSON Schema stands behind [`Check`], so that the
//! feature `schema` can be off and the engine can be another one. CEL rules (`x-kubernetes-validations`) are not
//! evaluated.

#[cfg(feature = "schema")]
mod engine;
mod report;
mod verdicts;

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;

pub(crate) use report::{Problem, Report};
use verdicts::{Verdicts, fingerprint};

/// What knows the rules of a schema.
trait Check: Send + Sync {
    /// Every rule that the object breaks.
    fn problems(&self, object: &Value) -> Vec<Problem>;
}

/// Why a schema can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SchemaError {
    #[error("the schema is not JSON: mend the text given as `schema`")]
    NotJson(#[source] serde_json::Error),
    #[cfg(feature = "schema")]
    #[error("the schema is not a JSON Schema: {what} (at {pointer:?}); mend it there")]
    NotSchema { pointer: String, what: String },
    #[cfg(not(feature = "schema"))]
    #[error(
        "a schema is declared, but controller-core was built without its feature `schema`: add it in Cargo.toml, or remove the schema"
    )]
    FeatureOff,
}

/// A compiled schema and the verdicts that it gave.
pub(crate) struct Schema {
    check: Box<dyn Check>,
    verdicts: Mutex<Verdicts>,
}

impl Schema {
    /// From the schema's text.
    pub(crate) fn parse(text: &str) -> Result<Self, SchemaError> {
        Self::compile(&serde_json::from_str(text).map_err(SchemaError::NotJson)?)
    }

    /// From the schema as a value.
    #[cfg(feature = "schema")]
    pub(crate) fn compile(schema: &Value) -> Result<Self, SchemaError> {
        let check = Box::new(engine::Engine::compile(schema)?);
        Ok(Self { check, verdicts: Mutex::new(Verdicts::with_room_for(VERDICTS)) })
    }

    /// Without the feature nothing can be checked, and nothing is let through unchecked.
    #[cfg(not(feature = "schema"))]
    pub(crate) fn compile(_: &Value) -> Result<Self, SchemaError> {
        Err(SchemaError::FeatureOff)
    }

    /// Whether the object in these bytes keeps to the schema.
    pub(crate) fn check_bytes(&self, bytes: &[u8]) -> Result<(), Arc<Report>> {
        let print = fingerprint(bytes);
        if let Some(verdict) = self.verdicts.lock().get(print) {
            return verdict;
        }
        let verdict = match serde_json::from_slice(bytes) {
            Ok(object) => self.check(&object),
            Err(error) => Err(Report::unreadable(&error)),
        };
        let verdict = verdict.map_err(Arc::new);
        self.verdicts.lock().put(print, verdict.clone());
        verdict
    }

    /// Whether the object keeps to the schema.
    pub(crate) fn check(&self, object: &Value) -> Result<(), Report> {
        Report::of(self.check.problems(object))
    }
}

/// How many verdicts are remembered: a few megabytes at most.
#[cfg(feature = "schema")]
const VERDICTS: usize = 50_000;

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "schema"))]
mod tests;
