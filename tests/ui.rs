//! What the attribute accepts and what it refuses.

#[path = "ui/pass/four_callbacks.rs"]
mod four_callbacks;

#[test]
fn accepted() {
    four_callbacks::main();
}

#[test]
fn refused() {
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}
