//! Parts of objects with a life of their own, and requests that are answered and not stored.

use bytes::Bytes;
use http::Response;

use super::Server;
use super::write::{Cx, Writing};
use crate::catalog::Resource;
use crate::status::ApiError;

impl Server {
    /// A write to any subresource but the status.
    pub(crate) fn write_subresource(
        &mut self,
        writing: &Writing<'_>,
        _cx: &mut Cx<'_>,
    ) -> Result<Response<Bytes>, ApiError> {
        let part = writing.target.subresource.as_deref().unwrap_or_default();
        Err(ApiError::not_implemented(&format!("the subresource {part}")))
    }

    /// A create of something that is only answered.
    pub(crate) fn review(&mut self, writing: &Writing<'_>, _cx: &mut Cx<'_>) -> Result<Response<Bytes>, ApiError> {
        Err(ApiError::not_implemented(&writing.target.resource.kind))
    }

    /// What follows from a change of a stored object within the server itself.
    pub(crate) fn after_write(&mut self, _resource: &Resource, _name: &str) {}
}
