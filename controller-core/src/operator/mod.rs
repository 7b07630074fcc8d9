//! Owns the life of an operator: its tree is made, started, stopped, and its end becomes an exit code.
//!
//! It decides nothing about objects. What a controller needs of its surroundings is put into one [`Scope`], which
//! the supervisors hand down to every child.

mod handle;
mod plan;
mod life;
mod running;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use kube::{Client, Config};
use tokio_util::sync::CancellationToken;

pub use handle::OperatorHandle;
pub use running::Running;

use crate::admin::{self, Window};
use crate::controller::Described;
use crate::controller_ext::{ControllerExt, IntoController, controller_spec};
use crate::dispatch::{Live, Scope, Watchdog};
use crate::env::{self, Chance, Clock, Connections, Requests};
use crate::erased::Shared as _;
use crate::supervisor::{ChildContext, ChildSpec, IntoChild, Signal, Signals, Strategy, Supervisor};
use crate::watch::{Hub, WatchSpec};
use plan::Plan;
use running::Verdict;

/// Signals this soon after the first are its echo.
const ECHO: Duration = Duration::from_millis(25);

/// What `/livez` makes of a watch that follows the cluster no more: longer than an API server takes to be replaced.
const STALE_LIMIT: Duration = Duration::from_secs(300);

/// An operator: controllers under one supervisor, with one client, from start to exit code.
///
/// ```no_run
/// use controller_core::prelude::*;
/// use k8s_openapi::api::core::v1::Pod;
///
/// struct PodWatcher;
///
/// #[controller(api_version = "v1", kind = "Pod")]
/// impl PodWatcher {
///     async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) -> Result {
///         Ok(())
///     }
/// }
///
/// #[tokio::main]
/// async fn main() -> ExitCode {
///     Operator::new("pods").controller(PodWatcher).run().await
/// }
/// ```
///
/// The exit codes are 0 (stopped), 1 (failed to start) and 3 (gave up after too many restarts); a second signal
/// while it stops ends the process at once with 130 or 143. 2 is left for the program's own usage errors.
#[must_use]
pub struct Operator {
    name: Arc<str>,
    reached: Reached,
    namespaces: Option<Vec<String>>,
    clock: Option<Clock>,
    chance: Option<Chance>,
    intensity: (u32, Duration),
    admin: Option<SocketAddr>,
    stale_limit: Duration,
    inquiry: Inquiry,
    children: Vec<ChildSpec>,
    controllers: Vec<ChildSpec>,
    live: Arc<Live>,
}

/// How the API server is reached.
enum Reached {
    ByEnvironment,
    By(Box<Config>),
    Over(Client),
}

/// Whether the API server is asked at the start which permissions are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inquiry {
    /// Nobody looks at the answer, and a simulation counts its requests.
    None,
    AtStart,
}

/// The controller that a future makes.
type Made<R> = <<R as Future>::Output as IntoController>::Controller;

