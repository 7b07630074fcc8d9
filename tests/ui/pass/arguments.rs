//! Patterns, receivers and contexts in all their spellings.

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::{Pod, PodSpec};

struct Patterns;

#[controller]
#[allow(clippy::needless_arbitrary_self_type, reason = "it is as good as `&self`")]
impl Patterns {
    async fn add(&self, Pod { metadata, spec, .. }: &Pod, _: &Context<Self>) {
        let _ = (metadata.name.as_deref(), spec.as_ref().map(|PodSpec { containers, .. }| containers.len()));
    }

    async fn modify(self: &Self, mut pod: &Pod, cx: &Context<Patterns>) {
        let before = cx.previous();
        if let Some(before) = &before {
            pod = before;
        }
        drop(pod.metadata.name.clone());
    }

    async fn delete(&'_ self, _pod: &'_ Pod, _cx: &'_ Context<Self>) {}

    async fn reconcile(self: &Patterns, pod @ Pod { .. }: &Pod, _cx: &controller_core::Context<Self>) {
        let _ = pod;
    }
}

mod sdk {
    pub(super) use controller_core::Context as Cx;
}

struct Renamed;

#[controller]
impl Renamed {
    async fn reconcile(&self, _pod: &Pod, cx: &sdk::Cx<Self>) {
        let _ = cx.key();
    }
}

pub(super) fn main() {
    drop(Operator::new("x").controller(Patterns).controller(Renamed));
}
