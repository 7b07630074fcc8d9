//! Plays a scenario to a server, whichever it is, and notes what it answered.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use serde_json::{Map, Value, json};

use super::normal;
use super::protobuf;
use super::real::Real;
use super::scenario::{Act, Scenario, Step, Until};

/// One server, and the clock that it goes by.
pub(crate) struct Player<'a> {
    pub(crate) client: Client,
    pub(crate) now: &'a dyn Fn() -> Timestamp,
    pub(crate) past: Past<'a>,
}

/// How a server is made to forget.
pub(crate) enum Past<'a> {
    Embedded(&'a dyn Fn()),
    /// By its etcd, and the key under which servers tell each other of it.
    Real(&'a Real),
}

/// How long a real server takes to notice: it looks every 15 s.
const NOTICED: Duration = Duration::from_secs(17);

impl Past<'_> {
    async fn forget(&self) -> Result<()> {
        let etcd = match self {
            Self::Embedded(forget) => {
                forget();
                return Ok(());
            }
            Self::Real(real) => real.etcd()?,
        };
        let ask = async |path: &str, body: Value| -> Result<Value> {
            let request = Request::post(path).header(CONTENT_TYPE, "application/json");
            let answer = etcd.send(request.body(body.to_string().into_bytes().into())?).await?;
            Ok(serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?)
        };
        let seen = ask("/v3/kv/range", json!({"key": STANDARD.encode("compact_rev_key")})).await?;
        let revision = seen["header"]["revision"].as_str().context("etcd tells its revision")?.to_owned();
        let note = json!({"key": STANDARD.encode("compact_rev_key"), "value": STANDARD.encode(&revision)});
        ask("/v3/kv/put", note).await?;
        ask("/v3/kv/compaction", json!({"revision": revision})).await?;
        tokio::time::sleep(NOTICED).await;
        Ok(())
    }
}

impl Past<'_> {
    /// Forgets what the server itself remembers: an embedded one has nothing beside its store.
    async fn restart(&self) -> Result<()> {
        match self {
            Self::Embedded(forget) => {
                forget();
                Ok(())
            }
            Self::Real(real) => real.restart().await,
        }
    }
}

/// How long an answer or an event may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at what is not yet as it is waited for.
const PAUSE: Duration = Duration::from_millis(100);
/// The headers that are part of an answer; what the fronts and HTTP itself add is not.
const HEADERS: [&str; 5] = ["allow", "content-type", "location", "retry-after", "warning"];

/// A body that goes on.
struct Stream {
    body: Body,
    rest: Vec<u8>,
    framing: Framing,
}

/// Where one event of a stream ends and the next begins.
#[derive(Clone, Copy)]
enum Framing {
    Lines,
    /// Each has its length before it, in four bytes.
    Lengths,
}

