//! Controllers in modules, in functions, and on types of other modules.

use controller_core::prelude::*;

mod types {
    pub(super) struct Elsewhere;

    pub(super) mod deep {
        pub(in super::super) struct Deeper;
    }
}

#[controller(api_version = "v1", kind = "Pod")]
impl types::Elsewhere {
    async fn reconcile(&self, _pod: &k8s_openapi::api::core::v1::Pod, _cx: &Context<types::Elsewhere>) {}
}

#[controller(api_version = "v1", kind = "Pod")]
impl crate::ui::places::types::deep::Deeper {
    async fn reconcile(&self, _pod: &k8s_openapi::api::core::v1::Pod, _cx: &Context<Self>) {}
}

#[allow(non_camel_case_types, reason = "raw names are names")]
struct r#type;

#[controller(api_version = "v1", kind = "Pod")]
impl r#type {
    async fn r#add(&self, _pod: &k8s_openapi::api::core::v1::Pod, _cx: &Context<Self>) {}
}

pub(super) fn main() {
    struct Local;

    #[controller(api_version = "v1", kind = "Pod")]
    impl Local {
        async fn reconcile(&self, _pod: &k8s_openapi::api::core::v1::Pod, _cx: &Context<Self>) {}
    }

    let operator = Operator::new("x").controller(Local).controller(types::Elsewhere).controller(r#type);
    drop(operator.controller(types::deep::Deeper));
}
