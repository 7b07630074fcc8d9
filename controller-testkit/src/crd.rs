//! .

use serde_json::Value;

/// One served version of a custom resource.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    /// The entry of `spec.versions`, from which OpenAPI and printing read the schema and the printer columns.
    pub(crate) spec: Value,
}
