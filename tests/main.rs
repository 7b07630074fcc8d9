//! Everything a user sees, in one binary.
