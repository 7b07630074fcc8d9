//! Each fault as a client meets it.
#![expect(clippy::disallowed_methods, reason = "a test owns its time and its tasks")]

use std::num::NonZeroUsize;
use std::time::Duration;

use futures::StreamExt;
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::target::{Target, Verb};
use super::{Refusal, Requests};
use crate::cluster::tests::{Hand, pass};
use crate::{Cluster, World};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
}

fn bare() -> (Cluster, Hand) {
    let cluster = Cluster::builder().world(World::none()).build();
    let hand = Hand(cluster.client());
    (cluster, hand)
}

/// An open watch, read line by line.
struct Lines {
    pieces: futures::stream::BoxStream<'static, Result<bytes::Bytes, String>>,
    read: Vec<u8>,
}

/// What a watch gives next.
#[derive(Debug, PartialEq)]
enum Next {
    /// The type, and the name or what else tells it from others.
    Line(String, String),
    Bad(String),
    End,
    Broken,
    /// Nothing for a while.
    Silence,
}

impl Lines {
    async fn open(hand: &Hand, query: &str) -> Result<Lines, u16> {
        let request = Request::get(format!("{MAPS}?watch=1&{query}"));
        let request = request.body(kube::client::Body::empty()).expect("a request");
        let response = hand.0.send(request).await.map_err(|_| 0_u16)?;
        if response.status() != 200 {
            return Err(response.status().as_u16());
        }
        let pieces = response.into_body().into_data_stream().map(|piece| piece.map_err(|error| error.to_string()));
        Ok(Lines { pieces: pieces.boxed(), read: Vec::new() })
    }

    async fn next(&mut self) -> Next {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return parsed(&line);
            }
            match tokio::time::timeout(Duration::from_secs(10), self.pieces.next()).await {
                Err(_) => return Next::Silence,
                Ok(None) => return Next::End,
                Ok(Some(Err(_))) => return Next::Broken,
                Ok(Some(Ok(piece))) => self.read.extend_from_slice(&piece),
            }
        }
    }
}

