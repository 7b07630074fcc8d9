//! What the embedded API server costs: `just bench apiserver`, and `just bench apiserver --write-docs` for the table in
//! docs/apiserver.md. Everything is in process and on one core: the client is kube's, the runtime has one thread. What
//! is not waited for is counted in that thread's time on the core, so that who else uses the machine does not count.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a bench owns its time and its tasks")]

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use controller_testkit::{Cluster, World};
use http::Request;
use http_body_util::BodyExt;
use kube::Client;
use serde_json::{Value, json};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const PODS: &str = "/api/v1/namespaces/default/pods";

/// A figure and what it should be.
struct Figure {
    what: &'static str,
    got: String,
    goal: &'static str,
    meets: bool,
}

fn figure(what: &'static str, got: impl Into<String>, goal: &'static str, meets: bool) -> Figure {
    Figure { what, got: got.into(), goal, meets }
}

fn bare() -> Cluster {
    Cluster::builder().world(World::none()).build()
}

async fn send(client: &Client, method: &str, path: &str, content_type: &str, body: &Value) -> Vec<u8> {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = Request::builder().method(method).uri(path).header("Content-Type", content_type);
    let answer = client.send(request.body(body.into()).expect("a request")).await.expect("an answer");
    assert!(answer.status().is_success(), "{method} {path}: {}", answer.status());
    answer.into_body().collect().await.expect("a whole body").to_bytes().to_vec()
}

fn map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"app": "web"}}, "data": {"k": value}})
}

/// A pod as a Deployment makes them, of the size that they have in clusters.
fn pod(name: &str) -> Value {
    let variables: Vec<Value> = (0..12)
        .map(|index| json!({"name": format!("SETTING_{index}"), "value": format!("value-{index}-of-{name}")}))
        .collect();
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "labels": {"app": "web", "pod-template-hash": "5d5c7f8b9c"},
            "annotations": {"example.com/checksum": "0123456789abcdef0123456789abcdef"},
        },
        "spec": {
            "containers": [{
                "name": "web", "image": "registry.example.com/team/web:v1.2.3", "env": variables,
                "ports": [{"name": "http", "containerPort": 8080}],
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 5},
            }],
            "nodeName": "node-1", "serviceAccountName": "default",
        },
    })
}

/// The memory that the process has now, in bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux tells it");
    let pages: usize = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
    pages * 4096
}

/// The time that this thread has had a core, as Linux counts it.
fn worked() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells it");
    Duration::from_nanos(text.split(' ').next().and_then(|time| time.parse().ok()).expect("nanoseconds"))
}

fn rate(count: usize, took: Duration) -> usize {
    (count as f64 / took.as_secs_f64()) as usize
}

async fn start() {
    let cluster = Cluster::new();
    send(&cluster.client(), "GET", "/api/v1/namespaces/default", "application/json", &Value::Null).await;
    // Its controllers look around once.
    tokio::task::yield_now().await;
}

/// What a process is asked to do whose first start is measured.
const FIRST: &str = "first-start";

/// The first start of this process, by the clock, in microseconds.
async fn first_start() {
    let began = Instant::now();
    start().await;
    println!("{}", began.elapsed().as_micros());
}

async fn starts(figures: &mut Vec<Figure>) {
    const STARTS: u32 = 200;
    const PROCESSES: usize = 21;
    const GOAL: Duration = Duration::from_millis(5);
    let shown = |took: Duration| format!("{:.1} ms", took.as_secs_f64() * 1e3);
    let own = std::env::current_exe().expect("Linux tells it");
    let mut firsts: Vec<u64> = (0..PROCESSES)
        .map(|_| {
            let told = Command::new(&own).arg(FIRST).output().expect("it starts again").stdout;
            String::from_utf8_lossy(&told).trim().parse().expect("microseconds")
        })
        .collect();
    firsts.sort_unstable();
    let first = Duration::from_micros(firsts[PROCESSES / 2]);
    start().await;
    let began = worked();
    for _ in 0..STARTS {
        start().await;
    }
    let later = (worked() - began) / STARTS;
    figures.push(figure("the first start of a process, with its first answer", shown(first), "≤ 5 ms", first <= GOAL));
    figures.push(figure("each other start", shown(later), "≤ 5 ms", later <= GOAL));
}

async fn requests(figures: &mut Vec<Figure>) {
    let (cluster, count) = (bare(), 20_000);
    let client = cluster.client();
    let began = worked();
    for index in 0..count {
        send(&client, "POST", MAPS, "application/json", &map(&format!("map-{index}"), "v")).await;
    }
    let creates = rate(count, worked() - began);
    let began = worked();
    for index in 0..count {
        let path = format!("{MAPS}/map-{}", index * 7919 % count);
        send(&client, "GET", &path, "application/json", &Value::Null).await;
    }
    let gets = rate(count, worked() - began);
    let began = worked();
    for index in 0..count {
        let name = format!("map-{}", index % 1000);
        let path = format!("{MAPS}/{name}?fieldManager=bench&force=true");
        send(&client, "PATCH", &path, "application/apply-patch+yaml", &map(&name, &index.to_string())).await;
    }
    let applies = rate(count, worked() - began);
    let began = worked();
    for index in 0..count / 4 {
        send(&client, "POST", PODS, "application/json", &pod(&format!("pod-{index}"))).await;
    }
    let pods = rate(count / 4, worked() - began);
    figures.push(figure("gets a second", gets.to_string(), "≥ 20,000", gets >= 20_000));
    figures.push(figure("creates of config maps a second", creates.to_string(), "≥ 10,000", creates >= 10_000));
    figures.push(figure("creates of pods a second", pods.to_string(), "-", true));
    figures.push(figure("applies a second", applies.to_string(), "≥ 5,000", applies >= 5_000));
}

