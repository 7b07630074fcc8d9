//! The policy alone, beside a naive model that was written from OTP's documentation.
//!
//! `just supervisor-model` takes these files too, with mutants of the policy in its place.

pub(in super::super) mod histories;
mod intensity;
pub(in super::super) mod model;
mod roster;
mod spacing;

/// The first of so many random histories in which the policy and the model differ, in words.
pub(crate) fn find(histories: u32) -> Option<String> {
    roster::difference(histories)
}

#[test]
fn the_policy_does_what_the_documentation_says() {
    assert_eq!(find(4_000), None);
}
