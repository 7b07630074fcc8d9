//! Owns one request to the cluster as a value: Datapio's operations.

use http::Request as HttpRequest;
use kube::Client;
use kube::core::Request;
use kube::core::params::{DeleteParams, GetParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde_json::Value;

use crate::error::{BoxError, Error};
use crate::key::Key;

/// One request to the cluster, made now and run later by [`Context::run`](super::Context::run).
///
/// ```
/// use controller_core::prelude::*;
/// use k8s_openapi::api::core::v1::ConfigMap;
/// # async fn example<C: Controller>(cx: &Context<C>) -> Result {
/// let config = cx.run(Operation::get::<ConfigMap>(&Key::namespaced("default", "config"))).await?;
/// tracing::info!(data = %config["data"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Operation {
    what: String,
    request: Result<HttpRequest<Vec<u8>>, BoxError>,
}

impl Operation {
    /// Reads one object.
    #[must_use]
    pub fn get<K: Resource<DynamicType = ()>>(key: &Key) -> Self {
        Self::on::<K>("get", key, |request| request.get(key.name(), &GetParams::default()))
    }

    /// Lists a namespace, or all objects of the kind where it is none.
    #[must_use]
    pub fn list<K: Resource<DynamicType = ()>>(namespace: Option<&str>) -> Self {
        let request = Request::new(K::url_path(&(), namespace)).list(&ListParams::default());
        Self { what: format!("list {}", K::plural(&())), request: request.map_err(Into::into) }
    }

    /// Creates an object.
    #[must_use]
    pub fn create<K: Resource<DynamicType = ()> + Serialize>(object: &K) -> Self {
        Self::with("create", object, |request, body, _| request.create(&PostParams::default(), body))
    }

    /// Replaces an object by this version of it. The server refuses it where the resourceVersion is old.
    #[must_use]
    pub fn replace<K: Resource<DynamicType = ()> + Serialize>(object: &K) -> Self {
        Self::with("replace", object, |request, body, name| request.replace(name, &PostParams::default(), body))
    }

    /// Changes an object by a patch of any of the four kinds.
    #[must_use]
    pub fn patch<K: Resource<DynamicType = ()>>(key: &Key, params: &PatchParams, patch: &Patch<Value>) -> Self {
        Self::on::<K>("patch", key, |request| request.patch(key.name(), params, patch))
    }

    /// Deletes one object.
    #[must_use]
    pub fn delete<K: Resource<DynamicType = ()>>(key: &Key) -> Self {
        Self::on::<K>("delete", key, |request| request.delete(key.name(), &DeleteParams::default()))
    }

    /// Any other request: a method, a path with its query, and a JSON body where there is one.
    ///
    /// ```
    /// use controller_core::prelude::*;
    /// let version = Operation::raw("GET", "/version", None);
    /// ```
    #[must_use]
    pub fn raw(method: &str, path: &str, body: Option<&Value>) -> Self {
        let what = format!("{method} {path}");
        let mut request = HttpRequest::builder().method(method).uri(path);
        if body.is_some() {
            request = request.header(http::header::CONTENT_TYPE, "application/json");
        }
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        Self { what, request: request.body(bytes).map_err(Into::into) }
    }

    fn on<K: Resource<DynamicType = ()>>(
        verb: &str,
        key: &Key,
        make: impl FnOnce(Request) -> Result<HttpRequest<Vec<u8>>, kube::core::request::Error>,
    ) -> Self {
        let request = make(Request::new(K::url_path(&(), key.namespace())));
        Self { what: format!("{verb} {} {key}", K::kind(&())), request: request.map_err(Into::into) }
    }

    fn with<K: Resource<DynamicType = ()> + Serialize>(
        verb: &str,
        object: &K,
        make: impl FnOnce(Request, Vec<u8>, &str) -> Result<HttpRequest<Vec<u8>>, kube::core::request::Error>,
    ) -> Self {
        let name = object.name_any();
        let what = format!("{verb} {} {name}", K::kind(&()));
        let request = Request::new(K::url_path(&(), object.namespace().as_deref()));
        let request = serde_json::to_vec(&with_type(object))
            .map_err(BoxError::from)
            .and_then(|body| make(request, body, &name).map_err(Into::into));
        Self { what, request }
    }

    pub(crate) async fn send(self, client: &Client) -> Result<Value, Error> {
        let failed = |source| Error::temporary(OperationError { what: self.what.clone(), source });
        let request = self.request.map_err(&failed)?;
        client.request::<Value>(request).await.map_err(|error| failed(error.into()))
    }
}

/// The server needs apiVersion and kind in a body, and not every type writes them.
pub(super) fn with_type<K: Resource<DynamicType = ()> + Serialize>(object: &K) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.entry("apiVersion").or_insert_with(|| K::api_version(&()).into());
        fields.entry("kind").or_insert_with(|| K::kind(&()).into());
    }
    value
}

#[derive(Debug, thiserror::Error)]
#[error("{what}")]
struct OperationError {
    what: String,
    #[source]
    source: BoxError,
}
