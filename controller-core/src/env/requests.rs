//! Owns the count of requests: `rest_client_requests_total`. The same place tells a run what it wrote.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Request;
use kube::Client;
use kube::client::Body;
use parking_lot::Mutex;
use tower::service_fn;

use super::trace::trace;

/// What is counted apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    /// The status code, or `<error>` where no answer came.
    pub(crate) code: String,
    /// `GET`
    pub(crate) method: String,
}

/// The requests that went through an operator's client, its callbacks' own included.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests {
    /// The API server, where it is known.
    host: Arc<str>,
    counts: Arc<Mutex<BTreeMap<Asked, u64>>>,
}

impl Requests {
    /// Counts requests to the server of this URL.
    pub(crate) fn to(url: Option<&str>) -> Self {
        let host = url.and_then(|url| url.parse::<http::Uri>().ok()?.authority().map(ToString::to_string));
        Self { host: host.unwrap_or_default().into(), counts: Arc::default() }
    }

    /// The host and port of the API server; empty where a client was given that does not tell it.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// A client like this one, whose requests are counted here.
    pub(crate) fn counted(&self, client: &Client) -> Client {
        let (inner, requests) = (client.clone(), self.clone());
        let service = service_fn(move |request: Request<Body>| {
            let (client, requests) = (inner.clone(), requests.clone());
            async move {
                let method = request.method().to_string();
                let traced = trace(&request);
                let answer = client.send(request).await;
                let code =
                    answer.as_ref().map_or_else(|_| "<error>".to_owned(), |answer| answer.status().as_str().to_owned());
                requests.count(Asked { code, method });
                match traced {
                    Some(traced) => traced.answered(answer).await,
                    None => answer,
                }
            }
        });
        Client::new(service, client.default_namespace()).with_valid_until(*client.valid_until())
    }

    fn count(&self, asked: Asked) {
        *self.counts.lock().entry(asked).or_default() += 1;
    }

    /// What was counted so far.
    pub(crate) fn counts(&self) -> BTreeMap<Asked, u64> {
        self.counts.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use http::{Response, StatusCode};

    use super::*;

    #[tokio::test]
    async fn answers_and_errors_are_counted_and_stay_what_they_are() {
        let service = service_fn(|request: Request<Body>| async move {
            match request.uri().path() {
                "/there" => Ok(Response::new(Body::empty())),
                "/busy" => {
                    Ok(Response::builder().status(StatusCode::TOO_MANY_REQUESTS).body(Body::empty()).expect("sound"))
                }
                _ => Err(kube::Error::LinesCodecMaxLineLengthExceeded),
            }
        });
        let requests = Requests::default();
        let client = requests.counted(&Client::new(service, "somewhere"));
        assert_eq!(client.default_namespace(), "somewhere");
        let ask = |path: &str| {
            let client = client.clone();
            let request = Request::get(path).body(Body::empty()).expect("sound");
            async move { client.send(request).await }
        };
        assert!(ask("/there").await.is_ok());
        assert!(ask("/there").await.is_ok());
        assert!(ask("/busy").await.is_ok());
        assert!(matches!(ask("/broken").await, Err(kube::Error::LinesCodecMaxLineLengthExceeded)));
        let counts: Vec<_> =
            requests.counts().into_iter().map(|(asked, count)| (asked.code, asked.method, count)).collect();
        let expect = [("200", 2), ("429", 1), ("<error>", 1)];
        assert_eq!(counts, expect.map(|(code, count)| (code.to_owned(), "GET".to_owned(), count)));
    }
}
