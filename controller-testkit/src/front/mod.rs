//! Where requests come in: in process as a tower service, or over HTTP and HTTPS.
//!
//! A front owns transport, tasks and timers. It asks the armed faults what to do with a request, hands it to the
//! server in one synchronous step, and drives the body of a watch. What an answer says is the server's business.

mod body;
mod call;
mod certificate;
mod gzip;
mod https;
mod kubeconfig;
mod serve;
mod service;
mod subject;
#[cfg(test)]
mod tests;
mod trust;
mod watch;
mod websocket;

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, Uri};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::admission::Call;
use crate::cluster::{Exchange, Hub};
use crate::faults::{Blow, Plan, Refusal, RuleId, Target, Verb};
use crate::server::{Answer, answered};

pub(crate) use body::AnswerBody;
use body::broken_connection;
pub(crate) use call::Hosts;
pub use certificate::ClientCertificate;
pub(crate) use kubeconfig::quoted;
pub use serve::{Serve, ServeError, Served};
pub(crate) use service::InProcess;
use watch::Feed;

/// A body longer than this is not read to its end: the server refuses it by its length.
pub(crate) const BODY_LIMIT: usize = 3 * 1024 * 1024 + 1;

/// One way in, with or without the faults.
#[derive(Clone)]
pub(crate) struct Door {
    hub: Arc<Hub>,
    /// No fault touches what comes through this door.
    steady: bool,
}

impl Door {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Door { hub, steady: false }
    }

    pub(crate) fn steady(hub: Arc<Hub>) -> Self {
        Door { hub, steady: true }
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    pub(crate) fn is_down(&self) -> bool {
        self.hub.step(|state| state.rules.is_down())
    }

    /// Answers one request. An error is a broken connection.
    pub(crate) async fn answer(&self, request: Request<Bytes>) -> io::Result<Response<AnswerBody>> {
        if !self.hub.step(|state| state.log.listens()) {
            return self.play(request).await;
        }
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let answer = self.play(request).await;
        let code = answer.as_ref().ok().map(|response| response.status().as_u16());
        let at = self.hub.clock.now();
        self.hub.step(|state| {
            let resource_version = state.server.current_rv();
            state.log.push(Exchange { at, method: method.to_string(), uri: uri.to_string(), code, resource_version });
        });
        answer
    }

    /// Answers it as the faults say.
    async fn play(&self, mut request: Request<Bytes>) -> io::Result<Response<AnswerBody>> {
        let target = Target::of(request.method(), request.uri());
        let plan = if self.steady { Plan::default() } else { self.meet(&target, &mut request)? };
        let outages = self.hub.step(|state| state.rules.outages());
        if !plan.delay.is_zero() {
            self.pause(tokio::time::sleep(plan.delay), outages).await?;
        }
        if let Some(rule) = plan.hang {
            self.hang(rule, outages).await?;
        }
        if let Some(blow) = &plan.before {
            return strike(blow);
        }
        let response = self.ask(request, &target, outages).await?;
        if let Some(blow) = &plan.after {
            return strike(blow);
        }
        match response {
            Asked::Whole(response) => Ok(self.dress(response, &target, plan)),
            Asked::Watch(response) => Ok(response),
        }
    }

    /// Asks the rules about a request, and bends it as the switches say.
    fn meet(&self, target: &Target, request: &mut Request<Bytes>) -> io::Result<Plan> {
        self.hub.step(|state| {
            if state.rules.is_down() {
                return Err(refused_connection());
            }
            let mut plan = state.rules.meet(target, &mut state.rng);
            if state.rules.refuses_streaming_list(target) {
                plan.before.get_or_insert(Blow::Answer(no_streaming_lists()));
            }
            if let Some(page) = state.rules.page_size
                && target.verb == Verb::List
            {
                let asked = target.query.get("limit").and_then(|limit| limit.parse().ok()).filter(|limit| *limit > 0);
                limit(request, asked.map_or(page.get(), |asked: usize| asked.min(page.get())));
            }
            Ok(plan)
        })
    }

    /// Waits, unless the power fails first.
    async fn pause(&self, wait: impl Future<Output = ()>, outages: u64) -> io::Result<()> {
        let mut wait = std::pin::pin!(wait);
        loop {
            let changed = self.hub.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if !self.steady && self.hub.step(|state| state.rules.outages()) != outages {
                return Err(broken_connection());
            }
            tokio::select! {
                biased;
                () = &mut wait => return Ok(()),
                () = &mut changed => {}
            }
        }
    }

    /// Waits until a rule is lifted, which ends in a broken connection too.
    async fn hang(&self, rule: RuleId, outages: u64) -> io::Result<()> {
        loop {
            let changed = self.hub.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            let hangs = self.hub.step(|state| state.rules.stands(rule) && state.rules.outages() == outages);
            if !hangs {
                return Err(broken_connection());
            }
            changed.await;
        }
    }

    /// Hands the request to the server, again when it says later.
    async fn ask(&self, request: Request<Bytes>, target: &Target, outages: u64) -> io::Result<Asked> {
        let mut request = request;
        loop {
            let changed = self.hub.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            let now = self.hub.clock.now();
            let answer = self.hub.step(|state| {
                if !self.steady && state.rules.outages() != outages {
                    return Err(broken_connection());
                }
                let step = match state.server.handle(request, now, &mut state.rng) {
                    Answer::Watch { head, watch } => {
                        let id = if self.steady { 0 } else { state.rules.opened(target.clone()) };
                        let bell = state.bell(watch.table());
                        let feed = Feed::new(self.hub.clone(), bell, id, watch, outages, self.steady);
                        Step::Watch(head, Box::new(feed))
                    }
                    Answer::Whole(response) => Step::Whole(response),
                    Answer::Later { until, request } => Step::Later(until, request),
                    Answer::Call { call, request } => Step::Call(call, request),
                };
                Ok((step, state.server.current_rv()))
            })?;
            let (answer, rv) = answer;
            if !matches!(answer, Step::Later(..) | Step::Call(..))
                && let Err(fault) = self.hub.settled(rv).await
            {
                return Ok(Asked::Whole(unkept(&fault)));
            }
            match answer {
                Step::Whole(response) => return Ok(Asked::Whole(response)),
                Step::Watch(head, feed) => {
                    return Ok(Asked::Watch(head.map(|()| AnswerBody::stream(feed.into_stream()))));
                }
                Step::Call(call, waiting) => {
                    let reply = self.hub.hosts.call(&call).await;
                    request = answered(waiting, reply);
                }
                Step::Later(until, later) => {
                    request = later;
                    // Either the time has come or something has changed: the server knows what to do.
                    let _ = tokio::time::timeout_at(self.hub.clock.instant(until), changed).await;
                }
            }
        }
    }

    /// Applies what the plan says about the body of a whole answer.
    fn dress(&self, response: Response<Bytes>, target: &Target, plan: Plan) -> Response<AnswerBody> {
        if self.steady {
            return response.map(AnswerBody::whole);
        }
        if target.verb == Verb::List {
            self.hub.step(|state| {
                if state.rules.counts_pages()
                    && let Some(token) = continue_token(response.body())
                {
                    state.rules.note_page(target, &token);
                }
            });
        }
        let (mut head, mut body) = response.into_parts();
        if let Some(other) = plan.body {
            body = other;
        }
        if !plan.items.is_empty() {
            body = with_items(&body, &plan.items);
        }
        if let Some(length) = head.headers.get_mut(http::header::CONTENT_LENGTH) {
            *length = http::HeaderValue::from(body.len());
        }
        let response = Response::from_parts(head, body);
        match (plan.truncate, plan.pieces) {
            (Some(at), _) => response.map(|body| AnswerBody::broken(body, at)),
            (None, Some(size)) => response.map(|body| AnswerBody::in_pieces(body, size.get())),
            (None, None) => response.map(AnswerBody::whole),
        }
    }
}

