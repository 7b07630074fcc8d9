//! Owns what a callback writes through its context: objects of the kinds that its controller declares with
//! `writes(..)`. Each write is noted, so that the next run of the key sees it in the caches.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http::header::RETRY_AFTER;
use http_body_util::BodyExt as _;
use kube::Resource;
use kube::client::Body;
use kube::core::params::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::{Request, Status};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::operation::with_type;
use super::{Context, Reach};
use crate::controller::Controller;
use crate::descriptor::ResourceFacts;
use crate::error::Error;
use crate::key::Key;

/// A kind that callbacks can write: a Rust type that says its kind, and that objects are made of and decode into.
///
/// k8s-openapi's types are, and those that derive kube's `CustomResource`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be written to the cluster",
    label = "this type does not say its kind, or is not serde's",
    note = "name a type of k8s-openapi, or one that derives kube's `CustomResource`"
)]
pub trait Writable:
    Resource<DynamicType = (), Scope: 'static> + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

#[diagnostic::do_not_recommend]
impl<K> Writable for K where
    K: Resource<DynamicType = (), Scope: 'static> + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

/// The controller declares that it writes objects of this kind: the option `writes(..)`, which writes this impl.
///
/// What is not declared can't be written through the context: so the permissions of an operator can be told from its
/// source. `cx.client()` stands outside of this.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not declare that it writes `{K}`",
    label = "an undeclared write",
    note = "add it to the attribute: `#[controller(.., writes({K}))]`"
)]
pub trait Writes<K>: Controller {}

/// [`Writes`] as the kind sees it: of a controller that declares nothing, the compiler would say that it does not write `_`
/// before it has looked at what is written.
#[diagnostic::on_unimplemented(
    message = "`{C}` does not declare that it writes `{Self}`",
    label = "an undeclared write",
    note = "add it to the attribute: `#[controller(.., writes({Self}))]`"
)]
pub trait WrittenBy<C> {}

#[diagnostic::do_not_recommend]
impl<K, C: Writes<K>> WrittenBy<C> for K {}

/// Where a write goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) group: String,
    pub(crate) plural: String,
    /// The collection's path.
    pub(crate) path: String,
    /// None where the server chooses the name.
    pub(crate) key: Option<Key>,
}

/// What came of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    /// The server refused it: nothing was written.
    Refused,
    /// The object stands at this version.
    At { key: Key, version: String },
    /// The object begins to go: it stands at this version, or is gone.
    Going { key: Key, version: String },
    /// The object is gone; the uid it had, where the server says it.
    Gone { key: Key, uid: Option<String> },
}

/// Stands for a write that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WriteId(pub(crate) usize);

