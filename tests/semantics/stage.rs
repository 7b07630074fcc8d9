//! Owns the stage of these tests: a cluster, an operator on paused time, and the tape of what was called when.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use controller_core::prelude::*;
use controller_testkit::{Cluster, World};
use k8s_openapi::api::core::v1::{ConfigMap, Event as CoreEvent, Namespace};
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use serde::Deserialize;
use tokio::time::Instant;

/// The part of a config map that the tests read.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Data {
    #[serde(default)]
    data: BTreeMap<String, String>,
}

impl Data {
    pub(crate) fn v(&self) -> &str {
        self.data.get("v").map_or("-", String::as_str)
    }
}

/// One call of a callback.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) callback: &'static str,
    pub(crate) name: String,
    pub(crate) v: String,
    pub(crate) attempt: u32,
    pub(crate) cause: Cause,
}

/// What a callback does.
pub(crate) enum Answer {
    Done,
    Say(Result<Action>),
    /// Answers after this time.
    After(Duration, Result<Action>),
    Hang,
    Panic,
}

type Script = Arc<dyn Fn(&Call) -> Answer + Send + Sync>;

/// What the callbacks of a controller write and by what they are played.
#[derive(Clone)]
pub(crate) struct Play {
    began: Instant,
    tape: Arc<Mutex<Vec<(Duration, String)>>>,
    calls: Arc<Mutex<Vec<(Duration, Call)>>>,
    script: Script,
}

impl Play {
    pub(crate) fn new(script: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Self {
        Self { began: Instant::now(), tape: Arc::default(), calls: Arc::default(), script: Arc::new(script) }
    }

    /// Every callback answers that all is well.
    pub(crate) fn well() -> Self {
        Self::new(|_| Answer::Done)
    }

    pub(crate) async fn call<C>(&self, callback: &'static str, obj: &Data, cx: &Context<C>) -> Result<Action>
    where
        C: Controller<Object = Data>,
    {
        let before = cx.previous().map(|before| format!(" after {}", before.v())).unwrap_or_default();
        self.say(format!("{callback} {} {}{before}", cx.key(), obj.v()));
        let call = Call {
            callback,
            name: cx.key().name().to_owned(),
            v: obj.v().to_owned(),
            attempt: cx.attempt(),
            cause: cx.cause().clone(),
        };
        self.calls.lock().expect("no writer panics").push((self.began.elapsed(), call.clone()));
        match (self.script)(&call) {
            Answer::Done => Ok(Action::Done),
            Answer::Say(answer) => answer,
            Answer::After(wait, answer) => {
                tokio::time::sleep(wait).await;
                self.say(format!("{callback} {} ends", cx.key()));
                answer
            }
            Answer::Hang => std::future::pending().await,
            Answer::Panic => panic!("the callback lost the plot"),
        }
    }

    pub(crate) fn say(&self, line: String) {
        self.tape.lock().expect("no writer panics").push((self.began.elapsed(), line));
    }

    /// What was called since the last look.
    pub(crate) fn take(&self) -> Vec<String> {
        self.timed().into_iter().map(|(_, line)| line).collect()
    }

    pub(crate) fn timed(&self) -> Vec<(Duration, String)> {
        std::mem::take(&mut *self.tape.lock().expect("no writer panics"))
    }

    pub(crate) fn calls(&self) -> Vec<(Duration, Call)> {
        std::mem::take(&mut *self.calls.lock().expect("no writer panics"))
    }
}

/// A controller of config maps with these options and callbacks, played by a [`Play`].
macro_rules! player {
    ($name:ident($($options:tt)*) $($callback:ident)*) => {
        struct $name($crate::semantics::stage::Play);

        #[controller(api_version = "v1", kind = "ConfigMap", plural = "configmaps", $($options)*)]
        impl $name {
            $(async fn $callback(
                &self,
                obj: &$crate::semantics::stage::Data,
                cx: &Context<Self>,
            ) -> Result<Action> {
                self.0.call(stringify!($callback), obj, cx).await
            })*
        }
    };
}
pub(crate) use player;

/// A cluster with nothing of its own at work.
pub(crate) fn quiet_cluster() -> Cluster {
    Cluster::builder().world(World::none()).build()
}

pub(crate) fn map(name: &str, v: &str) -> ConfigMap {
    let mut map = ConfigMap::default();
    map.metadata.name = Some(name.to_owned());
    map.data = Some([("v".to_owned(), v.to_owned())].into());
    map
}

/// The test's own hand on the cluster: no fault touches it.
#[derive(Clone)]
pub(crate) struct Hand {
    client: Client,
}

impl Hand {
    pub(crate) fn of(cluster: &Cluster) -> Self {
        Self { client: cluster.steady_client() }
    }

    pub(crate) fn maps(&self, namespace: &str) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), namespace)
    }

    pub(crate) async fn create(&self, name: &str, v: &str) {
        self.maps("default").create(&PostParams::default(), &map(name, v)).await.expect("created");
    }

    pub(crate) async fn change(&self, name: &str, v: &str) {
        self.maps("default").replace(name, &PostParams::default(), &map(name, v)).await.expect("changed");
    }

    pub(crate) async fn delete(&self, name: &str) {
        self.maps("default").delete(name, &DeleteParams::default()).await.expect("deleted");
    }

    pub(crate) async fn namespace(&self, name: &str) {
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(name.to_owned());
        let api: Api<Namespace> = Api::all(self.client.clone());
        api.create(&PostParams::default(), &namespace).await.expect("created");
    }

    /// The events in the cluster, as `type reason name: message`.
    pub(crate) async fn events(&self) -> Vec<String> {
        let api: Api<CoreEvent> = Api::all(self.client.clone());
        let events = api.list(&ListParams::default()).await.expect("listed");
        let said = |event: CoreEvent| {
            let (kind, reason) = (event.type_.unwrap_or_default(), event.reason.unwrap_or_default());
            let name = event.involved_object.name.unwrap_or_default();
            format!("{kind} {reason} {name}: {}", event.message.unwrap_or_default())
        };
        events.items.into_iter().map(said).collect()
    }
}

/// Lets virtual time pass.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
