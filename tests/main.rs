//! What a user sees, and the rules of the house, in one binary.

mod determinism;
mod end_to_end;
mod examples;
mod log;
mod promises;
mod quickstart;
mod semantics;
mod tidy;
mod ui;
