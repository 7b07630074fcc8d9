//! The rooms that write what runs leave behind on the cluster.

mod account;
mod recorder;

pub(crate) use recorder::{Recorder, Subject};
