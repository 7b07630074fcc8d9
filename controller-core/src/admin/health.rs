//! Owns what the kubelet's probes are told: what is looked at, and the text of the answer.
//!
//! The text is that of Kubernetes' own components: `ok`, or a line for each check with `?verbose` and where one failed.

use std::fmt::Write as _;
use std::time::Duration;

use crate::dispatch::{Phase, WatchFigures};

/// One of the three questions that the kubelet asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    /// Whether a new process would do better.
    Live,
    /// Whether each watch has been complete, so that callbacks see the whole cluster.
    Ready,
    /// Whether every child has started.
    Startup,
}

/// An operator, as far as the probes look.
#[derive(Debug, Clone, Default)]
pub(super) struct Vitals {
    /// Every child has started.
    pub(super) started: bool,
    /// The child whose start is waited for, and for how long.
    pub(super) waits_for: Option<(String, Duration)>,
    /// It was asked to stop.
    pub(super) stopping: bool,
    pub(super) controllers: Vec<(&'static str, Phase)>,
    pub(super) watches: Vec<WatchFigures>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    name: String,
    /// What is wrong.
    failed: Option<String>,
}

impl Check {
    fn new(name: impl Into<String>, failed: Option<String>) -> Self {
        Self { name: name.into(), failed }
    }
}

impl Probe {
    /// The path, which is also the word for it in the answer.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Live => "livez",
            Self::Ready => "readyz",
            Self::Startup => "startupz",
        }
    }

    /// What the probe looks at. A watch that follows the cluster no more is dead after `stale_limit`.
    pub(super) fn checks(self, vitals: &Vitals, stale_limit: Duration) -> Vec<Check> {
        match self {
            Self::Live => {
                let mut checks = vec![Check::new("ping", None)];
                checks.extend(vitals.watches.iter().map(|watch| follows(watch, stale_limit)));
                checks
            }
            Self::Ready => {
                let stopping = vitals.stopping.then(|| "the operator stops".to_owned());
                let mut checks = vec![Check::new("shutdown", stopping), has_started(vitals)];
                checks.extend(vitals.controllers.iter().filter_map(|(name, phase)| runs(name, phase)));
                checks.extend(vitals.watches.iter().map(is_synced));
                checks
            }
            Self::Startup => vec![has_started(vitals)],
        }
    }
}

/// What comes after a child that is not ready waits for it, controllers among them.
fn has_started(vitals: &Vitals) -> Check {
    let missing = (!vitals.started).then(|| match &vitals.waits_for {
        None => "not every child has started".to_owned(),
        Some((child, waits)) => {
            format!("not every child has started: {child} has not said for {} s that it is ready", waits.as_secs())
        }
    });
    Check::new("children", missing)
}

/// A watch that has never been complete is a matter of readiness: a new process would have to wait for the same.
fn follows(watch: &WatchFigures, limit: Duration) -> Check {
    let dead = watch.state == "stale" && watch.quiet > limit;
    let failed = dead.then(|| {
        let (quiet, limit) = (watch.quiet.as_secs(), limit.as_secs());
        format!("no sign of life for {quiet} s, at most {limit} s: {}", why(watch))
    });
    Check::new(format!("watch {}", watch.spec), failed)
}

fn is_synced(watch: &WatchFigures) -> Check {
    let failed = (watch.state == "syncing").then(|| format!("its first list is not complete: {}", why(watch)));
    Check::new(format!("watch {}", watch.spec), failed)
}

fn why(watch: &WatchFigures) -> &str {
    watch.why.as_deref().unwrap_or("the server has been asked")
}

/// A controller that was told to stop is missed by nobody.
fn runs(name: &str, phase: &Phase) -> Option<Check> {
    let failed = match phase {
        Phase::Runs => None,
        Phase::Stopped => return None,
        Phase::Expected => Some("it has not started".to_owned()),
        Phase::Waits(None) => Some("it asks the API server what to watch".to_owned()),
        Phase::Waits(Some(what_for)) => Some(format!("it waits: {what_for}")),
        Phase::Failed => Some("it ended, and has not been started again".to_owned()),
    };
    Some(Check::new(format!("controller {name}"), failed))
}

/// Whether a line for each check is wanted where all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    Terse,
    Verbose,
}

