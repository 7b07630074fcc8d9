//! Owns a context for calling one callback by hand.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use futures::future::BoxFuture;
use jiff::Timestamp;
use kube::Client;
use parking_lot::Mutex;
use serde::Serialize;

use crate::cache::{Draft, Reader, Seen, Store, View};
use crate::context::{Cache, Cause, Context, Event, Reach, Read, RunFacts, Target, Watchable, WriteId, Written};
use crate::controller::{Controller, Described};
use crate::descriptor::{Callback, Content};
use crate::dispatch::Readers;
use crate::erased::Called;
use crate::error::{Error, Result};
use crate::json::Pointer;
use crate::key::Key;
use crate::outcome::Action;
use crate::watch::Head;

/// A [`Context`] for calling a callback by hand. It notes what the callback does to the outside.
///
/// It dereferences to the context, so `&cx` is what a callback takes. Set it up before its first use as one.
pub struct TestContext<C> {
    facts: RunFacts,
    object: Option<Vec<u8>>,
    reach: Arc<Noted>,
    context: OnceLock<Context<C>>,
}

/// The cache of one kind in a test.
struct Shelf {
    store: Arc<Store>,
    readers: Arc<Readers>,
}

impl Shelf {
    fn of(read: &Read) -> Self {
        let store = Arc::new(Store::new());
        let reader = Arc::new(Reader::new(View::new(Arc::clone(&store), None), read.decode));
        let namespaced = read.facts.namespaced.unwrap_or(true);
        Self { store, readers: Arc::new(Readers { namespaced, readers: vec![reader] }) }
    }
}

/// What a callback reaches in a test.
struct Noted {
    client: Mutex<Option<Client>>,
    now: Mutex<Timestamp>,
    events: Mutex<Vec<Event>>,
    enqueued: Mutex<Vec<Key>>,
    uid: Mutex<Option<String>>,
    cached: Mutex<BTreeMap<TypeId, Shelf>>,
    cancelled: tokio_util::sync::CancellationToken,
}

impl<C: Controller> Context<C> {
    /// A context for calling a callback by hand, of the first run of this key at the start.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// # async fn example<C: Controller>(client: controller_core::kube::Client) {
    /// let cx = Context::<C>::test(Key::namespaced("default", "a")).client(client);
    /// assert_eq!(cx.attempt(), 1);
    /// # }
    /// ```
    #[must_use]
    pub fn test(key: Key) -> TestContext<C> {
        let reach = Noted {
            client: Mutex::new(None),
            now: Mutex::new(Timestamp::UNIX_EPOCH),
            events: Mutex::default(),
            enqueued: Mutex::default(),
            uid: Mutex::default(),
            cached: Mutex::default(),
            cancelled: tokio_util::sync::CancellationToken::new(),
        };
        TestContext {
            facts: RunFacts { key, cause: Cause::Start, attempt: 1, previous: None },
            object: None,
            reach: Arc::new(reach),
            context: OnceLock::new(),
        }
    }
}

impl<C: Controller> TestContext<C> {
    /// The object of the run, which [`call`](Self::call) gives to the callback.
    ///
    /// # Panics
    /// Where the object can't be written as JSON.
    #[must_use]
    pub fn with(mut self, obj: &impl Serialize) -> Self {
        let object = written(obj);
        *self.reach.uid.lock() = Pointer::of(&["metadata", "uid"]).text(&object);
        self.object = Some(object);
        self
    }

    /// An object in the caches, for `cx.get` and `cx.list`. The cache of its kind is complete with what was given.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// # use k8s_openapi::api::core::v1::ConfigMap;
    /// # fn example<C: Reads<ConfigMap>>(settings: &ConfigMap) -> Result {
    /// let cx = Context::<C>::test(Key::namespaced("default", "a")).with_cached(settings);
    /// assert!(cx.get::<ConfigMap>("settings")?.is_some());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// Where the object can't be written as JSON, or has no name.
    #[must_use]
    pub fn with_cached<K: Watchable + Serialize>(self, obj: &K) -> Self {
        let meta = obj.meta();
        let name = meta.name.as_deref().expect("an object in a cache has a name");
        let version = meta.resource_version.as_deref().unwrap_or("1");
        let head = Head {
            namespace: meta.namespace.as_deref().map(Into::into),
            name: name.into(),
            uid: meta.uid.as_deref().map(Into::into),
            version: version.into(),
            generation: meta.generation,
            deleting: meta.deletion_timestamp.is_some(),
            says_paused: false,
        };
        let mut cached = self.reach.cached.lock();
        let shelf = cached.entry(TypeId::of::<K>()).or_insert_with(|| Shelf::of(&Read::of::<K>(Content::Whole)));
        shelf.store.begin_list();
        let object = written(obj);
        let _ = shelf.store.upsert(&head, Seen::Listed, || Draft::new(&object, b"", &[]));
        drop(cached);
        self
    }

