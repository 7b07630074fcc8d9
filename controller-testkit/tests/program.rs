//! The program `apiserver` as its user meets it: its options, its end, and what its state file is worth.
#![expect(clippy::disallowed_methods, reason = "a test's clients are threads, outside every simulation")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// A running server.
struct Running {
    child: Child,
    url: String,
}

impl Running {
    fn start(options: &[&str]) -> Running {
        Self::start_as(Path::new(env!("CARGO_BIN_EXE_apiserver")), options)
    }

    fn start_as(program: &Path, options: &[&str]) -> Running {
        let mut child = Command::new(program)
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("its output is ours"));
        out.read_line(&mut line).expect("it says where it serves");
        let Some(url) = line.trim().strip_prefix("serving at ") else {
            let mut why = String::new();
            child.stderr.take().expect("its errors are ours").read_to_string(&mut why).expect("text");
            panic!("{options:?}: {line:?} {why}");
        };
        Running { url: url.to_owned(), child }
    }

    /// Asks over plain HTTP, on a connection of its own. None if it broke.
    fn ask(&self, request: &str, body: &Value) -> Option<(u16, Value)> {
        let text = raw(self.url.strip_prefix("http://")?, request, body)?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let code = head.split(' ').nth(1)?.parse().ok()?;
        Some((code, serde_json::from_str(body).unwrap_or_default()))
    }

    fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
    }

    fn end(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("it ends");
        let mut told = String::new();
        self.child.stderr.take().expect("its errors are ours").read_to_string(&mut told).expect("text");
        (status, told)
    }
}

fn raw(address: &str, request: &str, body: &Value) -> Option<String> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    let length = body.len();
    let head = format!(
        "{request} HTTP/1.1\r\nHost: x\r\nUser-Agent: a-test/1\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

fn map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": value}})
}

fn version_of(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|rv| rv.parse().ok()).expect("a resourceVersion")
}

#[test]
fn it_tells_how_it_is_used() {
    let run = |word: &str| Command::new(env!("CARGO_BIN_EXE_apiserver")).arg(word).output().expect("it runs");
    let help = run("--help");
    assert!(help.status.success());
    let text = String::from_utf8(help.stdout).expect("text");
    for option in [
        "--port",
        "--kubeconfig",
        "--state",
        "--world full|none",
        "--forget-after",
        "--stages",
        "--token-auth-file",
        "--plain",
        "-v",
    ] {
        assert!(text.contains(option), "{option} is missing in\n{text}");
    }
    let wrong = run("--prot");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("--prot"));
}

#[test]
fn it_serves_until_it_is_told_to_stop() {
    for signal in ["-TERM", "-INT"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("my kubeconfig");
        let running = Running::start(&["--plain", "-v", "--world", "none", "--kubeconfig", &file.to_string_lossy()]);
        assert!(std::fs::read_to_string(&file).expect("the kubeconfig").contains(&running.url));
        let (code, list) = running.ask(&format!("GET {MAPS}?limit=1"), &Value::Null).expect("an answer");
        assert_eq!((code, &list["kind"]), (200, &json!("ConfigMapList")));
        let address = running.url.trim_start_matches("http://").to_owned();
        let watch = std::thread::spawn(move || raw(&address, &format!("GET {MAPS}?watch=1"), &Value::Null));
        std::thread::sleep(Duration::from_millis(50));
        running.signal(signal);
        let (status, log) = running.end();
        assert!(status.success(), "{status}");
        assert!(watch.join().expect("no panic").is_some_and(|text| text.ends_with("0\r\n\r\n")), "it ends in order");
        let line = log.lines().find(|line| line.contains("limit=1")).expect("the request is in the log");
        let parts: Vec<&str> = line.split(' ').collect();
        assert_eq!(parts[1..4], ["200", "GET", &format!("{MAPS}?limit=1")], "{line}");
        assert!(line.ends_with(" ms, a-test/1)"), "{line}");
        assert!(file.exists(), "the user's file stays");
    }
}