/// The answer to a probe, or what is wrong.
pub(super) fn verdict(probe: Probe, checks: &[Check], detail: Detail) -> Result<String, String> {
    let name = probe.name();
    let well = checks.iter().all(|check| check.failed.is_none());
    if well && detail == Detail::Terse {
        return Ok("ok".to_owned());
    }
    let mut text = String::new();
    for Check { name, failed } in checks {
        let _ = match failed {
            None => writeln!(text, "[+]{name} ok"),
            Some(reason) => writeln!(text, "[-]{name} failed: {reason}"),
        };
    }
    if well { Ok(format!("{text}{name} check passed")) } else { Err(format!("{text}{name} check failed")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::WatchSpec;

    const LIMIT: Duration = Duration::from_secs(300);

    fn watch(state: &'static str, why: Option<&str>, quiet: u64) -> WatchFigures {
        WatchFigures {
            spec: WatchSpec { plural: "pods".into(), ..WatchSpec::default() },
            state,
            why: why.map(Into::into),
            quiet: Duration::from_secs(quiet),
            objects: 1,
            reports: 1,
            repeated: 0,
            skipped: 0,
            relists: 0,
        }
    }

    #[track_caller]
    fn check(probe: Probe, vitals: &Vitals, expect: Result<&str, &str>) {
        let checks = probe.checks(vitals, LIMIT);
        let (expect_terse, expect_verbose) = match expect {
            Ok(lines) => (Ok("ok".to_owned()), Ok(lines.to_owned())),
            Err(lines) => (Err(lines.to_owned()), Err(lines.to_owned())),
        };
        assert_eq!(verdict(probe, &checks, Detail::Terse), expect_terse);
        assert_eq!(verdict(probe, &checks, Detail::Verbose), expect_verbose);
    }

    fn with(phase: Phase, watch: WatchFigures) -> Vitals {
        Vitals { started: true, controllers: vec![("web", phase)], watches: vec![watch], ..Vitals::default() }
    }

    #[test]
    fn it_is_ready_only_when_each_watch_is_synced_and_each_controller_runs() {
        let all = "[+]shutdown ok\n[+]children ok\n[+]controller web ok\n[+]watch pods in all namespaces ok\nreadyz check passed";
        check(Probe::Ready, &with(Phase::Runs, watch("healthy", None, 9)), Ok(all));
        check(Probe::Ready, &with(Phase::Runs, watch("stale", Some("gone"), 9_000)), Ok(all));
        check(
            Probe::Ready,
            &with(Phase::Runs, watch("syncing", Some("no permission"), 9)),
            Err(
                "[+]shutdown ok\n[+]children ok\n[+]controller web ok\n[-]watch pods in all namespaces failed: its first list is not complete: no permission\nreadyz check failed",
            ),
        );
        let waits =
            Vitals { watches: Vec::new(), ..with(Phase::Waits(Some("no kind Web".into())), watch("", None, 0)) };
        check(
            Probe::Ready,
            &waits,
            Err("[+]shutdown ok\n[+]children ok\n[-]controller web failed: it waits: no kind Web\nreadyz check failed"),
        );
        for missing in [Phase::Expected, Phase::Waits(None), Phase::Failed] {
            let checks = Probe::Ready.checks(&with(missing.clone(), watch("healthy", None, 0)), LIMIT);
            assert!(verdict(Probe::Ready, &checks, Detail::Terse).is_err(), "{missing:?}");
        }
    }

    #[test]
    fn a_controller_that_was_told_to_stop_is_not_waited_for() {
        let vitals = Vitals { watches: Vec::new(), ..with(Phase::Stopped, watch("", None, 0)) };
        check(Probe::Ready, &vitals, Ok("[+]shutdown ok\n[+]children ok\nreadyz check passed"));
    }

    #[test]
    fn an_operator_that_stops_is_not_ready_and_lives() {
        let vitals = Vitals { started: true, stopping: true, ..Vitals::default() };
        check(
            Probe::Ready,
            &vitals,
            Err("[-]shutdown failed: the operator stops\n[+]children ok\nreadyz check failed"),
        );
        check(Probe::Live, &vitals, Ok("[+]ping ok\nlivez check passed"));
    }

    #[test]
    fn a_watch_that_is_stale_past_its_limit_ends_its_life() {
        let alive = "[+]ping ok\n[+]watch pods in all namespaces ok\nlivez check passed";
        for (state, quiet) in [("healthy", 9_000), ("syncing", 9_000), ("stale", 300)] {
            check(Probe::Live, &with(Phase::Runs, watch(state, Some("gone"), quiet)), Ok(alive));
        }
        check(
            Probe::Live,
            &with(Phase::Runs, watch("stale", Some("gone"), 301)),
            Err(
                "[+]ping ok\n[-]watch pods in all namespaces failed: no sign of life for 301 s, at most 300 s: gone\nlivez check failed",
            ),
        );
    }

    #[test]
    fn it_has_started_when_every_child_has() {
        let waits = Vitals { started: true, ..with(Phase::Waits(None), watch("syncing", None, 0)) };
        check(Probe::Startup, &waits, Ok("[+]children ok\nstartupz check passed"));
        let starts = Vitals { started: false, watches: Vec::new(), controllers: Vec::new(), ..waits };
        check(Probe::Startup, &starts, Err("[-]children failed: not every child has started\nstartupz check failed"));
        let named = Vitals { waits_for: Some(("mail/queue".to_owned(), Duration::from_secs(7))), ..starts };
        let failed =
            "[-]children failed: not every child has started: mail/queue has not said for 7 s that it is ready";
        check(Probe::Startup, &named, Err(&format!("{failed}\nstartupz check failed")));
        check(Probe::Ready, &named, Err(&format!("[+]shutdown ok\n{failed}\nreadyz check failed")));
    }
}
