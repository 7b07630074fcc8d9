//! The table of callbacks: what happened, what is known, what is written, and the plan.

use super::*;

const ALL: &[Callback] = &[Callback::Add, Callback::Modify, Callback::Delete, Callback::Reconcile];

fn routes(written: &[Callback], at_start: Option<OnStart>) -> Routes {
    let mut descriptor = crate::descriptor::Descriptor::new("test", "v1", "Pod");
    for callback in written {
        descriptor = descriptor.on(*callback);
    }
    if let Some(at_start) = at_start {
        descriptor = descriptor.on_start(at_start);
    }
    Routes::of(descriptor.callbacks(), descriptor.at_start())
}

#[track_caller]
fn check(written: &[Callback], standing: Standing, happened: Happened, expect: &str) {
    check_with(&routes(written, None), History { standing, ..History::default() }, happened, expect);
}

#[track_caller]
fn check_with(routes: &Routes, history: History, happened: Happened, expect: &str) {
    let text = match decide(happened, history, routes) {
        Plan::Run { callback, standing } => format!("{} {standing:?}", callback.name()),
        Plan::Note { standing } => format!("note {standing:?}"),
        plan => format!("{plan:?}").to_lowercase(),
    };
    assert_eq!(text, expect);
}

#[test]
fn with_all_four_callbacks() {
    use Happened::{Asked, Found, Gone, Seen};
    use Standing::{Absent, Adding, Known, New};
    check(ALL, Absent, Found, "reconcile Found");
    check(ALL, Absent, Seen, "add New");
    check(ALL, Absent, Gone, "ignore");
    check(ALL, Absent, Asked, "ignore");
    check(ALL, Standing::Found, Seen, "reconcile Found");
    check(ALL, Standing::Found, Asked, "reconcile Found");
    check(ALL, Standing::Found, Gone, "delete");
    check(ALL, New, Seen, "add New");
    check(ALL, New, Asked, "add New");
    check(ALL, New, Gone, "forget");
    check(ALL, Adding, Seen, "add Adding");
    check(ALL, Adding, Asked, "add Adding");
    check(ALL, Adding, Gone, "delete");
    check(ALL, Known, Seen, "modify Known");
    check(ALL, Known, Found, "modify Known");
    check(ALL, Known, Asked, "reconcile Known");
    check(ALL, Known, Gone, "delete");
}

#[test]
fn add_and_modify_default_to_reconcile_and_delete_to_nothing() {
    let only = &[Callback::Reconcile];
    check(only, Standing::Absent, Happened::Found, "reconcile Found");
    check(only, Standing::Absent, Happened::Seen, "reconcile New");
    check(only, Standing::Known, Happened::Seen, "reconcile Known");
    check(only, Standing::Known, Happened::Gone, "forget");
    check(only, Standing::Adding, Happened::Gone, "forget");
}

#[test]
fn what_is_not_written_and_has_no_default_runs_nothing() {
    check(&[Callback::Add], Standing::Absent, Happened::Found, "add New");
    check(&[Callback::Add], Standing::Known, Happened::Seen, "note Known");
    check(&[Callback::Add], Standing::Known, Happened::Asked, "ignore");
    check(&[Callback::Modify], Standing::Absent, Happened::Found, "note Known");
    check(&[Callback::Modify], Standing::Absent, Happened::Seen, "note Known");
    check(&[Callback::Modify], Standing::Known, Happened::Seen, "modify Known");
    check(&[Callback::Delete], Standing::Absent, Happened::Found, "note Known");
    check(&[Callback::Delete], Standing::Absent, Happened::Seen, "note Known");
    check(&[Callback::Delete], Standing::Known, Happened::Gone, "delete");
}

#[test]
fn on_start_overrides() {
    let found = |written: &[Callback], at_start, expect| {
        check_with(&routes(written, Some(at_start)), History::default(), Happened::Found, expect);
    };
    found(ALL, OnStart::Add, "add New");
    found(ALL, OnStart::Reconcile, "reconcile Found");
    found(ALL, OnStart::Skip, "note Known");
    found(&[Callback::Reconcile], OnStart::Add, "reconcile Found");
}

#[test]
fn what_comes_while_an_add_runs_waits_for_its_end() {
    let running = History { standing: Standing::Adding, running: true, ..History::default() };
    let routes = routes(ALL, None);
    check_with(&routes, running, Happened::Seen, "afteradd");
    check_with(&routes, running, Happened::Asked, "afteradd");
    check_with(&routes, running, Happened::Gone, "delete");
}

#[test]
fn how_a_run_ended_says_when_the_next_one_is() {
    let wait = std::time::Duration::from_secs(7);
    let check = |verdict, callback, from, expect: (Standing, bool, Next)| {
        let after = follow(verdict, callback, from, &routes(ALL, None));
        assert_eq!((after.standing, after.accepted, after.next), expect, "{verdict:?} of {callback:?} from {from:?}");
    };
    use Callback::{Add, Delete, Modify, Reconcile};
    use Standing::{Adding, Found, Known, New};
    check(Verdict::Did(Action::Done), Add, New, (Known, true, Next::Tick));
    check(Verdict::Did(Action::AwaitChange), Modify, Known, (Known, true, Next::Await));
    check(Verdict::Did(Action::Requeue(wait)), Modify, Known, (Known, true, Next::Requeue(Reconcile, wait)));
    check(Verdict::Did(Action::Requeue(wait)), Delete, Known, (Known, true, Next::Requeue(Delete, wait)));
    check(Verdict::Failed(None), Add, New, (Adding, false, Next::Retry(None)));
    check(Verdict::Failed(Some(wait)), Reconcile, Found, (Known, false, Next::Retry(Some(wait))));
    check(Verdict::Refused, Add, Adding, (Adding, true, Next::Await));
    check(Verdict::Unreached, Add, New, (New, false, Next::Await));
    check(Verdict::Unreached, Reconcile, Found, (Found, false, Next::Await));
    let add_only = follow(Verdict::Did(Action::Requeue(wait)), Add, New, &routes(&[Add], None));
    assert_eq!(add_only.next, Next::Requeue(Add, wait));
}

#[test]
fn a_change_that_is_not_asked_for_refreshes_what_is_pending_and_runs_nothing() {
    for standing in [Standing::Found, Standing::New, Standing::Adding, Standing::Known] {
        check(ALL, standing, Happened::Noise, "refresh");
    }
    check(ALL, Standing::Absent, Happened::Noise, "add New");
    check(&[Callback::Add], Standing::Known, Happened::Noise, "note Known");
}

#[test]
fn what_no_callback_saw_is_tried_again_with_every_change() {
    let check = |standing, expect| {
        let history = History { standing, unheard: true, ..History::default() };
        check_with(&routes(ALL, None), history, Happened::Noise, expect);
    };
    check(Standing::Found, "reconcile Found");
    check(Standing::New, "add New");
    check(Standing::Adding, "add Adding");
    check(Standing::Known, "modify Known");
}