/// Writing through the context.
///
/// Each write is noted with the version that it made: the next run of the same key begins once the controller's caches
/// show it, or after 5 seconds. Where it is not sure whether a write took place (the connection broke, the server
/// failed, the run was dropped), the object is asked for first. Kinds that are only written, and not read or watched,
/// are not waited for.
///
/// Errors convert with `?` into what fits: conflicts, overload, missing permissions and failures of the server are
/// retried, an object that the server calls invalid is not retried until the run's object changes.
/// [`Error::code`] tells the status of a refusal.
impl<C: Controller> Context<C> {
    /// Makes the object as `obj` says, by server-side apply: what this controller applied before and leaves out now goes,
    /// and what others own stays. The field manager is the controller's name, and it takes over fields that conflict.
    ///
    /// An object of a namespaced kind without a namespace goes into that of the run's object.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// # use k8s_openapi::api::core::v1::ConfigMap;
    /// # async fn example<C: Writes<ConfigMap>>(cx: &Context<C>) -> Result {
    /// let mut settings = ConfigMap::default();
    /// settings.metadata.name = Some(format!("{}-settings", cx.key().name()));
    /// settings.data = Some([("size".to_owned(), "3".to_owned())].into());
    /// cx.apply(&settings).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The server can't be asked or refuses, or the object has no name.
    pub fn apply<K: Writable + WrittenBy<C>>(&self, obj: &K) -> BoxFuture<'_, Result<K, Error>> {
        let made = self.body("apply", obj).and_then(|(mut act, mut body)| {
            // The server refuses an applied object that says who owns its fields.
            if let Some(Value::Object(metadata)) = body.get_mut("metadata") {
                metadata.remove("managedFields");
            }
            let name = act.name()?;
            let params = PatchParams::apply(&self.reach.manager()).force();
            act.request(|request| request.patch(&name, &params, &Patch::Apply(&body)))?;
            Ok(act)
        });
        self.send(made)
    }

    /// Creates an object. With `generateName` the server chooses its name.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// # use k8s_openapi::api::core::v1::ConfigMap;
    /// # async fn example<C: Writes<ConfigMap>>(cx: &Context<C>, settings: &ConfigMap) -> Result {
    /// match cx.create(settings).await {
    ///     Err(error) if error.code() == Some(409) => tracing::debug!("it is there already"),
    ///     answer => drop(answer?),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The server can't be asked or refuses; 409 where there is such an object.
    pub fn create<K: Writable + WrittenBy<C>>(&self, obj: &K) -> BoxFuture<'_, Result<K, Error>> {
        let made = self.body("create", obj).and_then(|(mut act, body)| {
            let params = PostParams { field_manager: Some(self.reach.manager()), ..PostParams::default() };
            let body = serde_json::to_vec(&body).map_err(|error| act.unwritable(error))?;
            act.request(|request| request.create(&params, body))?;
            Ok(act)
        });
        self.send(made)
    }

    /// Changes the object of this name, in the namespace of the run's object where its kind has namespaces.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// # use k8s_openapi::api::core::v1::ConfigMap;
    /// # async fn example<C: Writes<ConfigMap>>(cx: &Context<C>) -> Result {
    /// let patch = Patch::Merge(serde_json::json!({"data": {"size": "4"}}));
    /// cx.patch::<ConfigMap>("settings", &patch).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The server can't be asked or refuses; 404 where there is no such object.
    pub fn patch<K: Writable>(&self, name: &str, patch: &Patch<impl Serialize>) -> BoxFuture<'_, Result<K, Error>>
    where
        C: Writes<K>,
    {
        self.patch_at(self.own::<K>(name), patch)
    }

    /// As [`patch`](Self::patch), in this namespace.
    ///
    /// # Errors
    /// As of [`patch`](Self::patch).
    pub fn patch_in<K: Writable>(
        &self,
        namespace: &str,
        name: &str,
        patch: &Patch<impl Serialize>,
    ) -> BoxFuture<'_, Result<K, Error>>
    where
        C: Writes<K>,
    {
        self.patch_at(Ok(Key::namespaced(namespace, name)), patch)
    }

    fn patch_at<K: Writable>(
        &self,
        key: Result<Key, Error>,
        patch: &Patch<impl Serialize>,
    ) -> BoxFuture<'_, Result<K, Error>> {
        let made = key.and_then(|key| {
            let mut act = Act::on::<K>("patch", key);
            let apply = matches!(patch, Patch::Apply(_));
            let params =
                PatchParams { field_manager: Some(self.reach.manager()), force: apply, ..PatchParams::default() };
            let name = act.name()?;
            act.request(|request| request.patch(&name, &params, patch))?;
            Ok(act)
        });
        self.send(made)
    }

    /// Deletes the object of this name, in the namespace of the run's object where its kind has namespaces. One that is
    /// gone already is deleted.
    ///
    /// What was read from a cache may have been replaced since by another object of the name: the uid among the
    /// preconditions makes sure that it is this one.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// # use k8s_openapi::api::core::v1::ConfigMap;
    /// # async fn example<C: Writes<ConfigMap>>(cx: &Context<C>, old: &ConfigMap) -> Result {
    /// let same = Preconditions { uid: old.metadata.uid.clone(), ..Preconditions::default() };
    /// cx.delete::<ConfigMap>("settings", same).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The server can't be asked or refuses; 409 where a precondition does not hold.
    pub fn delete<K: Writable>(&self, name: &str, preconditions: Preconditions) -> BoxFuture<'_, Result<(), Error>>
    where
        C: Writes<K>,
    {
        self.delete_at::<K>(self.own::<K>(name), preconditions)
    }

    /// As [`delete`](Self::delete), in this namespace.
    ///
    /// # Errors
    /// As of [`delete`](Self::delete).
    pub fn delete_in<K: Writable>(
        &self,
        namespace: &str,
        name: &str,
        preconditions: Preconditions,
    ) -> BoxFuture<'_, Result<(), Error>>
    where
        C: Writes<K>,
    {
        self.delete_at::<K>(Ok(Key::namespaced(namespace, name)), preconditions)
    }

    fn delete_at<K: Writable>(
        &self,
        key: Result<Key, Error>,
        preconditions: Preconditions,
    ) -> BoxFuture<'_, Result<(), Error>> {
        let made = key.and_then(|key| {
            let mut act = Act::on::<K>("delete", key);
            let name = act.name()?;
            let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
            act.request(|request| request.delete(&name, &params))?;
            Ok(act)
        });
        let reach = Arc::clone(&self.reach);
        Box::pin(async move {
            match made?.send(&*reach).await {
                Err(error) if error.code() == Some(404) => Ok(()),
                answer => answer.map(drop),
            }
        })
    }

    fn send<K: Writable>(&self, made: Result<Act, Error>) -> BoxFuture<'_, Result<K, Error>> {
        let reach = Arc::clone(&self.reach);
        Box::pin(async move {
            let act = made?;
            let what = act.what.clone();
            let answer = act.send(&*reach).await?;
            let undecodable = |source| Error::temporary(WriteError { what: format!("the answer to {what}"), source });
            serde_json::from_slice(&answer).map_err(|error| undecodable(Box::new(error)))
        })
    }

    /// The key of an object beside the run's.
    fn own<K: Writable>(&self, name: &str) -> Result<Key, Error> {
        match (ResourceFacts::of::<K>().namespaced, self.key().namespace()) {
            (Some(false), _) => Ok(Key::cluster(name)),
            (_, Some(namespace)) => Ok(Key::namespaced(namespace, name)),
            (None, None) => Ok(Key::cluster(name)),
            (Some(true), None) => {
                Err(Error::permanent(NoNamespace { kind: K::kind(&()).into_owned(), name: name.to_owned() }))
            }
        }
    }

    /// The body of an object, which says its kind and stands in its namespace.
    fn body<K: Writable>(&self, verb: &'static str, obj: &K) -> Result<(Act, Value), Error> {
        let meta = obj.meta();
        let name = meta.name.as_deref().unwrap_or_default();
        let key = match &meta.namespace {
            Some(namespace) if ResourceFacts::of::<K>().namespaced != Some(false) => {
                Key::namespaced(&**namespace, name)
            }
            _ => self.own::<K>(name)?,
        };
        let mut body = with_type(obj);
        if let (Some(namespace), Some(Value::Object(metadata))) = (key.namespace(), body.get_mut("metadata")) {
            metadata.insert("namespace".to_owned(), namespace.into());
        }
        Ok((Act::on::<K>(verb, key), body))
    }
}

