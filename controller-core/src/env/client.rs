//! Owns the wire's client: how it is configured where the user brought none.
//!
//! kube's own retry is off. It would repeat a request up to fifteen times inside one call, where neither a
//! watch's health nor a key's backoff could see it; retries belong to the engine.

use kube::{Client, Config};

/// Why no client could be made from the environment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FromEnvironmentError {
    /// Neither a kubeconfig nor a service account was found.
    #[error(
        "no cluster configuration found: set KUBECONFIG to a kubeconfig file, write ~/.kube/config, or run inside a cluster with a service account"
    )]
    Infer(#[source] Box<kube::config::InferConfigError>),
    /// The configuration was found and can't be used.
    #[error("the configuration for {url} can't be used: check its certificates and credentials")]
    Build {
        /// The API server that the configuration names.
        url: String,
        /// What kube said.
        #[source]
        source: Box<kube::Error>,
    },
}

/// A client and the URL it talks to, which messages name.
pub(crate) struct FromEnvironment {
    pub(crate) client: Client,
    pub(crate) url: String,
}

/// Follows kube's order: `KUBECONFIG`, `~/.kube/config`, then the pod's service account.
pub(crate) async fn from_environment() -> Result<FromEnvironment, FromEnvironmentError> {
    let mut config = Config::infer().await.map_err(|e| FromEnvironmentError::Infer(Box::new(e)))?;
    config.default_retry = false;
    let url = config.cluster_url.to_string();
    match Client::try_from(config) {
        Ok(client) => Ok(FromEnvironment { client, url }),
        Err(source) => Err(FromEnvironmentError::Build { url, source: Box::new(source) }),
    }
}
