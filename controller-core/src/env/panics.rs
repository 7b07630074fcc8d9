//! Owns the place of a caught panic.
//!
//! A payload carries no location; only the process's panic hook sees it. [`record_panic_locations`] puts a hook
//! before the one that is there, which goes on as before. Only `Operator::run` calls it: a library must not
//! touch the process for a program that merely spawns an operator.

use std::any::Any;
use std::cell::RefCell;
use std::panic::PanicHookInfo;
use std::sync::Once;

thread_local! {
    /// The place of this thread's last panic, until someone reports it.
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on [`panic_report`] knows the places of panics. Further calls do nothing.
pub(crate) fn record_panic_locations() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            let place = info.location().map(|at| format!("{}:{}:{}", at.file(), at.line(), at.column()));
            // A panic while thread-locals are torn down has no place to be kept in.
            let _ = LAST.try_with(|last| *last.borrow_mut() = place);
            before(info);
        }));
    });
}

/// The message of a panic that was just caught on this thread, with its place where it is known.
pub(crate) fn panic_report(payload: &(dyn Any + Send)) -> String {
    let message = super::panic_message(payload);
    match LAST.try_with(|last| last.borrow_mut().take()).ok().flatten() {
        Some(place) => format!("{message}, at {place}"),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caught_panic_is_reported_with_its_place_once() {
        record_panic_locations();
        let payload = std::panic::catch_unwind(|| panic!("lost the plot")).expect_err("it panicked");
        let report = panic_report(&*payload);
        assert!(report.starts_with("lost the plot, at ") && report.contains("panics.rs:"), "{report}");
        assert_eq!(panic_report(&*payload), "lost the plot");
    }
}
