//! The contract, sentence by sentence, as the programs of users see it: `docs/semantics.md` names these tests.

mod answers;
mod api;
mod callbacks;
mod cluster;
mod crowds;
mod filters;
mod loops;
mod observability;
mod pause;
mod rates;
mod reads;
mod stage;
mod stops;
mod writes;
