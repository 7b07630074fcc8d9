//! What runs share stands in fields: locks, counters, channels, trait objects.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::Pod;

trait Notifier: Send + Sync {
    fn notify(&self, text: &str);
}

struct Silent;

impl Notifier for Silent {
    fn notify(&self, _text: &str) {}
}

struct Stateful {
    seen: AtomicUsize,
    names: Mutex<Vec<String>>,
    notifier: Arc<dyn Notifier>,
    sender: tokio::sync::mpsc::UnboundedSender<String>,
    format: Box<dyn Fn(&str) -> String + Send + Sync>,
}

#[controller]
impl Stateful {
    async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) -> Result {
        self.seen.fetch_add(1, Ordering::Relaxed);
        let name = (self.format)(pod.metadata.name.as_deref().unwrap_or_default());
        self.names.lock().map_err(|error| error.to_string())?.push(name.clone());
        self.notifier.notify(&name);
        self.sender.send(cx.key().to_string())?;
        Ok(())
    }
}

pub(super) fn main() {
    let (sender, _receiver) = tokio::sync::mpsc::unbounded_channel();
    drop(Operator::new("x").controller(Stateful {
        seen: AtomicUsize::new(0),
        names: Mutex::default(),
        notifier: Arc::new(Silent),
        sender,
        format: Box::new(str::to_uppercase),
    }));
}
