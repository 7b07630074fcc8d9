//! A module may take every name of the prelude, of std and of ours for itself.

#![allow(non_upper_case_globals, dead_code, reason = "it shows odd names")]

mod odd {
    use k8s_openapi::api::core::v1::Pod;

    struct Option;
    struct Some;
    struct Result;
    struct Send;
    struct Sync;
    struct Future;
    struct Vec;
    struct Context;
    struct Controller;
    struct String;
    mod core {}
    mod std {}
    mod alloc {}
    const descriptor: u8 = 1;
    const declare: u8 = 2;
    static it: u8 = 3;

    pub(in super::super) struct Odd;

    #[controller_core::controller(
        api_version = "v1",
        kind = "Pod",
        schema = "ui/schemas/pod.json",
        cache(compressed),
        reads(Pod)
    )]
    impl Odd {
        #[cfg(any(unix, windows))]
        async fn reconcile(&self, _pod: &Pod, _cx: &controller_core::Context<Self>) {}
    }
}

pub(super) fn main() {
    drop(controller_core::Operator::new("x").controller(odd::Odd));
}
