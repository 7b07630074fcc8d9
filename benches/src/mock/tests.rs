//! A client reads what the server says.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use kube::{Client, Config, ResourceExt};
use tokio::net::TcpListener;

use super::script::{Command, perform};
use super::server::{Shared, accept};
use super::tls;
use super::wire::{Format, Kind, Wire};
use crate::corpus::Corpus;
use crate::template::{Face, Template};

const NUMBER: u32 = 57;

/// A server and a client of its own.
async fn served() -> (Shared, Api<Pod>) {
    let shared = Shared::new(Corpus::PodLarge, NUMBER, None).expect("the corpus has metadata");
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it has an address"));
    tokio::spawn(accept(listener, shared.clone(), None));
    let client = Client::try_from(Config::new(url.parse().expect("a URL"))).expect("a client");
    (shared, Api::all(client))
}

#[tokio::test]
async fn over_tls_there_are_the_same_objects() {
    let shared = Shared::new(Corpus::PodLarge, NUMBER, None).expect("the corpus has metadata");
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
    let url = format!("https://{}", listener.local_addr().expect("it has an address"));
    tokio::spawn(accept(listener, shared, Some(tls::acceptor().expect("a certificate"))));
    let mut config = Config::new(url.parse().expect("a URL"));
    config.accept_invalid_certs = true;
    let api: Api<Pod> = Api::all(Client::try_from(config).expect("a client"));
    assert_eq!(api.list(&ListParams::default()).await.expect("a list").items.len(), NUMBER as usize);
}

/// Opens a watch and waits until the server knows of it.
async fn watching(
    shared: &Shared,
    api: &Api<Pod>,
    params: &WatchParams,
    from: &str,
) -> BoxStream<'static, WatchEvent<Pod>> {
    let events = api.watch(params, from).await.expect("a watch").map(|event| event.expect("an event")).boxed();
    while shared.lock().watchers().is_empty() {
        tokio::task::yield_now().await;
    }
    events
}

/// The next events, which a broken server would never send.
async fn next(events: &mut BoxStream<'static, WatchEvent<Pod>>, count: usize) -> Vec<WatchEvent<Pod>> {
    let next = tokio::time::timeout(Duration::from_secs(10), events.take(count).collect()).await;
    next.expect("the events come")
}

/// What an event says, in short.
fn said(event: &WatchEvent<Pod>) -> (&'static str, String) {
    match event {
        WatchEvent::Added(pod) => ("added", pod.name_any()),
        WatchEvent::Modified(pod) => ("modified", pod.name_any()),
        WatchEvent::Deleted(pod) => ("deleted", pod.name_any()),
        WatchEvent::Bookmark(mark) => ("bookmark", mark.metadata.annotations.keys().cloned().collect()),
        WatchEvent::Error(status) => ("error", status.code.to_string()),
    }
}

#[tokio::test]
async fn a_list_by_pages_and_a_whole_one_have_the_same_objects_each_once() {
    let (_, api) = served().await;
    let whole = api.list(&ListParams::default()).await.expect("a list");
    let names: BTreeSet<_> = whole.iter().map(ResourceExt::name_any).collect();
    assert_eq!((names.len(), whole.items.len()), (57, 57));
    let (mut paged, mut token, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = api
            .list(&ListParams { limit: Some(10), continue_token: token.take(), ..ListParams::default() })
            .await
            .expect("a page");
        paged.extend(page.items.iter().map(ResourceExt::name_any));
        pages += 1;
        token = page.metadata.continue_.filter(|token| !token.is_empty());
        if token.is_none() {
            break;
        }
        assert_eq!(page.metadata.remaining_item_count, Some(57 - 10 * pages));
    }
    assert_eq!((pages, paged.len()), (6, 57));
    assert_eq!(paged.into_iter().collect::<BTreeSet<_>>(), names);
}

#[tokio::test]
async fn a_watch_tells_what_happens_after_its_version_and_what_happened_before_it_came() {
    let (shared, api) = served().await;
    let version = api.list(&ListParams::default()).await.expect("a list").metadata.resource_version.expect("a version");
    perform(&shared, Command::Delete { objects: 1 }).await;
    perform(&shared, Command::Burst { keys: 2 }).await;
    let mut events = watching(&shared, &api, &WatchParams::default(), &version).await;
    perform(&shared, Command::Firehose { events: 1, keys: 1 }).await;
    let told: Vec<_> = next(&mut events, 4).await.iter().map(said).collect();
    let expect = [("deleted", 56), ("modified", 0), ("modified", 1), ("modified", 0)];
    assert_eq!(told, expect.map(|(what, number)| (what, format!("web-{number:07}"))));
    perform(&shared, Command::Close).await;
    assert!(events.next().await.is_none(), "the watch was closed");
}

#[tokio::test]
async fn a_streaming_list_ends_with_its_bookmark() {
    let (shared, api) = served().await;
    let params = WatchParams::default().initial_events();
    let mut events = watching(&shared, &api, &params, "").await;
    let told: Vec<_> = next(&mut events, 58).await.iter().map(said).collect();
    assert!(told[..57].iter().all(|(what, _)| *what == "added"));
    assert_eq!(told[57], ("bookmark", "k8s.io/initial-events-end".to_owned()));
    perform(&shared, Command::Rated { per_second: 1000, milliseconds: 5, keys: 57 }).await;
    for event in next(&mut events, 5).await {
        let WatchEvent::Modified(pod) = event else { panic!("{event:?}") };
        assert!(pod.annotations()["bench/at"].parse::<u64>().is_ok_and(|at| at > 0));
    }
}

