//! The whole watch through kube's client against the embedded server, on paused time.

use std::num::NonZeroUsize;

use controller_testkit::{Cluster, Fault, Faults, Refusal, Requests, World};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use kube::api::{DeleteParams, PostParams};

use kube::Client;

use super::*;

mod scene;
mod server;
mod table;

/// Remembers what it was told, and checks it as it comes.
#[derive(Default)]
struct Recorder {
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    told: Vec<String>,
    known: BTreeMap<Slot, Entry>,
    synced: bool,
}

impl Sink for Recorder {
    fn deliver(&self, delta: Delta<'_>) {
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
                    assert!(known.version().is_before(&entry.version()), "{known:?} then {entry:?}");
                }
                let sign = if before.is_some() { '~' } else { '+' };
                heard.told.push(format!("{sign}{}", entry.name()));
            }
            Delta::Remove { slot, entry } => {
                let known = heard.known.remove(&slot).expect("what goes was told");
                assert!(known.address() == entry.address(), "the last version told goes");
                heard.told.push(format!("-{}", entry.name()));
            }
            Delta::Synced => {
                assert!(!heard.synced, "told once");
                heard.synced = true;
                heard.told.push("synced".into());
            }
        }
    }
}

impl Recorder {
    fn told(&self) -> Vec<String> {
        self.heard.lock().told.clone()
    }

    /// Name to version of all that it knows.
    fn known(&self) -> BTreeMap<String, String> {
        let heard = self.heard.lock();
        heard.known.values().map(|entry| (entry.key().to_string(), entry.version().to_string())).collect()
    }
}

struct Rig {
    cluster: Cluster,
    faults: Faults,
    hub: Hub,
    hand: Client,
}

fn rig() -> Rig {
    rig_of(Vec::new())
}

/// A rig of controllers that declare these.
fn rig_of(declared: Vec<WatchSpec>) -> Rig {
    let cluster = Cluster::builder().world(World::none()).build();
    let hub = Hub::new(
        Connections::shared(cluster.client()),
        Clock::system(),
        Chance::seeded(5),
        Some("https://cluster.test".into()),
        declared,
    );
    Rig { faults: cluster.faults(), hand: cluster.steady_client(), hub, cluster }
}

fn spec(kind: &str) -> WatchSpec {
    WatchSpec {
        group: String::new(),
        version: "v1".into(),
        kind: kind.into(),
        plural: format!("{}s", kind.to_lowercase()),
        namespace: Some("default".into()),
        ..WatchSpec::default()
    }
}

fn named(name: &str) -> ConfigMap {
    serde_json::from_value(serde_json::json!({"metadata": {"name": name}, "data": {"n": "0"}})).expect("a ConfigMap")
}

/// Ten minutes of paused time are enough for every recovery.
async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..6000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never: {what}");
}

impl Rig {
    fn subscribe(&self, kind: &str) -> (Arc<Recorder>, Subscription) {
        let recorder = Arc::new(Recorder::default());
        let subscription = self.hub.subscribe(&spec(kind), recorder.clone());
        (recorder, subscription)
    }

