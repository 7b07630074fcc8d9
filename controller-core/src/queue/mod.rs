//! The rooms that hold what is still to be done: one queue for each controller.
//!
//! Everything here is pure. A key is a [`Place`]: the slot of an object in one of the controller's stores. The
//! state knows what is pending for each, in which order the keys are served, and when the next deadline is;
//! what an event means for a key is chosen by `dispatch/decide`, and time and chance are arguments.

mod backoff;
mod causes;
mod gate;
mod key_state;
mod keys;
mod moment;
mod priority;
mod rate;
mod state;
mod wheel;

pub(crate) use backoff::Backoff;
pub(crate) use causes::Causes;
pub(crate) use gate::Limits;
pub(crate) use key_state::{History, Place, Standing};
pub(crate) use moment::Moment;
#[cfg(test)]
pub(crate) use rate::Rate;
pub(crate) use state::{After, Depth, Freed, Job, Meanwhile, Next, Plan, Queue, Shift};
