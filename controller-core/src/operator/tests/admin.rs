//! What an operator shows of itself on its admin port, asked without a wire, on paused time.

use controller_testkit::{Cluster, Refusal, Requests as Asking, User, World};
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use super::cluster::{Watcher, cluster, create, watcher};
use super::*;
use crate::admin::{Asked, Desk, Window};
use crate::controller::Declare;
use crate::env::{Task, spawn};
use crate::{Callback, Described, Descriptor, Writes};

/// An operator that runs, and who answers for it.
struct Shown {
    desk: Desk,
    live: Arc<Live>,
    tree: crate::SupervisorHandle,
    stop: CancellationToken,
    _life: Task<Verdict>,
}

impl Shown {
    fn of(mut operator: Operator) -> Self {
        let stop = CancellationToken::new();
        let live = Arc::clone(&operator.live);
        let (root, window) = operator.take_tree(&stop);
        let tree = root.handle();
        let life = spawn(life::live_out(operator, root, Arc::clone(&window), stop.clone()));
        let desk = Desk::new(window, fastrand::Rng::with_seed(1));
        Self { desk, live, tree, stop, _life: life }
    }

    async fn ask(&self, method: &Method, uri: &str, accept: &str) -> Response<String> {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let answer = self.desk.answer(Asked { method, path, query, accept }).await;
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await.expect("it can't fail").to_bytes();
        Response::from_parts(parts, String::from_utf8(bytes.to_vec()).expect("it is text"))
    }

    /// The status and the text of an answer.
    async fn get(&self, uri: &str) -> (u16, String) {
        let answer = self.ask(&Method::GET, uri, "").await;
        (answer.status().as_u16(), answer.into_body())
    }

    async fn json(&self, uri: &str) -> Value {
        let (status, text) = self.get(uri).await;
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).expect("it is JSON")
    }

    async fn settled(&self) {
        crate::testing::settled(&self.live).await;
    }
}

fn port() -> ([u8; 4], u16) {
    ([127, 0, 0, 1], 0)
}

fn quiet() -> Cluster {
    Cluster::builder().world(World::none()).build()
}

