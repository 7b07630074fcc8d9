//! Methods that are no callbacks stay, whatever their names, and so do constants and macros.

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

struct PodWatcher;

macro_rules! helper {
    ($name:ident) => {
        fn $name(&self) -> u8 {
            1
        }
    };
}

#[controller(api_version = "v1", kind = "Pod")]
impl PodWatcher {
    const NAMES: [&'static str; 2] = ["a", "b"];

    helper!(made);

    pub(crate) fn new() -> Self {
        Self
    }

    async fn reconcile(&self, pod: &Pod, _cx: &Context<Self>) -> Result {
        self.update(pod, "x").await?;
        self.notify().await;
        let _ = (self.reconcil(), self.added(), self.made(), Self::NAMES.len());
        Ok(())
    }

    async fn update(&self, _pod: &Pod, name: &str) -> Result<(), std::fmt::Error> {
        if name.is_empty() { Err(std::fmt::Error) } else { Ok(()) }
    }

    async fn notify(&self) {}

    fn reconcil(&self) -> u8 {
        1
    }

    fn added(&self) -> u8 {
        2
    }
}

pub(super) fn main() {
    drop(Operator::new("x").controller(PodWatcher::new()));
}
