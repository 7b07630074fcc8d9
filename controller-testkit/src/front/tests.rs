//! The fronts on real sockets: who is let in, what a client sees when the server goes, and that nobody waits for
//! anybody else.
#![expect(clippy::disallowed_methods, reason = "a test owns its time and its tasks")]

use std::io;
use std::sync::Arc;

use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::certificate::Authority;
use super::trust;
use crate::cluster::tests::Hand;
use crate::{Cluster, Playground, Serve, Served, World};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn served(serve: Serve) -> (Cluster, Served) {
    let cluster = Cluster::builder().world(World::none()).build();
    let served = cluster.serve_with(serve).await.expect("a free port");
    (cluster, served)
}

fn hand(served: &Served) -> Hand {
    Hand(served.client())
}

/// One request over a connection of its own, in the bytes of HTTP/1.1.
async fn plain(port: u16, request: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(format!("{request}\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn kubes_client_works_through_both_transports() {
    for serve in [Serve::https(), Serve::plain()] {
        let (_cluster, served) = served(serve).await;
        let hand = hand(&served);
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}});
        hand.create(MAPS, map).await;
        assert_eq!(hand.names(MAPS).await, ["a"], "{}", served.url());
        served.stop().await;
    }
}

#[tokio::test]
async fn without_a_token_only_what_everyone_may_know_is_told() {
    let (_cluster, served) = served(Serve::https()).await;
    let with = |token: Option<&str>| {
        let text = served.kubeconfig();
        let (before, rest) = text.split_once("    token: ").expect("a token");
        let user = token.map_or("    {}".to_owned(), |token| format!("    token: {token}"));
        format!("{before}{user}{}", rest.split_once('\n').map_or("", |(_, rest)| rest))
    };
    let ask = async |token: Option<&str>, path: &str| {
        let config = kube::config::Kubeconfig::from_yaml(&with(token)).expect("a kubeconfig");
        let config = kube::Config::from_custom_kubeconfig(config, &Default::default()).await.expect("a config");
        let hand = Hand(kube::Client::try_from(config).expect("a client"));
        hand.send(Method::GET, path, Value::Null).await
    };
    let (status, body) = ask(None, "/api/v1/pods").await;
    assert_eq!((status, &body["reason"]), (403, &json!("Forbidden")));
    assert_eq!(ask(Some("wrong"), "/api/v1/pods").await.0, 401);
    assert_eq!(ask(Some("wrong"), "/version").await.0, 401);
    assert_eq!(ask(None, "/version").await.0, 200);
}

#[tokio::test]
async fn a_server_that_was_down_is_back_on_its_port() {
    let (cluster, served) = served(Serve::plain()).await;
    let watch = tokio::spawn(plain(served.port(), leaked(format!("GET {MAPS}?watch=1 HTTP/1.1"))));
    while cluster.faults().open_watches() == 0 {
        tokio::task::yield_now().await;
    }
    cluster.faults().down();
    let cut = watch.await.expect("no panic");
    assert!(cut.is_err() || !cut.unwrap_or_default().ends_with("0\r\n\r\n"), "it did not end in order");
    while plain(served.port(), "GET /version HTTP/1.1").await.is_ok_and(|answer| !answer.is_empty()) {}
    cluster.faults().up();
    let mut answer = String::new();
    while !answer.contains("200 OK") {
        answer = plain(served.port(), "GET /version HTTP/1.1").await.unwrap_or_default();
    }
    served.stop().await;
}

/// A request over a connection of its own, and the answer's head and body as bytes.
async fn bytes(port: u16, request: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    let request = format!("{request}\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("room in the socket");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    (String::from_utf8_lossy(&answer[..end]).into_owned(), answer.split_off(end + 4))
}

/// A test's spawned task needs its text for as long as it runs.
fn leaked(text: String) -> &'static str {
    text.leak()
}

#[tokio::test]
async fn a_stop_ends_watches_in_order() {
    let (cluster, served) = served(Serve::plain()).await;
    let port = served.port();
    let watch = tokio::spawn(plain(port, leaked(format!("GET {MAPS}?watch=1 HTTP/1.1"))));
    while cluster.faults().open_watches() == 0 {
        tokio::task::yield_now().await;
    }
    let path = served.kubeconfig_path().to_owned();
    served.stop().await;
    let answer = watch.await.expect("no panic").expect("a whole answer");
    assert!(answer.ends_with("0\r\n\r\n"), "{answer}");
    assert!(plain(port, "GET /version HTTP/1.1").await.is_err());
    assert!(!path.exists());
}

