//! A cluster for trying things out: served over HTTPS, with a kubeconfig, a few hints, and pods that come and go.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Request;
use kube::Client;
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

use crate::cluster::Cluster;
use crate::front::{Serve, ServeError, Served, quoted};
use crate::world::World;

/// A cluster that stands ready for an operator and for `kubectl`.
///
/// ```no_run
/// # async fn example() -> Result<(), controller_testkit::ServeError> {
/// use controller_testkit::Playground;
///
/// let playground = Playground::start().await?;
/// println!("export KUBECONFIG={}", playground.kubeconfig_path().display());
/// for hint in playground.hints() {
///     println!("{hint}");
/// }
/// playground.stop().await;
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it stops the server"]
pub struct Playground {
    cluster: Cluster,
    served: Served,
    demo: Option<AbortOnDropHandle<()>>,
}

impl Playground {
    /// Starts one on a free loopback port, with the demo workload.
    pub async fn start() -> Result<Playground, ServeError> {
        Playground::builder().start().await
    }

    /// One with other settings.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), controller_testkit::ServeError> {
    /// # use controller_testkit::Playground;
    /// let quiet = Playground::builder().without_demo().kubeconfig("my kubeconfig").start().await?;
    /// # quiet.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder() -> PlaygroundBuilder {
        PlaygroundBuilder { serve: Serve::https(), world: World::full(), demo: Demo::On }
    }

    /// The cluster behind it, for its faults and its in-process clients.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The server's address.
    pub fn url(&self) -> &str {
        self.served.url()
    }

    /// The absolute path of the kubeconfig.
    pub fn kubeconfig_path(&self) -> &Path {
        self.served.kubeconfig_path()
    }

    /// The line `export KUBECONFIG=<path>`, as a shell takes it.
    pub fn export(&self) -> String {
        self.served.export()
    }

    /// Three lines for a shell, to see the operator at work.
    pub fn hints(&self) -> Vec<String> {
        let path = quoted(self.kubeconfig_path());
        [
            "get pods --watch",
            "create deployment hello --image=nginx --replicas=3",
            "label pods --all --overwrite tried=yes",
        ]
        .iter()
        .map(|line| format!("kubectl --kubeconfig {path} {line}"))
        .collect()
    }

    /// A client that goes through the socket, as made from the kubeconfig.
    pub fn client(&self) -> Client {
        self.served.client()
    }

    /// Stops the demo and then the server, in order.
    pub async fn stop(self) {
        drop(self.demo);
        self.served.stop().await;
    }
}

impl fmt::Debug for Playground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Playground").field("served", &self.served).finish_non_exhaustive()
    }
}

/// The settings of a [`Playground`].
#[derive(Debug, Clone)]
#[must_use = "call `start`"]
pub struct PlaygroundBuilder {
    serve: Serve,
    world: World,
    demo: Demo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demo {
    On,
    Off,
}

impl PlaygroundBuilder {
    /// Leaves the cluster to its user: no pods come by themselves.
    pub fn without_demo(mut self) -> Self {
        self.demo = Demo::Off;
        self
    }

    /// On this port.
    pub fn port(mut self, port: u16) -> Self {
        self.serve = self.serve.port(port);
        self
    }

    /// Writes the kubeconfig to this file, which stays.
    pub fn kubeconfig(mut self, path: impl Into<PathBuf>) -> Self {
        self.serve = self.serve.kubeconfig(path);
        self
    }

    /// What of the cluster's own controllers is at work.
    pub fn world(mut self, world: World) -> Self {
        self.world = world;
        self
    }

    /// Starts it.
    #[expect(
        clippy::disallowed_methods,
        reason = "a playground is a program's, never a simulation's: its demo is a task, its seed is free"
    )]
    pub async fn start(self) -> Result<Playground, ServeError> {
        // Another cluster each time: its uids must not be those of the last one's objects.
        let cluster = Cluster::builder().world(self.world).seed(fastrand::u64(..)).build();
        let served = cluster.serve_with(self.serve).await?;
        let demo = (self.demo == Demo::On).then(|| AbortOnDropHandle::new(tokio::spawn(demo(cluster.client()))));
        Ok(Playground { cluster, served, demo })
    }
}

/// The first round is quick, so that every callback is seen soon; the later ones leave time to read.
const QUICK: Duration = Duration::from_millis(350);
const SLOW: Duration = Duration::from_secs(5);

/// Pods come, change and go, for ever.
async fn demo(client: Client) {
    let mut pace = QUICK;
    for round in 1_u64.. {
        let (one, other) = (format!("web-{}", 2 * round - 1), format!("web-{}", 2 * round));
        create(&client, &one).await;
        tokio::time::sleep(pace).await;
        change(&client, &one, &json!({"metadata": {"labels": {"seen": "yes"}}})).await;
        create(&client, &other).await;
        tokio::time::sleep(pace).await;
        change(&client, &other, &json!({"metadata": {"annotations": {"example.com/round": round.to_string()}}})).await;
        tokio::time::sleep(pace).await;
        delete(&client, &one).await;
        pace = SLOW;
        tokio::time::sleep(pace).await;
        delete(&client, &other).await;
        tokio::time::sleep(pace).await;
    }
}

const PODS: &str = "/api/v1/namespaces/default/pods";

async fn create(client: &Client, name: &str) {
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "nginx"}]},
    });
    send(client, Request::post(PODS).header("Content-Type", "application/json"), pod.to_string()).await;
}

async fn change(client: &Client, name: &str, patch: &Value) {
    let request = Request::patch(format!("{PODS}/{name}")).header("Content-Type", "application/merge-patch+json");
    send(client, request, patch.to_string()).await;
}

async fn delete(client: &Client, name: &str) {
    let request = Request::delete(format!("{PODS}/{name}")).header("Content-Type", "application/json");
    let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0});
    send(client, request, options.to_string()).await;
}

/// The user may have deleted a pod of the demo, or all of its namespace: then there is nothing to do to it.
async fn send(client: &Client, request: http::request::Builder, body: String) {
    if let Ok(request) = request.body(kube::client::Body::from(body.into_bytes())) {
        let _ = client.send(request).await;
    }
}
