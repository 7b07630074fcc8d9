//! Owns the scene of the table: two watches on one hub, one whose server is broken, and one that must see nothing of it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::super::*;
use super::server::{Op, Refusal, Reply, Server, Tape, client, times};
use super::spec;
use crate::env::Task;

/// How many operations the first list finds.
pub(super) const LISTED: usize = 7;

/// Everything that can happen to an object.
pub(super) const LOG: [Op; 20] = {
    use Op::{Del, Mark, Put};
    [
        Put("a", "A"),
        Put("b", "B"),
        Put("x", "X"),
        Put("c", "C"),
        Del("x"),
        Put("d", "D"),
        Put("e", "E"),
        // The first list is here.
        Put("f", "F"),
        Put("a", "A"),
        Del("b"),
        Put("b", "B2"),
        Mark,
        Put("f", "F"),
        Del("c"),
        Put("a", "A"),
        Put("g", "G"),
        Del("g"),
        Del("d"),
        Put("d", "D2"),
        Put("e", "E"),
    ]
};

/// The first requests, and what the other watch goes through, are over by then.
const OVER: Duration = Duration::from_secs(65);

pub(super) const fn page(size: usize) -> Option<NonZeroUsize> {
    NonZeroUsize::new(size)
}

/// A server that streams lists, and others with their pages.
pub(super) const WAYS: [Option<NonZeroUsize>; 4] = [page(0), page(1), page(2), page(100)];

/// Remembers what it was told, and checks it as it comes.
struct Ear {
    began: Instant,
    /// Whether versions may go back: a server was set back.
    may_go_back: bool,
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    tape: Tape,
    timed: Vec<(Duration, String)>,
    known: BTreeMap<Slot, Entry>,
    synced: bool,
}

impl Heard {
    fn say(&mut self, at: Duration, name: &str, what: String) {
        self.timed.push((at, format!("{name}{what}")));
        self.tape.entry(name.to_owned()).or_default().push(what);
    }
}

