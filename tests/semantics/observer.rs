//! The page of the admin port in a browser: live through its script, and whole without one. Where no Chromium is
//! installed they say so and pass; what the page holds is tested in controller-core in any case.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use controller_core::prelude::*;
use serde_json::{Value, json};

use super::stage::{Hand, Play, player, quiet_cluster};

player!(Watcher(reconcile_delay = off) reconcile);

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// What any Chromium needs to run as root, in a container, without a screen.
const QUIET: [&str; 5] = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];

fn chromium() -> Option<&'static str> {
    let runs = |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|said| said.status.success());
    let found = NAMES.into_iter().find(runs);
    if found.is_none() {
        // The reader of a passing test is to know that nothing was looked at.
        eprintln!("no Chromium is installed: the page is not looked at in a browser");
    }
    found
}

/// A browser with one open page, which is told what to do through a pipe.
struct Browser {
    process: Child,
    says: ChildStdin,
    hears: BufReader<ChildStdout>,
    session: Option<String>,
    asked: u64,
    /// What the page complained of.
    complaints: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    fn open(chromium: &str) -> Self {
        let profile = tempfile::tempdir().expect("there is room");
        // The browser reads from its third descriptor and writes to its fourth.
        let mut process = Command::new("sh")
            .args(["-c", "exec 3<&0 4>&1 1>&2; exec \"$@\"", "sh", chromium])
            .args(QUIET)
            .args(["--remote-debugging-pipe", &format!("--user-data-dir={}", profile.path().display())])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let says = process.stdin.take().expect("it is piped");
        let hears = BufReader::new(process.stdout.take().expect("it is piped"));
        let (session, complaints) = (None, Vec::new());
        let mut browser = Self { process, says, hears, session, asked: 0, complaints, _profile: profile };
        let page = browser.ask("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = browser.ask("Target.attachToTarget", json!({ "targetId": page, "flatten": true }));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        browser.ask("Log.enable", json!({}));
        browser
    }

    /// Asks, and waits for the answer.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.try_ask(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The same, where the browser may refuse.
    fn try_ask(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.asked += 1;
        let mut message = json!({ "id": self.asked, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        write!(self.says, "{message}\0").and_then(|()| self.says.flush()).expect("the browser reads");
        loop {
            let mut bytes = Vec::new();
            let read = self.hears.read_until(0, &mut bytes).expect("the browser writes");
            assert!(read > 0, "the browser has gone");
            bytes.pop();
            let said: Value = serde_json::from_slice(&bytes).expect("it is JSON");
            if said["method"] == "Log.entryAdded" {
                self.complaints.push(said["params"]["entry"]["text"].to_string());
            }
            if said["id"] == self.asked {
                let error = said["error"].clone();
                return if error.is_null() { Ok(said["result"].clone()) } else { Err(error) };
            }
        }
    }

    /// Waits until an expression is true in the page, twenty seconds at most.
    #[track_caller]
    fn until(&mut self, expression: &str) {
        let waits = format!(
            "new Promise(done => {{ let turns = 0; const look = () => {{ let is = false; try {{ is = {expression} }} catch {{}} \
             if (is || turns++ > 400) done(is); else setTimeout(look, 50); }}; look(); }})"
        );
        // A page that is replaced while it is looked at takes the question with it, so it is put again.
        for _ in 0..3 {
            let params = json!({ "expression": waits, "awaitPromise": true, "returnByValue": true });
            let answer = self.ask("Runtime.evaluate", params);
            if answer["result"]["value"] == true {
                return;
            }
        }
        panic!("never {expression}: {} {:?}", self.html(), self.complaints);
    }

    /// The page as it is now.
    fn html(&mut self) -> String {
        // A page that is replaced between the two questions is asked for again.
        for _ in 0..5 {
            let root = self.ask("DOM.getDocument", json!({}))["root"]["nodeId"].clone();
            if let Ok(html) = self.try_ask("DOM.getOuterHTML", json!({ "nodeId": root })) {
                return html["outerHTML"].as_str().unwrap_or_default().to_owned();
            }
        }
        panic!("the page is replaced whenever it is looked at")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An operator with a page, and the address of it.
async fn shown() -> (Running, String) {
    let cluster = quiet_cluster();
    Hand::of(&cluster).create("a", "1").await;
    let operator = Operator::new("shop")
        .client(cluster.client())
        .admin(([127, 0, 0, 1], 0))
        .controller(Watcher(Play::well()))
        .spawn();
    operator.settled().await;
    let address = operator.admin_address().expect("it listens");
    (operator, format!("http://{address}/"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_is_live_in_a_browser() {
    let Some(chromium) = chromium() else { return };
    let (operator, url) = shown().await;
    let mut browser = Browser::open(chromium);
    browser.ask("Page.navigate", json!({ "url": url }));
    browser.until("document.title === 'shop'");
    browser.until("document.getElementById('link').textContent === 'live'");
    browser.until("document.querySelector('main').innerText.includes('configmaps in all namespaces')");
    let row = "[...document.querySelectorAll('tbody tr')].find(row => row.innerText.includes('watcher'))";
    browser.until(&format!("{row}.innerText.includes('running')"));
    browser.until(&format!("getComputedStyle({row}.querySelector('.dot')).color === 'rgb(31, 122, 77)'"));
    operator.tree().terminate_child("watcher").await.expect("it is there");
    browser.until(&format!("{row}.innerText.includes('ended')"));
    operator.stop().await;
    browser.until("document.getElementById('link').textContent.startsWith('not connected')");
    let unexpected = browser.complaints.iter().filter(|complaint| !complaint.contains("net::ERR"));
    assert_eq!(unexpected.collect::<Vec<_>>(), Vec::<&String>::new(), "its policy lets all of its parts be");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_is_whole_without_a_script() {
    let Some(chromium) = chromium() else { return };
    let (operator, url) = shown().await;
    let mut browser = Browser::open(chromium);
    browser.ask("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    browser.ask("Page.navigate", json!({ "url": url }));
    // The navigation has begun; each question takes its time until the page is there.
    let whole = |page: &String| page.contains("</footer>");
    let page = (0..1_000).map(|_| browser.html()).find(whole).expect("it comes");
    for part in ["watcher", "configmaps in all namespaces", "1 <small>of 1</small>", "http-equiv=\"refresh\""] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    assert!(!page.contains(">live<"), "no script ran: {page}");
    operator.stop().await;
}