#[test]
fn a_file_says_whose_tokens_are_whose() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("tokens.csv");
    std::fs::write(&file, "secret,bob,2,\"people,readers\"\n").expect("room on the disk");
    let running = Running::start(&["--plain", "--world", "none", "--token-auth-file", &file.to_string_lossy()]);
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    // The rest of the line goes into a header of its own.
    let request =
        "POST /apis/authentication.k8s.io/v1/selfsubjectreviews HTTP/1.1\r\nAuthorization: Bearer secret\r\nX:";
    let (code, review) = running.ask(request, &review).expect("an answer");
    let groups = json!(["people", "readers", "system:authenticated"]);
    assert_eq!(
        (code, &review["status"]["userInfo"]),
        (201, &json!({"username": "bob", "uid": "2", "groups": groups})),
        "{review}"
    );
    running.signal("-TERM");
    assert!(running.end().0.success());
    std::fs::write(&file, "secret,bob\n").expect("room on the disk");
    let program = Command::new(env!("CARGO_BIN_EXE_apiserver")).arg("--token-auth-file").arg(&file).output();
    let refused = program.expect("it runs");
    assert_eq!(refused.status.code(), Some(1));
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(why.contains("tokens.csv: line 1 of the token table has fewer than three fields"), "{why}");
}

#[test]
fn envtest_finds_what_it_starts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let assets = folder.path().join("bin");
    let laid_out = Command::new(env!("CARGO_BIN_EXE_apiserver")).arg("--envtest").arg(&assets).output();
    let told = String::from_utf8(laid_out.expect("it runs").stdout).expect("text");
    assert_eq!(told, format!("export KUBEBUILDER_ASSETS='{}'\n", assets.display()));
    // A port that was free a moment ago.
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let mut etcd = Command::new(assets.join("etcd"))
        .arg(format!("--listen-client-urls=http://127.0.0.1:{port}"))
        .args(["--data-dir", "nowhere", "--unsafe-no-fsync"])
        .spawn()
        .expect("the program starts");
    let address = format!("127.0.0.1:{port}");
    let health = (0..200).find_map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        raw(&address, "GET /health", &Value::Null)
    });
    assert!(health.is_some_and(|text| text.starts_with("HTTP/1.1 200 OK") && text.contains("\"health\":\"true\"")));
    etcd.kill().and_then(|()| etcd.wait()).expect("it ends");
    let name = assets.join("kube-apiserver");
    let flags = ["--secure-port=0", "--disable-admission-plugins=ServiceAccount", "--allow-privileged=true"];
    let running = Running::start_as(&name, &flags);
    assert!(running.url.starts_with("https://127.0.0.1:"), "{}", running.url);
    running.signal("-TERM");
    assert!(running.end().0.success());
    let refused = Command::new(&name).arg("--feature-gates=All=true").output().expect("it runs");
    let why = String::from_utf8(refused.stderr).expect("text");
    assert_eq!(refused.status.code(), Some(1));
    assert!(why.starts_with("kube-apiserver: --feature-gates=All=true: this flag is not modelled"), "{why}");
    let help = Command::new(&name).arg("--help").output().expect("it runs");
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("  --client-ca-file FILE "));
}