/// Reads a watch until it has seen so many events; tells when.
async fn follow(client: Client, events: usize) -> Instant {
    let request = Request::get(format!("{MAPS}?watch=1")).body(Vec::new().into()).expect("a request");
    let mut body = client.send(request).await.expect("a watch").into_body();
    let mut seen = 0;
    while seen < events {
        let frame = body.frame().await.expect("more to come").expect("an unbroken watch");
        // In process a frame is a line.
        seen += usize::from(frame.into_data().unwrap_or_default().ends_with(b"\n"));
    }
    Instant::now()
}

async fn watches(figures: &mut Vec<Figure>) {
    const WATCHES: usize = 1000;
    const WRITES: usize = 3000;
    let cluster = bare();
    let client = cluster.client();
    let mut followers = tokio::task::JoinSet::new();
    for _ in 0..WATCHES {
        followers.spawn(follow(cluster.client(), WRITES));
    }
    while cluster.faults().open_watches() < WATCHES {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (began, busy) = (Instant::now(), worked());
    let mut due = tokio::time::interval(Duration::from_millis(1));
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    for index in 0..WRITES {
        due.tick().await;
        send(&client, "POST", MAPS, "application/json", &map(&format!("map-{index}"), "v")).await;
    }
    let wrote = began.elapsed();
    let ended = followers.join_all().await.into_iter().max().expect("a follower");
    let late = ended.duration_since(began).saturating_sub(wrote);
    // What one core can do, whether it had that core for itself or not.
    let writes = rate(WRITES, worked() - busy);
    let told =
        format!("{writes} writes, {} events, the last {} ms after its write", writes * WATCHES, late.as_millis());
    let meets = writes >= 1000 && late < Duration::from_secs(1);
    figures.push(figure("1,000 watches of one kind, a second", told, "1,000 writes", meets));
}

async fn memory(figures: &mut Vec<Figure>) {
    const COUNT: usize = 100_000;
    let cluster = Cluster::builder().world(World::none()).forget_after(Duration::from_millis(100)).build();
    let client = cluster.client();
    send(&client, "POST", PODS, "application/json", &pod("warm-up")).await;
    let (before, mut bytes) = (resident(), 0);
    for index in 0..COUNT {
        bytes += send(&client, "POST", PODS, "application/json", &pod(&format!("pod-{index}"))).await.len();
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    send(&client, "GET", "/version", "application/json", &Value::Null).await;
    let share = (resident() - before) as f64 / bytes as f64;
    let got = format!("{share:.2} times their JSON ({} MiB)", bytes >> 20);
    figures.push(figure("100,000 pods in memory", got, "≤ 1.2 times", share <= 1.2));
}

async fn log(figures: &mut Vec<Figure>) {
    let cluster = bare();
    let client = cluster.client();
    send(&client, "POST", MAPS, "application/json", &map("one", "v")).await;
    let path = format!("{MAPS}/one");
    let mut sizes = Vec::new();
    for index in 0..300_000 {
        send(&client, "PUT", &path, "application/json", &map("one", &index.to_string())).await;
        if index % 100_000 == 99_999 {
            sizes.push(resident() >> 20);
        }
    }
    let got = format!("{} MiB after 100,000 changes, {} after 300,000", sizes[0], sizes[2]);
    let meets = sizes[2] < sizes[0] + sizes[0] / 4;
    figures.push(figure("the log within five minutes", got, "bounded", meets));
}

fn table(figures: &[Figure]) -> String {
    let mut text = String::from("| what | got | goal |\n| --- | --- | --- |\n");
    for Figure { what, got, goal, meets } in figures {
        let mark = if *meets { "" } else { ", **missed**" };
        let _ = writeln!(text, "| {what} | {got} | {goal}{mark} |");
    }
    text
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut figures = Vec::new();
    let wants = |part: &str| words.iter().all(|word| word.starts_with('-') || word == part);
    runtime.block_on(async {
        if words.iter().any(|word| word == FIRST) {
            return first_start().await;
        }
        if wants("starts") {
            starts(&mut figures).await;
        }
        // Before the others leave memory behind that is free and not given back.
        if wants("memory") {
            memory(&mut figures).await;
        }
        if wants("requests") {
            requests(&mut figures).await;
        }
        if wants("watches") {
            watches(&mut figures).await;
        }
        if wants("log") {
            log(&mut figures).await;
        }
    });
    if figures.is_empty() {
        return;
    }
    let table = table(&figures);
    print!("{table}");
    if words.iter().any(|word| word == "--write-docs") {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/apiserver.md");
        let text = std::fs::read_to_string(&path).expect("the page is there");
        let (before, rest) = text.split_once("<!-- bench -->\n").expect("a place for the table");
        let (_, after) = rest.split_once("<!-- end -->").expect("its end");
        std::fs::write(&path, format!("{before}<!-- bench -->\n{table}<!-- end -->{after}"))
            .expect("a page to write to");
    }
}