fn strike(blow: &Blow) -> io::Result<Response<AnswerBody>> {
    match blow {
        Blow::Answer(refusal) => Ok(refusal.response().map(AnswerBody::whole)),
        Blow::Reset | Blow::Hang => Err(broken_connection()),
    }
}

enum Step {
    Whole(Response<Bytes>),
    Watch(Response<()>, Box<Feed>),
    Later(jiff::Timestamp, Request<Bytes>),
    Call(Box<Call>, Request<Bytes>),
}

enum Asked {
    Whole(Response<Bytes>),
    Watch(Response<AnswerBody>),
}

/// What a server says whose disk takes no more.
fn unkept(fault: &str) -> Response<Bytes> {
    Refusal::status(500).message(format!("Internal error occurred: {fault}")).response()
}

/// The error of a server that is down.
fn refused_connection() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused: the server has been taken down")
}

/// What a server that knows no streaming lists says to one.
fn no_streaming_lists() -> Refusal {
    Refusal::status(422).message(
        "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden \
         for watch unless the WatchList feature gate is enabled",
    )
}

/// Puts a limit into a list's query.
fn limit(request: &mut Request<Bytes>, items: usize) {
    let uri = request.uri();
    let kept = uri.query().unwrap_or_default().split('&').filter(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        !name.is_empty() && name != "limit"
    });
    let query: Vec<String> = kept.map(str::to_owned).chain([format!("limit={items}")]).collect();
    if let Ok(bent) = format!("{}?{}", uri.path(), query.join("&")).parse::<Uri>() {
        *request.uri_mut() = bent;
    }
}

/// The continue token of a list, if its body is a list with one.
fn continue_token(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct List {
        metadata: Meta,
    }
    #[derive(Deserialize)]
    struct Meta {
        #[serde(rename = "continue")]
        token: String,
    }
    serde_json::from_slice::<List>(body).ok().map(|list| list.metadata.token).filter(|token| !token.is_empty())
}

/// A list with some items replaced by other text. What is no list stays as it is.
fn with_items(body: &Bytes, items: &[(usize, String)]) -> Bytes {
    use std::collections::BTreeMap;

    let Ok(mut list) = serde_json::from_slice::<BTreeMap<String, Box<RawValue>>>(body) else { return body.clone() };
    let Some(old) = list.remove("items") else { return body.clone() };
    let Ok(old) = serde_json::from_str::<Vec<Box<RawValue>>>(old.get()) else { return body.clone() };
    let mut texts: Vec<&str> = old.iter().map(|item| item.get()).collect();
    for (index, text) in items {
        match texts.get_mut(*index) {
            Some(place) => *place = text,
            None => texts.push(text),
        }
    }
    let mut out = String::from("{");
    for (name, value) in &list {
        out.push_str(&format!("{}:{},", serde_json::Value::from(name.as_str()), value.get()));
    }
    out.push_str(&format!("\"items\":[{}]}}\n", texts.join(",")));
    Bytes::from(out)
}
