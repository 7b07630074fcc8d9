//! A whole cluster in the test's own process.

mod clock;
mod hub;
mod log;
#[cfg(test)]
pub(crate) mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use parking_lot::Mutex;
use tokio::task::JoinHandle;

pub(crate) use clock::Clock;
pub(crate) use hub::{Hub, State as HubState};
pub use log::{Exchange, Log};

use crate::auth::{self, Authorization, Gate, TokenTableError, User};
use crate::faults::Faults;
use crate::front::{Door, InProcess, Serve, ServeError, Served};
use crate::journal::{self, StateError};
use crate::server::{RestoreError, Server};
use crate::store::Store;
use crate::world::{Clockwork, World};

/// An API server with the controllers that a cluster has, without sockets and without processes.
///
/// It lives as long as some handle, client or front of it does. Time is tokio's, so under a paused clock it costs no
/// time; chance comes from one seed. With the same seed, start and requests it gives the same answers.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// use controller_testkit::Cluster;
/// use k8s_openapi::api::core::v1::Namespace;
/// use kube::Api;
///
/// let cluster = Cluster::new();
/// let namespaces: Api<Namespace> = Api::all(cluster.client());
/// assert!(namespaces.get("default").await.is_ok());
/// # });
/// ```
#[derive(Clone)]
pub struct Cluster {
    hub: Arc<Hub>,
    /// The task that steps the world, once a front has been asked for.
    world: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Cluster {
    /// A cluster that starts now, with the whole world at work.
    #[expect(clippy::new_without_default, reason = "a cluster is a thing with a life, not a value with a default")]
    pub fn new() -> Self {
        Cluster::builder().build()
    }

    /// A cluster with other settings.
    ///
    /// ```
    /// use controller_testkit::{Cluster, World};
    ///
    /// let bare = Cluster::builder().seed(7).world(World::none()).build();
    /// # let _ = bare;
    /// ```
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder {
            seed: 0,
            started_at: None,
            world: World::full(),
            authorization: Authorization::default(),
            tokens: Vec::new(),
            forget_after: None,
        }
    }

    /// An administrator's client that calls the server in process. Its default namespace is `default`.
    ///
    /// To be called inside a tokio runtime, as kube's client asks for one.
    pub fn client(&self) -> Client {
        self.run_the_world();
        Client::new(InProcess::new(self.door()), "default")
    }

    /// A client of that user, who may do what the roles and bindings in the cluster say.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// use controller_testkit::{Cluster, User};
    /// use k8s_openapi::api::core::v1::Node;
    /// use kube::Api;
    ///
    /// let cluster = Cluster::new();
    /// let nodes: Api<Node> = Api::all(cluster.client_as(User::service_account("default", "robot")));
    /// let refused = nodes.get("node-1").await.unwrap_err();
    /// assert!(refused.to_string().contains("cannot get resource"), "{refused}");
    /// # });
    /// ```
    pub fn client_as(&self, user: User) -> Client {
        self.run_the_world();
        Client::new(InProcess::new(self.door()).of(user), "default")
    }

    /// Plays a host that webhooks are to call: a service as `NAME.NAMESPACE.svc`, or the host of a URL, with its port
    /// where it is not 443. Nothing goes over the network.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// use controller_testkit::Cluster;
    ///
    /// let cluster = Cluster::new();
    /// cluster.play_host("guard.default.svc", async |request| {
    ///     let review: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    ///     let response = serde_json::json!({ "uid": review["request"]["uid"], "allowed": true });
    ///     let mut answer = review.clone();
    ///     answer["response"] = response;
    ///     http::Response::new(bytes::Bytes::from(answer.to_string()))
    /// });
    /// # });
    /// ```
    pub fn play_host<F, R>(&self, host: &str, answer: F)
    where
        F: Fn(Request<Bytes>) -> R + Send + Sync + 'static,
        R: Future<Output = Response<Bytes>> + Send + 'static,
    {
        self.hub.hosts.play(host, answer);
    }

