//! Clients that mean no good, over real sockets, on paused time: bytes that are there are read before time goes on.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::dispatch::Live;
use crate::env::{Clock, Task};
use crate::supervisor::{Strategy, Supervisor};

const FEW: Limits = Limits { connections: 4, ..LIMITS };

/// A port that shows an operator of which nothing runs.
async fn port(limits: Limits) -> (SocketAddr, Task<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let tree = Supervisor::new("op", Strategy::OneForOne).handle();
    let (live, stop) = (Arc::<Live>::default(), CancellationToken::new());
    let window = Window::new("op".into(), live, tree, stop, Duration::from_secs(300), Clock::system());
    let desk = Arc::new(Desk::new(Arc::new(window), fastrand::Rng::with_seed(1)));
    let task = spawn(async move { serve(&listener, &desk, limits, std::future::pending()).await });
    (address, task)
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("it listens")
}

/// Everything until the connection is closed, in whichever way.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buf = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buf).await {
        bytes.extend_from_slice(&buf[..read]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What one connection that sends this is answered.
async fn say(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address).await;
    // A server that has heard enough may close before all is written.
    let _ = stream.write_all(bytes).await;
    rest(&mut stream).await
}

/// The port still answers.
async fn lives(address: SocketAddr) {
    let answer = say(address, b"GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_request_is_refused_and_hurts_nobody() {
    let (address, _port) = port(FEW).await;
    let long = "a".repeat(64 * 1024);
    let many = "x: y\r\n".repeat(200);
    let check = async |request: String, expect: &str| {
        let answer = say(address, request.as_bytes()).await;
        let brief: String = request.chars().take(60).collect();
        assert!(answer.starts_with(expect), "{brief:?} was answered {answer:?}");
        lives(address).await;
    };
    check(format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n"), "HTTP/1.1 4").await;
    check(format!("GET / HTTP/1.1\r\nhost: {long}\r\n\r\n"), "HTTP/1.1 431 ").await;
    check(format!("GET / HTTP/1.1\r\n{many}\r\n"), "HTTP/1.1 431 ").await;
    check("\u{0}\u{1}\u{2}nonsense\r\n\r\n".to_owned(), "HTTP/1.1 400 ").await;
    check("GET http://[::1/ HTTP/1.1\r\n\r\n".to_owned(), "HTTP/1.1 400 ").await;
    check("CONNECT a:443 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_owned(), "HTTP/1.1 404 ").await;
    check("POST /livez HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nsome".to_owned(), "HTTP/1.1 405 ").await;
    check("OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_owned(), "HTTP/1.1 404 ").await;
    check("GET /livez HTTP/1.0\r\n\r\n".to_owned(), "HTTP/1.0 200 OK").await;
    check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), "").await;
}

#[tokio::test(start_paused = true)]
async fn a_head_has_no_body() {
    let (address, _port) = port(FEW).await;
    for path in ["/", "/events", "/livez", "/metrics"] {
        let request = format!("HEAD {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let answer = say(address, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"), "{path}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_more_is_let_go() {
    let (address, _port) = port(FEW).await;
    for (says, hears) in
        [("", ""), ("GET /livez HTTP/1.1\r\nhost:", ""), ("GET /livez HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 200 OK")]
    {
        let began = Clock::system().instant();
        let answer = say(address, says.as_bytes()).await;
        assert!(answer.starts_with(hears), "{says:?}: {answer:?}");
        let took = began.elapsed();
        assert!(took >= LIMITS.request && took <= LIMITS.request * 2, "{says:?}: {took:?}");
    }
    lives(address).await;
}

#[tokio::test(start_paused = true)]
async fn a_probe_gets_through_where_others_hold_all_connections() {
    let (address, _port) = port(FEW).await;
    let mut held = Vec::new();
    for _ in 0..FEW.connections {
        held.push(connect(address).await);
    }
    lives(address).await;
    let began = Clock::system().instant();
    assert_eq!(rest(&mut held[0]).await, "", "the oldest made room");
    assert!(began.elapsed() < LIMITS.request);
    let asks = b"GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    held[3].write_all(asks).await.expect("it is open");
    assert!(rest(&mut held[3]).await.ends_with("ok\n"), "the newest did not");
}

#[tokio::test(start_paused = true)]
async fn a_viewer_keeps_a_place_for_ten_minutes_and_may_ask_again() {
    let (address, _port) = port(FEW).await;
    let began = Clock::system().instant();
    let seen = say(address, b"GET /events HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(seen.starts_with("HTTP/1.1 200 OK\r\n") && seen.contains("content-type: text/event-stream\r\n"), "{seen}");
    assert_eq!((seen.matches("<header").count(), began.elapsed().as_secs()), (600, 599));
    lives(address).await;
}