#[test]
fn stages_of_a_file_are_played() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("stages.yaml");
    let stage = "apiVersion: kwok.x-k8s.io/v1alpha1\nkind: Stage\nmetadata: {name: brief}\nspec:\n  resourceRef: \
                 {kind: ConfigMap}\n  selector: {matchLabels: {life: brief}}\n  next: {delete: true}\n";
    std::fs::write(&file, stage).expect("a file");
    let file = file.to_string_lossy();
    let running = Running::start(&["--plain", "--world", "none", "--stages", &file]);
    let mut brief = map("a", "v");
    brief["metadata"]["labels"] = json!({"life": "brief"});
    for map in [brief, map("b", "v")] {
        assert_eq!(running.ask(&format!("POST {MAPS}"), &map).expect("an answer").0, 201);
    }
    let ask = |name: &str| running.ask(&format!("GET {MAPS}/{name}"), &Value::Null).expect("an answer").0;
    let gone = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        ask("a") == 404
    });
    assert!(gone);
    assert_eq!(ask("b"), 200);
    std::fs::write(&*file, stage.replace("delete: true", "weight: 1")).expect("a file");
    let refused = Command::new(env!("CARGO_BIN_EXE_apiserver")).args(["--stages", &file]).output().expect("it runs");
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && told.contains(&*file) && told.contains("weight"), "{told}");
}

#[test]
fn history_is_forgotten_at_its_age() {
    let running = Running::start(&["--plain", "--world", "none", "--forget-after", "300ms"]);
    let old = version_of(&running.ask(&format!("POST {MAPS}"), &map("a", "1")).expect("an answer").1);
    let (_, page) = running.ask("GET /api/v1/namespaces?limit=1", &Value::Null).expect("an answer");
    running.ask(&format!("PUT {MAPS}/a"), &map("a", "2")).expect("an answer");
    let events = |rv: u64| {
        let request = format!("GET {MAPS}?watch=1&resourceVersion={rv}&timeoutSeconds=1");
        raw(running.url.trim_start_matches("http://"), &request, &Value::Null).expect("a stream")
    };
    let young = events(old);
    assert!(young.contains("MODIFIED") && !young.contains("ERROR"), "{young}");
    std::thread::sleep(Duration::from_millis(400));
    let late = events(old);
    assert!(late.starts_with("HTTP/1.1 200") && late.contains("ERROR") && late.contains("410"), "{late}");
    let token = page["metadata"]["continue"].as_str().expect("another page");
    let (code, status) =
        running.ask(&format!("GET /api/v1/namespaces?limit=1&continue={token}"), &Value::Null).expect("an answer");
    assert_eq!((code, &status["reason"]), (410, &json!("Expired")));
}

#[test]
fn a_state_file_keeps_what_was_there_and_who_is_let_in() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (state, config) = (folder.path().join("state"), folder.path().join("kubeconfig"));
    let (state, config) = (state.to_string_lossy(), config.to_string_lossy());
    let secrets = || {
        let text = std::fs::read_to_string(&*config).expect("the kubeconfig");
        text.lines().find(|line| line.contains("token:")).expect("a token").to_owned()
    };
    let first = Running::start(&["--state", &state, "--kubeconfig", &config]);
    let token = secrets();
    let second = Command::new(env!("CARGO_BIN_EXE_apiserver")).args(["--state", &*state]).output().expect("it runs");
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("in use"), "one file, one server");
    first.signal("-TERM");
    assert!(first.end().0.success());
    let again = Running::start(&["--state", &state, "--kubeconfig", &config]);
    assert_eq!(secrets(), token);
    again.signal("-KILL");
    again.end();
    let plain = Running::start(&["--state", &state, "--plain"]);
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object",
                "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer", "default": 3}}}},
            }}}],
        },
    });
    let widgets = "/apis/example.com/v1/namespaces/default/widgets";
    plain.ask("POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition).expect("an answer");
    let widget = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {}});
    let (code, made) = plain.ask(&format!("POST {widgets}"), &widget).expect("an answer");
    assert_eq!(code, 201, "{made}");
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    });
    plain.ask("POST /apis/apps/v1/namespaces/default/deployments", &deployment).expect("an answer");
    plain.signal("-KILL");
    plain.end();
    // The world goes on where it stopped, wherever that was.
    let plain = Running::start(&["--state", &state, "--plain"]);
    assert_eq!(plain.ask(&format!("GET {widgets}/w"), &Value::Null).expect("an answer"), (200, made));
    let ready = || plain.ask("GET /apis/apps/v1/namespaces/default/deployments/d", &Value::Null).expect("an answer").1;
    while ready()["status"]["readyReplicas"] != 2 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let (_, pods) = plain.ask("GET /api/v1/namespaces/default/pods", &Value::Null).expect("an answer");
    assert_eq!(pods["items"].as_array().map(Vec::len), Some(2), "{pods}");
}