fn parsed(line: &[u8]) -> Next {
    let text = String::from_utf8_lossy(line).trim_end().to_owned();
    let Ok(event) = serde_json::from_str::<Value>(&text) else { return Next::Bad(text) };
    let kind = event["type"].as_str().unwrap_or_default().to_owned();
    let object = &event["object"];
    let what = match kind.as_str() {
        "ERROR" => object["code"].to_string(),
        _ => object["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
    };
    Next::Line(kind, what)
}

fn added(name: &str) -> Next {
    Next::Line("ADDED".into(), name.into())
}

/// A watch from now on, and five creates after it.
async fn watch_of_five(hand: &Hand) -> Lines {
    let rv = hand.get(MAPS).await["metadata"]["resourceVersion"].as_str().expect("a version").to_owned();
    let lines = Lines::open(hand, &format!("resourceVersion={rv}")).await.expect("a watch");
    for name in ["a", "b", "c", "d", "e"] {
        hand.create(MAPS, map(name)).await;
    }
    lines
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_cut_or_ended_at_every_event() {
    for at in 0..=5 {
        for (end, expect) in
            [("cut", Next::Broken), ("end", Next::End), ("gone", Next::Line("ERROR".into(), "410".into()))]
        {
            let (cluster, hand) = bare();
            let watches = cluster.faults().watches_of("configmaps");
            let fault = match end {
                "cut" => watches.cut_after(at),
                "end" => watches.end_after(at),
                _ => watches.gone_after(at),
            };
            let mut lines = watch_of_five(&hand).await;
            for name in ["a", "b", "c", "d", "e"].into_iter().take(at) {
                assert_eq!(lines.next().await, added(name), "{end} after {at}");
            }
            assert_eq!(lines.next().await, expect, "{end} after {at}");
            if end == "gone" {
                assert_eq!(lines.next().await, Next::End);
            }
            assert_eq!(fault.fired(), 1);
            // The next watch is left alone.
            let mut lines = Lines::open(&hand, "").await.expect("a watch");
            assert_eq!(lines.next().await, added("a"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_cut_now_is_what_is_open_now() {
    let (cluster, hand) = bare();
    let mut one = Lines::open(&hand, "").await.expect("a watch");
    assert_eq!(one.next().await, Next::Silence);
    let fault = cluster.faults().watches_of("configmaps").cut();
    let mut other = Lines::open(&hand, "").await.expect("a watch");
    assert_eq!(one.next().await, Next::Broken);
    assert_eq!(other.next().await, Next::Silence);
    assert_eq!(fault.fired(), 1);
    let elsewhere = cluster.faults().watches_of("pods").cut();
    assert_eq!(other.next().await, Next::Silence);
    assert_eq!(elsewhere.fired(), 0);
}

#[tokio::test(start_paused = true)]
async fn pieces_heed_no_line() {
    for size in [1, 2, 7, 64, 4096] {
        let (cluster, hand) = bare();
        let size = NonZeroUsize::new(size).expect("not zero");
        cluster.faults().watches_of("configmaps").chunks(size);
        cluster.faults().on(Requests::list("configmaps")).always().chunks(size);
        let mut lines = watch_of_five(&hand).await;
        for name in ["a", "b", "c", "d", "e"] {
            assert_eq!(lines.next().await, added(name), "pieces of {size}");
        }
        assert_eq!(hand.names(MAPS).await, ["a", "b", "c", "d", "e"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_held_back_comes_when_the_fault_is_lifted() {
    for how in ["silence", "hold"] {
        let (cluster, hand) = bare();
        let watches = cluster.faults().watches_of("configmaps");
        let fault = if how == "silence" { watches.silence() } else { watches.hold() };
        let mut lines = watch_of_five(&hand).await;
        assert_eq!(lines.next().await, Next::Silence, "{how}");
        fault.lift();
        for name in ["a", "b", "c", "d", "e"] {
            assert_eq!(lines.next().await, added(name), "{how}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bookmarks_pass_where_changes_are_held() {
    let (cluster, hand) = bare();
    let fault = cluster.faults().watches_of("configmaps").hold();
    let held_at = cluster.resource_version();
    let mut lines =
        Lines::open(&hand, &format!("resourceVersion={held_at}&allowWatchBookmarks=true")).await.expect("a watch");
    hand.create(MAPS, map("a")).await;
    pass(61).await;
    assert_eq!(lines.next().await, Next::Line("BOOKMARK".into(), String::new()));
    fault.lift();
    assert_eq!(lines.next().await, added("a"));
}

#[tokio::test(start_paused = true)]
async fn changes_are_shown_late() {
    let (cluster, hand) = bare();
    cluster.faults().watches_of("configmaps").delay(Duration::from_secs(3));
    let began = Instant::now();
    let mut lines = watch_of_five(&hand).await;
    assert_eq!(lines.next().await, added("a"));
    assert_eq!(began.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn bytes_are_put_between_the_lines() {
    let (cluster, hand) = bare();
    cluster.faults().watches_of("configmaps").say_after(2, "{\"type\":\n");
    let mut lines = watch_of_five(&hand).await;
    let expect = [added("a"), added("b"), Next::Bad("{\"type\":".into()), added("c")];
    for next in expect {
        assert_eq!(lines.next().await, next);
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_refused_by_status() {
    let (cluster, hand) = bare();
    cluster.faults().on(Requests::watch("configmaps")).answer(Refusal::gone());
    assert_eq!(Lines::open(&hand, "").await.err(), Some(410));
    assert!(Lines::open(&hand, "").await.is_ok());
    cluster.faults().no_streaming_lists();
    let streaming = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    assert_eq!(Lines::open(&hand, streaming).await.err(), Some(422));
    cluster.faults().clear();
    assert!(Lines::open(&hand, streaming).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_log_ends_old_watches_only() {
    let (cluster, hand) = bare();
    let old = cluster.resource_version();
    let mut open = watch_of_five(&hand).await;
    for name in ["a", "b", "c", "d", "e"] {
        assert_eq!(open.next().await, added(name));
    }
    cluster.faults().forget();
    let mut late = Lines::open(&hand, &format!("resourceVersion={old}")).await.expect("a watch");
    assert_eq!(late.next().await, Next::Line("ERROR".into(), "410".into()));
    hand.create(MAPS, map("f")).await;
    assert_eq!(open.next().await, added("f"));
}

#[tokio::test(start_paused = true)]
async fn the_kth_request_fails_before_or_after_it_is_done() {
    let (cluster, hand) = bare();
    let faults = cluster.faults();
    let create = |name: &str| {
        hand.0.send(
            Request::post(MAPS)
                .header("Content-Type", "application/json")
                .body(kube::client::Body::from(map(name).to_string().into_bytes()))
                .expect("a request"),
        )
    };
    let fault = faults.on(Requests::create("configmaps")).nth(2).reset();
    assert!(create("a").await.is_ok());
    assert!(create("b").await.is_err());
    assert!(create("c").await.is_ok());
    assert_eq!(fault.fired(), 1);
    faults.on(Requests::create("configmaps")).reset_after_commit();
    assert!(create("d").await.is_err());
    faults.on(Requests::create("configmaps")).times(2).answer_after_commit(Refusal::status(504));
    assert_eq!(create("e").await.expect("an answer").status(), 504);
    assert_eq!(create("e").await.expect("an answer").status(), 504);
    faults.on(Requests::get("configmaps").name("a")).answer(Refusal::status(429).retry_after(Duration::from_secs(2)));
    assert_eq!(hand.get(&format!("{MAPS}/c")).await["kind"], "ConfigMap");
    let refused = hand.get(&format!("{MAPS}/a")).await;
    assert_eq!((&refused["reason"], &refused["details"]["retryAfterSeconds"]), (&json!("TooManyRequests"), &json!(2)));
    assert_eq!(hand.names(MAPS).await, ["a", "c", "d", "e"]);
}

#[tokio::test(start_paused = true)]
async fn the_nth_page_expires() {
    let (cluster, hand) = bare();
    for name in ["a", "b", "c", "d", "e"] {
        hand.create(MAPS, map(name)).await;
    }
    cluster.faults().page_size(NonZeroUsize::MIN);
    cluster.faults().on(Requests::list("configmaps").page(3)).answer(Refusal::gone());
    let mut token = String::new();
    let mut seen = Vec::new();
    loop {
        let page = hand.get(&format!("{MAPS}?limit=500&continue={token}")).await;
        if page["kind"] == "Status" {
            assert_eq!((&page["code"], seen.len()), (&json!(410), 2));
            break;
        }
        seen.push(page["items"].as_array().map_or(0, Vec::len));
        token = page["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
        assert!(!token.is_empty());
    }
    assert_eq!(seen, [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_list_can_be_spoilt() {
    let (cluster, hand) = bare();
    for name in ["a", "b"] {
        hand.create(MAPS, map(name)).await;
    }
    let list = Requests::list("configmaps");
    cluster.faults().on(list.clone()).replace_item(1, "{\"metadata\":7}");
    let spoilt = hand.get(MAPS).await;
    assert_eq!(spoilt["items"][0]["metadata"]["name"], "a");
    assert_eq!(spoilt["items"][1], json!({"metadata": 7}));
    assert_eq!(spoilt["kind"], "ConfigMapList");
    cluster.faults().on(list.clone()).replace_body("<html>");
    assert_eq!(hand.get(MAPS).await, Value::Null);
    cluster.faults().on(list).truncate(10);
    let request = Request::get(MAPS).body(kube::client::Body::empty()).expect("a request");
    let response = hand.0.send(request).await.expect("a head");
    assert!(response.into_body().collect().await.is_err());
    assert_eq!(hand.names(MAPS).await, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn requests_are_slow_or_hang() {
    let (cluster, hand) = bare();
    let began = Instant::now();
    cluster.faults().on(Requests::any()).delay(Duration::from_secs(5));
    hand.get(MAPS).await;
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    let fault = cluster.faults().on(Requests::list("configmaps")).hang();
    let request = || Request::get(MAPS).body(kube::client::Body::empty()).expect("a request");
    let hung = tokio::time::timeout(Duration::from_secs(60), hand.0.send(request())).await;
    assert!(hung.is_err());
    assert_eq!(fault.fired(), 1);
    fault.lift();
    assert_eq!(hand.send(Method::GET, MAPS, Value::Null).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_keeps_everything() {
    let (cluster, hand) = bare();
    let mut lines = watch_of_five(&hand).await;
    for name in ["a", "b", "c", "d", "e"] {
        assert_eq!(lines.next().await, added(name));
    }
    cluster.faults().down();
    assert_eq!(lines.next().await, Next::Broken);
    assert_eq!(Lines::open(&hand, "").await.err(), Some(0));
    let steady = Hand(cluster.steady_client());
    assert_eq!(steady.delete(&format!("{MAPS}/c")).await, 200);
    cluster.faults().up();
    assert_eq!(hand.names(MAPS).await, ["a", "b", "d", "e"]);
    assert_eq!(cluster.faults().open_watches(), 1, "the broken one is still held by the test");
    drop(lines);
    assert_eq!(cluster.faults().open_watches(), 0);
}

#[test]
fn targets_are_read_from_paths() {
    let check = |method: Method, path: &str, verb, resource: &str, namespace: &str, name: &str, subresource: &str| {
        let target = Target::of(&method, &path.parse().expect("a path"));
        let found = |part: &Option<String>| part.clone().unwrap_or_default();
        assert_eq!(target.verb, verb, "{path}");
        assert_eq!(target.resource, resource, "{path}");
        let parts = (found(&target.namespace), found(&target.name), found(&target.subresource));
        assert_eq!(parts, (namespace.to_owned(), name.to_owned(), subresource.to_owned()), "{path}");
    };
    check(Method::GET, "/api/v1/pods", Verb::List, "pods", "", "", "");
    check(Method::GET, "/api/v1/pods?watch=true", Verb::Watch, "pods", "", "", "");
    check(Method::GET, "/api/v1/pods?watch=0", Verb::List, "pods", "", "", "");
    check(Method::GET, "/api/v1/watch/namespaces/a/pods/x", Verb::Watch, "pods", "a", "x", "");
    check(Method::GET, "/api/v1/namespaces/a/pods/x?watch=true", Verb::Get, "pods", "a", "x", "");
    check(Method::GET, "/api/v1/namespaces", Verb::List, "namespaces", "", "", "");
    check(Method::GET, "/api/v1/namespaces/a", Verb::Get, "namespaces", "", "a", "");
    check(Method::PUT, "/api/v1/namespaces/a/finalize", Verb::Update, "namespaces", "", "a", "finalize");
    check(
        Method::PATCH,
        "/apis/apps/v1/namespaces/a/deployments/x/status",
        Verb::Patch,
        "deployments",
        "a",
        "x",
        "status",
    );
    check(Method::DELETE, "/apis/apps/v1/namespaces/a/deployments", Verb::DeleteCollection, "deployments", "a", "", "");
    check(Method::POST, "/apis/example.com/v1/things/", Verb::Create, "things", "", "", "");
    check(Method::GET, "/api/v1", Verb::Other, "", "", "", "");
    check(Method::GET, "/openapi/v3/apis/apps/v1", Verb::Other, "", "", "", "");
    check(Method::GET, "/", Verb::Other, "", "", "", "");
    check(Method::GET, "/api/v1/namespaces/a/pods/%C3%A9%zz", Verb::Get, "pods", "a", "é%zz", "");
}