#[tokio::test(start_paused = true)]
async fn probes_follow_the_life_of_an_operator() {
    let (cluster, seen) = (cluster(&[("default", "a")]).await, Seen::default());
    let slow = ChildSpec::worker("slow", |cx: ChildContext| async move {
        tokio::time::sleep(secs(5)).await;
        cx.ready();
        cx.stopped().await;
    });
    let operator = Operator::new("op").client(cluster.client()).admin(port()).child(slow).controller(watcher(&seen, 1));
    let shown = Shown::of(operator);
    tokio::time::sleep(secs(1)).await;
    let starting = "[-]children failed: not every child has started: slow has not said for 1 s that it is ready\n";
    assert_eq!(shown.get("/startupz").await, (500, format!("{starting}startupz check failed\n")));
    let unready = "[-]controller watcher failed: it has not started\nreadyz check failed\n";
    assert_eq!(shown.get("/readyz").await, (500, format!("[+]shutdown ok\n{starting}{unready}")));
    assert_eq!(shown.get("/livez").await, (200, "ok\n".to_owned()));

    shown.settled().await;
    for path in ["/startupz", "/readyz", "/livez"] {
        assert_eq!(shown.get(path).await, (200, "ok\n".to_owned()), "{path}");
    }
    let verbose = "[+]shutdown ok\n[+]children ok\n[+]controller watcher ok\n[+]watch configmaps in all namespaces ok\nreadyz check passed\n";
    assert_eq!(shown.get("/readyz?verbose").await, (200, verbose.to_owned()));
    assert_eq!(shown.get("/readyz?verbose=1").await, (200, verbose.to_owned()));

    cluster.faults().down();
    tokio::time::sleep(secs(200)).await;
    assert_eq!((shown.get("/livez").await.0, shown.get("/readyz").await.0), (200, 200));
    tokio::time::sleep(secs(200)).await;
    let (status, text) = shown.get("/livez").await;
    assert_eq!(status, 500);
    assert!(text.contains("[-]watch configmaps in all namespaces failed: no sign of life for "), "{text}");
    assert_eq!(shown.get("/readyz").await.0, 200, "the caches are complete, if old");
    cluster.faults().up();
    tokio::time::sleep(secs(120)).await;
    assert_eq!(shown.get("/livez").await.0, 200);

    shown.stop.cancel();
    let (status, text) = shown.get("/readyz").await;
    assert!(status == 500 && text.contains("[-]shutdown failed: the operator stops\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn it_is_not_ready_before_each_first_list_is_complete() {
    let (cluster, seen) = (cluster(&[("default", "a")]).await, Seen::default());
    let refused = cluster.faults().on(Asking::any().resource("configmaps")).always().answer(Refusal::forbidden());
    let shown = Shown::of(Operator::new("op").client(cluster.client()).controller(watcher(&seen, 1)));
    tokio::time::sleep(secs(30)).await;
    let (status, text) = shown.get("/readyz").await;
    assert_eq!((status, shown.get("/startupz").await.0, shown.get("/livez").await.0), (500, 200, 200));
    assert!(text.contains("[-]watch configmaps in all namespaces failed: its first list is not complete: no permission to list and watch configmaps"), "{text}");
    refused.lift();
    shown.settled().await;
    assert_eq!(shown.get("/readyz").await.0, 200);
}

/// A controller that writes what it does not watch.
struct Writer;

#[expect(refining_impl_trait, reason = "the attribute allows the same")]
impl Controller for Writer {
    type Object = Value;

    async fn reconcile(&self, _: &Value, _: &Context<Self>) {}
}

impl Writes<Secret> for Writer {}

impl Described for Writer {
    const DESCRIPTOR: Descriptor = Descriptor::new("writer", "v1", "ConfigMap").on(Callback::Reconcile);

    fn declare(declare: &mut Declare<Self>) {
        declare.write::<Secret>();
    }
}

#[tokio::test(start_paused = true)]
async fn permissions_that_are_missing_to_write_are_named_too() {
    let cluster = quiet();
    let report = async |client: Client| {
        let shown = Shown::of(Operator::new("op").client(client).namespaces(["a"]).admin(port()).controller(Writer));
        tokio::time::sleep(secs(5)).await;
        shown.ask(&Method::GET, "/report", "text/plain").await.into_body()
    };
    let text = report(cluster.client()).await;
    assert!(text.contains("  permissions    all 3 that are needed are granted\n"), "{text}");
    let text = report(cluster.client_as(User::service_account("default", "robot"))).await;
    assert!(text.contains("missing: create, delete and patch secrets in namespace a\n"), "{text}");
}

/// A controller of a kind that the server does not have.
struct Shops;

#[expect(refining_impl_trait, reason = "the attribute allows the same")]
impl Controller for Shops {
    type Object = Value;

    async fn reconcile(&self, _: &Value, _: &Context<Self>) {}
}

impl Described for Shops {
    const DESCRIPTOR: Descriptor = Descriptor::new("shops", "shop.example.com/v1", "Shop").on(Callback::Reconcile);
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_waits_for_its_kind_says_so_everywhere() {
    let shown = Shown::of(Operator::new("op").client(quiet().client()).admin(port()).controller(Shops));
    tokio::time::sleep(secs(30)).await;
    let (status, text) = shown.get("/readyz").await;
    assert!(
        status == 500 && text.contains("[-]controller shops failed: it waits: the server has no kind Shop"),
        "{text}"
    );
    let tree = shown.json("/children").await;
    let controller = &tree["children"][1]["controller"];
    assert_eq!(controller["phase"], "waits");
    assert!(controller["waits_for"].as_str().is_some_and(|why| why.contains("install its CustomResourceDefinition")));
    let (_, page) = shown.get("/").await;
    assert!(page.contains("the server has no kind Shop"), "{page}");
    assert!(page.contains("<span class=\"dot wait\">not ready</span>"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_was_terminated_is_missed_by_nobody() {
    let (cluster, seen) = (cluster(&[("default", "a")]).await, Seen::default());
    let shown = Shown::of(Operator::new("op").client(cluster.client()).controller(watcher(&seen, 1)));
    shown.settled().await;
    shown.tree.terminate_child("watcher").await.expect("it is there");
    assert_eq!(
        shown.get("/readyz?verbose").await,
        (200, "[+]shutdown ok\n[+]children ok\nreadyz check passed\n".to_owned())
    );
    let tree = shown.json("/children").await;
    assert_eq!(tree["children"][0]["state"], "ended");
    assert_eq!(tree["children"][0]["uptime_seconds"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn the_children_are_told_with_what_each_does() {
    let (cluster, seen) = (cluster(&[("default", "a"), ("default", "b"), ("default", "c")]).await, Seen::default());
    let crash = ChildSpec::worker("crash", |cx: ChildContext| async move {
        cx.ready();
        tokio::time::sleep(secs(5)).await;
        if cx.is_stopping() { Ok(()) } else { Err("out of luck".into()) }
    });
    let busy = Watcher { takes: secs(7_200), ..watcher(&seen, 1) };
    let inner = Supervisor::new("inner", Strategy::OneForOne).child(crash);
    let operator = Operator::new("op").client(cluster.client()).admin(port()).controller(busy).supervisor(inner);
    let shown = Shown::of(operator);
    tokio::time::sleep(secs(12)).await;
    let told = shown.json("/children").await;
    assert_eq!((&told["operator"], &told["id"], &told["kind"]), (&json!("op"), &json!("op"), &json!("supervisor")));
    assert_eq!((&told["health"], &told["uptime_seconds"]), (&json!("ready"), &json!(12.0)));
    let children = told["children"].as_array().expect("they are listed");
    let brief = |child: &Value| {
        format!("{} {} {} {} {}", child["id"], child["kind"], child["state"], child["restarts"], child["last_exit"])
    };
    let lines: Vec<_> = children.iter().map(brief).collect();
    assert_eq!(
        lines.join("\n").replace('"', ""),
        "admin worker running 0 null\nwatcher controller running 0 null\ninner supervisor running 0 null"
    );
    let crash = &children[2]["children"][0];
    assert_eq!(brief(crash).replace('"', ""), "crash worker running 2 error: out of luck");
    assert_eq!(crash["uptime_seconds"], 2.0);
    let work = &children[1]["controller"];
    assert_eq!((&work["queue_depth"], &work["concurrency"], &work["retrying"]), (&json!(2), &json!(1), &json!(0)));
    assert_eq!(
        (&work["in_flight"][0]["key"], &work["in_flight"][0]["callback"]),
        (&json!("default/a"), &json!("reconcile"))
    );
    assert_eq!(work["oldest"]["key"], "default/b");
    assert!(work["oldest"]["seconds"].as_f64().is_some_and(|age| (11.0..=12.0).contains(&age)), "{work}");
    let watch = &told["watches"][0];
    assert_eq!((&watch["name"], &watch["state"]), (&json!("configmaps in all namespaces"), &json!("healthy")));
    assert_eq!((&watch["objects"], &watch["serves"]), (&json!(3), &json!(["watcher"])));
    assert!(watch["quiet_seconds"].is_f64(), "{watch}");
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_is_busy_holds_no_request_up() {
    let never = ChildSpec::worker("never", |cx: ChildContext| async move {
        let _held = cx;
        std::future::pending::<()>().await;
    });
    let shown = Shown::of(Operator::new("op").client(client()).admin(port()).child(never));
    tokio::time::sleep(secs(9)).await;
    let began = Clock::system().instant();
    let told = shown.json("/children").await;
    let waits = "it waits until never is ready: 10 s by now";
    assert_eq!((&told["health"], &told["silent"]), (&json!("starting"), &json!(waits)));
    assert!(shown.get("/").await.1.contains(waits));
    assert!(began.elapsed() <= secs(2), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_does_not_run_says_so() {
    let inner = Supervisor::new("inner", Strategy::OneForOne).child(failing("never", true).restart(Restart::Temporary));
    let shown = Shown::of(Operator::new("op").client(client()).supervisor(inner));
    tokio::time::sleep(secs(1)).await;
    let inner = shown.json("/children").await["children"][0].clone();
    assert_eq!((&inner["state"], &inner["children"]), (&json!("running"), &json!([])));
    shown.tree.terminate_child("inner").await.expect("it is there");
    tokio::time::sleep(secs(1)).await;
    let inner = shown.json("/children").await["children"][0].clone();
    assert_eq!((&inner["state"], &inner["silent"]), (&json!("ended"), &json!("it does not run")));
    shown.stop.cancel();
    tokio::time::sleep(secs(1)).await;
    let told = shown.json("/children").await;
    assert_eq!((&told["state"], &told["health"]), (&json!("ended"), &json!("stopping")));
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_at_once_are_one_who_looks() {
    let shown = Shown::of(Operator::new("op").client(client()).child(worker(&Seen::default(), "w")));
    tokio::time::sleep(secs(1)).await;
    let uptime = async || shown.json("/children").await["uptime_seconds"].as_f64().expect("it runs");
    let first = uptime().await;
    tokio::time::sleep(millis(200)).await;
    assert_eq!(uptime().await, first, "the same look");
    tokio::time::sleep(millis(100)).await;
    assert_eq!(uptime().await, first + 0.3, "a new one");
}

#[tokio::test(start_paused = true)]
async fn the_page_is_whole_without_a_script_and_nothing_in_it_is_markup_from_outside() {
    let evil = "<script>alert(\"1\")</script>";
    let (cluster, seen) = (cluster(&[("default", "a")]).await, Seen::default());
    let fails = ChildSpec::worker(evil, move |cx: ChildContext| async move {
        cx.ready();
        tokio::time::sleep(millis(300)).await;
        Err(evil.into())
    });
    let operator = Operator::new(evil)
        .client(cluster.client())
        .admin(port())
        .child(fails.restart(Restart::Transient))
        .intensity(10, secs(1))
        .controller(watcher(&seen, 1));
    let shown = Shown::of(operator);
    tokio::time::sleep(secs(1)).await;
    let answer = shown.ask(&Method::GET, "/", "text/html").await;
    let policy = answer.headers()["content-security-policy"].to_str().expect("it is text").to_owned();
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    let page = answer.into_body();
    let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("there is one");
    assert_eq!(page.matches("<script").count(), 1, "{page}");
    assert_eq!(page.matches(&format!("nonce=\"{nonce}\"")).count(), 2, "{policy}");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    for part in
        ["&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;", "watcher", "configmaps in all namespaces", "EventSource"]
    {
        assert!(page.contains(part), "no {part} in {page}");
    }
    let again = shown.ask(&Method::GET, "/", "text/html").await;
    assert_ne!(again.headers()["content-security-policy"], policy.as_str(), "each page has a number of its own");
}

#[tokio::test(start_paused = true)]
async fn an_open_page_is_drawn_anew_each_second_and_not_for_too_many() {
    let (cluster, seen) = (cluster(&[("default", "a")]).await, Seen::default());
    let shown = Shown::of(Operator::new("op").client(cluster.client()).admin(port()).controller(watcher(&seen, 1)));
    shown.settled().await;
    let open = async || {
        let asked = Asked { method: &Method::GET, path: "/events", query: "", accept: "" };
        shown.desk.answer(asked).await
    };
    let mut events = open().await.into_body();
    let mut next = async || {
        let frame = events.frame().await.expect("it goes on").expect("it can't fail");
        String::from_utf8(frame.into_data().expect("it is data").to_vec()).expect("it is text")
    };
    let first = next().await;
    assert!(
        first.lines().all(|line| line.is_empty() || line.starts_with("data: ")) && first.ends_with("\n\n"),
        "{first}"
    );
    assert!(first.contains("watcher") && !first.contains("default/late"), "{first}");
    let began = Clock::system().instant();
    shown.tree.terminate_child("watcher").await.expect("it is there");
    let second = next().await;
    assert_eq!(began.elapsed(), secs(1));
    assert!(second.contains("ended"), "{second}");

    let mut others = Vec::new();
    for _ in 0..15 {
        others.push(open().await);
    }
    assert!(others.iter().all(|answer| answer.status() == StatusCode::OK));
    let refused = open().await;
    assert_eq!(
        (refused.status(), &refused.headers()["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"10".parse().expect("sound"))
    );
    drop(others);
    assert_eq!(open().await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn the_report_is_told_as_json_and_as_text() {
    let (cluster, seen) = (cluster(&[("default", "a")]).await, Seen::default());
    cluster.faults().on(Asking::any()).always().delay(secs(1));
    let shown = Shown::of(Operator::new("op").client(cluster.client()).admin(port()).controller(watcher(&seen, 1)));
    assert_eq!(shown.get("/report").await.0, 503);
    tokio::time::sleep(secs(5)).await;
    let report = shown.json("/report").await;
    assert_eq!(report["operator"], "op");
    assert_eq!(report["controllers"][0]["name"], "watcher");
    assert_eq!(report["watches"], json!(["configmaps in all namespaces"]));
    assert_eq!(report["permissions"], json!({ "asked": 2, "missing": [], "unknown": null }));
    assert!(report["server"]["version"].as_str().is_some_and(|version| version.starts_with("v1.")), "{report}");
    let port = report["admin"].as_str().and_then(|url| url.strip_prefix("http://127.0.0.1:")).expect("it listens");
    assert_ne!(port, "0");
    let text = shown.ask(&Method::GET, "/report", "text/plain").await.into_body();
    assert!(text.starts_with("operator op starts\n  versions       controller-core "), "{text}");
    assert!(text.contains("  permissions    all 2 that are needed are granted\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn permissions_that_are_missing_are_named_and_waited_for() {
    let (cluster, seen) = (cluster(&[("default", "a")]).await, Seen::default());
    let robot = cluster.client_as(User::service_account("default", "robot"));
    let shown = Shown::of(Operator::new("op").client(robot).admin(port()).controller(watcher(&seen, 1)));
    tokio::time::sleep(secs(5)).await;
    let missing = |verb| json!({ "group": "", "resource": "configmaps", "namespace": null, "verb": verb });
    let report = shown.json("/report").await;
    assert_eq!(report["permissions"]["missing"], json!([missing("list"), missing("watch")]));
    let text = shown.ask(&Method::GET, "/report", "text/plain").await.into_body();
    assert!(text.contains("  permissions    missing: list and watch configmaps in all namespaces\n"), "{text}");
    let (status, text) = shown.get("/readyz").await;
    assert!(status == 500 && text.contains("no permission to list and watch configmaps in all namespaces"), "{text}");
    assert!(shown.get("/").await.1.contains("grant list and watch on configmaps"));

    let rule = json!({ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "watch"] });
    let role = json!({ "metadata": { "name": "robot" }, "rules": [rule] });
    let binding = json!({
        "metadata": { "name": "robot" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "robot" },
        "subjects": [{ "kind": "ServiceAccount", "name": "robot", "namespace": "default" }],
    });
    let roles: Api<ClusterRole> = Api::all(cluster.client());
    let bindings: Api<ClusterRoleBinding> = Api::all(cluster.client());
    let object = serde_json::from_value(role).expect("a role");
    roles.create(&PostParams::default(), &object).await.expect("it is created");
    let object = serde_json::from_value(binding).expect("a binding");
    bindings.create(&PostParams::default(), &object).await.expect("it is created");
    shown.settled().await;
    assert_eq!(shown.get("/readyz").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn paths_are_read_and_others_are_not_there() {
    let (cluster, seen) = (cluster(&[("default", "a")]).await, Seen::default());
    let shown = Shown::of(Operator::new("op").client(cluster.client()).admin(port()).controller(watcher(&seen, 1)));
    shown.settled().await;
    for path in ["/", "/children", "/livez", "/metrics", "/readyz", "/report", "/startupz"] {
        for method in [Method::GET, Method::HEAD] {
            let answer = shown.ask(&method, path, "").await;
            assert_eq!(answer.status(), StatusCode::OK, "{method} {path}");
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
            assert_eq!(answer.headers()["cache-control"], "no-store");
        }
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE] {
            let answer = shown.ask(&method, path, "").await;
            assert_eq!(
                (answer.status(), &answer.headers()["allow"]),
                (StatusCode::METHOD_NOT_ALLOWED, &"GET, HEAD".parse().expect("sound"))
            );
        }
    }
    for path in ["/nothing", "//", "/livez/", "/healthz", "/../etc/passwd", "*", "/%6divez"] {
        let (status, text) = shown.get(path).await;
        assert!(status == 404 && text.starts_with("there is no such page: GET /, /children"), "{path}: {text}");
    }
    create(&cluster, "default", "b").await;
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_nobody_looks_at_asks_for_no_permissions() {
    let check = async |operator: Operator, expect: usize| {
        let (cluster, seen) = (cluster(&[("default", "a")]).await, Seen::default());
        let log = cluster.log();
        log.take();
        let shown = Shown::of(operator.client(cluster.client()).controller(watcher(&seen, 1)));
        shown.settled().await;
        let asked = log.take().into_iter().filter(|exchange| exchange.uri.contains("selfsubjectaccessreviews"));
        assert_eq!(asked.count(), expect);
    };
    check(Operator::new("op"), 0).await;
    check(Operator::new("op").admin(port()), 2).await;
}

#[tokio::test(start_paused = true)]
async fn metrics_come_in_the_format_that_is_asked_for() {
    let (cluster, seen) = (cluster(&[("default", "a")]).await, Seen::default());
    let shown = Shown::of(Operator::new("op").client(cluster.client()).controller(watcher(&seen, 1)));
    shown.settled().await;
    let check = async |accept: &str, content_type: &str, counter: &str| {
        let answer = shown.ask(&Method::GET, "/metrics", accept).await;
        assert_eq!(answer.headers()["content-type"], content_type, "{accept}");
        let text = answer.into_body();
        assert!(text.contains(&format!("# TYPE {counter} counter\ncontroller_runtime_reconcile_total{{")), "{text}");
        assert_eq!(text.contains("# EOF"), content_type.starts_with("application"), "{text}");
    };
    let modern = ("application/openmetrics-text; version=1.0.0; charset=utf-8", "controller_runtime_reconcile");
    let classic = ("text/plain; version=0.0.4; charset=utf-8", "controller_runtime_reconcile_total");
    check("", modern.0, modern.1).await;
    check("*/*", modern.0, modern.1).await;
    check("application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3", modern.0, modern.1).await;
    check("text/plain;version=0.0.4;q=1,*/*;q=0.1", classic.0, classic.1).await;
}

#[test]
fn a_window_is_shared_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<Window>();
}
