//! Owns a grip on one child: whether it runs, and the news of its end. OTP's pid and `monitor/2`.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::exit::Exit;
use super::handle::Door;
use super::line::Line;

/// One start of one child, as a pid names one process. Cheap to clone.
///
/// ```
/// use controller_core::prelude::*;
/// # async fn example() -> Result {
/// let tree = Supervisor::new("workers", Strategy::OneForOne).start().await?;
/// let child = tree.handle().start_child(ChildSpec::worker("one", |cx: ChildContext| async {
///     cx.ready();
///     cx.stopped().await;
///     Err("the file is gone".into())
/// })).await?;
/// let end = child.monitor();
/// tree.stop().await;
/// assert_eq!(end.await.to_string(), "error: the file is gone");
/// assert!(!child.is_running());
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new()?.block_on(example()).map_err(|e| e.to_string())?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ChildHandle {
    pub(super) line: Arc<Line>,
    pub(super) door: Arc<Door>,
}

impl ChildHandle {
    /// The child's id in its supervisor.
    #[must_use]
    pub fn id(&self) -> &str {
        self.line.id()
    }

    /// Whether this start of it runs. One that was restarted has another handle.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.line.has_ended()
    }

    /// Tells why this start ended, once it has; at once where it has ended before. Any number may wait for it.
    ///
    /// OTP's `monitor(process, Pid)`. It keeps nothing alive.
    pub fn monitor(&self) -> impl Future<Output = Exit> + Send + use<> {
        let line = Arc::clone(&self.line);
        async move { line.ended().await }
    }
}

impl fmt::Debug for ChildHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildHandle").field("id", &self.id()).field("running", &self.is_running()).finish()
    }
}
