//! Callbacks that may be compiled away: each alternative is right by itself, and what is left decides.

use controller_core::prelude::*;
use controller_core::{Callback, Described};
use k8s_openapi::api::core::v1::{Node, Pod};

struct Alternatives;

#[controller]
impl Alternatives {
    #[cfg(unix)]
    async fn add(&self, _pod: &Pod, _cx: &Context<Self>) {}

    #[cfg(not(unix))]
    async fn add(&self, _pod: &Pod, _cx: &Context<Self>) -> Result {
        Ok(())
    }

    #[cfg(any())]
    async fn delete(&self, _pod: &Pod, _cx: &Context<Self>) {}

    #[cfg_attr(all(), allow(clippy::unused_async, reason = "it shows a conditional attribute"))]
    async fn modify(&self, _pod: &Pod, _cx: &Context<Self>) {}

    #[cfg_attr(any(), cfg(any()))]
    async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {}
}

struct Gone;

#[controller(api_version = "v1", kind = "Pod")]
#[cfg(any())]
impl Gone {
    async fn reconcile(&self, _pod: &TypeThatIsNotThere, _cx: &Context<Self>) {}

    fn helper(&self) {}
}

struct OfOneKind;

#[cfg(any(unix, windows))]
#[controller(api_version = "v1", kind = "Node")]
impl OfOneKind {
    async fn reconcile(&self, _node: &Node, _cx: &Context<Self>) {}
}

pub(super) fn main() {
    let written = Alternatives::DESCRIPTOR.callbacks();
    let has = [Callback::Add, Callback::Modify, Callback::Delete, Callback::Reconcile].map(|one| written.has(one));
    assert_eq!(has, [true, true, false, true]);
    let _ = Gone;
    drop(Operator::new("x").controller(Alternatives).controller(OfOneKind));
}
