//! What the engine costs, measured beside its peers: `just bench`.
//!
//! Three kinds of process take part, so that what one uses is never counted with another: the driver ([`mod@bench`]), a
//! server that outruns its clients ([`mock`]), and one subject at a time ([`subject`], and the programs in `peers/`).

pub mod bench;
pub mod command;
pub mod contender;
pub mod corpus;
pub mod docs;
pub mod figure;
pub mod floor;
pub mod goal;
pub mod machine;
pub mod mock;
pub mod plot;
pub mod process;
pub mod profile;
pub mod report;
pub mod series;
pub mod session;
pub mod subject;
pub mod tally;
pub mod template;
pub mod workload;

pub use command::main;
