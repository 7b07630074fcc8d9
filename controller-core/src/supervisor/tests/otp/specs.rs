//! Child specifications and supervisor flags.

use super::cases;
use crate::supervisor::tests::*;

cases! {
    /// supervisor, check_childspecs/2
    two_children_of_one_id_are_refused:
        "one_for_one 3/5000 never: a b a", "" => "duplicate_child_name";
    /// supervisor, Supervisor flags
    a_period_of_zero_is_refused:
        "one_for_one 3/0 never: a", "" => "invalid_period";
    /// supervisor, check_childspecs/2: `never` is looked at before the restart type
    significant_and_permanent_under_never_is_a_bad_combination:
        "one_for_one 3/5000 never: a:significant", "" => "bad_combination";
    /// supervisor, Child specification: shutdown
    a_worker_may_have_infinity:
        "one_for_one 3/5000 never: a:infinity", "get_childspec a" => "+a; a permanent infinity false worker";
    /// supervisor, Child specification: shutdown
    a_supervisor_may_have_a_time_out:
        "one_for_one 3/5000 never: s:supervisor:100", "get_childspec s" => "+s.in; s permanent 100ms false supervisor";
}

/// supervisor, Child specification: the defaults of the optional keys
#[test]
fn optional_keys_have_otps_defaults() {
    let worker = ChildSpec::worker("a", |cx: ChildContext| async move { cx.ready() });
    assert_eq!((worker.restart, worker.significant, worker.kind()), (Restart::Permanent, false, ChildKind::Worker));
    assert_eq!(worker.shutdown, Shutdown::After(ms(5_000)));
    let supervisor = ChildSpec::supervisor(Supervisor::new("s", Strategy::default()));
    assert_eq!((supervisor.shutdown, supervisor.kind()), (Shutdown::Infinity, ChildKind::Supervisor));
    assert_eq!((Strategy::default(), AutoShutdown::default()), (Strategy::OneForOne, AutoShutdown::Never));
    assert_eq!((worker.restart_delay, worker.health, worker.blocked_after), (None, None, None));
}

/// supervisor, check_childspecs/1
#[test]
fn check_childspecs_looks_at_the_whole_tree_before_anything_starts() {
    let twice = Supervisor::new("inner", Strategy::OneForOne).child(nothing("a")).child(nothing("a"));
    let tree = Supervisor::new("outer", Strategy::OneForOne).child(nothing("b")).child(twice);
    assert_eq!(tree.check_childspecs().as_ref().map_err(otp), Err("duplicate_child_name"));
}

fn nothing(id: &str) -> ChildSpec {
    ChildSpec::worker(id, |cx: ChildContext| async move { cx.ready() })
}