/// What the clients of one life of the server have been told.
#[derive(Default)]
struct Told {
    /// The last acknowledged version of each object, and none where its deletion was.
    objects: BTreeMap<String, Option<(u64, String)>>,
    newest: u64,
}

/// Writes until the server is gone: each thread has objects of its own.
fn write_until_it_breaks(running: &Running, thread: usize, round: usize, told: &Mutex<Told>) {
    for step in 0.. {
        let (name, value) = (format!("m{thread}-{}", step % 3), format!("{round}-{step}"));
        let known = told.lock().expect("no panic").objects.get(&name).is_some_and(Option::is_some);
        let (answer, after) = match (known, step % 7) {
            (true, 6) => (running.ask(&format!("DELETE {MAPS}/{name}"), &Value::Null), None),
            (true, _) => (running.ask(&format!("PUT {MAPS}/{name}"), &map(&name, &value)), Some(value)),
            (false, _) => (running.ask(&format!("POST {MAPS}"), &map(&name, &value)), Some(value)),
        };
        let mut told = told.lock().expect("no panic");
        let Some((code, object)) = answer.filter(|(_, object)| !object.is_null()) else {
            // Done or not: nobody has been told.
            told.objects.remove(&name);
            return;
        };
        assert!(code < 300, "{code} {object}");
        if let Some(value) = after {
            let rv = version_of(&object);
            told.newest = told.newest.max(rv);
            told.objects.insert(name, Some((rv, value)));
        } else {
            told.objects.insert(name, None);
        }
    }
}

fn check_what_is_there(running: &Running, told: &Told) {
    let (_, list) = running.ask(&format!("GET {MAPS}"), &Value::Null).expect("an answer");
    assert!(version_of(&list) >= told.newest, "a version that was given out is given out again");
    let items = list["items"].as_array().expect("items");
    let there: BTreeMap<&str, &Value> =
        items.iter().map(|item| (item["metadata"]["name"].as_str().expect("a name"), item)).collect();
    for (name, known) in &told.objects {
        match (known, there.get(name.as_str())) {
            (Some((rv, value)), Some(found)) => {
                assert_eq!((version_of(found), &found["data"]["k"]), (*rv, &json!(value)), "{name}");
            }
            (None, None) => {}
            (known, found) => panic!("{name} is {found:?}, and a client was told {known:?}"),
        }
    }
}

#[test]
fn nothing_that_was_acknowledged_is_lost_to_a_kill() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("state");
    let options = ["--plain", "--world", "none", "--state", &file.to_string_lossy()];
    let told = Mutex::new(Told::default());
    let mut acknowledged = 0;
    for round in 0..12 {
        let running = Running::start(&options);
        check_what_is_there(&running, &told.lock().expect("no panic"));
        // What this life will not know for sure is found out anew.
        resume(&running, &told);
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let (running, told) = (&running, &told);
                scope.spawn(move || write_until_it_breaks(running, thread, round, told));
            }
            std::thread::sleep(Duration::from_millis(20 + 17 * round as u64 % 60));
            running.signal("-KILL");
        });
        running.end();
        acknowledged += told.lock().expect("no panic").objects.len();
    }
    assert!(acknowledged > 12, "the writers were never heard: {acknowledged}");
    check_what_is_there(&Running::start(&options), &told.lock().expect("no panic"));
    assert_no_rest(folder.path());
}