    fn maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.hand.clone(), "default")
    }

    async fn create(&self, name: &str) {
        self.maps().create(&PostParams::default(), &named(name)).await.expect("created");
    }

    async fn change(&self, name: &str) {
        let mut map = self.maps().get(name).await.expect("it is there");
        let version = map.metadata.resource_version.clone().unwrap_or_default();
        map.data.get_or_insert_default().insert("n".into(), version);
        self.maps().replace(name, &PostParams::default(), &map).await.expect("changed");
    }

    async fn delete(&self, name: &str) {
        self.maps().delete(name, &DeleteParams::default()).await.expect("deleted");
    }

    /// What the cluster has, as the recorder tells it.
    async fn objects(&self) -> BTreeMap<String, String> {
        let list = self.maps().list(&kube::api::ListParams::default()).await.expect("listed");
        let pair = |map: ConfigMap| {
            (
                format!("default/{}", map.metadata.name.unwrap_or_default()),
                map.metadata.resource_version.unwrap_or_default(),
            )
        };
        list.items.into_iter().map(pair).collect()
    }

    async fn settled(&self, recorder: &Recorder) {
        let objects = self.objects().await;
        until(&format!("{objects:?}"), || recorder.heard.lock().synced && recorder.known() == objects).await;
    }

    /// Six objects before, and then everything that can happen to one.
    async fn before(&self) {
        for name in ["a", "b", "c", "d", "e", "f"] {
            self.create(name).await;
        }
    }

    async fn after(&self) {
        self.create("g").await;
        self.change("a").await;
        self.delete("b").await;
        self.create("b").await;
        self.change("g").await;
        self.delete("c").await;
        self.change("a").await;
        self.delete("g").await;
    }
}

const BEFORE: [&str; 7] = ["+a", "+b", "+c", "+d", "+e", "+f", "synced"];
const AFTER: [&str; 8] = ["+g", "~a", "-b", "+b", "~g", "-c", "~a", "-g"];

fn words(told: &[&str]) -> Vec<String> {
    told.iter().map(ToString::to_string).collect()
}

type Arm = fn(&Faults, usize) -> Fault;

/// After each fault that a resume mends, every delta was told once and in order.
/// Looks at the store while it is told of a change in it.
#[derive(Default)]
struct Onlooker {
    view: std::sync::OnceLock<View>,
    told_early: AtomicBool,
    heard: AtomicU32,
}

