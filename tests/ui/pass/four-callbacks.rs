//! The pod watcher: every callback, every kind of answer, callbacks that call each other, and a helper.

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

struct PodWatcher {
    prefix: String,
}

#[controller(api_version = "v1", kind = "Pod")]
impl PodWatcher {
    async fn add(&self, pod: &Pod, cx: &Context<Self>) -> Result {
        self.log("add", cx);
        self.reconcile(pod, cx).await?;
        Ok(())
    }

    pub async fn modify(&self, _pod: &Pod, cx: &Context<Self>) -> Action {
        self.log("modify", cx);
        Action::AwaitChange
    }

    pub(crate) async fn delete(&self, _pod: &Pod, cx: &Context<PodWatcher>) {
        self.log("delete", cx);
    }

    #[expect(clippy::needless_arbitrary_self_type, reason = "it is as good as `&self`")]
    async fn reconcile(self: &Self, pod: &Pod, cx: &Context<Self>) -> Result<Action, std::num::ParseIntError> {
        let size: u64 = pod.metadata.name.as_deref().unwrap_or("0").parse()?;
        self.log("reconcile", cx);
        Ok(Action::Requeue(secs(size)))
    }

    fn log(&self, callback: &str, cx: &Context<Self>) {
        let _ = format!("{} {callback} {}", self.prefix, cx.key());
    }
}

pub(super) fn main() {
    let watcher = || PodWatcher { prefix: String::from("pods") };
    assert_eq!(watcher().prefix, "pods");
    let _ = watcher().child_spec();
    drop(Operator::new("x").controller(watcher()));
}
