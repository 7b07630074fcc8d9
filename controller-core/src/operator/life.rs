//! Owns the whole life of an operator, from the check of its plan to its end, and what is said of it on the way.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::plan::Plan;
use super::running::Verdict;
use super::{Inquiry, Operator};
use crate::admin::{self, ControllerLine, Permissions, Report, Server, Window};
use crate::dispatch::Scope;
use crate::error;
use crate::log::Format;
use crate::supervisor::{End, RunningSupervisor, Supervisor};
use crate::watch::WatchSpec;

/// Starts an operator, and stops it when it is asked to or ends by itself.
pub(super) async fn live_out(
    mut operator: Operator,
    root: Supervisor,
    window: Arc<Window>,
    stop: CancellationToken,
) -> Verdict {
    let name = Arc::clone(&operator.name);
    let refused = |error: &(dyn std::error::Error + 'static)| {
        tracing::error!(operator = &*name, "the operator does not start: {}", error::chain(error));
        Verdict::FailedToStart
    };
    let Plan { root, declared, writes, names, controllers, warnings } = match operator.plan(root) {
        Ok(plan) => plan,
        Err(error) => return refused(&error),
    };
    let scope = match operator.scope(declared.clone()).await {
        Ok(scope) => Arc::new(scope),
        Err(error) => return refused(&error),
    };
    scope.live.expect(&names);
    let mut tree = root.launch(Some(Arc::clone(&scope)));
    let start = Start { controllers, declared, writes, warnings, inquiry: operator.inquiry };
    let over = CancellationToken::new();
    let life = async {
        let end = until_the_end(&mut tree, &scope, &window, &stop).await;
        over.cancel();
        end
    };
    // A server that answers late holds up neither the start nor the end.
    let (end, ()) = tokio::join!(life, start.report(&scope, &window, &over));
    match end {
        End::Stopped | End::AutoShutdown => {
            tracing::info!(operator = &*name, "the operator stopped");
            Verdict::Stopped
        }
        End::Failed(error) => {
            tracing::error!(operator = &*name, "the operator failed to start: {error}");
            Verdict::FailedToStart
        }
        End::GaveUp { child, exit } => {
            tracing::error!(
                operator = &*name,
                "the operator gave up after too many restarts of {child}, the last one after {exit}"
            );
            Verdict::GaveUp
        }
    }
}

async fn until_the_end(tree: &mut RunningSupervisor, scope: &Scope, window: &Window, stop: &CancellationToken) -> End {
    let started = tokio::select! {
        biased;
        () = stop.cancelled() => return tree.stopped().await,
        end = tree.ready_or_end() => end,
    };
    if let Some(end) = started {
        return end;
    }
    window.everything_started();
    tracing::info!(operator = &*scope.operator, "everything is started");
    tokio::select! {
        biased;
        () = stop.cancelled() => tree.stopped().await,
        end = tree.end() => end,
    }
}

/// What there is to say at the start.
struct Start {
    controllers: Vec<ControllerLine>,
    declared: Vec<WatchSpec>,
    writes: Vec<WatchSpec>,
    warnings: Vec<String>,
    inquiry: Inquiry,
}

impl Start {
    /// Writes the report once the server has answered, at the latest when the operator is over.
    async fn report(self, scope: &Scope, window: &Window, over: &CancellationToken) {
        let watches = widest(&self.declared);
        let (server, permissions) = match self.inquiry {
            Inquiry::None => (Server { url: scope.url.clone(), version: None }, Permissions::default()),
            Inquiry::AtStart => tokio::select! {
                biased;
                answer = admin::ask(&scope.client, scope.url.clone(), admin::needed(&watches, &self.writes)) => answer,
                () = over.cancelled() => (Server { url: scope.url.clone(), version: None }, Permissions::default()),
            },
        };
        let report = Arc::new(Report {
            operator: scope.operator.to_string(),
            version: env!("CARGO_PKG_VERSION"),
            server,
            controllers: self.controllers,
            watches: watches.iter().map(named).collect(),
            permissions,
            admin: window.address().map(|address| format!("http://{address}")),
            warnings: self.warnings,
        });
        match Format::of_process() {
            Format::Text => tracing::info!("{report}"),
            Format::Json => tracing::info!(operator = &*scope.operator, report = %report.json(), "the operator starts"),
        }
        for warning in &report.warnings {
            tracing::warn!(operator = &*scope.operator, "{warning}");
        }
        window.reported(report);
    }
}

/// The watches that serve all that is declared.
fn widest(declared: &[WatchSpec]) -> Vec<WatchSpec> {
    let covered = |spec: &&WatchSpec| declared.iter().any(|other| other.covers(spec) && !spec.covers(other));
    let mut widest: Vec<_> = declared.iter().filter(|spec| !covered(spec)).cloned().collect();
    widest.sort();
    widest.dedup();
    widest
}

/// A watch as the report names it: by its kind, where only the server knows the plural.
fn named(spec: &WatchSpec) -> String {
    match spec.plural.as_str() {
        "" => WatchSpec { plural: spec.kind.clone(), ..spec.clone() }.to_string(),
        _ => spec.to_string(),
    }
}
