//! Starting and stopping.

use super::cases;

cases! {
    /// supervisor, Supervision Principles
    children_start_from_left_to_right:
        "one_for_one 1/5000 never: a b c", "" => "+a +b +c";
    /// supervisor, Supervision Principles
    children_stop_from_right_to_left:
        "one_for_one 1/5000 never: a b c", "stop" => "+a +b +c; -c -b -a shutdown after 0";
    /// supervisor, Supervision Principles
    one_for_all_stops_from_right_to_left_too:
        "one_for_all 1/5000 never: a b c", "stop" => "+a +b +c; -c -b -a shutdown after 0";
    /// supervisor, start_link/3
    start_link_waits_until_all_children_are_started:
        "one_for_one 1/5000 never: a:ready=30 b:ready=20", "" => "+a +b";
    /// supervisor, start_link/3
    a_failed_start_terminates_those_already_started:
        "one_for_one 1/5000 never: a b:fails=1-1 c", "" => "+a +b !b -a failed_to_start_child";
    /// supervisor, start_link/3
    a_first_child_that_fails_leaves_nothing_to_terminate:
        "rest_for_one 1/5000 never: a:fails=1-1 b", "" => "+a !a failed_to_start_child";
    /// supervisor, start_link/3
    an_ignored_start_is_no_failed_start:
        "one_for_one 1/5000 never: a b:ignores=1 c", "which_children"
        => "+a +b ~b +c; {a,pid,worker} {b,undefined,worker} {c,pid,worker}";
    /// supervisor, Child specification: start
    an_ignored_temporary_child_is_not_kept:
        "one_for_one 1/5000 never: a b:temporary:ignores=1", "which_children" => "+a +b ~b; {a,pid,worker}";
    /// supervisor, start_link/3
    a_supervisor_without_children_starts:
        "one_for_one 1/5000 never:", "count_children; stop" => "; 0 0 0 0; shutdown after 0";
    /// sup_princ, Stopping
    a_nested_supervisor_stops_its_own_children_first:
        "one_for_one 1/5000 never: a s:supervisor b", "stop" => "+a +s.in +b; -b -s.in -a shutdown after 0";
    /// supervisor, Child specification: shutdown
    a_child_has_five_seconds_by_default:
        "one_for_one 1/5000 never: a:stops=9000", "stop" => "+a; shutdown after 5000";
    /// supervisor, Child specification: shutdown
    a_time_out_is_waited_for_and_then_the_child_is_killed:
        "one_for_one 1/5000 never: a:stops=60:50 b:stops=40:50", "stop" => "+a +b; -b shutdown after 90";
    /// supervisor, Child specification: shutdown
    brutal_kill_asks_nobody:
        "one_for_one 1/5000 never: a:kill b", "stop" => "+a +b; -b shutdown after 0";
    /// supervisor, Child specification: shutdown
    infinity_waits_as_long_as_it_takes:
        "one_for_one 1/5000 never: a:infinity:stops=86400000", "stop" => "+a; -a shutdown after 86400000";
    /// supervisor, Child specification: shutdown
    each_child_has_its_own_time_out:
        "one_for_one 1/5000 never: a:stops=100:30 b:stops=100:40 c:stops=10:50", "stop"
        => "+a +b +c; -c shutdown after 80";
    /// supervisor, Child specification: shutdown
    a_time_out_of_zero_kills_who_does_not_end_at_once:
        "one_for_one 1/5000 never: a:stops=1:0", "stop" => "+a; shutdown after 0";
}
