//! The contract, sentence by sentence, as the programs of users see it: `docs/semantics.md` names these tests.

mod answers;
mod api;
mod barrier;
mod caches;
mod callbacks;
mod causes;
mod cluster;
mod crowds;
mod deletes;
mod events;
mod filters;
mod heritage;
mod loops;
mod observability;
mod observer;
mod pause;
mod rates;
mod reads;
mod stage;
mod stops;
mod watches;
mod writes;
