//! `simple_one_for_one`.

use super::cases;

cases! {
    /// sup_princ, Simplified one_for_one Supervisors
    it_starts_without_children:
        "simple_one_for_one 3/5000 never:", "count_children" => "; 1 0 0 0";
    /// sup_princ, Simplified one_for_one Supervisors
    children_are_instances_of_one_template:
        "simple_one_for_one 3/5000 never:", "start a; start b; count_children" => "; +a ok; +b ok; 1 2 0 2";
    /// supervisor, Restart Strategies
    only_the_child_that_ended_is_restarted:
        "simple_one_for_one 3/5000 never:", "start a; start b; a error" => "; +a ok; +b ok; a:Error +a";
    /// supervisor, Restart Strategies
    delete_child_is_invalid:
        "simple_one_for_one 3/5000 never:", "start a; delete a" => "; +a ok; simple_one_for_one";
    /// supervisor, Restart Strategies
    restart_child_is_invalid:
        "simple_one_for_one 3/5000 never:", "start a; restart a" => "; +a ok; simple_one_for_one";
    /// supervisor, terminate_child/2
    terminate_child_by_the_specs_id_is_invalid:
        "simple_one_for_one 3/5000 never:", "start a; terminate a" => "; +a ok; simple_one_for_one";
    /// supervisor, terminate_child/2
    terminate_child_by_pid_forgets_the_child:
        "simple_one_for_one 3/5000 never:", "start a; terminate_pid a; which_children" => "; +a ok; -a ok; ";
    /// supervisor, terminate_child/2
    terminate_child_of_a_dead_pid_is_ok:
        "simple_one_for_one 3/5000 never:", "start a:temporary; a normal; terminate_pid a"
        => "; +a ok; a:Normal; ok";
    /// supervisor, start_child/2
    an_ignored_start_adds_no_child:
        "simple_one_for_one 3/5000 never:", "start a:ignores=1; which_children" => "; +a ~a undefined; ";
    /// supervisor, start_child/2
    a_failed_start_adds_no_child:
        "simple_one_for_one 3/5000 never:", "start a:fails=1-1; which_children" => "; +a !a failed_to_start_child; ";
    /// supervisor, Restart intensity and period
    more_restarts_than_the_intensity_end_it:
        "simple_one_for_one 1/5000 never:", "start a; start b; a error; b error"
        => "; +a ok; +b ok; a:Error +a; b:Error -a ended shutdown";
    /// supervisor, Restart Strategies: it shuts them all down asynchronously
    all_children_shut_down_in_parallel:
        "simple_one_for_one 3/5000 never:", "start a:stops=100; start b:stops=300; start c:stops=200; stop"
        => "; +a ok; +b ok; +c ok; -a -c -b shutdown after 300";
    /// supervisor, Automatic Shutdown
    all_significant_ends_it_with_its_last_child:
        "simple_one_for_one 3/5000 all_significant:",
        "start a:temporary:significant; start b:temporary:significant; a normal; b normal"
        => "; +a ok; +b ok; a:Normal; b:Normal ended shutdown";
    /// supervisor, which_children/1
    a_restarted_child_is_still_one_child:
        "simple_one_for_one 3/5000 never:", "start a; a error; count_children" => "; +a ok; a:Error +a; 1 1 0 1";
}
