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

/// Follows kube's order: `KUBECONFIG`, `~/.kube/config`, then the pod's service account.
pub(crate) async fn from_environment() -> Result<(Client, Config), FromEnvironmentError> {
    let config = Config::infer().await.map_err(|e| FromEnvironmentError::Infer(Box::new(e)))?;
    from_config(config)
}

/// A client of this configuration, as the engine wants it, and what it was made of.
pub(crate) fn from_config(mut config: Config) -> Result<(Client, Config), FromEnvironmentError> {
    config.default_retry = false;
    match Client::try_from(config.clone()) {
        Ok(client) => Ok((client, config)),
        Err(source) => {
            Err(FromEnvironmentError::Build { url: config.cluster_url.to_string(), source: Box::new(source) })
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Request;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that is busy answers each request, and is asked once for each call.
    #[tokio::test]
    async fn a_refusal_is_told_to_who_asked_and_not_asked_again() {
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = server.local_addr().expect("it is bound");
        let asked = async {
            let (mut stream, _) = server.accept().await.expect("a connection");
            let mut asked = 0;
            let mut bytes = [0; 4096];
            while stream.read(&mut bytes).await.expect("a request") > 0 {
                asked += 1;
                let answer = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(answer.as_bytes()).await.expect("answered");
            }
            asked
        };
        let calls = async {
            let config = Config::new(format!("http://{address}").parse().expect("a URL"));
            let (client, config) = from_config(config).expect("a client");
            assert_eq!(config.cluster_url.to_string(), format!("http://{address}/"));
            for _ in 0..3 {
                let request = Request::new("/api/v1/pods").get("a", &Default::default()).expect("a request");
                let answer = client.request::<serde_json::Value>(request).await;
                assert!(matches!(&answer, Err(kube::Error::Api(status)) if status.code == 503), "{answer:?}");
            }
        };
        assert_eq!(tokio::join!(asked, calls), (3, ()));
    }
}
