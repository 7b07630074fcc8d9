//! The `#[controller]` attribute.
