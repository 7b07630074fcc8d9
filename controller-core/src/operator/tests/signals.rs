//! Real signals to a real process: this test binary, started once more with one test and a mark in its environment.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use super::*;

const MARK: &str = "CONTROLLER_CORE_SIGNAL_TEST";

/// The other process. Without the mark it has nothing to do.
#[test]
fn other_process() {
    let Ok(mode) = std::env::var(MARK) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let code = runtime.block_on(async {
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
        lines.find(|line| line.as_ref().is_ok_and(|line| line.ends_with(word))).expect("the word came").expect("text");
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