/// One write, made and not yet sent.
struct Act {
    verb: &'static str,
    what: String,
    target: Target,
    namespace: Option<String>,
    request: Option<http::Request<Vec<u8>>>,
}

impl Act {
    fn on<K: Writable>(verb: &'static str, key: Key) -> Self {
        let path = K::url_path(&(), key.namespace());
        let (group, plural) = (K::group(&()).into_owned(), K::plural(&()).into_owned());
        let what = if key.name().is_empty() {
            format!("{verb} {} with a generated name", K::kind(&()))
        } else {
            format!("{verb} {} {key}", K::kind(&()))
        };
        let namespace = key.namespace().map(str::to_owned);
        let key = Some(key).filter(|key| !key.name().is_empty());
        Self { verb, what, target: Target { group, plural, path, key }, namespace, request: None }
    }

    fn name(&self) -> Result<String, Error> {
        let name = self.target.key.as_ref().map(|key| key.name().to_owned());
        name.ok_or_else(|| Error::permanent(NoName { what: self.what.clone() }))
    }

    fn request<E: Into<BoxError>>(
        &mut self,
        make: impl FnOnce(Request) -> Result<http::Request<Vec<u8>>, E>,
    ) -> Result<(), Error> {
        let request = make(Request::new(self.target.path.clone())).map_err(|error| self.unwritable(error))?;
        self.request = Some(request);
        Ok(())
    }

