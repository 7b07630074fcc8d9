//! Owns what every controller can do besides its callbacks: become a child of a supervisor, run on its own, and
//! check objects by its schema. These are the functions that Datapio's controllers have.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use serde::Serialize;
use serde_json::Value;

use crate::controller::{Declare, Described};
use crate::descriptor::Descriptor;
use crate::dispatch::{Broken, run_controller};
use crate::env;
use crate::erased::{AnyController, ErasedController};
use crate::error::{Error, Failure};
use crate::operator::{Operator, Running};
use crate::schema::Schema;
use crate::supervisor::{ChildContext, ChildSpec, ControllerFacts, Exit, IntoChild};

/// What makes a controller for one start of it: the controller, or a `Result` of it.
///
/// The `Result`'s error is [`Failure`], into which `?` turns every other error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a controller, nor a `Result` of one",
    label = "no controller",
    note = "end it with the controller, or with `Ok(controller)` and give errors on with `?`"
)]
pub trait IntoController {
    /// The controller's type.
    type Controller: Described;

    /// The controller.
    ///
    /// # Errors
    /// What kept it from being made; the start of its child fails with it.
    fn into_controller(self) -> Result<Self::Controller, Failure>;
}

impl<C: Described> IntoController for C {
    type Controller = C;

    fn into_controller(self) -> Result<C, Failure> {
        Ok(self)
    }
}

impl<C: Described> IntoController for Result<C, Failure> {
    type Controller = C;

    fn into_controller(self) -> Self {
        self
    }
}

/// What every controller can do besides its callbacks.
pub trait ControllerExt: Described {
    /// The controller as a child of a supervisor: under its name, by the rules of `supervisor(..)`. Edit it by hand
    /// where they should be others.
    ///
    /// ```
    /// use controller_core::prelude::*;
    /// use k8s_openapi::api::core::v1::Pod;
    ///
    /// struct PodWatcher;
    ///
    /// #[controller(api_version = "v1", kind = "Pod")]
    /// impl PodWatcher {
    ///     async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) {}
    /// }
    ///
    /// let tree = Supervisor::new("pods", Strategy::RestForOne)
    ///     .child(PodWatcher.child_spec().shutdown(Shutdown::After(secs(30))));
    /// let operator = Operator::new("pods").supervisor(tree);
    /// # drop(operator);
    /// ```
    fn child_spec(self) -> ChildSpec {
        shared(Self::DESCRIPTOR, self)
    }

    /// Runs the controller on its own, with a client from the environment. It must be called on a tokio runtime.
    ///
    /// This is Datapio's `start_link`.
    fn start(self) -> Running {
        self.start_with(StartOptions::default())
    }

    /// As [`start`](Self::start), with options that are only known when the program runs.
    ///
    /// ```no_run
    /// use controller_core::prelude::*;
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # struct PodWatcher;
    /// # #[controller(api_version = "v1", kind = "Pod")]
    /// # impl PodWatcher {
    /// #     async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) {}
    /// # }
    /// # async fn example() {
    /// let options = StartOptions { namespace: std::env::var("NAMESPACE").ok(), ..StartOptions::default() };
    /// let running = PodWatcher.start_with(options);
    /// # running.stop().await;
    /// # }
    /// ```
    fn start_with(self, options: StartOptions) -> Running {
        let descriptor = match options.reconcile_delay {
            Some(delay) => Self::DESCRIPTOR.reconcile_delay(delay),
            None => Self::DESCRIPTOR,
        };
        let mut operator = Operator::new(descriptor.name()).child(shared(descriptor, self));
        if let Some(client) = options.client {
            operator = operator.client(client);
        }
        if let Some(namespace) = options.namespace {
            operator = operator.namespaces([namespace]);
        }
        operator.spawn()
    }

    /// The controller's JSON Schema, where it has one.
    ///
    /// ```
    /// use controller_core::prelude::*;
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # struct PodWatcher;
    /// #[controller(api_version = "v1", kind = "Pod", schema({ "required": ["spec"] }))]
    /// impl PodWatcher {
    ///     async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) {}
    /// }
    /// assert_eq!(PodWatcher::schema(), Some(serde_json::json!({ "required": ["spec"] })));
    /// ```
    #[must_use]
    fn schema() -> Option<Value> {
        let written = Self::DESCRIPTOR.schema_text().and_then(|text| serde_json::from_str(text).ok());
        written.or_else(|| Declare::<Self>::of().schema_value())
    }

