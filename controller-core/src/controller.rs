//! Owns the trait that the attribute moves a user's callbacks into, and what stands beside it.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::context::{Context, Read, Reads, Watchable, Writable, Writes};
use crate::descriptor::{Content, Descriptor, ResourceFacts};
use crate::erased::Shared;
use crate::outcome::IntoOutcome;
use crate::raw;

/// A controller: callbacks for the objects of one kind.
///
/// Write it with the [`controller`](macro@crate::controller) attribute. By hand it is this trait and
/// [`Described`], as the example `by_hand` shows. A callback that is not written does nothing; which callback
/// an event goes to is decided from [`Described::DESCRIPTOR`], so `add` and `modify` go to `reconcile` where
/// only that is written.
///
/// Callbacks say by themselves that they need a controller which is `Send` and `Sync`, and [`Described`] that every
/// controller is: were it a bound of this trait, a field that is neither would be an error in each impl and each callback.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a controller",
    label = "no `#[controller]` on an impl of this type",
    note = "write `#[controller(api_version = \"v1\", kind = \"Pod\")]` above `impl {Self} {{ .. }}`"
)]
pub trait Controller: Sized {
    /// What callbacks are given: a built-in type, a custom resource, a struct of the fields wanted, or
    /// `serde_json::Value`. It is decoded once for each call, from the bytes that the watch keeps.
    type Object: Decode + Send + Sync + 'static;

    /// The object appeared after the first sync, or came back with a new uid.
    fn add(&self, obj: &Self::Object, cx: &Context<Self>) -> impl Future<Output = impl IntoOutcome> + Send
    where
        Self: Send + Sync + 'static,
    {
        let _ = (obj, cx);
        async {}
    }

    /// The object has a new resourceVersion. [`Context::previous`] is the version delivered before.
    fn modify(&self, obj: &Self::Object, cx: &Context<Self>) -> impl Future<Output = impl IntoOutcome> + Send
    where
        Self: Send + Sync + 'static,
    {
        let _ = (obj, cx);
        async {}
    }

    /// The object is gone; `obj` is its last version seen.
    fn delete(&self, obj: &Self::Object, cx: &Context<Self>) -> impl Future<Output = impl IntoOutcome> + Send
    where
        Self: Send + Sync + 'static,
    {
        let _ = (obj, cx);
        async {}
    }

    /// The object was found at start, the resync tick came, or a requeue is due.
    fn reconcile(&self, obj: &Self::Object, cx: &Context<Self>) -> impl Future<Output = impl IntoOutcome> + Send
    where
        Self: Send + Sync + 'static,
    {
        let _ = (obj, cx);
        async {}
    }
}

/// What an object can be decoded into.
///
/// It is `serde::de::DeserializeOwned` by another name, since only a trait of ours can say what to do where it is
/// missing.
///
/// ```
/// fn is_an_object<T: controller_core::Decode>() {}
/// #[derive(serde::Deserialize)]
/// struct Phase { status: Status }
/// #[derive(serde::Deserialize)]
/// struct Status { phase: Option<String> }
/// is_an_object::<Phase>();
/// ```
#[diagnostic::on_unimplemented(
    message = "an object can't be decoded into `{Self}`",
    label = "this type does not implement `Deserialize`",
    note = "derive it, with serde among the dependencies: `#[derive(serde::Deserialize)]`"
)]
pub trait Decode: Sized {
    /// The object of these bytes of a cache.
    #[doc(hidden)]
    fn of_bytes(bytes: &Bytes) -> serde_json::Result<Self>;
}

// No supertrait says it: of a supertrait the compiler would speak in serde's words, and list what else decodes.
#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + 'static> Decode for T {
    fn of_bytes(bytes: &Bytes) -> serde_json::Result<Self> {
        raw::decode(bytes)
    }
}

/// The data about a controller, which the attribute writes beside its callbacks.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a controller",
    label = "no `#[controller]` on an impl of this type",
    note = "write `#[controller(api_version = \"v1\", kind = \"Pod\")]` above `impl {Self} {{ .. }}`"
)]
pub trait Described: Controller + Shared {
    /// Name, kind, options and callbacks.
    const DESCRIPTOR: Descriptor;

    /// What can't be a constant, such as a schema made from a type.
    fn declare(declare: &mut Declare<Self>) {
        let _ = declare;
    }
}

/// Collects what a controller declares beyond its [`Descriptor`].
pub struct Declare<C> {
    schema_of_type: Option<fn() -> serde_json::Value>,
    compresses: bool,
    reads: Vec<Read>,
    writes: Vec<ResourceFacts>,
    controller: PhantomData<fn() -> C>,
}

