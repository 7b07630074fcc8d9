//! Tests of operators: call one callback directly, or wait for a whole operator to settle.
//!
//! A callback is called with a context that notes what it does to the outside:
//!
//! ```
//! use controller_core::prelude::*;
//! use serde_json::{Value, json};
//!
//! struct Greeter;
//!
//! #[controller(api_version = "v1", kind = "ConfigMap")]
//! impl Greeter {
//!     async fn reconcile(&self, obj: &Value, cx: &Context<Self>) -> Result {
//!         cx.event(Event::normal("Greeted", format!("hello {}", cx.key())));
//!         Ok(())
//!     }
//! }
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
//! # runtime.block_on(async {
//! let cx = Context::<Greeter>::test(Key::namespaced("default", "a"));
//! assert!(Greeter.reconcile(&json!({}), &cx).await.is_ok());
//! assert_eq!(cx.events()[0].message(), "hello default/a");
//! # });
//! # Ok::<_, std::io::Error>(())
//! ```
//!
//! [`Running::settled`](crate::Running::settled) is the other half: it waits until an operator has nothing to do.

mod call;
mod settle;

pub use crate::dispatch::{Probe, Probes};
pub use call::TestContext;
pub(crate) use settle::settled;