    /// The version that was delivered before, which `cx.previous()` gives.
    ///
    /// # Panics
    /// Where the object can't be written as JSON.
    #[must_use]
    pub fn previous_version(mut self, obj: &impl Serialize) -> Self {
        self.facts.previous = Some(written(obj).into());
        self
    }

    /// Why the run happens.
    #[must_use]
    pub fn because(mut self, cause: Cause) -> Self {
        self.facts.cause = cause;
        self
    }

    /// The run follows on this many failures.
    #[must_use]
    pub fn after_failures(mut self, failures: u32) -> Self {
        self.facts.attempt = failures.saturating_add(1);
        self
    }

    /// The client that the callback is given. Without it, a callback that asks for one panics.
    #[must_use]
    pub fn client(self, client: Client) -> Self {
        *self.reach.client.lock() = Some(client);
        self
    }

    /// The time that `cx.now()` gives; without it, 1970.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        *self.reach.now.lock() = now;
        self
    }

    /// Cancels the run, as a stop or its timeout would.
    pub fn cancel(&self) {
        self.reach.cancelled.cancel();
    }

    /// The events that callbacks left so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.reach.events.lock().clone()
    }

    /// The keys that callbacks asked for so far.
    #[must_use]
    pub fn enqueued(&self) -> Vec<Key> {
        self.reach.enqueued.lock().clone()
    }
}

impl<C: Described> TestContext<C> {
    /// Calls a callback as the engine does: the object given [`with`](Self::with) is decoded, and the answer comes
    /// in one shape whatever the callback returns.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// # use controller_core::{Callback, Described};
    /// # use serde_json::json;
    /// # async fn example<C: Described>(controller: C) {
    /// let cx = Context::<C>::test(Key::namespaced("default", "a")).with(&json!({"metadata": {"name": "a"}}));
    /// assert_eq!(cx.call(controller, Callback::Reconcile).await.ok(), Some(Action::Done));
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the callback returned, or that the object does not decode.
    pub async fn call(&self, controller: C, callback: Callback) -> Result<Action> {
        let erased = controller.erased(C::DESCRIPTOR).0;
        let object = self.object.clone().unwrap_or_else(|| b"null".to_vec());
        let reach: Arc<dyn Reach> = Arc::clone(&self.reach) as Arc<dyn Reach>;
        match erased.call(callback, object.into(), self.facts.clone(), reach).await {
            Called::Answered(outcome) => outcome,
            Called::Undecodable(error) => {
                Err(Error::invalid("", format!("the object does not decode into the object type: {error}")).into())
            }
        }
    }
}

fn written(obj: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(obj).expect("the object of a test is written as JSON")
}

impl<C: Controller> Deref for TestContext<C> {
    type Target = Context<C>;

    fn deref(&self) -> &Context<C> {
        self.context.get_or_init(|| Context::new(self.facts.clone(), Arc::clone(&self.reach) as Arc<dyn Reach>))
    }
}

impl<C> fmt::Debug for TestContext<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestContext").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl Reach for Noted {
    fn client(&self) -> Client {
        let client = self.client.lock().clone();
        client.unwrap_or_else(|| panic!("the callback uses a client: give the test one with `.client(..)`"))
    }

    fn now(&self) -> Timestamp {
        *self.now.lock()
    }

    fn cancelled(&self) -> BoxFuture<'static, ()> {
        Box::pin(self.cancelled.clone().cancelled_owned())
    }

    fn event(&self, event: Event) {
        self.events.lock().push(event);
    }

    fn enqueue(&self, key: Key) {
        self.enqueued.lock().push(key);
    }

    fn uid(&self) -> Option<String> {
        self.uid.lock().clone()
    }

    fn cache(&self, of: TypeId) -> Option<Arc<dyn Cache>> {
        let cached = self.cached.lock();
        // A kind of which nothing was given has an empty cache.
        let empty = || Arc::new(Readers { namespaced: false, readers: Vec::new() });
        Some(cached.get(&of).map_or_else(empty, |shelf| Arc::clone(&shelf.readers)))
    }

    fn manager(&self) -> String {
        "test".to_owned()
    }

    fn begins(&self, _: Target) -> WriteId {
        WriteId(0)
    }

    fn ends(&self, _: WriteId, _: Written) {}
}

#[cfg(test)]
mod tests;