    fn unwritable(&self, source: impl Into<BoxError>) -> Error {
        Error::permanent(WriteError { what: self.what.clone(), source: source.into() })
    }

    /// Sends the write, notes what came of it, and gives the answer's body.
    async fn send(self, reach: &dyn Reach) -> Result<Vec<u8>, Error> {
        let Self { verb, what, target, namespace, request } = self;
        let Some(request) = request else { return Ok(Vec::new()) };
        let lost = |source: BoxError| Error::temporary(WriteError { what: what.clone(), source });
        // From here on the write counts as unsure, until an answer says more: also where this future is dropped.
        let id = reach.begins(target);
        let answer = reach.client().send(request.map(Body::from)).await.map_err(|error| lost(error.into()))?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| lost(error.into()))?.to_bytes();
        if head.status.is_success() {
            if let Some(written) = written(verb, &body, namespace) {
                reach.ends(id, written);
            }
            return Ok(body.into());
        }
        if head.status.is_client_error() {
            reach.ends(id, Written::Refused);
        }
        let seconds = |value: &http::HeaderValue| value.to_str().ok()?.parse().ok().map(Duration::from_secs);
        let retry_after = head.headers.get(RETRY_AFTER).and_then(seconds);
        Err(refused(what, head.status.as_u16(), retry_after, &body))
    }
}

/// What an answer says was written.
fn written(verb: &str, body: &[u8], namespace: Option<String>) -> Option<Written> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let key = |name: &str| match &namespace {
        Some(namespace) => Key::namespaced(&**namespace, name),
        None => Key::cluster(name),
    };
    let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str);
    if text("/kind") == Some("Status") {
        let uid = text("/details/uid").map(str::to_owned);
        return Some(Written::Gone { key: key(text("/details/name")?), uid });
    }
    let (key, version) = (key(text("/metadata/name")?), text("/metadata/resourceVersion")?.to_owned());
    Some(if verb == "delete" { Written::Going { key, version } } else { Written::At { key, version } })
}

/// What follows from a refusal: whether trying again can help, and when.
fn refused(what: String, code: u16, retry_after: Option<Duration>, body: &[u8]) -> Error {
    let mut status = serde_json::from_slice::<Status>(body)
        .unwrap_or_else(|_| Status::failure(String::from_utf8_lossy(body).trim(), "Refused").with_code(code));
    status.code = code;
    let asked = status.details.as_ref().map(|details| details.retry_after_seconds).filter(|seconds| *seconds > 0);
    let asked = retry_after.or(asked.map(|seconds| Duration::from_secs(seconds.into())));
    let error = WriteError { what, source: Box::new(kube::Error::Api(Box::new(status))) };
    match code {
        400 | 405 | 406 | 413 | 415 | 422 => Error::permanent(error),
        _ => match asked {
            Some(wait) => Error::temporary(error).after(wait),
            None => Error::temporary(error),
        },
    }
}

type BoxError = Box<dyn StdError + Send + Sync>;

/// A write that did not go well.
#[derive(Debug)]
struct WriteError {
    what: String,
    source: BoxError,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl StdError for WriteError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{what}: metadata.name is missing, and it has to be known which object is meant")]
struct NoName {
    what: String,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "{kind} {name} has no namespace to be in, since the run's object has none: set metadata.namespace, or name one with `cx.patch_in` or `cx.delete_in`"
)]
struct NoNamespace {
    kind: String,
    name: String,
}

#[cfg(test)]
mod tests;
