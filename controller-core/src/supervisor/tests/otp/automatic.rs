//! Automatic shutdown.

use super::cases;

cases! {
    /// supervisor, Automatic Shutdown
    never_refuses_significant_children:
        "one_for_one 3/5000 never: a:transient:significant", "" => "bad_combination";
    /// sup_princ, never
    never_refuses_significant_children_that_are_started_later:
        "one_for_one 3/5000 never: a", "start b:temporary:significant" => "+a; bad_combination";
    /// supervisor, Child specification: significant
    a_permanent_child_can_not_be_significant:
        "one_for_one 3/5000 any_significant: a:significant", "" => "bad_combination";
    /// supervisor, Automatic Shutdown
    any_significant_ends_with_a_transient_child_that_ends_normally:
        "one_for_one 3/5000 any_significant: a s:transient:significant b", "s normal"
        => "+a +s +b; s:Normal -b -a ended shutdown";
    /// supervisor, Automatic Shutdown
    any_significant_does_not_end_with_a_transient_child_that_is_restarted:
        "one_for_one 3/5000 any_significant: s:transient:significant", "s error" => "+s; s:Error +s";
    /// supervisor, Automatic Shutdown
    any_significant_ends_with_a_temporary_child_that_ends_normally:
        "one_for_one 3/5000 any_significant: a s:temporary:significant", "s normal"
        => "+a +s; s:Normal -a ended shutdown";
    /// supervisor, Automatic Shutdown
    any_significant_ends_with_a_temporary_child_that_ends_abnormally:
        "one_for_one 3/5000 any_significant: a s:temporary:significant", "s panic"
        => "+a +s; s:Panic -a ended shutdown";
    /// supervisor, Automatic Shutdown
    others_do_not_end_it:
        "one_for_one 3/5000 any_significant: a:transient s:transient:significant", "a normal" => "+a +s; a:Normal";
    /// supervisor, Automatic Shutdown
    all_significant_ends_with_the_last_active_one:
        "one_for_one 3/5000 all_significant: a s:transient:significant t:temporary:significant", "s normal; t error"
        => "+a +s +t; s:Normal; t:Error -a ended shutdown";
    /// supervisor, Automatic Shutdown
    all_significant_waits_for_one_that_is_restarted:
        "one_for_one 3/5000 all_significant: s:transient:significant t:transient:significant", "s error; t normal"
        => "+s +t; s:Error +s; t:Normal";
    /// sup_princ, Automatic Shutdown
    one_that_the_supervisor_terminated_does_not_end_it:
        "one_for_one 3/5000 any_significant: s:transient:significant", "terminate s" => "+s; -s ok";
    /// sup_princ, Automatic Shutdown
    nor_does_one_that_a_siblings_death_terminated:
        "one_for_all 3/5000 any_significant: a s:temporary:significant", "a error" => "+a +s; a:Error -s +a";
    /// sup_princ, Automatic Shutdown
    one_that_was_terminated_is_not_active:
        "one_for_one 3/5000 all_significant: s:transient:significant t:transient:significant", "terminate s; t normal"
        => "+s +t; -s ok; t:Normal ended shutdown";
    /// sup_princ, Stopping: the remaining children are terminated in reversed start order
    an_automatic_shutdown_stops_in_reverse_order_by_each_shutdown:
        "one_for_one 3/5000 any_significant: a:kill b s:transient:significant c", "s normal"
        => "+a +b +s +c; s:Normal -c -b ended shutdown";
}
