//! Owns what a callback reads from the caches: objects of the kinds that its controller declares with `reads(..)`.

use std::any::{Any, TypeId};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use kube::Resource;
use serde::de::DeserializeOwned;

use super::{Context, Selector};
use crate::controller::Controller;
use crate::descriptor::{Content, ResourceFacts};
use crate::error::Error;
use crate::key::Key;
use crate::raw::decode;

/// A kind whose objects a cache can hold: a Rust type that says its kind and that objects decode into.
///
/// k8s-openapi's types are, and those that derive kube's `CustomResource`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be read from a cache",
    label = "this type does not say its kind, or does not decode",
    note = "name a type of k8s-openapi, or one that derives kube's `CustomResource`"
)]
pub trait Watchable: Resource<DynamicType = (), Scope: 'static> + DeserializeOwned + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<K: Resource<DynamicType = (), Scope: 'static> + DeserializeOwned + Send + Sync + 'static> Watchable for K {}

/// The controller declares that it reads objects of this kind: the option `reads(..)`, which writes this impl.
///
/// What is not declared can't be read: so the caches and permissions of an operator can be told from its source.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not declare that it reads `{K}`",
    label = "an undeclared read",
    note = "add it to the attribute: `#[controller(.., reads({K}))]`"
)]
pub trait Reads<K>: Controller {}

/// An object without its type.
pub(crate) type Typed = Arc<dyn Any + Send + Sync>;

/// Makes a typed object out of its bytes.
pub(crate) type Decode = fn(&Bytes) -> Result<Typed, serde_json::Error>;

/// One kind that a controller reads.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub(crate) of: TypeId,
    pub(crate) facts: ResourceFacts,
    pub(crate) content: Content,
    pub(crate) decode: Decode,
}

impl Read {
    pub(crate) fn of<K: Watchable>(content: Content) -> Self {
        Self {
            of: TypeId::of::<K>(),
            facts: ResourceFacts::of::<K>(),
            content,
            decode: |bytes| decode::<K>(bytes).map(|object| Arc::new(object) as Typed),
        }
    }
}

/// Which objects of a cache are wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) namespace: Option<String>,
    /// The uid of an owner.
    pub(crate) owner: Option<String>,
    pub(crate) labels: Selector,
    /// JSON pointers and the values that stand there.
    pub(crate) fields: Vec<(String, String)>,
}

/// The objects of one kind, as a callback reaches them.
pub(crate) trait Cache: Send + Sync {
    fn namespaced(&self) -> bool;
    fn get(&self, key: &Key) -> Result<Option<Typed>, Error>;
    fn list(&self, query: &Query) -> Result<Vec<Typed>, Error>;
    fn keys(&self, query: &Query) -> Result<Vec<Key>, Error>;
}

/// Reading from the caches. Nothing here asks the API server.
///
/// No run begins before each cache that its controller declares is complete. What a run wrote through its context, the
/// next run of the same key reads.
impl<C: Controller> Context<C> {
    /// The object of this name, in the namespace of this run's object where its kind has namespaces.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// # use k8s_openapi::api::core::v1::ConfigMap;
    /// # async fn example<C: Reads<ConfigMap>>(cx: &Context<C>) -> Result {
    /// let Some(config) = cx.get::<ConfigMap>("settings")? else { return Ok(()) };
    /// tracing::info!(entries = config.data.iter().flatten().count());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The object does not decode into the type, or there is no namespace to look in.
    pub fn get<K: Send + Sync + 'static>(&self, name: &str) -> Result<Option<Arc<K>>, Error>
    where
        C: Reads<K>,
    {
        let cache = self.cache::<K>()?;
        let key = match self.key().namespace() {
            _ if !cache.namespaced() => Key::cluster(name),
            Some(namespace) => Key::namespaced(namespace, name),
            None => return Err(Error::permanent(NoNamespace { key: self.key().clone(), name: name.to_owned() })),
        };
        cache.get(&key).map(|found| found.and_then(|object| object.downcast().ok()))
    }

    /// The object of this name in this namespace.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// # use k8s_openapi::api::core::v1::Secret;
    /// # async fn example<C: Reads<Secret>>(cx: &Context<C>) -> Result {
    /// let pull_secret = cx.get_in::<Secret>("registry", "pull")?;
    /// # drop(pull_secret);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The object does not decode into the type.
    pub fn get_in<K: Send + Sync + 'static>(&self, namespace: &str, name: &str) -> Result<Option<Arc<K>>, Error>
    where
        C: Reads<K>,
    {
        let found = self.cache::<K>()?.get(&Key::namespaced(namespace, name))?;
        Ok(found.and_then(|object| object.downcast().ok()))
    }

