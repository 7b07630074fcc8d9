//! Operators: their order, their exit codes, their signals, and their life against the embedded API server.

#[cfg(unix)]
mod signals;
mod cluster;
mod admin;
mod controllers;

use super::*;
use crate::ChildState;
use crate::prelude::*;
use parking_lot::Mutex;

/// A client whose server is not there. Nothing asks it unless a controller runs.
fn client() -> Client {
    let config = kube::Config::new("http://127.0.0.1:9".parse().expect("a url"));
    Client::try_from(config).expect("a client")
}

type Seen = Arc<Mutex<Vec<String>>>;

fn worker(seen: &Seen, id: &'static str) -> ChildSpec {
    let seen = Arc::clone(seen);
    ChildSpec::worker(id, move |cx: ChildContext| {
        let seen = Arc::clone(&seen);
        async move {
            seen.lock().push(format!("+{id}"));
            cx.ready();
            cx.stopped().await;
            seen.lock().push(format!("-{id}"));
        }
    })
}

fn failing(id: &'static str, ready: bool) -> ChildSpec {
    ChildSpec::worker(id, move |cx: ChildContext| async move {
        if ready {
            cx.ready();
        }
        Err("out of luck".into())
    })
}

#[tokio::test(start_paused = true)]
async fn children_start_before_the_controllers_supervisors_and_stop_after_them() {
    let seen = Seen::default();
    let running = Operator::new("op")
        .client(client())
        .supervisor(Supervisor::new("sup", Strategy::OneForAll).child(worker(&seen, "s")))
        .child(worker(&seen, "a"))
        .child(worker(&seen, "b"))
        .spawn();
    tokio::time::sleep(secs(1)).await;
    assert_eq!(running.stop().await, ExitCode::SUCCESS);
    assert_eq!(seen.lock().join(" "), "+a +b +s -s -b -a");
}

#[tokio::test(start_paused = true)]
async fn the_exit_code_says_how_the_operator_ended() {
    let seen = Seen::default();
    let check = async |operator: Operator, code: u8| {
        let mut running = operator.client(client()).spawn();
        assert_eq!(running.ended().await, ExitCode::from(code));
        assert_eq!(running.stop().await, ExitCode::from(code), "asked twice");
    };
    let operator = || Operator::new("op");
    check(operator().child(worker(&seen, "a")).child(failing("f", false)), 1).await;
    check(operator().child(worker(&seen, "b")).child(failing("f", true)), 3).await;
    check(operator().child(worker(&seen, "c")).child(worker(&seen, "c")), 1).await;
    check(operator().child(failing("f", true)).intensity(0, secs(1)), 3).await;
    assert_eq!(seen.lock().join(" "), "+a -a +b -b");
}

#[tokio::test(start_paused = true)]
async fn the_echo_of_a_signal_is_no_second_signal() {
    // Signals come after these times, each since the one before.
    let signals = futures::stream::iter([1, 20, 3, 70, 1]).then(async |pause| {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        if pause == 70 { Signal::Interrupt } else { Signal::Terminate }
    });
    let began = Clock::system().instant();
    assert_eq!(second_thought(signals).await, Signal::Interrupt);
    assert_eq!(began.elapsed().as_millis(), 94);
}

/// A program may run its operator in a task of its own.
#[test]
fn running_an_operator_can_be_sent_to_another_thread() {
    fn is_send<T: Send>(_: T) {}
    is_send(Operator::new("op").run());
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_the_start_is_over_is_heard() {
    let never = ChildSpec::worker("never", |cx: ChildContext| async move {
        let _held = cx;
        std::future::pending::<()>().await;
    });
    let running = Operator::new("op").client(client()).child(never).spawn();
    assert_eq!(running.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn dropping_it_aborts_everything() {
    let seen = Seen::default();
    let held = Arc::new(());
    let kept = Arc::downgrade(&held);
    let running = Operator::new("op").client(client()).child(worker(&seen, "a")).child(ChildSpec::worker(
        "holds",
        move |cx: ChildContext| {
            let held = Arc::clone(&held);
            async move {
                cx.ready();
                std::future::pending::<()>().await;
                drop(held);
            }
        },
    ));
    let running = running.spawn();
    tokio::time::sleep(secs(1)).await;
    drop(running);
    tokio::time::sleep(secs(1)).await;
    assert_eq!(seen.lock().join(" "), "+a");
    assert!(kept.upgrade().is_none(), "nothing of the tree is left");
}

#[tokio::test(start_paused = true)]
async fn a_tree_that_may_not_start_needs_no_client() {
    let seen = Seen::default();
    let mut running = Operator::new("op").child(worker(&seen, "a").significant()).spawn();
    assert_eq!(running.ended().await, ExitCode::from(1));
    assert_eq!(seen.lock().join(" "), "");
}