    /// Checks an object by the controller's schema, as the engine does before a callback sees it. Where there is no
    /// schema every object passes. The schema is compiled anew for each call.
    ///
    /// ```
    /// use controller_core::prelude::*;
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # struct PodWatcher;
    /// #[controller(api_version = "v1", kind = "Pod", schema({ "required": ["spec"] }))]
    /// impl PodWatcher {
    ///     async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) {}
    /// }
    /// assert!(PodWatcher::validate_resource(&serde_json::json!({ "spec": {} })).is_ok());
    /// assert!(PodWatcher::validate_resource(&serde_json::json!({})).is_err());
    /// ```
    ///
    /// # Errors
    /// What is wrong with the object, with its JSON pointer; or that the object or the schema can't be used.
    fn validate_resource<K: Serialize + ?Sized>(obj: &K) -> Result<(), Error> {
        let Some(schema) = Self::schema() else { return Ok(()) };
        let schema = Schema::compile(&schema).map_err(Error::permanent)?;
        let object = serde_json::to_value(obj).map_err(Error::permanent)?;
        schema.check(&object).map_err(|report| Error::invalid(report.pointer().to_owned(), report.to_string()))
    }

    /// Checks an object and gives it to `f`.
    ///
    /// ```
    /// use controller_core::prelude::*;
    /// # use k8s_openapi::api::core::v1::Pod;
    /// # struct PodWatcher;
    /// #[controller(api_version = "v1", kind = "Pod", schema({ "required": ["spec"] }))]
    /// impl PodWatcher {
    ///     async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) {}
    /// }
    /// let pod = serde_json::json!({ "spec": { "nodeName": "a" } });
    /// let node = PodWatcher::with_resource(&pod, |pod| pod["spec"]["nodeName"].as_str().ok_or("no node").map(str::to_owned));
    /// assert_eq!(node.unwrap(), "a");
    /// ```
    ///
    /// # Errors
    /// What [`validate_resource`](Self::validate_resource) says, what `f` says, and a panic in `f`.
    fn with_resource<K, T, E>(obj: &K, f: impl FnOnce(&K) -> Result<T, E>) -> Result<T, Error>
    where
        K: Serialize + ?Sized,
        E: Into<Failure>,
    {
        Self::validate_resource(obj)?;
        match catch_unwind(AssertUnwindSafe(|| f(obj))) {
            Ok(answer) => answer.map_err(|error| Error::from(error.into())),
            Err(panic) => Err(Error::temporary(format!("it panicked: {}", env::panic_message(&*panic)))),
        }
    }
}

/// What [`ControllerExt::start_with`] can be told when the program runs: Datapio's `start_options`.
///
/// ```
/// use controller_core::prelude::*;
/// use std::time::Duration;
/// let options = StartOptions { reconcile_delay: Some(Duration::from_secs(300)), ..StartOptions::default() };
/// # drop(options);
/// ```
#[derive(Clone, Default)]
pub struct StartOptions {
    /// The client, in place of one from the environment.
    pub client: Option<Client>,
    /// The one namespace to watch, in place of `namespace = all`.
    pub namespace: Option<String>,
    /// The time between the end of a run and the resync tick.
    pub reconcile_delay: Option<Duration>,
}

impl std::fmt::Debug for StartOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StartOptions")
            .field("namespace", &self.namespace)
            .field("reconcile_delay", &self.reconcile_delay)
            .finish_non_exhaustive()
    }
}

/// The child of one value, which its restarts share.
pub(crate) fn shared<C: Described>(descriptor: Descriptor, controller: C) -> ChildSpec {
    let controller = controller.erased(descriptor);
    controller_spec::<C, _, _>(descriptor, move |_| std::future::ready(Ok(controller.clone())))
}

impl<C: Described> ControllerExt for C {}

impl<C: Described> IntoChild for C {
    fn into_child(self) -> ChildSpec {
        self.child_spec()
    }
}

/// The child of a controller, under its name and by its rules. `make` is called for each start.
pub(crate) fn controller_spec<C, F, R>(descriptor: Descriptor, make: F) -> ChildSpec
where
    C: Described,
    F: Fn(ChildContext) -> R + Send + Sync + 'static,
    R: Future<Output = Result<AnyController, Failure>> + Send + 'static,
{
    let declared = Declare::<C>::of();
    let facts = ControllerFacts {
        descriptor,
        type_name: std::any::type_name::<C>(),
        schema_of_type: declared.schema_maker(),
        reads: declared.reads(),
    };
    let start = move |cx: ChildContext| {
        let made = make(cx.clone());
        async move {
            match made.await {
                Ok(controller) => run(controller.0, cx).await,
                Err(failure) => Exit::error(failure),
            }
        }
    };
    ChildSpec::worker(descriptor.name(), start).controller(facts)
}

async fn run(controller: Arc<dyn ErasedController>, cx: ChildContext) -> Exit {
    let Some(scope) = cx.scope().cloned() else {
        let name = controller.descriptor().name();
        return Exit::error(format!(
            "controller {name} stands in a supervisor that is not part of an operator: give it to `Operator::supervisor`"
        ));
    };
    let stopped = cx.clone().stopped();
    match cx.beating(run_controller(controller, scope, || cx.ready(), stopped)).await {
        Ok(()) => Exit::Normal,
        Err(Broken::Failed(failure)) => Exit::error(failure),
        Err(Broken::Escalated(report)) => Exit::Panic(report.into()),
    }
}
