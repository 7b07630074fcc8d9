//! Controllers inside functions, of every sort that Rust has places for items in.

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

fn generic<T: Send + Sync + 'static>(_: T) -> Operator {
    struct InGeneric;

    #[controller]
    impl InGeneric {
        async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {}
    }

    Operator::new("x").controller(InGeneric)
}

async fn asynchronous() -> Operator {
    struct InAsync;

    #[controller]
    impl InAsync {
        async fn reconcile(&self, _pod: &Pod, cx: &Context<InAsync>) -> Result {
            struct Nested;

            #[controller]
            impl Nested {
                async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {}
            }

            let _ = (Nested.child_spec(), cx.key());
            Ok(())
        }
    }

    Operator::new("x").controller(InAsync)
}

const _: () = {
    struct InConst;

    #[controller]
    impl InConst {
        async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {}
    }

    let _ = InConst;
};

pub(super) fn main() {
    let in_a_closure = || {
        struct InClosure(u8);

        #[controller]
        impl InClosure {
            async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) {
                let _ = self.0;
            }
        }

        Operator::new("x").controller(InClosure(3))
    };
    drop((in_a_closure(), generic(5)));
    drop(asynchronous());
}