#[tokio::test]
async fn a_fault_breaks_the_connection_of_a_socket_too() {
    let (cluster, served) = served(Serve::plain()).await;
    cluster.faults().on(crate::Requests::any()).reset();
    let answer = plain(served.port(), "GET /version HTTP/1.1").await.unwrap_or_default();
    assert_eq!(answer, "");
    let answer = plain(served.port(), "GET /version HTTP/1.1").await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_names_it() {
    let (_cluster, first) = served(Serve::plain()).await;
    let other = Cluster::builder().world(World::none()).build();
    let Err(error) = other.serve_with(Serve::plain().port(first.port())).await else { panic!("it is taken") };
    assert!(error.to_string().contains(&first.port().to_string()), "{error}");
}

#[tokio::test]
async fn clients_that_dawdle_hold_up_nobody() {
    let (_cluster, served) = served(Serve::plain()).await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(("127.0.0.1", served.port())).await.expect("a connection");
        stream.write_all(b"GET /api/v1/pods HTT").await.expect("room in the socket");
        idle.push(stream);
    }
    let answer = plain(served.port(), "GET /version HTTP/1.1").await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let (_cluster, served) = served(Serve::https()).await;
    let hand = hand(&served);
    let large = "x".repeat(4 * 1024 * 1024);
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": large}});
    let request = Request::post(MAPS).header("Content-Type", "application/json");
    let request = request.body(kube::client::Body::from(map.to_string().into_bytes())).expect("a request");
    // A client that is still sending may see the broken connection before the answer.
    if let Ok(response) = hand.0.send(request).await {
        assert_eq!(response.status(), 413);
    }
    assert_eq!(hand.names(MAPS).await, [""; 0]);
}

#[tokio::test]
async fn a_playground_shows_pods_that_come_change_and_go() {
    let playground = Playground::start().await.expect("a free port");
    let client = playground.client();
    let request = Request::get("/api/v1/pods?watch=1").body(kube::client::Body::empty()).expect("a request");
    let mut body = client.send(request).await.expect("a watch").into_body();
    let (mut added, mut ready, mut changed, mut gone) = (false, false, false, false);
    let mut text = String::new();
    let limit = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while !(added && ready && changed && gone) {
        let frame = tokio::time::timeout_at(limit, body.frame()).await.unwrap_or_else(|_| panic!("in time: {text}"));
        let frame = frame.expect("more to come").expect("an unbroken watch");
        let Ok(data) = frame.into_data() else { continue };
        text.push_str(&String::from_utf8_lossy(&data));
        added |= text.contains("\"ADDED\"");
        ready |= text.contains("\"ready\":true");
        changed |= text.contains("\"seen\":\"yes\"");
        gone |= text.contains("\"DELETED\"");
    }
    let hints = playground.hints();
    assert_eq!(hints.len(), 3);
    assert!(hints.iter().all(|hint| hint.contains(&playground.kubeconfig_path().display().to_string())));
    playground.stop().await;
}

fn map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": value}})
}