impl Operator {
    /// An operator of this name. Events and logs carry it.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: Arc::from(name.into()),
            reached: Reached::ByEnvironment,
            namespaces: None,
            clock: None,
            chance: None,
            intensity: (3, Duration::from_secs(5)),
            admin: None,
            stale_limit: STALE_LIMIT,
            inquiry: Inquiry::None,
            children: Vec::new(),
            controllers: Vec::new(),
            live: Arc::default(),
        }
    }

    /// Uses this client in place of one from the environment (`KUBECONFIG`, `~/.kube/config`, the pod's service
    /// account).
    ///
    /// Make it with `default_retry: false` in `kube::Config`: kube's own retry repeats a request up to fifteen
    /// times inside one call, where neither a watch's health nor a key's backoff sees it.
    pub fn client(mut self, client: Client) -> Self {
        self.reached = Reached::Over(client);
        self
    }

    /// Reaches the API server by this configuration in place of one from the environment.
    ///
    /// Prefer it to [`client`](Self::client) where nothing has to be put between the operator and the server: each
    /// watch then has a connection of its own, which its task drives itself, and messages name the server's URL.
    /// kube's own retry is turned off, since retries belong to the engine.
    ///
    /// ```no_run
    /// # use controller_core::prelude::*;
    /// # use controller_core::kube::Config;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut config = Config::infer().await?;
    /// config.default_namespace = "shop".into();
    /// let operator = Operator::new("pods").config(config);
    /// # drop(operator);
    /// # Ok(())
    /// # }
    /// ```
    pub fn config(mut self, config: Config) -> Self {
        self.reached = Reached::By(Box::new(config));
        self
    }

    /// Narrows `namespace = all` of every controller to these namespaces.
    pub fn namespaces<I>(mut self, namespaces: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.namespaces = Some(namespaces.into_iter().map(Into::into).collect());
        self
    }

    /// Uses this clock, in place of the machine's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Draws every random choice from this seed, in place of one from the system.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// let operator = Operator::new("pods").chance(7);
    /// # drop(operator);
    /// ```
    pub fn chance(mut self, seed: impl Into<Chance>) -> Self {
        self.chance = Some(seed.into());
        self
    }

    /// Gives up, with exit code 3, after more than `restarts` restarts of its children within `period`.
    ///
    /// Without it: more than 3 in 5 seconds.
    pub fn intensity(mut self, restarts: u32, period: Duration) -> Self {
        self.intensity = (restarts, period);
        self
    }

    /// Shows the operator on this address while it runs: probes (`/livez`, `/readyz`, `/startupz`), `/metrics`, the tree
    /// as a page on `/` and as JSON on `/children`, and the report of the start on `/report`. Port 0 takes a free one;
    /// a log names it.
    ///
    /// It needs no password, and only shows: give it an address that no stranger reaches. `docs/operator.md` describes
    /// each path.
    ///
    /// ```no_run
    /// # use controller_core::prelude::*;
    /// let operator = Operator::new("pods").admin(([127, 0, 0, 1], 8080));
    /// # drop(operator);
    /// ```
    pub fn admin(mut self, address: impl Into<SocketAddr>) -> Self {
        self.admin = Some(address.into());
        self.inquiry = Inquiry::AtStart;
        self
    }

    /// `/livez` fails once a watch that was complete has shown no sign of life for longer than this.
    ///
    /// Without it: five minutes.
    ///
    /// ```
    /// # use controller_core::prelude::*;
    /// let operator = Operator::new("pods").admin(([127, 0, 0, 1], 8080)).stale_limit(Duration::from_secs(600));
    /// # drop(operator);
    /// ```
    pub fn stale_limit(mut self, limit: Duration) -> Self {
        self.stale_limit = limit;
        self
    }

    /// Runs a controller. Restarts share the value.
    pub fn controller<C: Described>(self, controller: C) -> Self {
        self.add_controller(controller.child_spec())
    }

    /// Runs a controller that is made afresh for each of its starts. What fails here is a failed start.
    ///
    /// ```no_run
    /// # use controller_core::prelude::*;
    /// # use k8s_openapi::api::core::v1::Pod;
    /// struct PodWatcher { motd: String }
    ///
    /// # #[controller(api_version = "v1", kind = "Pod")]
    /// # impl PodWatcher {
    /// #     async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) {}
    /// # }
    /// # async fn example() -> ExitCode {
    /// Operator::new("pods")
    ///     .controller_with(|_cx| async { Ok(PodWatcher { motd: std::fs::read_to_string("/etc/motd")? }) })
    ///     .run()
    ///     .await
    /// # }
    /// ```
    pub fn controller_with<F, R>(self, make: F) -> Self
    where
        F: Fn(ChildContext) -> R + Send + Sync + 'static,
        R: Future + Send + 'static,
        R::Output: IntoController,
    {
        let descriptor = <Made<R> as Described>::DESCRIPTOR;
        self.add_controller(controller_spec::<Made<R>, _, _>(descriptor, move |cx| {
            let made = make(cx);
            async move { made.await.into_controller().map(|controller| controller.erased(descriptor)) }
        }))
    }

    fn add_controller(mut self, spec: ChildSpec) -> Self {
        self.controllers.push(spec);
        self
    }

    /// Runs a supervisor and its children, controllers among them. It starts in its place between the controllers.
    pub fn supervisor(mut self, supervisor: Supervisor) -> Self {
        self.controllers.push(supervisor.into_child());
        self
    }

    /// Runs something else. Such children start before the controllers and stop after them.
    pub fn child(mut self, child: impl IntoChild) -> Self {
        self.children.push(child.into_child());
        self
    }

    /// A handle that reaches the operator's controllers from outside, once it runs. Take it before `run`.
    #[must_use]
    pub fn handle(&self) -> OperatorHandle {
        OperatorHandle::new(Arc::clone(&self.live))
    }

    /// Runs until SIGTERM or SIGINT, then stops in order. A second signal ends the process at once.
    ///
    /// It installs a panic hook before the one that is there, so that the report of a caught panic names its place; and
    /// a [log](crate::log), where the program has set no subscriber of `tracing` (feature `log`, on unless default
    /// features are off).
    pub async fn run(mut self) -> ExitCode {
        self.inquiry = Inquiry::AtStart;
        #[cfg(feature = "log")]
        crate::log::init();
        env::record_panic_locations();
        let mut signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => {
                tracing::error!(operator = &*self.name, %error, "signals can't be heard on this system");
                return Verdict::FailedToStart.into();
            }
        };
        let mut running = self.spawn();
        let signal = tokio::select! {
            biased;
            verdict = running.verdict() => return verdict.into(),
            signal = signals.next() => signal,
        };
        tracing::info!(operator = running.name(), "{}: stopping; a second signal exits at once", signal.name());
        running.ask_to_stop();
        tokio::select! {
            biased;
            verdict = running.verdict() => verdict.into(),
            signal = second_thought(signals.stream()) => {
                tracing::warn!(operator = running.name(), "{} again: exiting at once", signal.name());
                std::process::exit(signal.exit_code());
            }
        }
    }

    /// Runs beside the program, which keeps its own signals. It must be called on a tokio runtime.
    pub fn spawn(self) -> Running {
        Running::start(self)
    }

    /// The tree as it was written, unchecked, and what is seen of it from the admin port.
    fn take_tree(&mut self, stop: &CancellationToken) -> (Supervisor, Arc<Window>) {
        let (restarts, period) = self.intensity;
        let root = Supervisor::new(&*self.name, Strategy::OneForOne).intensity(restarts, period);
        let clock = self.clock.get_or_insert_default().clone();
        let (name, live) = (Arc::clone(&self.name), Arc::clone(&self.live));
        let window = Arc::new(Window::new(name, live, root.handle(), stop.clone(), self.stale_limit, clock));
        // It starts first and stops last, so that it also shows what the others do then.
        let admin = self.admin.map(|address| admin::child(address, Arc::clone(&window)));
        let children = admin.into_iter().chain(self.children.drain(..)).chain(self.controllers.drain(..));
        (children.fold(root, Supervisor::child), window)
    }

    /// Checks all of the tree before anything starts.
    fn plan(&self, root: Supervisor) -> Result<Plan, plan::PlanError> {
        Plan::check(root, self.namespaces.as_deref())
    }

    /// The user's client, or one from the environment. No request is made: a server that can't be reached now
    /// is waited for by the watches.
    async fn scope(&mut self, declared: Vec<WatchSpec>) -> Result<Scope, env::FromEnvironmentError> {
        let live = Arc::clone(&self.live);
        let known = |(client, config)| (client, Some(config));
        let (client, config) = match std::mem::replace(&mut self.reached, Reached::ByEnvironment) {
            Reached::Over(client) => (client, None),
            Reached::By(config) => known(env::from_config(*config)?),
            Reached::ByEnvironment => known(env::from_environment().await?),
        };
        let url = config.as_ref().map(|config| config.cluster_url.to_string());
        let requests = Requests::to(url.as_deref());
        let client = requests.counted(&client);
        let connections = match config {
            Some(config) => Connections::own(client.clone(), config, requests.clone()),
            None => Connections::shared(client.clone()),
        };
        live.count_in(requests);
        let clock = self.clock.take().unwrap_or_default();
        let chance = self.chance.take().unwrap_or_else(Chance::from_system);
        Ok(Scope {
            operator: Arc::clone(&self.name),
            hub: Hub::new(connections, clock.clone(), chance.clone(), url.clone(), declared),
            live,
            client,
            url,
            clock,
            chance,
            watchdog: Watchdog::start(),
            namespaces: self.namespaces.take(),
        })
    }
}

/// The signal that is meant as a second one. `timeout` and some shells signal the process and its group: what comes that
/// soon is the echo of the first.
async fn second_thought(signals: impl Stream<Item = Signal>) -> Signal {
    let echo = tokio::time::sleep(ECHO);
    tokio::pin!(echo, signals);
    loop {
        tokio::select! {
            biased;
            () = &mut echo => break,
            Some(_) = signals.next() => {}
        }
    }
    match signals.next().await {
        Some(signal) => signal,
        None => std::future::pending().await,
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator")
            .field("name", &self.name)
            .field("children", &self.children)
            .field("controllers", &self.controllers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
