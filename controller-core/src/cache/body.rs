//! Owns the bytes of one version of an object, in a build without the cold tier.

use std::sync::Arc;

/// The bytes as they came.
pub(crate) struct Body(Arc<[u8]>);

impl Body {
    pub(crate) fn new(bytes: Arc<[u8]>) -> Self {
        Self(bytes)
    }

    pub(crate) fn get(&self) -> Arc<[u8]> {
        Arc::clone(&self.0)
    }
}