#[tokio::test]
async fn python_may_end_its_paths_with_a_slash_and_say_nothing_of_what_it_accepts() {
    let (_cluster, served) = served(Serve::plain()).await;
    for path in ["/api/", "/api/v1/", "/apis/", "/apis/apps/", "/apis/apps/v1/", "/version/", &format!("{MAPS}/")] {
        let (slashed, body) = bytes(served.port(), &format!("GET {path} HTTP/1.1")).await;
        let (bare, same) = bytes(served.port(), &format!("GET {} HTTP/1.1", path.trim_end_matches('/'))).await;
        assert!(slashed.starts_with("HTTP/1.1 200"), "{path}: {slashed}");
        assert!(slashed.contains("application/json"), "{path}: {slashed}");
        // A second may have passed between the two, and each has a number of its own.
        let lasting = |head: String| -> Vec<String> {
            let is_lasting = |line: &&str| !line.starts_with("date: ") && !line.starts_with("audit-id: ");
            head.lines().filter(is_lasting).map(str::to_owned).collect()
        };
        assert_eq!(lasting(slashed), lasting(bare), "{path}");
        assert!(body == same, "{path}");
    }
}

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_ask() {
    let (_cluster, served) = served(Serve::plain()).await;
    let hand = hand(&served);
    hand.create(MAPS, map("small", "x")).await;
    let (head, small) = bytes(served.port(), &format!("GET {MAPS} HTTP/1.1\r\nAccept-Encoding: gzip")).await;
    assert!(!head.to_lowercase().contains("content-encoding") && small.starts_with(b"{"), "{head}");
    hand.create(MAPS, map("large", &"yes ".repeat(50_000))).await;
    let (_, whole) = bytes(served.port(), &format!("GET {MAPS} HTTP/1.1")).await;
    assert!(whole.len() > 128 * 1024);
    let (head, squeezed) = bytes(served.port(), &format!("GET {MAPS} HTTP/1.1\r\nAccept-Encoding: gzip")).await;
    assert!(head.to_lowercase().contains("content-encoding: gzip"), "{head}");
    assert!(head.to_lowercase().contains(&format!("content-length: {}", squeezed.len())), "{head}");
    assert!(squeezed.len() * 10 < whole.len());
    let mut again = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&*squeezed), &mut again).expect("gzip");
    assert!(again == whole);
}

/// A client's frame, masked as it must be.
fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let length = u8::try_from(payload.len()).expect("a short payload");
    let body = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    [0x80 | opcode, 0x80 | length].into_iter().chain(mask).chain(body).collect()
}

/// The next frame of a server: its opcode and what it says.
async fn frame(stream: &mut TcpStream) -> (u8, String) {
    let head = [stream.read_u8().await.expect("a frame"), stream.read_u8().await.expect("a frame")];
    let length = match head[1] {
        126 => usize::from(stream.read_u16().await.expect("a length")),
        127 => usize::try_from(stream.read_u64().await.expect("a length")).expect("it fits"),
        length => usize::from(length),
    };
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.expect("a payload");
    (head[0] & 0xf, String::from_utf8_lossy(&payload).into_owned())
}

async fn socket(port: u16, path: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://x\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("room in the socket");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    (stream, String::from_utf8_lossy(&head).to_lowercase())
}