impl Player<'_> {
    /// What was answered to each step, without what differs from run to run.
    pub(crate) async fn play(&self, scenario: &Scenario) -> Result<Vec<Value>> {
        self.settle(&scenario.name).await?;
        self.answers(scenario).await
    }

    /// Makes a namespace.
    pub(crate) async fn settle(&self, name: &str) -> Result<()> {
        let namespace = format!("{{\"metadata\":{{\"name\":\"{name}\"}}}}");
        let request = request("POST", "/api/v1/namespaces").header(CONTENT_TYPE, "application/json");
        self.send(request.body(namespace.into_bytes().into())?).await?;
        Ok(())
    }

    /// The same in a namespace that is there.
    pub(crate) async fn answers(&self, scenario: &Scenario) -> Result<Vec<Value>> {
        let mut known = BTreeMap::from([("ns".to_owned(), scenario.name.clone())]);
        let mut streams = BTreeMap::new();
        let mut answers = Vec::new();
        for step in &scenario.steps {
            let answer = tokio::time::timeout(3 * PATIENCE, self.step(step, &mut known, &mut streams)).await;
            let answer = answer.map_err(|_| anyhow!("no answer")).flatten();
            answers.push(answer.with_context(|| format!("{}: {}", scenario.name, step.line))?);
        }
        Ok(normal::normal(answers, (self.now)()))
    }

    async fn step(
        &self,
        step: &Step,
        known: &mut BTreeMap<String, String>,
        streams: &mut BTreeMap<String, Stream>,
    ) -> Result<Value> {
        let mut told = Map::from_iter([("request".to_owned(), Value::from(step.line.as_str()))]);
        let events = match &step.act {
            Act::Read { stream, lines } => Some((stream, *lines)),
            Act::End { stream } => Some((stream, usize::MAX)),
            Act::Ask { .. } => None,
            Act::Forget => {
                self.past.forget().await?;
                return Ok(Value::Object(told));
            }
            Act::Restart => {
                self.past.restart().await?;
                return Ok(Value::Object(told));
            }
        };
        if let Some((name, lines)) = events {
            let stream = streams.get_mut(name).context("no such stream is open")?;
            let (events, ended) = stream.read(lines).await?;
            told.insert("events".into(), events.into());
            told.insert("ended".into(), ended.into());
            return Ok(Value::Object(told));
        }
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let (code, headers, body) = self.ask(step, known).await?;
            if let (Some(name), StatusCode::OK) = (&step.stream, code) {
                let framing = if is_protobuf(&headers) { Framing::Lengths } else { Framing::Lines };
                streams.insert(name.clone(), Stream { body, rest: Vec::new(), framing });
                told.insert("code".into(), code.as_u16().into());
                told.insert("headers".into(), headers_of(&headers, &step.shown));
                return Ok(Value::Object(told));
            }
            let body = match tokio::time::timeout(PATIENCE, body.collect()).await {
                Ok(body) => body?.to_bytes(),
                Err(_) => "it goes on".into(),
            };
            let text = String::from_utf8_lossy(&body).into_owned();
            let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()?.split(';').next());
            let value = match media {
                Some("application/vnd.kubernetes.protobuf") => protobuf::object(&body),
                // Its strings cannot be told from its other bytes.
                Some(kind) if kind.contains("protobuf") => Some("<protobuf>".into()),
                Some("application/yaml") => serde_saphyr::from_str(&text).ok(),
                _ => serde_json::from_str::<Value>(&text).ok(),
            };
            let has_come = match &step.until {
                None => true,
                Some(Until::Code(wanted)) => code.as_u16() == *wanted,
                Some(Until::Value(pointer, wanted)) => {
                    value.as_ref().and_then(|value| value.pointer(pointer)) == Some(wanted)
                }
            };
            if !has_come && tokio::time::Instant::now() < until {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            for (name, pointer) in &step.keep {
                let found = value.as_ref().and_then(|value| value.pointer(pointer));
                let found = found.map(|found| found.as_str().map_or_else(|| found.to_string(), str::to_owned));
                known.insert(name.clone(), found.unwrap_or_else(|| format!("no-{name}")));
            }
            told.insert("code".into(), code.as_u16().into());
            told.insert("headers".into(), headers_of(&headers, &step.shown));
            match value {
                Some(value) => told.insert("body".into(), value),
                None => told.insert("text".into(), text.into()),
            };
            return Ok(Value::Object(told));
        }
    }

    async fn ask(&self, step: &Step, known: &BTreeMap<String, String>) -> Result<(StatusCode, HeaderMap, Body)> {
        let Act::Ask { method, path } = &step.act else { unreachable!("streams are read elsewhere") };
        let mut request = request(method, &unfolded(&filled(path, known)));
        for (name, value) in &step.headers {
            request = match name.as_str() {
                "As" => {
                    let headers = request.headers_mut().context("a well-formed request")?;
                    headers.insert(AUTHORIZATION, format!("Bearer {value}-token").parse()?);
                    request
                }
                name => request.header(name, filled(value, known)),
            };
        }
        let body = match step.body.strip_prefix("base64 ") {
            Some(code) => STANDARD.decode(code.replace('\n', ""))?,
            None => unfolded(&filled(&step.body, known)).into_bytes(),
        };
        let (head, body) = self.send(request.body(body.into())?).await?.into_parts();
        Ok((head.status, head.headers, body))
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Body>> {
        Ok(self.client.send(request).await?)
    }
}

fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header(AUTHORIZATION, "Bearer admin-token")
}

/// A text with what is known put into its places.
fn filled(text: &str, known: &BTreeMap<String, String>) -> String {
    known.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
}

/// A body with its long words in full.
fn unfolded(text: &str) -> String {
    let mut parts = text.split("@x");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.chars().take_while(char::is_ascii_digit).count();
        match part[..digits].parse() {
            Ok(letters) => whole.push_str(&"x".repeat(letters)),
            Err(_) => whole.push_str("@x"),
        }
        whole.push_str(&part[digits..]);
    }
    whole
}

fn headers_of(headers: &HeaderMap, shown: &[String]) -> Value {
    let mut told: Map<String, Value> = Map::new();
    for name in HEADERS.into_iter().chain(shown.iter().map(String::as_str)) {
        let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        match values[..] {
            [] => {}
            [value] => drop(told.insert(name.to_owned(), value.into())),
            _ => drop(told.insert(name.to_owned(), values.into())),
        }
    }
    Value::Object(told)
}

fn is_protobuf(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/vnd.kubernetes.protobuf"))
}

impl Stream {
    /// The next event, if it has come whole.
    fn next(&mut self) -> Option<Value> {
        match self.framing {
            Framing::Lines => {
                let end = self.rest.iter().position(|byte| *byte == b'\n')?;
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                let event = serde_json::from_slice(&line);
                Some(event.unwrap_or_else(|_| String::from_utf8_lossy(&line).into()))
            }
            Framing::Lengths => {
                let length = usize::try_from(u32::from_be_bytes(*self.rest.first_chunk()?)).ok()?;
                let whole = self.rest.get(4..4 + length)?;
                let event = protobuf::event(whole).unwrap_or_else(|| STANDARD.encode(whole).into());
                self.rest.drain(..4 + length);
                Some(event)
            }
        }
    }

    /// The next lines, and whether the stream ended before they had all come.
    async fn read(&mut self, lines: usize) -> Result<(Vec<Value>, bool)> {
        let mut events = Vec::new();
        while events.len() < lines {
            if let Some(event) = self.next() {
                events.push(event);
                continue;
            }
            match tokio::time::timeout(PATIENCE, self.body.frame()).await {
                Err(_) => {
                    events.push("nothing comes".into());
                    return Ok((events, false));
                }
                Ok(None) => return Ok((events, true)),
                Ok(Some(frame)) => self.rest.extend(frame?.into_data().ok().unwrap_or_default()),
            }
        }
        Ok((events, false))
    }
}
