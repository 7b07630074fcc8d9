//! Real signals to a real process: this test binary, started once more with one test and a mark in its environment.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::cluster::{cluster, watcher};
use super::*;
use crate::{Callback, Described, Descriptor};

const MARK: &str = "CONTROLLER_CORE_SIGNAL_TEST";

/// The other process. Without the mark it has nothing to do.
#[test]
fn other_process() {
    let Ok(mode) = std::env::var(MARK) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let code = runtime.block_on(async {
        if mode == "loaded" {
            return loaded().await;
        }
        let slow = mode == "slow";
        let child = ChildSpec::worker("child", move |cx: ChildContext| async move {
            cx.ready();
            say("ready");
            cx.stopped().await;
            say("stopping");
            if slow {
                std::future::pending::<()>().await;
            }
        });
        let operator = Operator::new("op").client(client()).child(child.shutdown(Shutdown::Infinity));
        let operator = match mode.as_str() {
            "fails to start" => operator.child(failing("f", false)),
            "gives up" => operator.child(failing("f", true)),
            _ => operator,
        };
        operator.run().await
    });
    // A program ends with the code by giving it back from `main`, which this one can't.
    let code = (0..=3).find(|number| code == ExitCode::from(*number)).expect("it is one of those documented");
    std::process::exit(code.into());
}

const CALLBACKS: u32 = 1_000;

/// Every other callback ends when it hears of the stop, and the others never do.
struct Loaded {
    begun: AtomicU32,
    ended: Arc<AtomicU32>,
}

#[expect(refining_impl_trait, reason = "the attribute allows the same")]
impl Controller for Loaded {
    type Object = Value;

    async fn reconcile(&self, _obj: &Value, cx: &Context<Self>) {
        let nth = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        if nth == CALLBACKS {
            say("all of them run");
        }
        if !nth.is_multiple_of(2) {
            std::future::pending::<()>().await;
        }
        cx.cancelled().await;
        self.ended.fetch_add(1, Ordering::SeqCst);
    }
}

impl Described for Loaded {
    const DESCRIPTOR: Descriptor = Descriptor::new("loaded", "v1", "ConfigMap")
        .plural("configmaps")
        .on(Callback::Reconcile)
        .concurrency(1_000)
        .no_timeout()
        .no_resync()
        .shutdown(Shutdown::After(Duration::from_secs(2)));
}

/// An operator whose callbacks run when it is told to stop, and another one after it.
async fn loaded() -> ExitCode {
    // One writer for what is said and what is logged keeps both in order.
    tracing_subscriber::fmt().with_writer(std::io::stdout).init();
    let names: Vec<String> = (0..CALLBACKS).map(|nth| format!("k{nth}")).collect();
    let objects: Vec<_> = names.iter().map(|name| ("default", name.as_str())).collect();
    let (cluster, ended) = (cluster(&objects).await, Arc::new(AtomicU32::new(0)));
    let load = Loaded { begun: AtomicU32::new(0), ended: Arc::clone(&ended) };
    let code = Operator::new("op").client(cluster.client()).controller(load).run().await;
    say(&format!("{} ended", ended.load(Ordering::SeqCst)));

    let seen = Seen::default();
    let next = Operator::new("op").client(cluster.client()).controller(watcher(&seen, 1)).spawn();
    next.settled().await;
    say(&format!("{} seen again", seen.lock().iter().collect::<std::collections::BTreeSet<_>>().len()));
    next.stop().await;
    code
}

fn say(word: &str) {
    writeln!(std::io::stdout(), "{word}").expect("the parent reads");
}

fn start(mode: &str) -> (Child, impl FnMut(&str)) {
    let mut process = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "operator::tests::signals::other_process", "--nocapture"])
        .env(MARK, mode)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
    let wait_for = move |word: &str| {
        lines.find(|line| line.as_ref().is_ok_and(|line| line.contains(word))).expect("the word came").expect("text");
    };
    (process, wait_for)
}

fn signal(process: &Child, name: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", process.id())]).status();
    assert!(status.is_ok_and(|status| status.success()));
}

#[test]
fn an_end_of_its_own_has_its_exit_code() {
    for (mode, code) in [("fails to start", 1), ("gives up", 3)] {
        let (mut process, _lines) = start(mode);
        assert_eq!(process.wait().expect("it ended").code(), Some(code), "{mode}");
    }
}

#[test]
fn one_signal_stops_in_order() {
    for name in ["TERM", "INT"] {
        let (mut process, mut wait_for) = start("quick");
        wait_for("ready");
        // As `timeout` does, which signals the process and then its group.
        signal(&process, &format!("{name} {0}; kill -{name}", process.id()));
        wait_for("stopping");
        assert_eq!(process.wait().expect("it ended").code(), Some(0), "{name}");
    }
}

#[test]
fn a_signal_under_load_lets_callbacks_end_and_names_and_keeps_those_that_do_not() {
    let (mut process, mut wait_for) = start("loaded");
    wait_for("all of them run");
    signal(&process, "TERM");
    wait_for("500 callbacks were aborted");
    wait_for("500 ended");
    wait_for("1000 seen again");
    assert_eq!(process.wait().expect("it ended").code(), Some(0));
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let (mut process, mut wait_for) = start("slow");
        wait_for("ready");
        signal(&process, "TERM");
        wait_for("stopping");
        // An echo of the first signal would not count.
        std::thread::sleep(ECHO * 4);
        signal(&process, name);
        assert_eq!(process.wait().expect("it ended").code(), Some(code), "{name}");
    }
}
