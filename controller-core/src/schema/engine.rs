//! Owns the use of the crate `jsonschema`; nothing else names it.

use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::{Check, Problem, SchemaError};

pub(super) struct Engine(Validator);

impl Engine {
    /// References to other documents are not followed: a controller reads no files and no network for its schema.
    pub(super) fn compile(schema: &Value) -> Result<Self, SchemaError> {
        let not_schema = |error: ValidationError<'_>| SchemaError::NotSchema {
            pointer: error.instance_path().to_string(),
            what: error.to_string(),
        };
        jsonschema::options().offline().build(schema).map(Self).map_err(not_schema)
    }
}

impl Check for Engine {
    fn problems(&self, object: &Value) -> Vec<Problem> {
        let problem = |error: ValidationError<'_>| Problem {
            pointer: error.instance_path().to_string(),
            // The error's own words quote the whole value; the report quotes the beginning of it.
            what: error.masked_with("the value").to_string(),
            rule: error.schema_path().to_string(),
            found: error.instance().to_string(),
        };
        self.0.iter_errors(object).map(problem).collect()
    }
}
