//! What OTP documents of its supervisor, case by case: a tree, what happens to it, and everything that is seen.
//!
//! A tree is written as its strategy, its intensity, its period in milliseconds, its `auto_shutdown` and its children:
//! `rest_for_one 3/5000 never: a b:transient c:temporary`. What happens is a list of ends (`b error`) and calls
//! (`terminate b`). What is seen are starts (`+a`), failed starts (`!a`), ignored ones (`~a`), ends (`a:error`), stops
//! (`-a`) and answers by OTP's atoms, and `ended` once the supervisor has.

mod automatic;
mod calls;
mod principles;
mod restarts;
mod simple;
mod specs;

use super::*;

/// One test for each case: its name, its tree, what happens, and what is seen.
macro_rules! cases {
    ($($(#[$section:meta])* $name:ident: $tree:expr, $happens:expr => $seen:expr;)*) => {$(
        $(#[$section])*
        #[tokio::test(start_paused = true)]
        async fn $name() {
            $crate::supervisor::tests::otp::check($tree, $happens, $seen).await;
        }
    )*};
}
use cases;

/// A supervisor under test, and what it was asked by.
enum Subject {
    Listed(SupervisorHandle),
    Alike(DynamicHandle<String>, BTreeMap<String, ChildHandle>),
}

/// A child by its words: `name:transient:significant:kill`.
fn child(stage: &Stage, words: &str) -> ChildSpec {
    let mut words = words.split(':');
    let name = words.next().expect("a name");
    let (mut script, mut edits) = (Script::default(), Vec::new());
    for word in words {
        let number = |text: &str| text.parse::<u64>().expect("a number");
        match word.split_once('=') {
            Some(("fails", range)) => {
                let (from, to) = range.split_once('-').expect("a range");
                script.fails_from = Some((number(from), number(to) + 1));
            }
            Some(("ignores", start)) => script.ignores = Some(number(start)),
            Some(("stops", time)) => script.stops_after = ms(number(time)),
            Some(("ready", time)) => script.ready_after = ms(number(time)),
            _ => edits.push(word),
        }
    }
    let spec = if edits.contains(&"supervisor") {
        let inner = plain(stage, &format!("{name}.in"));
        ChildSpec::supervisor(Supervisor::new(name, Strategy::OneForOne).intensity(0, ms(1)).child(inner))
    } else {
        stage.child(name, script)
    };
    edits.into_iter().fold(spec, |spec, word| match word {
        "permanent" => spec.restart(Restart::Permanent),
        "transient" => spec.restart(Restart::Transient),
        "temporary" => spec.restart(Restart::Temporary),
        "significant" => spec.significant(),
        "supervisor" => spec,
        "kill" => spec.shutdown(Shutdown::BrutalKill),
        "infinity" => spec.shutdown(Shutdown::Infinity),
        time => spec.shutdown(Shutdown::After(ms(time.parse().expect("a word for a child")))),
    })
}

async fn check(tree: &str, happens: &str, seen: &str) {
    let stage = Stage::new();
    let (flags, children) = tree.split_once(':').expect("flags: children");
    let mut flags = flags.split(' ');
    let mut flag = || flags.next().expect("strategy, intensity/period, auto_shutdown");
    let (strategy, limits, auto) = (flag(), flag(), flag());
    let (intensity, period) = limits.split_once('/').expect("intensity/period");
    let (intensity, period) = (intensity.parse().expect("a number"), ms(period.parse().expect("a number")));
    let auto = match auto {
        "never" => AutoShutdown::Never,
        "any_significant" => AutoShutdown::AnySignificant,
        "all_significant" => AutoShutdown::AllSignificant,
        other => unreachable!("{other}"),
    };
    let strategy = match strategy {
        "one_for_one" => Some(Strategy::OneForOne),
        "one_for_all" => Some(Strategy::OneForAll),
        "rest_for_one" => Some(Strategy::RestForOne),
        "simple_one_for_one" => None,
        other => unreachable!("{other}"),
    };
    let (subject, started) = if let Some(strategy) = strategy {
        let supervisor = Supervisor::new("tree", strategy).intensity(intensity, period).auto_shutdown(auto);
        let supervisor = children.split_whitespace().fold(supervisor, |tree, words| tree.child(child(&stage, words)));
        (Subject::Listed(supervisor.handle()), supervisor.start().await)
    } else {
        let staged = stage.clone();
        let supervisor = DynamicSupervisor::new("tree", move |words: String| child(&staged, &words));
        let supervisor = supervisor.intensity(intensity, period).auto_shutdown(auto);
        (Subject::Alike(supervisor.handle(), BTreeMap::new()), supervisor.start().await)
    };
    let mut shown = vec![what_was_seen(&stage)];
    match started {
        Err(error) => shown[0].push(otp(&error).to_owned()),
        Ok(running) => happen(&stage, subject, running, happens, &mut shown).await,
    }
    let shown: Vec<_> = shown.into_iter().map(|words| words.join(" ")).collect();
    assert_eq!(shown.join("; "), seen, "\n{tree}\n{happens}");
}

async fn happen(
    stage: &Stage,
    mut subject: Subject,
    mut running: RunningSupervisor,
    happens: &str,
    shown: &mut Vec<Vec<String>>,
) {
    for step in happens.split("; ").filter(|step| !step.is_empty()) {
        let began = stage.began.elapsed();
        if step == "stop" {
            let exit = running.stop().await;
            let mut words = what_was_seen(stage);
            words.push(format!("{exit} after {}", (stage.began.elapsed() - began).as_millis()));
            shown.push(words);
            return;
        }
        let answer = subject.step(stage, step).await;
        tokio::time::sleep(ms(1)).await;
        let mut words = what_was_seen(stage);
        words.extend(answer);
        if let Ok(exit) = tokio::time::timeout(ms(1), running.exited()).await {
            words.push(format!("ended {exit}"));
            shown.push(words);
            return;
        }
        shown.push(words);
    }
}

/// Without the times.
fn what_was_seen(stage: &Stage) -> Vec<String> {
    let seen = stage.seen();
    let words = seen.split(", ").filter(|line| !line.is_empty());
    words.map(|line| line.split_once(' ').map_or(line, |(_, what)| what).to_owned()).collect()
}

impl Subject {
    /// The answer, where it is a call.
    async fn step(&mut self, stage: &Stage, step: &str) -> Option<String> {
        let (verb, what) = step.split_once(' ').unwrap_or((step, ""));
        let cue = match what {
            "normal" => Some(Cue::Normal),
            "shutdown" => Some(Cue::Shutdown),
            "error" => Some(Cue::Error),
            "panic" => Some(Cue::Panic),
            "killed" => Some(Cue::Killed),
            _ => None,
        };
        if let Some(cue) = cue {
            stage.cue(verb, cue);
            return None;
        }
        if verb == "sleep" {
            tokio::time::sleep(ms(what.parse().expect("a number"))).await;
            return None;
        }
        let handle = match self {
            Self::Listed(handle) => handle.clone(),
            Self::Alike(handle, _) => handle.supervisor(),
        };
        let atom = |answer: Result<(), SupervisorError>| answer.as_ref().map_or_else(otp, |()| "ok").to_owned();
        Some(match (verb, self) {
            ("start", Self::Listed(_)) => undefined_or(handle.start_child(child(stage, what)).await),
            ("start", Self::Alike(alike, started)) => {
                let child = alike.start_child(what.to_owned()).await;
                if let Ok(child) = &child {
                    let name = child.id().split('#').next().unwrap_or_default();
                    started.insert(name.to_owned(), child.clone());
                }
                undefined_or(child)
            }
            ("terminate_pid", Self::Alike(alike, started)) => {
                atom(alike.terminate_child(started.get(what).expect("it was started")).await)
            }
            ("terminate", _) => atom(handle.terminate_child(what).await),
            ("restart", _) => undefined_or(handle.restart_child(what).await),
            ("delete", _) => atom(handle.delete_child(what).await),
            ("get_childspec", _) => match handle.get_childspec(what).await {
                Ok(spec) => {
                    let kind = format!("{:?}", spec.kind()).to_lowercase();
                    format!("{} {} {} {} {kind}", spec.id, spec.restart, spec.shutdown, spec.significant)
                }
                Err(error) => otp(&error).to_owned(),
            },
            ("which_child", _) => match handle.which_child(what).await {
                Ok(info) => shown(&info),
                Err(error) => otp(&error).to_owned(),
            },
            ("which_children", _) => match handle.which_children().await {
                Ok(children) => children.iter().map(shown).collect::<Vec<_>>().join(" "),
                Err(error) => otp(&error).to_owned(),
            },
            ("count_children", _) => match handle.count_children().await {
                Ok(ChildCount { specs, active, supervisors, workers }) => {
                    format!("{specs} {active} {supervisors} {workers}")
                }
                Err(error) => otp(&error).to_owned(),
            },
            _ => unreachable!("{step}"),
        })
    }
}

/// `{ok, undefined}` where nothing runs.
fn undefined_or(answer: Result<ChildHandle, SupervisorError>) -> String {
    match answer {
        Ok(child) if child.is_running() => "ok".to_owned(),
        Ok(_) => "undefined".to_owned(),
        Err(error) => otp(&error).to_owned(),
    }
}

/// `{Id, Child, Type}`.
fn shown(info: &ChildInfo) -> String {
    let child = match info.state {
        ChildState::Running => "pid",
        ChildState::Restarting => "restarting",
        ChildState::Ended => "undefined",
    };
    format!("{{{},{child},{}}}", info.id, format!("{:?}", info.kind).to_lowercase())
}