impl Sink for Ear {
    fn deliver(&self, delta: Delta<'_>) {
        let at = Clock::system().instant().saturating_duration_since(self.began);
        let mut heard = self.heard.lock();
        match delta {
            Delta::Upsert { slot, entry, before, initial } => {
                assert_eq!(initial, !heard.synced, "initial means before synced");
                let known = heard.known.insert(slot, entry.clone());
                assert_eq!(
                    known.as_ref().map(Entry::address),
                    before.map(Entry::address),
                    "before is what was told last"
                );
                if let Some(known) = &known {
                    assert!(known.key() == entry.key() && known.uid() == entry.uid(), "a new uid is a remove before");
                    assert_ne!(known.version(), entry.version(), "no delivery without a difference");
                    assert!(
                        self.may_go_back || known.version().is_before(&entry.version()),
                        "{known:?} then {entry:?}"
                    );
                }
                let version = entry.version().to_string();
                let bytes = entry.bytes();
                let text = std::str::from_utf8(&bytes).expect("text");
                assert!(text.contains(&format!(r#""at":{version}}}"#)) && !text.contains("managedFields"), "{text}");
                let (sign, uid) = (if before.is_some() { '~' } else { '+' }, uid(entry));
                heard.say(at, entry.name(), format!("{sign}{uid}@{version}"));
            }
            Delta::Remove { slot, entry } => {
                let known = heard.known.remove(&slot).expect("what goes was told");
                assert!(known.address() == entry.address(), "the last version told goes");
                heard.say(at, entry.name(), format!("-{}", uid(entry)));
            }
            Delta::Synced => {
                assert!(!heard.synced, "told once");
                heard.synced = true;
                heard.timed.push((at, "synced".to_owned()));
            }
        }
    }
}

fn uid(entry: &Entry) -> String {
    entry.uid().map(|uid| uid.to_string()).unwrap_or_default()
}

/// One of the two watches.
struct Side {
    server: Arc<Mutex<Server>>,
    ear: Arc<Ear>,
    subscription: Subscription,
}

/// What the other watch delivered when, and what it asked when.
#[derive(Debug)]
pub(super) struct Story {
    told: Vec<(Duration, String)>,
    asked: Vec<(Duration, String)>,
}

impl Story {
    /// The part before a time.
    fn until(&self, now: Duration) -> [&[(Duration, String)]; 2] {
        [&self.told, &self.asked].map(|all| &all[..all.partition_point(|(at, _)| *at < now)])
    }
}

pub(super) struct Scene {
    began: Instant,
    pods: Side,
    secrets: Side,
    _script: Task<()>,
}

impl Scene {
    /// Both kinds are subscribed to; the pods' server is made ready before.
    pub(super) fn start(page: Option<NonZeroUsize>, may_go_back: bool, prepare: impl FnOnce(&mut Server)) -> Self {
        let began = Clock::system().instant();
        let [pods, secrets] = [page, None].map(|page| Arc::new(Mutex::new(Server::new(&LOG, LISTED, page))));
        prepare(&mut pods.lock());
        let client = client(&[("pods", pods.clone()), ("secrets", secrets.clone())]);
        let hub = Hub::new(Connections::shared(client), Clock::system(), Chance::seeded(5), None, Vec::new());
        let side = |kind: &str, server: &Arc<Mutex<Server>>| {
            let ear = Arc::new(Ear { began, may_go_back, heard: Mutex::default() });
            let subscription = hub.subscribe(&spec(kind), ear.clone());
            Side { server: server.clone(), ear, subscription }
        };
        let (pods, secrets) = (side("Pod", &pods), side("Secret", &secrets));
        let _script = spawn(script(secrets.server.clone()));
        Self { began, pods, secrets, _script }
    }

    /// One whose pods are listed.
    pub(super) async fn listed(page: Option<NonZeroUsize>) -> Self {
        let scene = Self::start(page, false, |_| ());
        pass(1).await;
        assert!(scene.pods.subscription.running.board.store.synced());
        scene
    }

    /// So many of the pods' operations happen, one after the other.
    pub(super) async fn happen(&self, operations: usize, apart: Duration) {
        for _ in 0..operations {
            self.pods.server.lock().happens();
            tokio::time::sleep(apart).await;
        }
    }

    pub(super) fn pods<T>(&self, act: impl FnOnce(&mut Server) -> T) -> T {
        act(&mut self.pods.server.lock())
    }

    /// The rest of the log happens, and time passes until the pods are followed again and the other watch had its turn.
    pub(super) async fn rest(&self, pace: Pace) {
        let left = self.pods(|server| server.log.len() - server.now);
        match pace {
            Pace::AtOnce => (0..left).for_each(|_| self.pods(Server::happens)),
            Pace::Slow => self.happen(left, Duration::from_secs(1)).await,
        }
        self.followed().await;
    }

    /// Until the watch is open and shows what there is.
    pub(super) async fn followed(&self) {
        let mut look = Duration::from_millis(20);
        for _ in 0..1000 {
            tokio::time::sleep(look).await;
            look = (look * 2).min(Duration::from_secs(5));
            let followed = self.pods(|server| server.is_watched() && server.plan.is_empty());
            let [kept, served] = self.kept();
            if followed && kept == served {
                break;
            }
        }
    }

    /// The server is seen again, and only then goes on.
    pub(super) async fn rest_from_there(&self) {
        self.followed().await;
        self.rest(Pace::Slow).await;
    }

    /// What the store holds, and what the server has.
    fn kept(&self) -> [Vec<String>; 2] {
        let store = self.pods.subscription.view().snapshot();
        let kept = store.iter().map(|(_, entry)| format!("{} {}@{}", entry.name(), uid(entry), entry.version()));
        let mut kept: Vec<String> = kept.collect();
        kept.sort();
        let served = self.pods(|server| server.objects());
        [kept, served.iter().map(|(name, (uid, version))| format!("{name} {uid}@{version}")).collect()]
    }

    /// Until the other watch had its turn.
    pub(super) async fn over(&self) {
        tokio::time::sleep_until(self.began + OVER).await;
    }

    /// What the other watch went through.
    fn story(&self) -> Story {
        let asked = times(&self.secrets.server.lock().asked, self.began);
        Story { told: self.secrets.ear.heard.lock().timed.clone(), asked }
    }

    /// What was told is the truth, the store is the cluster, and the other watch saw nothing of it.
    #[track_caller]
    pub(super) fn check(&self, lists: Option<usize>, other: &Story, when: &str) {
        let asked = self.pods(|server| times(&server.asked, self.began));
        let [kept, served] = self.kept();
        assert_eq!(kept, served, "{when}: the store is the cluster; asked {asked:?}");
        self.pods(|server| {
            let heard = self.pods.ear.heard.lock();
            assert_eq!(heard.tape, server.truth.tape, "{when}: what was told; asked {asked:?}");
            if let Some(lists) = lists {
                assert_eq!(server.truth.lists, lists, "{when}: lists; asked {asked:?}");
            }
        });
        assert_eq!(self.pods.subscription.health(), Health::Healthy, "{when}");
        let now = Clock::system().instant().saturating_duration_since(self.began).min(OVER);
        assert_eq!(self.story().until(now), other.until(now), "{when}: the other watch");
    }

    /// How many requests for pods there were.
    pub(super) fn asked(&self) -> usize {
        self.pods(|server| server.asked.len())
    }

    /// How long after a request for pods the next one came.
    pub(super) fn gap(&self, nth: usize) -> Duration {
        self.pods(|server| server.asked[nth + 1].0.saturating_duration_since(server.asked[nth].0))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// While the watch is away.
    AtOnce,
    /// A second apart.
    Slow,
}

pub(super) async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// What happens to the other kind: changes, and its own failures with their own backoff.
async fn script(server: Arc<Mutex<Server>>) {
    for second in 1..=60 {
        pass(1).await;
        let mut server = server.lock();
        match second {
            10 => {
                let refusals = [503, 500, 500, 500].map(|code| Reply::Refused(Refusal::status(code, "")));
                server.plan.extend(refusals);
                server.reset();
            }
            25 => {
                let refusals = [500, 500].map(|code| Reply::Refused(Refusal::status(code, "")));
                server.plan.extend(refusals);
                let gone = server.gone.line();
                server.say(&gone);
                server.end();
            }
            _ if second % 4 == 0 && server.now < LOG.len() => server.happens(),
            _ => {}
        }
    }
}

/// What the other watch goes through where nothing happens to the pods.
pub(super) async fn undisturbed() -> Story {
    let scene = Scene::listed(None).await;
    scene.rest(Pace::Slow).await;
    scene.over().await;
    let story = scene.story();
    assert!(story.told.len() > 15 && story.asked.len() > 8, "the other watch has a story: {story:?}");
    story
}
