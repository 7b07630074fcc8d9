//! Random histories of a supervisor: its rules, the children it starts with, and what happens to it.

use proptest::prelude::{Just, Strategy as Any, any, prop, prop_oneof};

use super::super::{AutoShutdown, Restart, Strategy};
use super::model::{Cue, Flags, Plan, Step};

/// How many ids children are started under and calls name.
const IDS: usize = 5;

/// A history with at most so many steps.
pub(crate) fn any_history(steps: usize) -> impl Any<Value = (Flags, Vec<Plan>, Vec<Step>)> {
    let strategy = prop_oneof![
        Just(Some(Strategy::OneForOne)),
        Just(Some(Strategy::OneForAll)),
        Just(Some(Strategy::RestForOne)),
        Just(None)
    ];
    let auto = prop_oneof![
        2 => Just(AutoShutdown::Never),
        1 => Just(AutoShutdown::AnySignificant),
        1 => Just(AutoShutdown::AllSignificant)
    ];
    let flags = (strategy, 0..6_u32, 1..60_u64, auto);
    let flags = flags.prop_map(|(strategy, intensity, period, auto)| Flags { strategy, intensity, period, auto });
    flags.prop_flat_map(move |flags| {
        let first = prop::collection::vec(any_plan(), if flags.strategy.is_some() { 0..4 } else { 0..1 });
        let first = first.prop_map(move |first| {
            first.into_iter().enumerate().map(|(id, plan)| sound(flags, id, plan)).collect::<Vec<_>>()
        });
        let steps = prop::collection::vec(any_step(), 0..steps);
        (Just(flags), first, steps.prop_map(move |steps| numbered(flags, steps)))
    })
}

/// The first children break no rule, and their first start does not fail.
fn sound(flags: Flags, id: usize, plan: Plan) -> Plan {
    let significant = plan.significant && plan.restart != Restart::Permanent && flags.auto != AutoShutdown::Never;
    let fails = plan.fails.map(|(from, to)| (from.max(2), to.max(3)));
    Plan { id, significant, fails, ..plan }
}

/// Under a template each start makes a child of its own.
fn numbered(flags: Flags, steps: Vec<Step>) -> Vec<Step> {
    if flags.strategy.is_some() {
        return steps;
    }
    let mut next = 0..;
    let mut number = |plan: Plan| {
        let breaks_a_rule =
            plan.significant && (flags.auto == AutoShutdown::Never || plan.restart == Restart::Permanent);
        // One that breaks a rule is never made.
        let id = if breaks_a_rule { usize::MAX } else { next.next().unwrap_or_default() };
        Plan { id, ..plan }
    };
    steps.into_iter().map(|step| if let Step::Start(plan) = step { Step::Start(number(plan)) } else { step }).collect()
}

fn any_plan() -> impl Any<Value = Plan> {
    let restart = prop_oneof![Just(Restart::Permanent), Just(Restart::Transient), Just(Restart::Temporary)];
    let fails = prop::option::weighted(0.4, (1..4_u64, 2..4_u64));
    let ignores = prop::option::weighted(0.1, 1..4_u64);
    let delay = prop::option::weighted(0.2, (1..9_u64, 0..30_u64));
    (0..IDS, restart, prop::bool::weighted(0.4), delay, fails, ignores).prop_map(
        |(id, restart, significant, delay, fails, ignores)| Plan {
            id,
            restart,
            significant,
            delay: delay.map(|(min, more)| (min, min + more)),
            fails: fails.map(|(from, more)| (from, from + more)),
            ignores,
        },
    )
}

fn any_step() -> impl Any<Value = Step> {
    let id = || 0..IDS;
    let cue = prop::sample::select(vec![Cue::Normal, Cue::Shutdown, Cue::Error, Cue::Panic, Cue::Killed]);
    prop_oneof![
        6 => (id(), cue).prop_map(|(id, cue)| Step::Ends(id, cue)),
        2 => (0..40_u64).prop_map(Step::Sleep),
        2 => any_plan().prop_map(Step::Start),
        1 => id().prop_map(Step::Terminate),
        1 => id().prop_map(Step::Restart),
        1 => id().prop_map(Step::Delete),
        1 => any::<bool>().prop_map(|long| Step::Sleep(if long { 100 } else { 1 })),
    ]
}
