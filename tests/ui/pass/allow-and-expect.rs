//! Lint levels stay with what they were written on, and an expectation is met where it was.

#![deny(warnings, clippy::allow_attributes_without_reason)]

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

struct Callbacks;

#[controller]
#[expect(unused_variables, reason = "both arguments of its only callback")]
impl Callbacks {
    async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) {}
}

struct Mixed;

#[controller]
#[expect(clippy::unused_self, reason = "the helper's")]
impl Mixed {
    #[expect(unused_variables, reason = "the object's")]
    async fn reconcile(&self, pod: &Pod, _cx: &Context<Self>) {
        self.helper();
    }

    fn helper(&self) {}

    #[expect(dead_code, reason = "nothing calls it")]
    fn forgotten() {}
}

struct Inner;

#[controller]
impl Inner {
    #![allow(unused_variables, reason = "it stands inside")]

    async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) {
        #[expect(unused_mut, reason = "it stands in a body")]
        let mut size = 5;
        let _ = size;
    }
}

pub(super) fn main() {
    drop(Operator::new("x").controller(Callbacks).controller(Mixed).controller(Inner));
}
