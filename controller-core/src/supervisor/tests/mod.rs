//! Trees of scripted children under paused time. What happens is one transcript with virtual times.

mod bad_input;
mod beyond;
mod calls;
mod dynamic;
mod limits;
mod log;
mod model;
mod monitors;
mod otp;
mod start;
mod stop;
mod strategies;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::policy::tests::model::Cue;
use super::*;
use crate::env::Clock;

/// Where scripted children play, and what was seen there.
#[derive(Clone)]
struct Stage {
    began: Instant,
    seen: Arc<Mutex<Vec<String>>>,
    cues: Arc<Mutex<BTreeMap<String, mpsc::UnboundedSender<Cue>>>>,
}

/// What a scripted child does by itself.
#[derive(Clone, Copy, Default)]
struct Script {
    ready_after: Duration,
    stops_after: Duration,
    /// The starts from the first to before the second number fail. The first start is 1.
    fails_from: Option<(u64, u64)>,
    /// This start says that there is nothing to run.
    ignores: Option<u64>,
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

impl Stage {
    fn new() -> Self {
        Self { began: Clock::system().instant(), seen: Arc::default(), cues: Arc::default() }
    }

    fn say(&self, text: impl std::fmt::Display) {
        let at = self.began.elapsed().as_millis();
        self.seen.lock().push(format!("{at} {text}"));
    }

    /// What was seen since the last call, in one line.
    fn seen(&self) -> String {
        std::mem::take(&mut *self.seen.lock()).join(", ")
    }

    fn cue(&self, id: &str, cue: Cue) {
        let cues = self.cues.lock();
        cues.get(id).expect("the child was started").send(cue).expect("the child listens");
    }

    fn child(&self, id: &str, script: Script) -> ChildSpec {
        let (stage, name) = (self.clone(), id.to_owned());
        let starts = Arc::new(Mutex::new(0));
        ChildSpec::worker(id, move |cx: ChildContext| {
            let start = {
                let mut starts = starts.lock();
                *starts += 1;
                *starts
            };
            stage.clone().play(name.clone(), script, start, cx)
        })
    }

    async fn play(self, name: String, script: Script, start: u64, cx: ChildContext) -> Exit {
        self.say(format_args!("+{name}"));
        let (sender, mut cues) = mpsc::unbounded_channel();
        self.cues.lock().insert(name.clone(), sender);
        if !script.ready_after.is_zero() {
            tokio::time::sleep(script.ready_after).await;
        }
        if let Some((from, to)) = script.fails_from
            && (from..to).contains(&start)
        {
            self.say(format_args!("!{name}"));
            return Exit::error("no start");
        }
        if script.ignores == Some(start) {
            self.say(format_args!("~{name}"));
            cx.ignore();
            return Exit::Normal;
        }
        cx.ready();
        let cue = tokio::select! {
            biased;
            cue = cues.recv() => cue,
            () = cx.stopped() => None,
        };
        let Some(cue) = cue else {
            tokio::time::sleep(script.stops_after).await;
            self.say(format_args!("-{name}"));
            return Exit::Normal;
        };
        self.say(format_args!("{name}:{cue:?}"));
        match cue {
            Cue::Normal => Exit::Normal,
            Cue::Shutdown => Exit::Shutdown,
            Cue::Error => Exit::error("asked to fail"),
            Cue::Panic => std::panic::resume_unwind(Box::new("asked to panic")),
            Cue::Killed => Exit::Killed,
        }
    }
}

/// A child that is ready at once, stops at once, and never fails by itself.
fn plain(stage: &Stage, id: &str) -> ChildSpec {
    stage.child(id, Script::default())
}

/// Each child with its state, its restarts and its last exit.
async fn states(handle: &SupervisorHandle) -> String {
    let children = handle.which_children().await.expect("the supervisor runs");
    let states = children.iter().map(|child| {
        let exit = child.last_exit.as_ref().map(|exit| format!("({exit})")).unwrap_or_default();
        format!("{} {:?} {}{exit}", child.id, child.state, child.restarts)
    });
    states.collect::<Vec<_>>().join(", ")
}

async fn after<T>(time: Duration, then: impl Future<Output = T>) -> T {
    tokio::time::sleep(time).await;
    then.await
}

/// The atom that OTP answers with.
fn otp(error: &SupervisorError) -> &'static str {
    match error {
        SupervisorError::DuplicateId { .. } => "duplicate_child_name",
        SupervisorError::SignificantPermanent { .. } | SupervisorError::SignificantNever { .. } => "bad_combination",
        SupervisorError::NoPeriod { .. } => "invalid_period",
        SupervisorError::FailedToStart { .. } => "failed_to_start_child",
        SupervisorError::AlreadyStarted { .. } => "already_started",
        SupervisorError::AlreadyPresent { .. } => "already_present",
        SupervisorError::Running { .. } => "running",
        SupervisorError::Restarting { .. } => "restarting",
        SupervisorError::NotFound { .. } => "not_found",
        SupervisorError::SimpleOneForOne { .. } => "simple_one_for_one",
        SupervisorError::NotRunning { .. } => "noproc",
        SupervisorError::InvalidRestartDelay { .. } | SupervisorError::NoLimit { .. } => "not OTP's",
    }
}
