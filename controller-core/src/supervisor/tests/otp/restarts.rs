//! Strategies, restart rules, intensity and period.

use super::cases;

cases! {
    /// supervisor, Restart Strategies
    one_for_one_restarts_only_who_ended:
        "one_for_one 3/5000 never: a b c", "b error" => "+a +b +c; b:Error +b";
    /// supervisor, Restart Strategies
    one_for_all_terminates_all_others_and_restarts_all:
        "one_for_all 3/5000 never: a b c", "b error" => "+a +b +c; b:Error -c -a +a +b +c";
    /// supervisor, Restart Strategies
    rest_for_one_terminates_and_restarts_the_rest:
        "rest_for_one 3/5000 never: a b c", "b error" => "+a +b +c; b:Error -c +b +c";
    /// supervisor, Restart Strategies
    rest_for_one_of_the_first_child_is_all:
        "rest_for_one 3/5000 never: a b c", "a error" => "+a +b +c; a:Error -c -b +a +b +c";
    /// supervisor, Restart Strategies
    rest_for_one_of_the_last_child_is_itself:
        "rest_for_one 3/5000 never: a b c", "c error" => "+a +b +c; c:Error +c";
    /// supervisor, Restart Strategies
    one_for_all_waits_for_each_that_it_terminates:
        "one_for_all 3/5000 never: a:stops=20 b c:stops=30", "b error; sleep 60; stop"
        => "+a +b +c; b:Error; -c -a +a +b +c; -c -b -a shutdown after 50";
    /// supervisor, Restart Strategies: no child is affected where the one that ended is not to be restarted
    one_for_all_does_nothing_where_nobody_is_restarted:
        "one_for_all 3/5000 never: a b:transient c", "b normal" => "+a +b +c; b:Normal";
    /// supervisor, Child specification: restart
    permanent_is_restarted_after_normal:
        "one_for_one 3/5000 never: a", "a normal" => "+a; a:Normal +a";
    /// supervisor, Child specification: restart
    permanent_is_restarted_after_shutdown:
        "one_for_one 3/5000 never: a", "a shutdown" => "+a; a:Shutdown +a";
    /// supervisor, Child specification: restart
    permanent_is_restarted_after_killed:
        "one_for_one 3/5000 never: a", "a killed" => "+a; a:Killed +a";
    /// supervisor, Child specification: restart
    transient_is_not_restarted_after_normal:
        "one_for_one 3/5000 never: a:transient", "a normal; which_children" => "+a; a:Normal; {a,undefined,worker}";
    /// supervisor, Child specification: restart
    transient_is_not_restarted_after_shutdown:
        "one_for_one 3/5000 never: a:transient", "a shutdown; which_children" => "+a; a:Shutdown; {a,undefined,worker}";
    /// supervisor, Child specification: restart
    transient_is_restarted_after_an_error:
        "one_for_one 3/5000 never: a:transient", "a error" => "+a; a:Error +a";
    /// supervisor, Child specification: restart
    transient_is_restarted_after_a_panic:
        "one_for_one 3/5000 never: a:transient", "a panic" => "+a; a:Panic +a";
    /// supervisor, Child specification: restart
    transient_is_restarted_after_killed:
        "one_for_one 3/5000 never: a:transient", "a killed" => "+a; a:Killed +a";
    /// supervisor, Child specification: restart
    temporary_is_never_restarted:
        "one_for_one 3/5000 never: a:temporary b", "a panic; which_children" => "+a +b; a:Panic; {b,pid,worker}";
    /// supervisor, Child specification: restart
    temporary_is_not_restarted_with_one_for_all:
        "one_for_all 3/5000 never: a t:temporary b", "a error; which_children"
        => "+a +t +b; a:Error -b -t +a +b; {a,pid,worker} {b,pid,worker}";
    /// supervisor, Child specification: restart
    temporary_is_not_restarted_with_rest_for_one:
        "rest_for_one 3/5000 never: a b t:temporary", "b error; which_children"
        => "+a +b +t; b:Error -t +b; {a,pid,worker} {b,pid,worker}";
    /// supervisor, Child specification: restart
    the_end_of_a_temporary_child_restarts_no_sibling:
        "one_for_all 3/5000 never: a t:temporary", "t error" => "+a +t; t:Error";
    /// supervisor, Restart Strategies: all child processes are restarted, those that had ended before too
    one_for_all_restarts_transient_children_that_had_ended:
        "one_for_all 3/5000 never: a t:transient", "t normal; a error" => "+a +t; t:Normal; a:Error +a +t";
    /// supervisor, Restart intensity and period
    as_many_restarts_as_the_intensity_are_allowed:
        "one_for_one 2/5000 never: a", "a error; a error" => "+a; a:Error +a; a:Error +a";
    /// supervisor, Restart intensity and period
    one_more_restart_terminates_all_children_and_the_supervisor:
        "one_for_one 1/5000 never: x a y", "a error; a error" => "+x +a +y; a:Error +a; a:Error -y -x ended shutdown";
    /// supervisor, Restart intensity and period
    an_intensity_of_zero_allows_no_restart:
        "one_for_one 0/5000 never: a b", "a error" => "+a +b; a:Error -b ended shutdown";
    /// supervisor, Restart intensity and period
    restarts_outside_of_the_period_do_not_count:
        "one_for_one 1/100 never: a", "a error; sleep 100; a error; sleep 100; a error"
        => "+a; a:Error +a; ; a:Error +a; ; a:Error +a";
    /// supervisor, Restart intensity and period
    restarts_of_different_children_count_together:
        "one_for_one 1/5000 never: a b", "a error; b error" => "+a +b; a:Error +a; b:Error -a ended shutdown";
    /// supervisor, Restart intensity and period
    a_group_that_is_restarted_counts_once:
        "one_for_all 1/5000 never: a b c", "a error" => "+a +b +c; a:Error -c -b +a +b +c";
    /// supervisor, Restart intensity and period
    children_that_are_not_restarted_do_not_count:
        "one_for_one 0/5000 never: a:temporary b:transient c", "a error; b normal" => "+a +b +c; a:Error; b:Normal";
    /// sup_princ, Maximum Restart Intensity: a start that fails at a restart is a restart
    restarts_that_fail_count_each:
        "one_for_one 3/5000 never: a:fails=2-9", "a error" => "+a; a:Error +a !a +a !a +a !a ended shutdown";
    /// sup_princ, Maximum Restart Intensity
    a_restart_that_fails_is_tried_until_it_succeeds:
        "one_for_one 3/5000 never: a:fails=2-3", "a error" => "+a; a:Error +a !a +a !a +a";
    /// sup_princ, Maximum Restart Intensity
    a_failed_restart_in_one_for_all_begins_anew:
        "one_for_all 3/5000 never: a b:fails=2-2 c", "a error" => "+a +b +c; a:Error -c -b +a +b !b -a +a +b +c";
    /// sup_princ, Maximum Restart Intensity
    a_failed_restart_in_rest_for_one_goes_on_from_there:
        "rest_for_one 3/5000 never: a b:fails=2-2 c", "a error" => "+a +b +c; a:Error -c -b +a +b !b +b +c";
    /// sup_princ, Maximum Restart Intensity: the next higher supervisor takes some action
    a_supervisor_that_gave_up_is_restarted_by_its_own:
        "one_for_one 1/5000 never: s:supervisor", "s.in error" => "+s.in; s.in:Error +s.in";
    /// sup_princ, Maximum Restart Intensity
    or_its_own_supervisor_gives_up_too:
        "one_for_one 0/5000 never: a s:supervisor", "s.in error" => "+a +s.in; s.in:Error -a ended shutdown";
    /// supervisor, Restart intensity and period: it ends with `shutdown`, which is no abnormal end
    a_transient_supervisor_that_gave_up_is_not_restarted:
        "one_for_one 1/5000 never: s:supervisor:transient", "s.in error; which_children"
        => "+s.in; s.in:Error; {s,undefined,supervisor}";
}
