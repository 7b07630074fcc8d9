//! What a reader of the log is told: one line for each restart, and one for each end that is not restarted.

use std::io;

use super::*;

#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    pub(super) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock())).expect("text").trim_end().to_owned()
    }
}

/// Everything from `INFO` up, until the guard is dropped.
pub(super) fn listen() -> (Lines, tracing::subscriber::DefaultGuard) {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .without_time()
        .with_target(false)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    (lines, tracing::subscriber::set_default(subscriber))
}

#[tokio::test(start_paused = true)]
async fn each_restart_is_one_line_with_its_reason_and_count() {
    let (log, _guard) = listen();
    let stage = Stage::new();
    let mut tree = Supervisor::new("tree", Strategy::OneForAll)
        .intensity(2, ms(5_000))
        .child(plain(&stage, "a"))
        .child(plain(&stage, "t").restart(Restart::Temporary))
        .start()
        .await
        .expect("it starts");
    let said = async |id: &str, cue| {
        stage.cue(id, cue);
        tokio::time::sleep(ms(1)).await;
        log.take()
    };
    assert_eq!(
        said("t", Cue::Error).await,
        "ERROR a child ended and is not restarted supervisor=\"tree\" child=\"t\" reason=error: asked to fail"
    );
    assert_eq!(
        said("a", Cue::Error).await,
        " WARN restarting a child, the supervisor's restart 1 of at most 2 in 5s \
         supervisor=\"tree\" child=\"a\" reason=error: asked to fail restarts=1"
    );
    assert_eq!(
        said("a", Cue::Normal).await,
        " WARN restarting a child, the supervisor's restart 2 of at most 2 in 5s \
         supervisor=\"tree\" child=\"a\" reason=normal restarts=2"
    );
    assert_eq!(
        said("a", Cue::Panic).await,
        "ERROR giving up: restart 3 in 5s is more than 2 \
         supervisor=\"tree\" child=\"a\" reason=panic: asked to panic restarts=2"
    );
    tree.exited().await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_does_not_stop_is_named() {
    let (log, _guard) = listen();
    let deaf = ChildSpec::worker("deaf", |cx: ChildContext| async move {
        cx.ready();
        std::future::pending::<()>().await;
    });
    let tree = Supervisor::new("tree", Strategy::OneForOne).child(deaf).start().await.expect("it starts");
    tree.stop().await;
    assert_eq!(log.take(), " WARN a child did not stop within 5s and was aborted supervisor=\"tree\" child=\"deaf\"");
}