    /// The objects of a kind, to be narrowed: all that the cache holds, in all its namespaces.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # async fn example<C: Reads<Pod>>(cx: &Context<C>) -> Result {
    /// let here = cx.list::<Pod>().by_index("/spec/nodeName", cx.key().name()).labels("app=web").to_vec()?;
    /// let mine = cx.list::<Pod>().owned().keys()?;
    /// # drop((here, mine));
    /// # Ok(())
    /// # }
    /// ```
    pub fn list<K: Send + Sync + 'static>(&self) -> List<K>
    where
        C: Reads<K>,
    {
        List { cache: self.cache::<K>(), uid: self.reach.uid(), query: Ok(Query::default()), kind: PhantomData }
    }

    fn cache<K: 'static>(&self) -> Result<Arc<dyn Cache>, Error> {
        let undeclared = || Error::permanent(Undeclared { kind: std::any::type_name::<K>() });
        self.reach.cache(TypeId::of::<K>()).ok_or_else(undeclared)
    }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "{kind} is not among the kinds that the controller reads: `declare` has to name it, as the option `reads` does"
)]
struct Undeclared {
    kind: &'static str,
}

#[derive(Debug, thiserror::Error)]
#[error("{key} has no namespace in which {name} could be looked for: name one, with `cx.get_in(namespace, name)`")]
struct NoNamespace {
    key: Key,
    name: String,
}

/// The objects of a kind in the caches, narrowed step by step. All steps have to hold.
#[must_use = "it reads nothing until `to_vec` or `keys`"]
pub struct List<K> {
    cache: Result<Arc<dyn Cache>, Error>,
    /// That of the run's object.
    uid: Option<String>,
    query: Result<Query, Error>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Send + Sync + 'static> List<K> {
    /// Those in this namespace.
    pub fn in_namespace(self, namespace: &str) -> Self {
        self.narrowed(|query, _| {
            query.namespace = Some(namespace.to_owned());
            Ok(())
        })
    }

    /// Those whose labels match a selector, such as `app=web,tier notin (db)`. Where it asks for one certain value, an
    /// index finds them.
    pub fn labels(self, selector: &str) -> Self {
        self.narrowed(|query, _| {
            query.labels.and(Selector::parse(selector).map_err(Error::permanent)?);
            Ok(())
        })
    }

    /// Those that name the run's object, by its uid, among their ownerReferences.
    pub fn owned(self) -> Self {
        self.narrowed(|query, uid| {
            // An object without a uid owns nothing.
            query.owner = Some(uid.map(str::to_owned).unwrap_or_default());
            Ok(())
        })
    }

    /// Those with this value at a JSON pointer. The first list with a pointer makes an index, which is kept from then
    /// on. A value that is no string is written as in JSON: `by_index("/spec/replicas", "3")`.
    pub fn by_index(self, pointer: &str, value: &str) -> Self {
        self.narrowed(|query, _| {
            query.fields.push((pointer.to_owned(), value.to_owned()));
            Ok(())
        })
    }

    /// The objects, by namespace and name.
    ///
    /// # Errors
    /// A selector or a pointer that does not parse, or an object that does not decode into the type.
    pub fn to_vec(self) -> Result<Vec<Arc<K>>, Error> {
        let objects = self.cache?.list(&self.query?)?;
        Ok(objects.into_iter().filter_map(|object| object.downcast().ok()).collect())
    }

    /// The keys of the objects, by namespace and name. Nothing is decoded.
    ///
    /// # Errors
    /// A selector or a pointer that does not parse.
    pub fn keys(self) -> Result<Vec<Key>, Error> {
        self.cache?.keys(&self.query?)
    }

    fn narrowed(mut self, narrow: impl FnOnce(&mut Query, Option<&str>) -> Result<(), Error>) -> Self {
        self.query = self.query.and_then(|mut query| narrow(&mut query, self.uid.as_deref()).map(|()| query));
        self
    }
}

impl<K> fmt::Debug for List<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").field("query", &self.query).finish_non_exhaustive()
    }
}
