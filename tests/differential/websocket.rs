//! Watches over WebSockets beside a real server: the handshake, the frames and the end of each connection.
//!
//! They need sockets, so time is real here. `just record-apiserver` makes the recording, as it does the others.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use controller_testkit::{Cluster, User, World};
use http::Request;
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use kube::Client;
use serde_json::{Map, Value, json};
use tokio::io::AsyncReadExt;

use super::difference::differences;
use super::real::Real;
use super::{normal, record};

const MAPS: &str = "/api/v1/namespaces/sockets/configmaps";
const WATCH: &str = "/api/v1/namespaces/sockets/configmaps?watch=true&resourceVersion=0&timeoutSeconds=1";

type Headers = &'static [(&'static str, &'static str)];

/// What is asked, and with which headers beside or instead of those of a client that does everything right.
const ASKED: [(&str, Headers); 14] = [
    (WATCH, &[]),
    (WATCH, &[("Origin", "")]),
    (WATCH, &[("Origin", "nonsense")]),
    (WATCH, &[("Connection", "keep-alive, upgrade"), ("Upgrade", "WebSocket")]),
    (WATCH, &[("Sec-WebSocket-Protocol", "base64.binary.k8s.io")]),
    (WATCH, &[("Sec-WebSocket-Protocol", "nope")]),
    (
        WATCH,
        &[
            ("Sec-WebSocket-Protocol", "base64url.bearer.authorization.k8s.io.YWRtaW4tdG9rZW4, nope"),
            ("Authorization", ""),
        ],
    ),
    (WATCH, &[("Sec-WebSocket-Version", "8")]),
    (WATCH, &[("Sec-WebSocket-Key", "")]),
    (WATCH, &[("Authorization", "Bearer unknown")]),
    (WATCH, &[("Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")]),
    ("/api/v1/namespaces/sockets/configmaps?watch=true&limit=x", &[]),
    ("/api/v1/namespaces/sockets/configmaps?watch=true&allowWatchBookmarks=true&timeoutSeconds=1", &[]),
    (MAPS, &[]),
];

/// How long a frame may take.
const PATIENCE: Duration = Duration::from_secs(10);
const HEADERS: [&str; 5] = ["connection", "content-type", "sec-websocket-accept", "sec-websocket-protocol", "upgrade"];

/// What was answered to each.
async fn play(client: &Client, now: Timestamp) -> Result<Vec<Value>> {
    for (path, body) in [
        ("/api/v1/namespaces", json!({"metadata": {"name": "sockets"}})),
        (MAPS, json!({"metadata": {"name": "a"}, "data": {"text": "x".repeat(200)}})),
        (MAPS, json!({"metadata": {"name": "b"}})),
    ] {
        let request = Request::post(path).header("Content-Type", "application/json").header("Authorization", ADMIN);
        client.send(request.body(body.to_string().into_bytes().into())?).await?;
    }
    let mut answers = Vec::new();
    for (path, headers) in ASKED {
        let what = format!("GET {path} {headers:?}");
        answers.push(ask(client, path, headers, &what).await.context(what)?);
    }
    Ok(normal::normal(answers, now))
}

const ADMIN: &str = "Bearer admin-token";

