//! Every answer of a callback.

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

struct Nothing;

#[controller]
impl Nothing {
    async fn add(&self, _pod: &Pod, _cx: &Context<Self>) {}

    async fn modify(&self, _pod: &Pod, _cx: &Context<Self>) -> Action {
        Action::Done
    }

    async fn delete(&self, _pod: &Pod, _cx: &Context<Self>) -> Result {
        Ok(())
    }

    async fn reconcile(&self, _pod: &Pod, _cx: &Context<Self>) -> Result<Action> {
        Ok(Action::AwaitChange)
    }
}

struct Foreign;

#[controller]
impl Foreign {
    async fn add(&self, _pod: &Pod, _cx: &Context<Self>) -> anyhow::Result<()> {
        Ok(())
    }

    async fn modify(&self, _pod: &Pod, _cx: &Context<Self>) -> std::io::Result<()> {
        Ok(())
    }

    async fn delete(&self, _pod: &Pod, _cx: &Context<Self>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }

    async fn reconcile(&self, pod: &Pod, _cx: &Context<Self>) -> Result<Action, Error> {
        let uid = pod.metadata.uid.as_ref().ok_or("no uid").permanent()?;
        if uid.is_empty() {
            return Err(Error::temporary("not yet").after(secs(1)));
        }
        Ok(Action::Requeue(secs(5)))
    }
}

pub(super) fn main() {
    drop(Operator::new("x").controller(Nothing).controller(Foreign));
}
