//! .

/// One served version of a custom resource.
#[derive(Debug)]
pub(crate) struct Version;