async fn ask(client: &Client, path: &str, other: Headers, what: &str) -> Result<Value> {
    let usual = [
        ("Authorization", ADMIN),
        ("Connection", "Upgrade"),
        ("Origin", "https://example.com"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
        ("Upgrade", "websocket"),
    ];
    let kept = usual.iter().filter(|(name, _)| other.iter().all(|(named, _)| named != name));
    let request = kept.chain(other).filter(|(_, value)| !value.is_empty());
    let request = request.fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    let answer = client.send(request.body(Vec::new().into())?).await?;
    let mut told = Map::from_iter([
        ("request".to_owned(), Value::from(what)),
        ("code".to_owned(), answer.status().as_u16().into()),
    ]);
    for name in HEADERS {
        if let Some(value) = answer.headers().get(name) {
            told.insert(name.to_owned(), value.to_str()?.to_lowercase().into());
        }
    }
    if answer.status() != 101 {
        let body = tokio::time::timeout(PATIENCE, answer.into_body().collect()).await??.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        told.insert("body".to_owned(), serde_json::from_str(&text).unwrap_or_else(|_| text.into()));
        return Ok(Value::Object(told));
    }
    let mut stream = TokioIo::new(hyper::upgrade::on(answer).await?);
    let mut frames = Vec::new();
    while let Some((opcode, payload)) = frame(&mut stream).await? {
        let shown = match serde_json::from_slice::<Value>(&payload) {
            Ok(event) if opcode & 0xf < 8 => event,
            _ => match String::from_utf8(payload) {
                Ok(text) if opcode & 0xf < 8 => text.into(),
                Ok(text) => STANDARD.encode(text).into(),
                Err(bytes) => STANDARD.encode(bytes.as_bytes()).into(),
            },
        };
        frames.push(json!({"first": opcode, "payload": shown}));
    }
    told.insert("frames".to_owned(), frames.into());
    Ok(Value::Object(told))
}

/// The first byte of the next frame and what it carries; nothing at the end.
async fn frame(stream: &mut (impl AsyncReadExt + Unpin)) -> Result<Option<(u8, Vec<u8>)>> {
    let mut head = [0; 2];
    match tokio::time::timeout(PATIENCE, stream.read_exact(&mut head)).await? {
        Err(_) => return Ok(None),
        Ok(read) => ensure!(read == 2, "half a head"),
    }
    let length = match head[1] {
        126 => u64::from(stream.read_u16().await?),
        127 => stream.read_u64().await?,
        length => u64::from(length),
    };
    let mut payload = vec![0; usize::try_from(length)?];
    stream.read_exact(&mut payload).await?;
    Ok(Some((head[0], payload)))
}

fn path() -> std::path::PathBuf {
    super::folder().join("recorded/websocket.jsonl")
}

#[test]
fn answers_over_websockets_are_those_of_a_real_server() -> Result<()> {
    if std::env::var("SCENARIO").is_ok_and(|wanted| !"websocket".starts_with(&wanted)) {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let Some(programs) = record::programs() {
        let mut runs = Vec::new();
        for _ in 0..2 {
            runs.push(runtime.block_on(async {
                let real = Real::start(&programs).await?;
                play(&real.client()?, Timestamp::now()).await
            })?);
        }
        let found = differences(&Value::from(runs[0].clone()), &Value::from(runs[1].clone()));
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        ensure!(told.is_empty(), "the real server does not answer twice alike:\n{}", told.join("\n"));
        let lines: String = runs[0].iter().map(|answer| format!("{answer}\n")).collect();
        return Ok(fs::write(path(), lines)?);
    }
    let text = fs::read_to_string(path()).context("`just record-apiserver`")?;
    let real: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let ours = runtime.block_on(async {
        let cluster = Cluster::builder()
            .world(World::none())
            .token("admin-token", User::new("admin").uid("1").group("system:masters"))
            .build();
        let served = cluster.serve().await?;
        let mut config = kube::Config::new(served.url().parse()?);
        config.accept_invalid_certs = true;
        play(&Client::try_from(config)?, cluster.now()).await
    })?;
    let mut accepted = super::accepted::Accepted::read()?;
    let mut told = Vec::new();
    ensure!(real.len() == ours.len(), "`just record-apiserver` after a change of what is asked");
    for (real, ours) in real.iter().zip(&ours) {
        let request = real["request"].as_str().unwrap_or_default();
        ensure!(real["request"] == ours["request"], "{request}: recorded before it was changed");
        let found = differences(real, ours);
        let open = found.iter().filter(|found| !accepted.explains("websocket", request, &found.place));
        told.extend(open.map(|found| format!("{request}\n    {found}")));
    }
    ensure!(told.is_empty(), "{}", told.join("\n"));
    Ok(())
}
