//! Public controllers with public objects, private ones with private ones, and visibility on callbacks, which is dropped.

use controller_core::prelude::*;

pub(crate) mod open {
    use controller_core::prelude::*;

    #[derive(serde::Deserialize)]
    pub(crate) struct Object {}

    pub(crate) struct Open;

    #[controller(api_version = "v1", kind = "Pod")]
    impl Open {
        pub(crate) async fn add(&self, _object: &Object, _cx: &Context<Self>) {}

        pub(super) async fn modify(&self, _object: &Object, _cx: &Context<Self>) {}

        pub(in crate::ui) async fn reconcile(&self, _object: &Object, _cx: &Context<Self>) {}
    }
}

mod closed {
    use controller_core::prelude::*;

    #[derive(serde::Deserialize)]
    struct Object {}

    struct Closed;

    #[controller(api_version = "v1", kind = "Pod")]
    impl Closed {
        async fn reconcile(&self, _object: &Object, _cx: &Context<Self>) {}
    }

    pub(super) fn operator() -> Operator {
        Operator::new("x").controller(Closed)
    }
}

pub(super) fn main() {
    drop((closed::operator(), Operator::new("x").controller(open::Open)));
}
