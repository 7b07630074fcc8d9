//! An operator and a server with a socket between them: what is delivered when the server goes and comes back.

use std::time::Duration;

use controller_core::prelude::*;
use controller_testkit::{Cluster, Served, World};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, PostParams};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Sends the name of each callback with its key.
struct Recorder(UnboundedSender<String>);

impl Recorder {
    fn note(&self, callback: &str, key: &Key) {
        // A test that has seen enough no longer listens.
        let _ = self.0.send(format!("{callback} {key}"));
    }
}

#[controller(api_version = "v1", kind = "ConfigMap", labels = "app=test", reconcile_delay = off)]
impl Recorder {
    async fn add(&self, _: &ConfigMap, cx: &Context<Self>) {
        self.note("add", cx.key());
    }

    async fn modify(&self, _: &ConfigMap, cx: &Context<Self>) {
        self.note("modify", cx.key());
    }

    async fn delete(&self, _: &ConfigMap, cx: &Context<Self>) {
        self.note("delete", cx.key());
    }

    async fn reconcile(&self, _: &ConfigMap, cx: &Context<Self>) {
        self.note("reconcile", cx.key());
    }
}

struct Stage {
    cluster: Cluster,
    /// The test's own hand: no fault touches it.
    maps: Api<ConfigMap>,
    served: Served,
    seen: UnboundedReceiver<String>,
    operator: Running,
}

impl Stage {
    async fn with(names: &[&str]) -> Self {
        let cluster = Cluster::builder().world(World::none()).build();
        let maps = Api::namespaced(cluster.steady_client(), "default");
        let served = cluster.serve().await.expect("a free loopback port");
        let (sender, seen) = unbounded_channel();
        let operator = Operator::new("test").config(served.config()).controller(Recorder(sender)).spawn();
        let mut stage = Self { cluster, maps, served, seen, operator };
        for name in names {
            stage.create(name).await;
        }
        for _ in names {
            // The operator may find one by its first list or by its watch.
            stage.next().await;
        }
        stage
    }

    async fn create(&self, name: &str) {
        let mut map = ConfigMap::default();
        map.metadata.name = Some(name.to_owned());
        map.metadata.labels = Some([("app".to_owned(), "test".to_owned())].into());
        self.maps.create(&PostParams::default(), &map).await.expect("created");
    }

    async fn delete(&self, name: &str) {
        self.maps.delete(name, &DeleteParams::default()).await.expect("deleted");
    }

    async fn change(&self, name: &str) {
        let mut map = self.maps.get(name).await.expect("it is there");
        map.data = Some([("changed".to_owned(), "yes".to_owned())].into());
        self.maps.replace(name, &PostParams::default(), &map).await.expect("changed");
    }

    /// The next callback. Half a minute is longer than any backoff of a watch in its first tries.
    async fn next(&mut self) -> String {
        let next = tokio::time::timeout(Duration::from_secs(30), self.seen.recv()).await;
        next.expect("a callback comes within 30 s").expect("the operator runs")
    }

    async fn next_in_order(&mut self, count: usize) -> Vec<String> {
        let mut seen = Vec::new();
        for _ in 0..count {
            seen.push(self.next().await);
        }
        seen.sort();
        seen
    }

    async fn end(mut self) {
        assert_eq!(self.operator.stop().await, ExitCode::SUCCESS);
        self.served.stop().await;
        assert!(self.seen.try_recv().is_err(), "nothing was delivered twice");
    }
}

#[tokio::test]
async fn what_happened_while_the_server_was_away_is_delivered_when_it_is_back() {
    for forgets in [false, true] {
        let mut stage = Stage::with(&["gone", "changed", "kept"]).await;
        stage.cluster.faults().down();
        stage.delete("gone").await;
        stage.change("changed").await;
        stage.create("new").await;
        if forgets {
            // Its event log is gone: the watch can't be resumed, and the difference must come from a list.
            stage.cluster.faults().forget();
        }
        stage.cluster.faults().up();
        let expect = ["add default/new", "delete default/gone", "modify default/changed"];
        assert_eq!(stage.next_in_order(3).await, expect, "the log was forgotten: {forgets}");
        stage.end().await;
    }
}

#[tokio::test]
async fn an_operator_that_starts_before_its_server_waits_for_it() {
    let cluster = Cluster::builder().world(World::none()).build();
    let served = cluster.serve().await.expect("a free loopback port");
    cluster.faults().down();
    let (sender, seen) = unbounded_channel();
    let operator = Operator::new("test").client(served.client()).controller(Recorder(sender)).spawn();
    let maps = Api::namespaced(cluster.steady_client(), "default");
    let mut stage = Stage { cluster, maps, served, seen, operator };
    stage.create("early").await;
    stage.cluster.faults().up();
    assert_eq!(stage.next().await, "reconcile default/early");
    stage.end().await;
}