impl<C: Described> Declare<C> {
    pub(crate) fn of() -> Self {
        let mut declare = Self {
            schema_of_type: None,
            compresses: false,
            reads: Vec::new(),
            writes: Vec::new(),
            controller: PhantomData,
        };
        C::declare(&mut declare);
        declare
    }

    /// `reads(K)`: objects of this kind, or their metadata alone, are cached, and callbacks may read them.
    pub fn read<K: Watchable>(&mut self, content: Content)
    where
        C: Reads<K>,
    {
        self.reads.push(Read::of::<K>(content));
    }

    /// `writes(K)`: callbacks may write objects of this kind.
    pub fn write<K: Writable>(&mut self)
    where
        C: Writes<K>,
    {
        self.writes.push(ResourceFacts::of::<K>());
    }

    /// The kinds that callbacks read, each once.
    pub(crate) fn reads(&self) -> Vec<Read> {
        let mut reads: Vec<Read> = Vec::new();
        for read in &self.reads {
            if reads.iter().all(|other| other.of != read.of) {
                reads.push(read.clone());
            }
        }
        reads
    }

    /// Whether `cache(compressed)` is asked for.
    pub(crate) fn compresses(&self) -> bool {
        self.compresses
    }

    /// What makes the schema from the object type, where `schema = derive` asks for it.
    pub(crate) fn schema_maker(&self) -> Option<fn() -> serde_json::Value> {
        self.schema_of_type
    }

    /// Makes the schema from the object type, where `schema = derive` asks for it.
    pub(crate) fn schema_value(&self) -> Option<serde_json::Value> {
        self.schema_of_type.map(|make| make())
    }
}

#[cfg(feature = "derive")]
impl<C: Controller> Declare<C> {
    /// `schema = derive`: the schema is that of the object type.
    pub fn schema_of_type(&mut self)
    where
        C::Object: HasSchema,
    {
        self.schema_of_type = Some(|| schemars::schema_for!(C::Object).to_value());
    }
}

/// What `schema = derive` makes a schema from: `schemars::JsonSchema` by another name, since only a trait of ours can say
/// what to do where it is missing.
///
/// ```
/// fn has_a_schema<T: controller_core::HasSchema>() {}
/// #[derive(schemars::JsonSchema)]
/// struct Size { replicas: u32 }
/// has_a_schema::<Size>();
/// ```
#[cfg(feature = "derive")]
#[diagnostic::on_unimplemented(
    message = "no schema can be made from `{Self}`",
    label = "`{Self}` does not implement `JsonSchema`",
    note = "derive it where the type is yours, with schemars among the dependencies: `#[derive(schemars::JsonSchema)]`",
    note = "or write the schema: `schema = \"schema.json\"`, `schema({{ \"type\": \"object\" }})`"
)]
pub trait HasSchema: schemars::JsonSchema {}

#[cfg(feature = "derive")]
#[diagnostic::do_not_recommend]
impl<T: schemars::JsonSchema> HasSchema for T {}

#[cfg(not(feature = "derive"))]
impl<C: Controller> Declare<C> {
    /// `schema = derive` needs the feature `derive`.
    pub fn schema_of_type(&mut self)
    where
        C: DeriveFeature,
    {
        let _ = &mut self.schema_of_type;
    }
}

#[cfg(feature = "compressed")]
impl<C: Controller> Declare<C> {
    /// `cache(compressed)`: objects that nobody has asked for in a while are kept compressed.
    pub fn compress(&mut self) {
        self.compresses = true;
    }
}

#[cfg(not(feature = "compressed"))]
impl<C: Controller> Declare<C> {
    /// `cache(compressed)` needs the feature `compressed`.
    pub fn compress(&mut self)
    where
        C: CompressedFeature,
    {
        let _ = &mut self.compresses;
    }
}

/// Implemented by nothing: it carries the message for `cache(compressed)` without its feature.
#[cfg(not(feature = "compressed"))]
#[diagnostic::on_unimplemented(
    message = "`cache(compressed)` needs the feature `compressed` of controller-core",
    label = "objects can't be compressed without it",
    note = "in Cargo.toml: controller-core = {{ version = \"..\", features = [\"compressed\"] }}"
)]
pub trait CompressedFeature {}

/// Implemented by nothing: it carries the message for `schema = derive` without its feature.
#[cfg(not(feature = "derive"))]
#[diagnostic::on_unimplemented(
    message = "`schema = derive` needs the feature `derive` of controller-core",
    label = "a schema can't be made from a type without it",
    note = "in Cargo.toml: controller-core = {{ version = \"..\", features = [\"derive\"] }}"
)]
pub trait DeriveFeature {}

impl<C> fmt::Debug for Declare<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Declare").finish_non_exhaustive()
    }
}
