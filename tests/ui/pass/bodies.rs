//! Whatever stands in a body stays what it is: items, closures, macros, labels, names of ours.

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

struct Busy;

#[controller]
impl Busy {
    async fn add(&self, pod: &Pod, cx: &Context<Self>) -> Result<Action> {
        const LIMIT: usize = 3;
        fn inner<T: Default>() -> T {
            T::default()
        }
        let Some(name) = pod.metadata.name.as_deref() else { return Ok(Action::AwaitChange) };
        let shout = async |text: &str| text.to_uppercase();
        let mut left = LIMIT;
        let found = 'search: loop {
            if left == 0 {
                break 'search shout(name).await;
            }
            left -= 1 + inner::<usize>();
        };
        tracing::debug!(%found, key = %cx.key(), "{name}");
        tokio::select! {
            biased;
            () = cx.cancelled() => Ok(Action::Done),
            () = std::future::ready(()) => self.reconcile(pod, cx).await,
        }
    }

    async fn reconcile(&self, pod: &Pod, _cx: &Context<Self>) -> Result<Action> {
        let (descriptor, declare, __private) = (1, 2, 3);
        let sum: i32 = [descriptor, declare, __private].iter().sum();
        let phase = match &pod.status {
            Some(status) if status.phase.is_some() => status.phase.clone(),
            Some(_) | None => None,
        };
        Ok(if phase.is_some() || sum > 6 { Action::Done } else { Action::Requeue(millis(250)) })
    }
}

pub(super) fn main() {
    drop(Operator::new("x").controller(Busy));
}
