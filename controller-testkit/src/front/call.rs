//! Calling out: webhooks over HTTP and HTTPS, or in process where a host is played by the test itself.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::response::Parts;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

#[cfg(test)]
mod tests;

use super::{BODY_LIMIT, trust};
use crate::admission::{Call, Host, Reply};
use crate::field::echo;

type Answering = Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;
type Answer = Arc<dyn Fn(Request<Bytes>) -> Answering + Send + Sync>;

/// The hosts that are played in process.
#[derive(Default)]
pub(crate) struct Hosts(Mutex<BTreeMap<String, Answer>>);

impl Hosts {
    /// Plays a host, by its name and, if it is not the usual one, its port.
    pub(crate) fn play<F, R>(&self, host: &str, answer: F)
    where
        F: Fn(Request<Bytes>) -> R + Send + Sync + 'static,
        R: Future<Output = Response<Bytes>> + Send + 'static,
    {
        let answer: Answer = Arc::new(move |request| Box::pin(answer(request)));
        self.0.lock().insert(host.trim_end_matches(":443").to_owned(), answer);
    }

    fn find(&self, host: &str) -> Option<Answer> {
        self.0.lock().get(host.trim_end_matches(":443")).cloned()
    }

    /// Makes a call, for as long as it may take.
    pub(crate) async fn call(&self, call: &Call) -> Reply {
        let url = match &call.host {
            Host::Url(url) => url.clone(),
            Host::Service { namespace, name, port, path } => {
                let path = path.trim_start_matches('/');
                format!("https://{name}.{namespace}.svc:{port}/{path}")
            }
            Host::Nowhere => return Reply::Failed("webhook configuration must have either service or URL".to_owned()),
        };
        let url = tidy(&url);
        let joint = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{joint}timeout={}s", call.seconds);
        let told = |why: &str| Reply::Failed(format!("Post {url:?}: {why}"));
        // What has no path is asked for its root.
        let asked = url.replacen('?', "/?", usize::from(!url[from_host(&url)..].contains('/')));
        let Ok(uri) = asked.parse::<Uri>() else { return told("the URL can't be parsed") };
        let Some(authority) = uri.authority().cloned() else { return told("the URL names no host") };
        let mut request = Request::post(uri).header(HOST, authority.as_str());
        request = request.header(CONTENT_TYPE, "application/json").header(ACCEPT, "application/json, */*");
        let Ok(request) = request.body(Bytes::from(call.review.to_string())) else { return told("no such request") };
        let played = self.find(authority.as_str());
        let answering = async {
            match (played, &call.host) {
                (Some(answer), _) => Ok(answer(request).await),
                (None, Host::Service { name, .. }) => {
                    // No service has an address here: only those that are played can be called.
                    Err(io::Error::other(format!("no endpoints available for service {name:?}")))
                }
                (None, _) => over_the_wire(request, &call.authorities).await,
            }
        };
        let answer = match tokio::time::timeout(Duration::from_secs(call.seconds), answering).await {
            Err(_) => return told("context deadline exceeded"),
            Ok(Err(error)) => return told(&error.to_string()),
            Ok(Ok(answer)) => answer,
        };
        let (head, body) = answer.into_parts();
        if !head.status.is_success() {
            return Reply::Failed(refusal(&head, &body));
        }
        match serde_json::from_slice::<Value>(&body) {
            Ok(answer) => Reply::Answer(answer),
            Err(error) => Reply::Failed(format!("couldn't get version/kind; json parse error: {error}")),
        }
    }
}

/// A URL with its path as Go's clients ask for it: without empty steps, steps back, and a slash at the end.
fn tidy(url: &str) -> String {
    let (url, query) = url.split_once('?').map_or((url, String::new()), |(url, query)| (url, format!("?{query}")));
    let from = from_host(url);
    let Some(at) = url[from..].find('/').map(|at| from + at) else { return format!("{url}{query}") };
    let mut steps: Vec<&str> = Vec::new();
    for step in url[at..].split('/') {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()),
            step => steps.push(step),
        }
    }
    format!("{}/{}{query}", &url[..at], steps.join("/"))
}

/// Where a URL's host begins.
fn from_host(url: &str) -> usize {
    url.find("://").map_or(0, |at| at + 3)
}

/// What Go's client says of an answer that is none.
fn refusal(head: &Parts, body: &[u8]) -> String {
    let media = head.headers.get(CONTENT_TYPE).map(|media| media.to_str().unwrap_or_default());
    let text = String::from_utf8_lossy(&body[..body.len().min(2048)]);
    let told = if media.is_none_or(|media| media.starts_with("text/")) { text.trim() } else { "unknown" };
    match head.status.as_u16() {
        400 => "the server rejected our request for an unknown reason".to_owned(),
        401 => "the server has asked for the client to provide credentials".to_owned(),
        403 | 415 => told.to_owned(),
        404 => "the server could not find the requested resource".to_owned(),
        405 => "the server does not allow this method on the requested resource".to_owned(),
        406 if told.is_empty() || told == "unknown" => {
            "the server was unable to respond with a content type that the client supports".to_owned()
        }
        406 => told.to_owned(),
        409 => "the server reported a conflict".to_owned(),
        422 => "the server rejected our request due to an error in our request".to_owned(),
        429 => "the server has received too many requests and has asked us to try again later".to_owned(),
        503 => "the server is currently unable to handle the request".to_owned(),
        504 => "the server was unable to return a response in the time allotted, but may still be processing the \
                request"
            .to_owned(),
        code if code >= 500 => {
            format!("an error on the server ({}) has prevented the request from succeeding", echo::quote(told))
        }
        code => format!("the server responded with the status code {code} but did not return more information"),
    }
}

async fn over_the_wire(request: Request<Bytes>, authorities: &[u8]) -> io::Result<Response<Bytes>> {
    let uri = request.uri();
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let is_https = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
            _ => error.to_string(),
        };
        io::Error::other(format!("dial tcp {host}:{port}: {why}"))
    })?;
    // A server may only be asked by its path.
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let (mut head, body) = request.into_parts();
    head.uri = path.parse().map_err(io::Error::other)?;
    let request = Request::from_parts(head, Full::new(body));
    if !is_https {
        return exchange(TokioIo::new(stream), request).await;
    }
    let config = trust::client(authorities).map_err(io::Error::other)?;
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| {
        let text = error.to_string();
        let why = if text.contains("UnknownIssuer") { "certificate signed by unknown authority" } else { &text };
        io::Error::other(format!("tls: failed to verify certificate: x509: {why}"))
    })?;
    exchange(TokioIo::new(stream), request).await
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> io::Result<Response<Bytes>>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.map_err(io::Error::other)?;
    let asking = async {
        let answer = sender.send_request(request).await.map_err(io::Error::other)?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, BODY_LIMIT).collect().await.map_err(io::Error::other)?;
        Ok(Response::from_parts(head, body.to_bytes()))
    };
    let mut asking = std::pin::pin!(asking);
    tokio::select! {
        biased;
        answer = &mut asking => answer,
        // The connection may end with the last byte of the answer.
        _ = connection => asking.await,
    }
}
