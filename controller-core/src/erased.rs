//! Owns the place where generics end: above it a controller has a type, below it callbacks are one shape.
//!
//! So the watch, the cache, the queue and the supervisor are compiled once, whatever the number of controllers.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::context::{Context, Reach, Read, RunFacts};
use crate::controller::{Controller, Declare, Decode, Described};
use crate::descriptor::{Callback, Descriptor};
use crate::outcome::{IntoOutcome, Outcome};

/// A controller without its type.
pub(crate) trait ErasedController: Send + Sync + 'static {
    /// What the attribute says about it.
    fn descriptor(&self) -> &Descriptor;

    /// The schema made from the object type, where the controller asks for one.
    fn schema_of_type(&self) -> Option<serde_json::Value>;

    /// Whether what nobody asks for is kept compressed.
    fn compresses(&self) -> bool;

    /// The kinds that callbacks read from caches.
    fn reads(&self) -> Vec<Read>;

    /// Decodes the object and calls one callback.
    ///
    /// Nothing runs before the future is polled. The object lives as long as the future.
    fn call<'a>(
        &'a self,
        callback: Callback,
        object: Bytes,
        facts: RunFacts,
        reach: Arc<dyn Reach>,
    ) -> BoxFuture<'a, Called>;
}

/// What a controller has to be: its runs share it, and go on whichever thread is free.
///
/// Every type that is `Send`, `Sync` and `'static` is. These are no bounds of [`Described`], of which the compiler would
/// speak one by one and for each field, but this trait is, and what needs them is behind it.
///
/// ```
/// fn is_shared<T: controller_core::Shared>() {}
/// struct Seen(std::sync::Mutex<Vec<String>>);
/// is_shared::<Seen>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a controller: its runs share it, on any thread",
    label = "something in it is not `Send` and `Sync`",
    note = "write `Arc` in place of `Rc`, a `Mutex` or an atomic in place of `RefCell` or `Cell`, `Box<dyn Fn() + Send + Sync>` in place of `Box<dyn Fn()>`",
    note = "bind a parameter of the `impl` that it holds: `impl<T: Send + Sync + 'static>`"
)]
pub trait Shared {
    /// The controller without its type.
    #[doc(hidden)]
    fn erased(self, descriptor: Descriptor) -> AnyController
    where
        Self: Described;
}

#[diagnostic::do_not_recommend]
impl<C: Send + Sync + 'static> Shared for C {
    fn erased(self, descriptor: Descriptor) -> AnyController
    where
        Self: Described,
    {
        AnyController(Arc::new(Erased { controller: self, descriptor }))
    }
}

/// A controller that has lost its type.
#[derive(Clone)]
pub struct AnyController(pub(crate) Arc<dyn ErasedController>);

impl fmt::Debug for AnyController {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnyController").field(&self.0.descriptor().name()).finish()
    }
}

/// What came of a call.
#[derive(Debug)]
pub(crate) enum Called {
    /// The bytes do not decode into the object type: the callback was not called.
    Undecodable(serde_json::Error),
    /// The callback answered.
    Answered(Outcome),
}

/// Gives a controller its erased shape.
struct Erased<C> {
    controller: C,
    descriptor: Descriptor,
}

impl<C: Described + Send + Sync + 'static> ErasedController for Erased<C> {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn schema_of_type(&self) -> Option<serde_json::Value> {
        Declare::<C>::of().schema_value()
    }

    fn compresses(&self) -> bool {
        Declare::<C>::of().compresses()
    }

    fn reads(&self) -> Vec<Read> {
        Declare::<C>::of().reads()
    }

    fn call<'a>(
        &'a self,
        callback: Callback,
        object: Bytes,
        facts: RunFacts,
        reach: Arc<dyn Reach>,
    ) -> BoxFuture<'a, Called> {
        Box::pin(async move {
            let object: C::Object = match Decode::of_bytes(&object) {
                Ok(object) => object,
                Err(error) => return Called::Undecodable(error),
            };
            let cx = Context::<C>::new(facts, reach);
            Called::Answered(answer(&self.controller, callback, &object, &cx).await)
        })
    }
}

/// Calls the callback that `callback` names.
async fn answer<C>(controller: &C, callback: Callback, object: &C::Object, cx: &Context<C>) -> Outcome
where
    C: Controller + Send + Sync + 'static,
{
    match callback {
        Callback::Add => controller.add(object, cx).await.into_outcome(),
        Callback::Modify => controller.modify(object, cx).await.into_outcome(),
        Callback::Delete => controller.delete(object, cx).await.into_outcome(),
        Callback::Reconcile => controller.reconcile(object, cx).await.into_outcome(),
    }
}