    /// A client that no fault touches, not even [`Faults::down`]: the test's own hand on the store.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// # use controller_testkit::Cluster;
    /// let cluster = Cluster::new();
    /// cluster.faults().down();
    /// assert!(cluster.steady_client().apiserver_version().await.is_ok());
    /// # });
    /// ```
    pub fn steady_client(&self) -> Client {
        self.run_the_world();
        Client::new(InProcess::new(Door::steady(self.hub.clone())), "default")
    }

    /// Serves it over HTTPS on a free loopback port, and writes a kubeconfig.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), controller_testkit::ServeError> {
    /// use controller_testkit::Cluster;
    ///
    /// let served = Cluster::new().serve().await?;
    /// println!("export KUBECONFIG={}", served.kubeconfig_path().display());
    /// served.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn serve(&self) -> Result<Served, ServeError> {
        self.serve_with(Serve::https()).await
    }

    /// Serves it as said.
    pub async fn serve_with(&self, serve: Serve) -> Result<Served, ServeError> {
        self.run_the_world();
        serve.start(self.door()).await
    }

    /// The handle that breaks things.
    pub fn faults(&self) -> Faults {
        Faults::new(self.hub.clone())
    }

    /// The requests from now on, those of every client.
    pub fn log(&self) -> Log {
        Log::start(self.hub.clone())
    }

    /// Puts an object into the store as a backup holds it: with its status, its uid and its managedFields, past every
    /// check. It is for states that no few requests make; [`client`](Self::client) is for all others.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// use controller_testkit::Cluster;
    /// use k8s_openapi::api::core::v1::ConfigMap;
    /// use kube::Api;
    /// use serde_json::json;
    ///
    /// let cluster = Cluster::new();
    /// cluster.restore(json!({
    ///     "apiVersion": "v1",
    ///     "kind": "ConfigMap",
    ///     "metadata": { "name": "old", "namespace": "default", "creationTimestamp": "2020-01-01T00:00:00Z" },
    /// }))?;
    /// let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), "default");
    /// let created = maps.get("old").await.unwrap().metadata.creation_timestamp.unwrap();
    /// assert_eq!(created.0.to_string(), "2020-01-01T00:00:00Z");
    /// # Ok::<_, controller_testkit::RestoreError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// A kind that is not served, or an object without a place.
    pub fn restore(&self, object: serde_json::Value) -> Result<(), RestoreError> {
        let now = self.now();
        self.hub.step(|state| state.server.restore(object, now, &mut state.rng))
    }

    /// The cluster's time.
    pub fn now(&self) -> Timestamp {
        self.hub.clock.now()
    }

    /// The store's present resource version.
    pub fn resource_version(&self) -> u64 {
        self.hub.step(|state| state.server.current_rv())
    }

    pub(crate) fn door(&self) -> Door {
        Door::new(self.hub.clone())
    }

    /// Starts the task that steps the world, unless it runs already.
    pub(crate) fn run_the_world(&self) {
        let mut running = self.world.lock();
        if running.as_ref().is_none_or(JoinHandle::is_finished) {
            *running = Some(crate::world::spawn(&self.hub));
        }
    }
}

/// The settings of a [`Cluster`].
#[derive(Clone)]
#[must_use = "call `build`"]
pub struct ClusterBuilder {
    seed: u64,
    started_at: Option<Timestamp>,
    world: World,
    authorization: Authorization,
    tokens: Vec<(String, User)>,
    forget_after: Option<Duration>,
}

impl ClusterBuilder {
    /// Draws uids, name suffixes and every other choice from this seed; it is 0 unless set.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Starts the cluster's clock at this time, at the first request; without it, the machine's time counts.
    pub fn started_at(mut self, started_at: Timestamp) -> Self {
        self.started_at = Some(started_at);
        self
    }

    /// What of the cluster's own controllers is at work.
    pub fn world(mut self, world: World) -> Self {
        self.world = world;
        self
    }

    /// Forgets the history of changes once it is this old, ten minutes unless set: a watch or a page from before that
    /// is answered with 410, `Expired`.
    ///
    /// ```
    /// use controller_testkit::Cluster;
    /// use std::time::Duration;
    ///
    /// let forgetful = Cluster::builder().forget_after(Duration::from_secs(30)).build();
    /// # let _ = forgetful;
    /// ```
    pub fn forget_after(mut self, age: Duration) -> Self {
        self.forget_after = Some(age);
        self
    }

