//! What the server was asked, for tests that compare whole runs.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::Hub;

/// One request and what became of it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// use controller_testkit::Cluster;
///
/// let cluster = Cluster::builder().started_at("2026-01-01T00:00:00Z".parse()?).build();
/// let log = cluster.log();
/// cluster.client().apiserver_version().await.unwrap();
/// let exchanges = log.take();
/// assert!(exchanges[0].to_string().starts_with("2026-01-01T00:00:00Z GET /version 200 rv "));
/// # Ok::<_, jiff::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchange {
    /// When it was answered, on the cluster's clock.
    pub at: Timestamp,
    /// `GET`
    pub method: String,
    /// Path and query.
    pub uri: String,
    /// The status of the answer; none where the connection broke.
    pub code: Option<u16>,
    /// The store's resource version once it was answered.
    pub resource_version: u64,
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, method, uri, code, resource_version } = self;
        match code {
            Some(code) => write!(f, "{at} {method} {uri} {code} rv {resource_version}"),
            None => write!(f, "{at} {method} {uri} broken rv {resource_version}"),
        }
    }
}

/// The requests of a cluster, in the order in which they were answered.
#[derive(Clone)]
pub struct Log {
    hub: Arc<Hub>,
}

impl Log {
    pub(super) fn start(hub: Arc<Hub>) -> Self {
        hub.step(|state| state.log.listen());
        Log { hub }
    }

    /// Those since the last call.
    pub fn take(&self) -> Vec<Exchange> {
        self.hub.step(|state| state.log.take())
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}

/// What is kept for the log, once somebody wants one.
#[derive(Debug, Default)]
pub(crate) struct Tape(Option<Vec<Exchange>>);

impl Tape {
    pub(crate) fn listens(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn push(&mut self, exchange: Exchange) {
        self.0.iter_mut().for_each(|kept| kept.push(exchange.clone()));
    }

    fn listen(&mut self) {
        self.0.get_or_insert_default();
    }

    fn take(&mut self) -> Vec<Exchange> {
        self.0.as_mut().map(std::mem::take).unwrap_or_default()
    }
}