impl Sink for Onlooker {
    fn deliver(&self, _delta: Delta<'_>) {
        let told = self.view.get().is_some_and(View::is_told);
        self.told_early.fetch_or(told, Ordering::Relaxed);
        self.heard.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_is_on_its_way_until_everyone_was_told() {
    let rig = rig();
    let onlooker = Arc::new(Onlooker::default());
    let subscription = rig.hub.subscribe(&spec("ConfigMap"), onlooker.clone());
    assert!(onlooker.view.set(subscription.view().clone()).is_ok());
    for name in ["a", "b", "c"] {
        rig.create(name).await;
    }
    until("all is heard", || onlooker.heard.load(Ordering::Relaxed) == 4).await;
    assert!(subscription.view().is_told());
    assert!(!onlooker.told_early.load(Ordering::Relaxed), "it was told, and the watch said that it had been before");
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_cut_at_any_event_tells_each_change_once() {
    let ways: [(&str, Arm); 4] = [
        ("cut", |faults, event| faults.watches_of("configmaps").cut_after(event)),
        ("ended", |faults, event| faults.watches_of("configmaps").end_after(event)),
        ("cut each", |faults, event| faults.watches_of("configmaps").always().cut_after(event + 1)),
        ("in bytes", |faults, event| {
            faults.watches_of("configmaps").chunks(NonZeroUsize::new(event + 1).expect("not zero"))
        }),
    ];
    for streams in [true, false] {
        for (way, arm) in &ways {
            for event in 0..=AFTER.len() {
                let rig = rig();
                if !streams {
                    rig.faults.no_streaming_lists();
                }
                rig.before().await;
                let (recorder, subscription) = rig.subscribe("ConfigMap");
                subscription.synced().await;
                let fault = arm(&rig.faults, event);
                rig.after().await;
                rig.settled(&recorder).await;
                let expect = [&BEFORE[..], &AFTER[..]].concat();
                assert_eq!(recorder.told(), words(&expect), "{way} at {event}, streams {streams}");
                assert!(fault.fired() > 0 || *way == "in bytes" || *way == "cut each", "{way} at {event} never struck");
                assert_eq!(subscription.tally().relists.load(Ordering::Relaxed), 0);
                assert_eq!(subscription.health(), Health::Healthy);
            }
        }
    }
}

/// After each fault that a list mends, the recorder's checks hold, nothing is left over and nothing is missing.
#[tokio::test(start_paused = true)]
async fn a_forgotten_version_tells_the_difference() {
    let ways: [(&str, Arm); 4] = [
        ("an event", |faults, event| faults.watches_of("configmaps").gone_after(event)),
        ("a status", |faults, event| {
            let _cut = faults.watches_of("configmaps").cut_after(event);
            faults.on(Requests::watch("configmaps")).answer(Refusal::gone())
        }),
        ("another error", |faults, event| faults.watches_of("configmaps").refuse_after(event, Refusal::status(500))),
        ("while down", |faults, event| {
            let cut = faults.watches_of("configmaps").cut_after(event);
            faults.down();
            cut
        }),
    ];
    for streams in [true, false] {
        for (way, arm) in &ways {
            for event in 0..=AFTER.len() {
                let rig = rig();
                if !streams {
                    rig.faults.no_streaming_lists();
                    rig.faults.page_size(NonZeroUsize::new(2).expect("not zero"));
                }
                rig.before().await;
                let (recorder, subscription) = rig.subscribe("ConfigMap");
                subscription.synced().await;
                let fault = arm(&rig.faults, event);
                rig.after().await;
                rig.faults.forget();
                rig.faults.up();
                rig.settled(&recorder).await;
                assert!(
                    fault.fired() > 0 || *way == "while down" || event == AFTER.len(),
                    "{way} at {event} never struck"
                );
                let told = recorder.told();
                let count = |word: &str| told.iter().filter(|told| *told == word).count();
                assert_eq!((count("+c"), count("-c")), (1, 1), "{way} at {event}, streams {streams}: {told:?}");
                assert_eq!((count("+b"), count("-b")), (2, 1), "{way} at {event}, streams {streams}: {told:?}");
                assert_eq!(count("+g"), count("-g"), "{way} at {event}, streams {streams}: {told:?}");
                until("healthy", || subscription.health() == Health::Healthy).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_forgotten_on_any_page_is_read_again() {
    for page in 1..=3 {
        let rig = rig();
        rig.faults.no_streaming_lists();
        rig.faults.page_size(NonZeroUsize::new(2).expect("not zero"));
        let fault = rig.faults.on(Requests::list("configmaps").page(page)).answer(Refusal::gone());
        rig.before().await;
        let (recorder, subscription) = rig.subscribe("ConfigMap");
        subscription.synced().await;
        rig.after().await;
        rig.settled(&recorder).await;
        assert_eq!(fault.fired(), 1, "page {page}");
        assert_eq!(recorder.told(), words(&[&BEFORE[..], &AFTER[..]].concat()), "page {page}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_list_is_read_again() {
    for bytes in [0, 10, 100, 700] {
        let rig = rig();
        rig.faults.no_streaming_lists();
        let fault = rig.faults.on(Requests::list("configmaps")).times(2).truncate(bytes);
        rig.before().await;
        let (recorder, subscription) = rig.subscribe("ConfigMap");
        subscription.synced().await;
        rig.settled(&recorder).await;
        assert_eq!(fault.fired(), 2);
        assert_eq!(recorder.told(), words(&BEFORE));
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_is_noticed_and_resumed() {
    let rig = rig();
    rig.before().await;
    let (recorder, subscription) = rig.subscribe("ConfigMap");
    subscription.synced().await;
    let silence = rig.faults.watches_of("configmaps").silence();
    let watches = rig.faults.on(Requests::watch("configmaps")).always().delay(Duration::ZERO);
    rig.after().await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(recorder.told(), words(&BEFORE));
    assert!((3..=6).contains(&watches.fired()), "resumed after each deadline: {}", watches.fired());
    silence.lift();
    rig.settled(&recorder).await;
    assert_eq!(recorder.told(), words(&[&BEFORE[..], &AFTER[..]].concat()));
}

#[tokio::test(start_paused = true)]
async fn an_hour_with_nothing_but_bookmarks_lists_once() {
    let rig = rig();
    rig.before().await;
    let (recorder, subscription) = rig.subscribe("ConfigMap");
    subscription.synced().await;
    let watches = rig.faults.on(Requests::watch("configmaps")).always().delay(Duration::ZERO);
    let lists = rig.faults.on(Requests::list("configmaps")).always().delay(Duration::ZERO);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(lists.fired(), 0);
    assert!((11..=14).contains(&watches.fired()), "a watch lasts nearly five minutes: {}", watches.fired());
    rig.after().await;
    rig.settled(&recorder).await;
    assert_eq!(recorder.told(), words(&[&BEFORE[..], &AFTER[..]].concat()));
}

#[tokio::test(start_paused = true)]
async fn bad_lines_are_skipped_and_the_watch_lives() {
    let rig = rig();
    rig.before().await;
    let (recorder, subscription) = rig.subscribe("ConfigMap");
    subscription.synced().await;
    let lines = [
        "not JSON\n",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":7}}}\n",
        "{\"type\":\"PARTY\",\"object\":{}}\n",
        "\n",
    ];
    for line in lines {
        let _said = rig.faults.watches_of("configmaps").say(line);
        rig.change("a").await;
        rig.settled(&recorder).await;
    }
    assert_eq!(subscription.tally().skipped.load(Ordering::Relaxed), 3);
    assert_eq!(subscription.tally().relists.load(Ordering::Relaxed), 0);
    assert_eq!(recorder.told(), words(&[&BEFORE[..], &["~a"; 4]].concat()));
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_shared_and_a_late_subscriber_misses_nothing() {
    let rig = rig();
    rig.before().await;
    let (first, one) = rig.subscribe("ConfigMap");
    one.synced().await;
    rig.change("a").await;
    let (late, two) = rig.subscribe("ConfigMap");
    rig.after().await;
    two.synced().await;
    rig.settled(&first).await;
    rig.settled(&late).await;
    assert_eq!(rig.faults.open_watches(), 1);
    assert!(Arc::ptr_eq(&one.running, &two.running));
    drop(one);
    rig.delete("a").await;
    rig.settled(&late).await;
    assert_eq!(rig.faults.open_watches(), 1, "the other one needs it");
    drop(two);
    until("the last one ends the watch", || rig.faults.open_watches() == 0).await;
    let (again, three) = rig.subscribe("ConfigMap");
    three.synced().await;
    rig.settled(&again).await;
}

#[tokio::test(start_paused = true)]
async fn many_wait_for_the_same_list() {
    let rig = rig();
    rig.faults.down();
    rig.before().await;
    let (_, one) = rig.subscribe("ConfigMap");
    let (_, two) = rig.subscribe("ConfigMap");
    let all = async { tokio::join!(one.synced(), one.synced(), two.synced(), two.synced()) };
    let up = async {
        tokio::time::sleep(Duration::from_secs(90)).await;
        rig.faults.up();
    };
    tokio::join!(all, up);
    one.synced().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_in_the_way_at_the_start_is_waited_for_and_said() {
    let refused: [(Refusal, &str); 4] = [
        (Refusal::forbidden(), "grant list and watch on configmaps"),
        (Refusal::status(401), "renew the credentials"),
        (Refusal::status(404), "install its CRD"),
        (Refusal::status(503), "busy"),
    ];
    for (refusal, next_step) in refused {
        let rig = rig();
        rig.before().await;
        let lists = rig.faults.on(Requests::list("configmaps")).always().answer(refusal.clone());
        let watches = rig.faults.on(Requests::watch("configmaps")).always().answer(refusal);
        let (recorder, subscription) = rig.subscribe("ConfigMap");
        // Another kind is not held back by it.
        let (_, other) = rig.subscribe("Secret");
        other.synced().await;
        tokio::time::sleep(Duration::from_secs(600)).await;
        let Health::Syncing { why: Some(why), .. } = subscription.health() else {
            panic!("{:?} for want of: {next_step}", subscription.health())
        };
        assert!(why.contains(next_step), "{why}");
        let asked = watches.fired() + lists.fired();
        assert!((20..200).contains(&asked), "asked {asked} times in ten minutes");
        lists.lift();
        watches.lift();
        subscription.synced().await;
        assert_eq!(recorder.told(), words(&BEFORE));
        assert_eq!(subscription.health(), Health::Healthy);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_away_makes_the_watch_stale_and_its_age_is_known() {
    let rig = rig();
    rig.before().await;
    let (recorder, subscription) = rig.subscribe("ConfigMap");
    let (_, other) = rig.subscribe("Secret");
    subscription.synced().await;
    other.synced().await;
    rig.faults.down();
    let down = Clock::system().instant().into_std();
    rig.delete("a").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let Health::Stale { since, why } = subscription.health() else { panic!("{:?}", subscription.health()) };
    assert!(since <= down && why.contains("no API server at https://cluster.test for GET /api/v1/"), "{why}");
    rig.faults.up();
    rig.settled(&recorder).await;
    until("healthy", || subscription.health() == Health::Healthy && other.health() == Health::Healthy).await;
    assert_eq!(recorder.told().last().map(String::as_str), Some("-a"));
    let secrets: Api<Secret> = Api::namespaced(rig.cluster.client(), "default");
    assert!(secrets.list(&kube::api::ListParams::default()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_when_is_not_asked_before() {
    let rig = rig();
    let refusal = Refusal::status(429).retry_after(Duration::from_secs(60));
    let fault = rig.faults.on(Requests::watch("configmaps")).times(2).answer(refusal);
    let (_, subscription) = rig.subscribe("ConfigMap");
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(fault.fired(), 1);
    subscription.synced().await;
    assert_eq!(fault.fired(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_selector_that_an_object_leaves_tells_it_as_gone() {
    let chosen = WatchSpec { labels: Some("app=x".into()), ..spec("ConfigMap") };
    let wide = WatchSpec { namespace: None, ..spec("ConfigMap") };
    // The same is told by a watch of its own, and by a wider one that another controller declares.
    for declared in [vec![chosen.clone()], vec![chosen.clone(), wide]] {
        let rig = rig_of(declared);
        rig.before().await;
        let recorder = Arc::new(Recorder::default());
        let subscription = rig.hub.subscribe(&chosen, recorder.clone());
        subscription.synced().await;
        for label in ["x", "y", "x"] {
            let patch = serde_json::json!({"metadata": {"labels": {"app": label}}});
            rig.maps().patch("a", &Default::default(), &kube::api::Patch::Merge(patch)).await.expect("patched");
        }
        until("in, out and in", || recorder.told() == words(&["synced", "+a", "-a", "+a"])).await;
        let shown: Vec<_> = subscription.view().snapshot().iter().map(|(_, entry)| entry.key().to_string()).collect();
        assert_eq!(shown, ["default/a"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wider_watch_serves_a_narrower_declaration_whichever_comes_first() {
    let (narrow, wide) = (spec("ConfigMap"), WatchSpec { namespace: None, ..spec("ConfigMap") });
    for first in [&narrow, &wide] {
        let rig = rig_of(vec![narrow.clone(), wide.clone()]);
        rig.before().await;
        let recorders = [&narrow, &wide].map(|_| Arc::new(Recorder::default()));
        let subscribe = |spec: &WatchSpec| {
            let recorder = &recorders[usize::from(spec == &wide)];
            rig.hub.subscribe(spec, recorder.clone())
        };
        let one = subscribe(first);
        one.synced().await;
        let two = subscribe(if first == &narrow { &wide } else { &narrow });
        two.synced().await;
        rig.after().await;
        for recorder in &recorders {
            rig.settled(recorder).await;
        }
        assert_eq!(rig.faults.open_watches(), 1);
        assert_eq!(one.spec(), &wide);
    }
}
