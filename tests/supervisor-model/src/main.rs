//! Compares the supervisor's policy with a naive model of OTP's over random histories, then each mutant of it.
//!
//! The policy must show no difference, each mutant one. The last line says how many mutants were found.

use std::process::ExitCode;

include!(concat!(env!("OUT_DIR"), "/subjects.rs"));

/// Looks for a difference over so many histories.
type Find = fn(u32) -> Option<String>;

/// How many histories the policy is compared over.
const HISTORIES: u32 = 100_000;

/// A mutant that this many do not show is missed.
const PATIENCE: u32 = 20_000;

fn main() -> ExitCode {
    if let Some(difference) = policy_as_it_is::find(HISTORIES) {
        println!("the policy differs from the model:\n{difference}");
        return ExitCode::FAILURE;
    }
    println!("the policy does what the model does in {HISTORIES} histories");
    let mut found = 0;
    for (mutant, find) in FINDS {
        let shown = find(PATIENCE);
        found += usize::from(shown.is_some());
        println!("{}: {}", if shown.is_some() { "found" } else { "MISSED" }, mutant);
    }
    println!("{found} of {}", FINDS.len());
    if found == FINDS.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
