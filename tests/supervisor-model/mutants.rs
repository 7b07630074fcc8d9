//! Owns the table of mutants: one small mistake in the policy each, of the kind that a reader passes over.

/// One mistake: in this file of the room, this text becomes that one.
pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    pub(crate) file: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
}

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "a restart that lies back exactly the period is forgotten",
        file: "policy/intensity.rs",
        from: "> self.period",
        to: ">= self.period",
    },
    Mutant {
        name: "the intensity is one too low",
        file: "policy/intensity.rs",
        from: "count > self.limit",
        to: "count >= self.limit",
    },
    Mutant {
        name: "the first restart that is too old takes all others along",
        file: "policy/intensity.rs",
        from: "self.recent.pop_front();",
        to: "self.recent.clear();",
    },
    Mutant {
        name: "a transient child is restarted after a normal end",
        file: "policy/roster.rs",
        from: "Restart::Transient => !normal",
        to: "Restart::Transient => true",
    },
    Mutant {
        name: "a temporary child is restarted after an abnormal end",
        file: "policy/roster.rs",
        from: "Restart::Temporary => false",
        to: "Restart::Temporary => !normal",
    },
    Mutant {
        name: "a group is stopped in the order of its start",
        file: "policy/roster.rs",
        from: "self.children.range_mut(self.group(failed)).rev()",
        to: "self.children.range_mut(self.group(failed))",
    },
    Mutant {
        name: "one_for_all leaves out those before the one that ended",
        file: "policy/roster.rs",
        from: "Children::Listed(Strategy::OneForAll) => 0..=u64::MAX",
        to: "Children::Listed(Strategy::OneForAll) => failed..=u64::MAX",
    },
    Mutant {
        name: "a restart goes on after a start that failed",
        file: "policy/roster.rs",
        from: "self.plan.clear();",
        to: "",
    },
    Mutant {
        name: "all_significant takes a child that is being restarted for one that ended",
        file: "policy/roster.rs",
        from: "!matches!(entry.state, State::Down)",
        to: "matches!(entry.state, State::Up(_))",
    },
    Mutant {
        name: "a child that is being restarted can be deleted",
        file: "policy/roster.rs",
        from: "Some(State::Restarting(_)) => Err(Refusal::Restarting)",
        to: "Some(State::Restarting(_)) => Ok(number)",
    },
    Mutant {
        name: "a temporary child that was terminated is kept",
        file: "policy/roster.rs",
        from: "if entry.is_temporary() || self.rules.children == Children::Alike",
        to: "if self.rules.children == Children::Alike",
    },
    Mutant {
        name: "a child that was well for exactly the longest delay is forgiven",
        file: "policy/delay.rs",
        from: "uptime > self.max",
        to: "uptime >= self.max",
    },
];
