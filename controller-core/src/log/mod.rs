//! The log of an operator, for programs that set none of their own: text for a terminal, JSON in a cluster.
//!
//! [`Operator::run`](crate::Operator::run) installs it where the program has set no subscriber of `tracing` until then;
//! [`init`] does so earlier. `RUST_LOG` says what is logged (`info` without it), and `LOG_FORMAT=text` or
//! `LOG_FORMAT=json` how. Lines go to standard error.

mod format;
#[cfg(feature = "log")]
mod json;

pub(crate) use format::Format;

/// Without `RUST_LOG`. kube warns of a client that it would configure otherwise, each time it makes one.
#[cfg(feature = "log")]
const USUAL: &str = "info,kube_client::client::builder=off";

/// Sets the log where the program has set no subscriber yet. Whether it did.
///
/// A program calls it to log before it runs its operator. Subscribers of its own take its place, set before:
///
/// ```
/// use controller_core::prelude::*;
///
/// # async fn example() -> ExitCode {
/// controller_core::log::init();
/// tracing::info!("before the operator");
/// Operator::new("pods").run().await
/// # }
/// ```
#[cfg(feature = "log")]
pub fn init() -> bool {
    use std::io::IsTerminal as _;

    use tracing_subscriber::filter::EnvFilter;
    use tracing_subscriber::layer::SubscriberExt as _;

    // A subscriber of this thread alone counts too: a test listens there.
    if tracing::dispatcher::has_been_set() {
        return false;
    }
    let asked = std::env::var("RUST_LOG").ok().filter(|asked| !asked.trim().is_empty());
    let read = EnvFilter::try_new(asked.as_deref().unwrap_or(USUAL));
    let (filter, unread) = match read {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new(USUAL), Some(error)),
    };
    let terminal = std::io::stderr().is_terminal();
    let set = match Format::of_process() {
        Format::Text => tracing::subscriber::set_global_default(
            tracing_subscriber::fmt()
                .with_env_filter(filter)
                .compact()
                .with_target(false)
                .with_ansi(terminal)
                .with_writer(std::io::stderr)
                .finish(),
        ),
        Format::Json => tracing::subscriber::set_global_default(
            tracing_subscriber::registry().with(filter).with(json::Lines::new(std::io::stderr)),
        ),
    };
    if let (Ok(()), Some(error)) = (&set, unread) {
        tracing::warn!(%error, "RUST_LOG can't be read, so {USUAL} is logged: write it as `info,my_crate=debug`");
    }
    set.is_ok()
}