/// Looks up what a client was left in the dark about.
fn resume(running: &Running, told: &Mutex<Told>) {
    let (_, list) = running.ask(&format!("GET {MAPS}"), &Value::Null).expect("an answer");
    let mut told = told.lock().expect("no panic");
    for item in list["items"].as_array().expect("items") {
        let name = item["metadata"]["name"].as_str().expect("a name").to_owned();
        let value = item["data"]["k"].as_str().unwrap_or_default().to_owned();
        told.objects.insert(name, Some((version_of(item), value)));
    }
}

/// One file, and nothing of its making beside it.
fn assert_no_rest(folder: &Path) {
    let names: Vec<_> =
        std::fs::read_dir(folder).expect("the folder").flatten().map(|entry| entry.file_name()).collect();
    assert!(names.iter().all(|name| *name == "state" || *name == "state.new"), "{names:?}");
}

#[test]
fn ten_thousand_clients_and_those_that_vanish_hold_up_nobody() {
    let running = Running::start(&["--plain", "--world", "none"]);
    let address = running.url.trim_start_matches("http://").to_owned();
    // What the system lets this process and the server have, of each of which a connection takes one.
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits.lines().find(|line| line.starts_with("Max open files"));
    let allowed = files.and_then(|line| line.split_whitespace().nth(3)?.parse().ok()).unwrap_or(1024_usize);
    let count = 10_000.min(allowed - allowed.min(200));
    let connections: Vec<TcpStream> = (0..count)
        .map(|index| {
            let mut stream = TcpStream::connect(&address).expect("a connection");
            let request: &[u8] = match index % 4 {
                0 => b"",
                1 => b"GET /api/v1/names",
                2 => b"POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
                _ => b"GET /api/v1/namespaces/default/configmaps?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n",
            };
            stream.write_all(request).expect("room in the socket");
            stream
        })
        .collect();
    let (code, _) = running.ask(&format!("POST {MAPS}"), &map("a", "v")).expect("an answer");
    assert_eq!(code, 201, "with {count} connections");
    // Each watch tells of it, and is then broken off like all the others.
    let mut last = connections.last().expect("a connection").try_clone().expect("the same connection");
    last.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
    let mut seen = Vec::new();
    while !seen.ends_with(b"}\n\r\n") {
        let mut piece = [0; 4096];
        let length = last.read(&mut piece).expect("an event");
        assert!(length > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..length]);
    }
    drop((connections, last));
    assert_eq!(running.ask(&format!("DELETE {MAPS}/a"), &Value::Null).expect("an answer").0, 200);
    running.signal("-TERM");
    assert!(running.end().0.success());
}

#[test]
fn heads_and_bodies_without_end_are_refused() {
    let running = Running::start(&["--plain", "--world", "none"]);
    let address = running.url.trim_start_matches("http://").to_owned();
    let head = raw(&address, &format!("GET {MAPS} HTTP/1.1\r\nX-Long: {}", "x".repeat(2 << 20)), &Value::Null);
    assert!(head.is_none_or(|text| text.starts_with("HTTP/1.1 431")), "no server keeps so long a head");
    let many = raw(&address, &format!("GET {MAPS} HTTP/1.1{}", "\r\nX: y".repeat(10_000)), &Value::Null);
    assert!(many.is_none_or(|text| text.starts_with("HTTP/1.1 431")), "nor so many headers");
    let (code, status) = running.ask(&format!("POST {MAPS}"), &map("a", &"x".repeat(5 << 20))).expect("an answer");
    assert_eq!((code, &status["reason"]), (413, &json!("RequestEntityTooLarge")), "{status}");
    let deep = (0..90).fold(json!("x"), |inner, _| json!([inner]));
    let (code, _) = running.ask(&format!("POST {MAPS}"), &deep).expect("an answer");
    assert_eq!(code, 400);
    let text = raw(&address, "NONSENSE", &Value::Null).unwrap_or_default();
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 400"), "{text}");
    assert_eq!(running.ask("GET /readyz", &Value::Null).expect("an answer").0, 200);
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that has failed leaves no server behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