#[tokio::test]
async fn fabric8_watches_over_a_websocket() {
    let (cluster, served) = served(Serve::plain()).await;
    let hand = hand(&served);
    hand.create(MAPS, map("a", &"x".repeat(70_000))).await;
    let (mut stream, head) = socket(served.port(), &format!("{MAPS}?watch=true&resourceVersion=0")).await;
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    let (opcode, text) = frame(&mut stream).await;
    let event: Value = serde_json::from_str(&text).expect("one event in a frame");
    assert_eq!((opcode, &event["type"], &event["object"]["metadata"]["name"]), (1, &json!("ADDED"), &json!("a")));
    stream.write_all(&masked(9, b"there?")).await.expect("room in the socket");
    assert_eq!(frame(&mut stream).await, (10, "there?".to_owned()));
    hand.delete(&format!("{MAPS}/a")).await;
    assert!(frame(&mut stream).await.1.contains("DELETED"));
    stream.write_all(&masked(8, &[3, 232])).await.expect("room in the socket");
    assert_eq!(frame(&mut stream).await.0, 8);
    assert_eq!(stream.read(&mut [0]).await.expect("an end"), 0);
    while cluster.faults().open_watches() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_websocket_ends_when_the_watch_does() {
    let (_cluster, served) = served(Serve::plain()).await;
    let (mut timed, _) = socket(served.port(), &format!("{MAPS}?watch=true&timeoutSeconds=1")).await;
    assert_eq!(frame(&mut timed).await, (8, String::from_utf8_lossy(&[3, 232]).into_owned()));
    let (mut stopped, _) = socket(served.port(), &format!("{MAPS}?watch=true")).await;
    served.stop().await;
    assert_eq!(frame(&mut stopped).await.0, 8);
}

#[tokio::test]
async fn what_is_no_watch_is_answered_as_ever() {
    let (_cluster, served) = served(Serve::plain()).await;
    let (_, head) = socket(served.port(), MAPS).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let (_, head) = socket(served.port(), "/api/v1/nothing?watch=true").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
}

/// How a client is answered that shows a certificate in place of the kubeconfig's token.
async fn ask_as(served: &Served, shown: &crate::ClientCertificate) -> kube::Result<u16> {
    use base64::Engine;
    let data = |pem: &str| base64::engine::general_purpose::STANDARD.encode(pem);
    let (before, rest) = served.kubeconfig().split_once("    token: ").expect("a token");
    let text = format!(
        "{before}    client-certificate-data: {}\n    client-key-data: {}{}",
        data(&shown.certificate_pem),
        data(&shown.key_pem),
        rest.split_once('\n').map_or("", |(_, rest)| rest)
    );
    let config = kube::config::Kubeconfig::from_yaml(&text).expect("a kubeconfig");
    let config = kube::Config::from_custom_kubeconfig(config, &Default::default()).await.expect("a config");
    let request = Request::get(MAPS).body(kube::client::Body::empty()).expect("a request");
    kube::Client::try_from(config).expect("a client").send(request).await.map(|answer| answer.status().as_u16())
}

#[tokio::test]
async fn a_certificate_of_the_cluster_lets_a_client_in() {
    let (_cluster, served) = served(Serve::https()).await;
    let jane = served.certificate("jane", &["developers"]).expect("a name").expect("it is served over HTTPS");
    assert_eq!(ask_as(&served, &jane).await.expect("an answer"), 403, "she is known, and has no role");
    let root = served.certificate("root", &["system:masters"]).expect("a name").expect("it is served over HTTPS");
    assert_eq!(ask_as(&served, &root).await.expect("an answer"), 200);
    let other = Cluster::builder().world(World::none()).build().serve().await.expect("a free port");
    let stranger = other.certificate("jane", &[]).expect("a name").expect("it is served over HTTPS");
    assert!(ask_as(&served, &stranger).await.is_err(), "another cluster's word counts for nothing");
    assert!(
        Cluster::new()
            .serve_with(Serve::plain())
            .await
            .expect("a free port")
            .certificate("jane", &[])
            .expect("a name")
            .is_none()
    );
}

#[tokio::test]
async fn certificates_of_others_are_shown_and_taken() {
    // What a server shows is any certificate that names where it is.
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
    let shown = params.self_signed(&key).expect("a certificate").pem();
    let [theirs, nobodys] = [(); 2].map(|()| Authority::with_key(None).expect("an authority"));
    let serve = Serve::https().certificate(&shown, key.serialize_pem()).client_authority(theirs.pem());
    let (_cluster, served) = served(serve).await;
    assert!(!served.kubeconfig().contains("certificate-authority-data"), "nobody says who vouches for it");
    assert_eq!(hand(&served).send(Method::GET, MAPS, Value::Null).await.0, 200, "the kubeconfig is good");
    let tls = TlsConnector::from(Arc::new(trust::client(shown.as_bytes()).expect("an authority")));
    let stream = TcpStream::connect(("127.0.0.1", served.port())).await.expect("a connection");
    let name = "127.0.0.1".try_into().expect("an address");
    assert!(tls.connect(name, stream).await.is_ok(), "it shows the certificate that it was given");
    let root = |authority: &Authority| authority.vouch("root", &["system:masters"]).expect("a name");
    assert_eq!(ask_as(&served, &root(&theirs)).await.expect("an answer"), 200);
    assert!(ask_as(&served, &root(&nobodys)).await.is_err(), "not everybody's word counts");
    let wrong = Cluster::new().serve_with(Serve::https().certificate("nothing", "nothing")).await;
    let why = wrong.err().map(|error| error.to_string());
    assert_eq!(why.as_deref(), Some("reading the server's key failed: give it in PEM"));
}

#[tokio::test]
async fn pods_are_told_whom_to_trust() {
    let served = Cluster::new().serve().await.expect("a free port");
    let text = served.kubeconfig().to_owned();
    let data =
        text.lines().find_map(|line| line.trim().strip_prefix("certificate-authority-data: ")).expect("an authority");
    let hand = hand(&served);
    let told = async {
        for namespace in ["default", "kube-system"] {
            let path = format!("/api/v1/namespaces/{namespace}/configmaps/kube-root-ca.crt");
            loop {
                let map = hand.get(&path).await;
                let pem = map["data"]["ca.crt"].as_str().unwrap_or_default().to_owned();
                if base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pem) == data {
                    break;
                }
            }
        }
    };
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, told).await.expect("the world tells every namespace");
}