    /// Who decides what a user may do: the roles in the cluster, unless set. An administrator may do everything, and
    /// [`Cluster::client`] is one.
    pub fn authorization(mut self, authorization: Authorization) -> Self {
        self.authorization = authorization;
        self
    }

    /// Takes whoever bears this token for that user, on every front.
    ///
    /// ```
    /// use controller_testkit::{Cluster, User};
    ///
    /// let cluster = Cluster::builder().token("bobs-secret", User::new("bob").group("people")).build();
    /// # let _ = cluster;
    /// ```
    pub fn token(mut self, token: impl Into<String>, user: User) -> Self {
        self.tokens.push((token.into(), user));
        self
    }

    /// The same for a whole table, in the form that a kube-apiserver takes with `--token-auth-file`: in each line a
    /// token, a user, a uid and, in quotes, groups.
    ///
    /// ```
    /// use controller_testkit::Cluster;
    ///
    /// let cluster = Cluster::builder().token_table("secret,bob,2,\"people,readers\"\n")?.build();
    /// # let _ = cluster;
    /// # Ok::<_, controller_testkit::TokenTableError>(())
    /// ```
    ///
    /// # Errors
    /// A line without a token, a user and a uid.
    pub fn token_table(mut self, table: &str) -> Result<Self, TokenTableError> {
        self.tokens.extend(auth::table(table)?);
        Ok(self)
    }

    /// Builds it.
    pub fn build(self) -> Cluster {
        let (server, clock, rng) = self.begin(Store::new(), None);
        let (server, world, rng) = self.furnish(server, &clock, rng);
        Cluster { hub: Arc::new(Hub::new(clock, server, world, rng, None)), world: Arc::default() }
    }

    /// Builds it over what this file holds, and keeps everything there from then on: an answer or an event that a
    /// client has had is on the disk, whatever happens to the process. A file that is missing is made.
    ///
    /// ```
    /// use controller_testkit::Cluster;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("state");
    /// let before = Cluster::builder().open(&path)?.resource_version();
    /// let after = Cluster::builder().seed(1).open(&path)?.resource_version();
    /// assert!(after >= before);
    /// # Ok::<_, controller_testkit::StateError>(())
    /// ```
    ///
    /// # Errors
    /// A file that can't be read or written, that another server has open, or that is broken in its middle.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Cluster, StateError> {
        let mut opened = journal::open(path.as_ref())?;
        let store = std::mem::replace(&mut opened.store, Store::new());
        // Tokens that are out stay good.
        let seal = opened.note("seal").and_then(|seal| seal.as_u64()).unwrap_or_else(|| {
            let mut rng = fastrand::Rng::with_seed(self.seed);
            rng.fork().u64(..)
        });
        opened.set_note("seal", seal.into());
        let (mut server, clock, mut rng) = self.begin(store, Some(seal));
        server.take_stock(clock.started_at(), &mut rng);
        let (server, world, rng) = self.furnish(server, &clock, rng);
        let journal = opened.keep(server.store())?;
        Ok(Cluster { hub: Arc::new(Hub::new(clock, server, world, rng, Some(journal))), world: Arc::default() })
    }

    /// `seal` is what the tokens of service accounts are signed with, where some are out already.
    fn begin(&self, store: Store, seal: Option<u64>) -> (Server, Clock, fastrand::Rng) {
        let clock = self.started_at.map_or_else(Clock::of_the_machine, Clock::starting_at);
        let mut server = Server::over(store);
        if let Some(age) = self.forget_after {
            server.keep_log(SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX));
        }
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let mut seal = seal.map_or_else(|| rng.fork(), fastrand::Rng::with_seed);
        *server.gate() = Gate::new(self.authorization, &mut seal);
        for (token, user) in &self.tokens {
            server.gate().know(token.clone(), user.clone());
        }
        (server, clock, rng)
    }

    fn furnish(&self, mut server: Server, clock: &Clock, mut rng: fastrand::Rng) -> (Server, Clockwork, fastrand::Rng) {
        let world = self.world.begin(&mut server, clock.started_at(), &mut rng);
        (server, world, rng)
    }
}
