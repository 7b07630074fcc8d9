//! Owns what every controller can do besides its callbacks: become a child of a supervisor.

use std::future::Future;
use std::sync::Arc;

use crate::controller::{Declare, Described};
use crate::dispatch::{Broken, run_controller};
use crate::erased::{Erased, ErasedController};
use crate::error::Failure;
use crate::operator::{Operator, Running};
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
        let controller = Arc::new(self);
        controller_spec(move |_| std::future::ready(Ok(Arc::clone(&controller))))
    }

    /// Runs the controller on its own, with a client from the environment. It must be called on a tokio runtime.
    fn start(self) -> Running {
        Operator::new(Self::DESCRIPTOR.name()).child(self.child_spec()).spawn()
    }
}

impl<C: Described> ControllerExt for C {}

impl<C: Described> IntoChild for C {
    fn into_child(self) -> ChildSpec {
        self.child_spec()
    }
}

/// The child of a controller, under its name and by its rules. `make` is called for each start.
pub(crate) fn controller_spec<C, F, R>(make: F) -> ChildSpec
where
    C: Described,
    F: Fn(ChildContext) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Arc<C>, Failure>> + Send + 'static,
{
    let facts = ControllerFacts {
        descriptor: C::DESCRIPTOR,
        type_name: std::any::type_name::<C>(),
        schema_of_type: Declare::<C>::of().has_schema_of_type(),
    };
    let start = move |cx: ChildContext| {
        let made = make(cx.clone());
        async move {
            match made.await {
                Ok(controller) => run(Arc::new(Erased::new(controller)), cx).await,
                Err(failure) => Exit::error(failure),
            }
        }
    };
    ChildSpec::worker(C::DESCRIPTOR.name(), start).controller(facts)
}

async fn run(controller: Arc<dyn ErasedController>, cx: ChildContext) -> Exit {
    let Some(scope) = cx.scope().cloned() else {
        let name = controller.descriptor().name();
        return Exit::error(format!(
            "controller {name} stands in a supervisor that is not part of an operator: give it to `Operator::supervisor`"
        ));
    };
    let stopped = cx.clone().stopped();
    match run_controller(controller, scope, || cx.ready(), stopped).await {
        Ok(()) => Exit::Normal,
        Err(Broken::Failed(failure)) => Exit::error(failure),
        Err(Broken::Escalated(report)) => Exit::Panic(report.into()),
    }
}
