//! The calls at run time, with their answers.

use super::cases;

cases! {
    /// supervisor, start_child/2
    start_child_adds_and_starts:
        "one_for_one 3/5000 never: a", "start b; which_children" => "+a; +b ok; {a,pid,worker} {b,pid,worker}";
    /// supervisor, start_child/2
    start_child_of_a_running_id_is_already_started:
        "one_for_one 3/5000 never: a", "start a" => "+a; already_started";
    /// supervisor, start_child/2
    start_child_of_a_known_id_is_already_present:
        "one_for_one 3/5000 never: a", "terminate a; start a" => "+a; -a ok; already_present";
    /// supervisor, start_child/2
    start_child_that_fails_is_discarded:
        "one_for_one 3/5000 never: a", "start b:fails=1-1; which_children"
        => "+a; +b !b failed_to_start_child; {a,pid,worker}";
    /// supervisor, start_child/2
    start_child_that_is_ignored_is_kept:
        "one_for_one 3/5000 never: a", "start b:ignores=1; which_children"
        => "+a; +b ~b undefined; {a,pid,worker} {b,undefined,worker}";
    /// supervisor, start_child/2
    start_child_of_an_ignored_temporary_child_is_not_kept:
        "one_for_one 3/5000 never: a", "start b:temporary:ignores=1; which_children"
        => "+a; +b ~b undefined; {a,pid,worker}";
    /// sup_princ, Adding a Child Process: it behaves like the others
    a_child_that_was_added_is_restarted_and_stopped_like_the_others:
        "rest_for_one 3/5000 never: a", "start b; a error; stop" => "+a; +b ok; a:Error -b +a +b; -b -a shutdown after 0";
    /// supervisor, delete_child/2
    delete_child_forgets_the_specification:
        "one_for_one 3/5000 never: a", "terminate a; delete a; which_children" => "+a; -a ok; ok; ";
    /// supervisor, terminate_child/2
    terminate_child_keeps_the_specification:
        "one_for_one 3/5000 never: a", "terminate a; which_children" => "+a; -a ok; {a,undefined,worker}";
    /// supervisor, terminate_child/2
    terminate_child_of_one_that_does_not_run_is_ok:
        "one_for_one 3/5000 never: a", "terminate a; terminate a" => "+a; -a ok; ok";
    /// supervisor, terminate_child/2
    terminate_child_deletes_a_temporary_one:
        "one_for_one 3/5000 never: a:temporary", "terminate a; restart a" => "+a; -a ok; not_found";
    /// supervisor, terminate_child/2
    terminate_child_of_nobody_is_not_found:
        "one_for_one 3/5000 never: a", "terminate b" => "+a; not_found";
    /// supervisor, terminate_child/2: no sibling is affected
    terminate_child_affects_no_sibling:
        "one_for_all 3/5000 never: a b", "terminate a" => "+a +b; -a ok";
    /// supervisor, terminate_child/2: the child process can later be restarted by the supervisor
    a_terminated_child_is_restarted_with_its_siblings:
        "one_for_all 3/5000 never: a b", "terminate a; b error" => "+a +b; -a ok; b:Error +a +b";
    /// supervisor, restart_child/2
    restart_child_starts_a_terminated_one:
        "one_for_one 3/5000 never: a", "terminate a; restart a" => "+a; -a ok; +a ok";
    /// supervisor, restart_child/2
    restart_child_starts_a_transient_one_that_ended:
        "one_for_one 3/5000 never: a:transient", "a normal; restart a" => "+a; a:Normal; +a ok";
    /// supervisor, restart_child/2
    restart_child_of_a_running_one_is_refused:
        "one_for_one 3/5000 never: a", "restart a" => "+a; running";
    /// supervisor, restart_child/2
    restart_child_of_nobody_is_not_found:
        "one_for_one 3/5000 never: a", "restart b" => "+a; not_found";
    /// supervisor, restart_child/2: temporary children are deleted when they terminate
    restart_child_finds_no_temporary_one_that_ended:
        "one_for_one 3/5000 never: a:temporary", "a normal; restart a" => "+a; a:Normal; not_found";
    /// supervisor, restart_child/2
    restart_child_that_fails_says_so_and_keeps_the_specification:
        "one_for_one 3/5000 never: a:fails=2-2", "terminate a; restart a; which_children; restart a"
        => "+a; -a ok; +a !a failed_to_start_child; {a,undefined,worker}; +a ok";
    /// supervisor, restart_child/2
    restart_child_that_is_ignored_stays_undefined:
        "one_for_one 3/5000 never: a:ignores=2", "terminate a; restart a; which_child a"
        => "+a; -a ok; +a ~a undefined; {a,undefined,worker}";
    /// supervisor, restart_child/2: a restart by a call is none of the supervisor's
    restart_child_does_not_count_against_the_intensity:
        "one_for_one 0/5000 never: a", "terminate a; restart a; terminate a; restart a"
        => "+a; -a ok; +a ok; -a ok; +a ok";
    /// supervisor, delete_child/2
    delete_child_of_a_running_one_is_refused:
        "one_for_one 3/5000 never: a", "delete a" => "+a; running";
    /// supervisor, delete_child/2
    delete_child_of_nobody_is_not_found:
        "one_for_one 3/5000 never: a", "delete b" => "+a; not_found";
    /// supervisor, delete_child/2
    a_deleted_id_is_free_again:
        "one_for_one 3/5000 never: a", "terminate a; delete a; start a" => "+a; -a ok; ok; +a ok";
    /// supervisor, get_childspec/2
    get_childspec_has_all_keys:
        "one_for_one 3/5000 any_significant: a:transient:significant:kill s:supervisor", "get_childspec a; get_childspec s"
        => "+a +s.in; a transient brutal_kill true worker; s permanent infinity false supervisor";
    /// supervisor, get_childspec/2
    get_childspec_of_nobody_is_not_found:
        "one_for_one 3/5000 never: a", "get_childspec b" => "+a; not_found";
    /// supervisor, which_children/1
    which_children_names_types_and_who_runs:
        "one_for_one 3/5000 never: a s:supervisor b", "terminate b; which_children"
        => "+a +s.in +b; -b ok; {a,pid,worker} {s,pid,supervisor} {b,undefined,worker}";
    /// supervisor, which_child/2
    which_child_of_nobody_is_not_found:
        "one_for_one 3/5000 never: a", "which_child b" => "+a; not_found";
    /// supervisor, count_children/1
    count_children_counts_specs_active_supervisors_and_workers:
        "one_for_one 3/5000 never: a s:supervisor b", "terminate b; count_children" => "+a +s.in +b; -b ok; 3 2 1 2";
    /// supervisor, count_children/1: supervisors count whether they live or not
    count_children_counts_a_supervisor_that_was_terminated:
        "one_for_one 3/5000 never: s:supervisor", "terminate s; count_children" => "+s.in; -s.in ok; 1 0 1 0";
}