#[tokio::test]
async fn a_watch_that_is_too_old_is_told_so_whether_it_is_open_or_comes_late() {
    let (shared, api) = served().await;
    let version = api.list(&ListParams::default()).await.expect("a list").metadata.resource_version.expect("a version");
    let mut events = watching(&shared, &api, &WatchParams::default(), &version).await;
    perform(&shared, Command::Expire { changed: 20, deleted: 50 }).await;
    assert_eq!(events.next().await.map(|event| said(&event)), Some(("error", "410".to_owned())));
    assert!(events.next().await.is_none());
    let late: Vec<_> =
        api.watch(&WatchParams::default(), &version).await.expect("a watch").try_collect().await.expect("events");
    assert_eq!(late.iter().map(said).collect::<Vec<_>>(), [("error", "410".to_owned())]);
    let list = api.list(&ListParams::default()).await.expect("a list");
    assert_eq!(list.items.len(), 55, "number 1 and 51 are gone");
    let changed = list.iter().filter(|pod| pod.annotations()["bench/event"] != "0000000000");
    assert_eq!(changed.count(), 3);
}

/// The members of a message that have a length: number and content.
fn members(mut message: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    while let Some((tag, rest)) = message.split_first() {
        message = rest;
        let (mut value, mut shift) = (0, 0);
        loop {
            let (byte, rest) = message.split_first().expect("a varint ends");
            message = rest;
            value |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        match tag & 7 {
            0 => found.push((tag >> 3, value.to_string().into_bytes())),
            2 => {
                let (content, rest) = message.split_at(value);
                found.push((tag >> 3, content.to_vec()));
                message = rest;
            }
            other => panic!("wire type {other}"),
        }
    }
    found
}

/// The object inside an answer, and its kind.
fn unknown(bytes: &[u8]) -> (String, Vec<u8>) {
    let members = members(bytes.strip_prefix(b"k8s\0").expect("the envelope"));
    let kind = self::members(&members[0].1)[1].1.clone();
    (String::from_utf8(kind).expect("a text"), members[1].1.clone())
}

/// The type of an event, and the answer inside.
fn event(frame: &[u8]) -> (String, Vec<u8>) {
    let (length, message) = frame.split_at(4);
    assert_eq!(u32::from_be_bytes(length.try_into().expect("four bytes")) as usize, message.len());
    let members = members(message);
    (String::from_utf8(members[0].1.clone()).expect("a text"), self::members(&members[1].1)[0].1.clone())
}

#[test]
fn protobuf_frames_hold_the_object_with_its_holes_filled() {
    // What the object is does not matter: its holes do.
    let text = Corpus::PodLarge.text();
    let object = super::protobuf::field(1, text.as_bytes());
    let wire = Wire::new(Corpus::PodLarge, Some(&object)).expect("the holes are the same");
    let format = wire.format("application/vnd.kubernetes.protobuf, application/json");
    assert_eq!((format, wire.format("application/json")), (Format::Protobuf, Format::Json));
    let face = Face { number: 3, version: 1_000_000_000_009, ..Face::default() };
    let mut expect = Vec::new();
    Template::new(object.clone()).render(face, &mut expect);
    assert!(Wire::new(Corpus::PodLarge, Some(&[&object[..], b"RRRRRRRRRRRRR"].concat())).is_err());

    let mut frame = Vec::new();
    wire.event(format, Kind::Modified, face, &mut frame);
    assert_eq!(frame.len(), wire.event_size(format, Kind::Modified));
    let (what, inside) = event(&frame);
    assert_eq!((what.as_str(), unknown(&inside)), ("MODIFIED", ("Pod".to_owned(), expect.clone())));

    let (what, inside) = event(&wire.expired(format));
    let (kind, status) = unknown(&inside);
    assert_eq!((what.as_str(), kind.as_str()), ("ERROR", "Status"));
    assert!(members(&status).contains(&(6, b"410".to_vec())));

    let (what, inside) = event(&wire.bookmark(format, 1_000_000_000_009, true));
    let metadata = members(&members(&unknown(&inside).1)[0].1);
    assert_eq!((what.as_str(), &metadata[0]), ("BOOKMARK", &(6, b"1000000000009".to_vec())));
    assert_eq!(members(&metadata[1].1)[0].1, b"k8s.io/initial-events-end");

    let list = wire.list(format, 1_000_000_000_009, 2, Some(("2".to_owned(), 5)));
    let mut bytes = list.head.to_vec();
    wire.item(format, face, &mut bytes);
    wire.item(format, face, &mut bytes);
    let (kind, inside) = unknown(&bytes);
    let members = members(&inside);
    assert_eq!(kind, "PodList");
    assert_eq!(self::members(&members[0].1)[1..], [(3, b"2".to_vec()), (4, b"5".to_vec())]);
    assert_eq!(members[1..], [(2, expect.clone()), (2, expect)]);
}
