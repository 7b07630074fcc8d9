//! Owns what an operator gives to each of its controllers: the cluster, time, chance and its own limits.

use std::fmt;
use std::sync::Arc;

use kube::Client;

use super::{Live, Watchdog};
use crate::env::{Chance, Clock};
use crate::watch::Hub;

/// The surroundings of a controller. One value is shared by the whole tree of an operator.
pub(crate) struct Scope {
    /// The operator's name, which is also the reporter of its events.
    pub(crate) operator: Arc<str>,
    pub(crate) client: Client,
    /// The API server's address, where it is known: messages name it.
    pub(crate) url: Option<String>,
    pub(crate) clock: Clock,
    pub(crate) chance: Chance,
    /// Every watch of the operator, shared by its controllers.
    pub(crate) hub: Hub,
    /// Every controller of the operator that runs.
    pub(crate) live: Arc<Live>,
    /// Who sees callbacks that block.
    pub(crate) watchdog: Watchdog,
    /// What `namespace = all` means in this operator, where it is narrowed.
    pub(crate) namespaces: Option<Vec<String>>,
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("operator", &self.operator).field("url", &self.url).finish_non_exhaustive()
    }
}
