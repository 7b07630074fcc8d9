//! What a user sees, and the rules of the house, in one binary.

mod quickstart;
mod tidy;
