//! Several controllers in a module, of one kind and of others, beside inherent and other impls of their types.

use controller_core::prelude::*;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;

mod watchers {
    use super::*;

    #[derive(Clone, Debug, Default)]
    pub(super) struct One {
        count: u32,
    }

    #[controller]
    impl One {
        async fn add(&self, _pod: &Pod, _cx: &Context<Self>) {
            let _ = self.count();
        }
    }

    impl One {
        fn count(&self) -> u32 {
            self.count
        }
    }

    #[derive(Debug)]
    pub(super) struct Two;

    #[controller]
    impl Two {
        async fn add(&self, _pod: &Pod, _cx: &Context<Self>) {}
    }

    impl Drop for Two {
        fn drop(&mut self) {}
    }

    #[derive(Debug)]
    pub(super) struct Three;

    #[controller(kind = Deployment)]
    impl Three {
        async fn reconcile(&self, _deployment: &Deployment, _cx: &Context<Self>) {}
    }
}

mod others {
    use super::*;

    pub(super) struct One;

    #[controller(name = "one-of-the-others")]
    impl One {
        async fn add(&self, _pod: &Pod, _cx: &Context<Self>) {}
    }
}

pub(super) fn main() {
    let operator = Operator::new("x").controller(watchers::One::default()).controller(watchers::Two);
    drop(operator.controller(watchers::Three).controller(others::One));
}
