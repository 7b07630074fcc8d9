//! What `Datapio.Controller` got wrong, and what has no better place for its test: `docs/semantics.md` has the whole list.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use controller_core::prelude::*;
use controller_testkit::{Refusal, Requests};
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;

use super::stage::{Answer, Data, Hand, Play, pass, player, quiet_cluster};

/// Asks the server for a secret in each of its runs.
struct Asking(Play);

#[controller(api_version = "v1", kind = "ConfigMap", plural = "configmaps", timeout = "10s", reconcile_delay = off)]
impl Asking {
    async fn reconcile(&self, obj: &Data, cx: &Context<Self>) -> Result {
        self.0.say(format!("{} {} asks", cx.key(), cx.attempt()));
        let secrets: Api<Secret> = Api::namespaced(cx.client(), "default");
        let answer = secrets.get(obj.v()).await;
        self.0.say(format!("{} {} hears {}", cx.key(), cx.attempt(), answer.is_ok()));
        answer?;
        Ok(())
    }
}

/// There the callbacks and the client's calls were handled by one process: a call out of a callback waited for itself.
#[tokio::test(start_paused = true)]
async fn a_callback_may_call_the_client_and_whatever_comes_of_it_is_its_own() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let secrets: Api<Secret> = Api::namespaced(cluster.steady_client(), "default");
    let mut secret = Secret::default();
    secret.metadata.name = Some("s".to_owned());
    secrets.create(&Default::default(), &secret).await.expect("created");
    let faults = cluster.faults();
    faults.on(Requests::get("secrets")).nth(1).reset();
    faults.on(Requests::get("secrets")).nth(2).answer(Refusal::status(500));
    faults.on(Requests::get("secrets")).nth(3).truncate(10);
    faults.on(Requests::get("secrets")).nth(4).hang();
    let play = Play::well();
    let mut operator = Operator::new("test").client(cluster.client()).controller(Asking(play.clone())).spawn();
    hand.create("a", "s").await;
    pass(secs(60)).await;
    let expect = [
        "default/a 1 asks",
        "default/a 1 hears false",
        "default/a 2 asks",
        "default/a 2 hears false",
        "default/a 3 asks",
        "default/a 3 hears false",
        "default/a 4 asks",
        "default/a 5 asks",
        "default/a 5 hears true",
    ];
    assert_eq!(play.take(), expect);
    hand.create("b", "s").await;
    operator.settled().await;
    assert_eq!(play.take(), ["default/b 1 asks", "default/b 1 hears true"]);
    assert!(still_runs(&mut operator).await, "it still runs");
    operator.stop().await;
}

async fn still_runs(operator: &mut Running) -> bool {
    tokio::time::timeout(millis(1), operator.ended()).await.is_err()
}

player!(Transient(reconcile_delay = off, supervisor(restart = transient)) add modify delete reconcile);

/// There a watch that failed ended its process in order, and a transient one was gone without a word.
#[tokio::test(start_paused = true)]
async fn a_watch_that_fails_ends_no_controller() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let play = Play::well();
    let mut operator = Operator::new("test").client(cluster.client()).controller(Transient(play.clone())).spawn();
    operator.settled().await;
    let faults = cluster.faults();
    let refusals = [401, 403, 404, 410, 429, 500, 503, 504];
    for (nth, code) in refusals.into_iter().enumerate() {
        let refused = faults.on(Requests::of("configmaps")).always().answer(Refusal::status(code));
        faults.watches().refuse(Refusal::status(code));
        pass(secs(60)).await;
        refused.lift();
        faults.watches().cut();
        hand.create(&format!("k{nth}"), "1").await;
        pass(secs(60)).await;
        assert_eq!(play.take(), [format!("add default/k{nth} 1")], "{code}");
        assert!(still_runs(&mut operator).await, "{code}");
        let children = operator.tree().which_children().await.expect("it runs");
        assert!(children.iter().all(|child| child.restarts == 0), "{code}: {children:?}");
    }
    operator.stop().await;
}

/// Remembers what the objects say of their kind.
struct Kinds(Arc<Mutex<BTreeSet<String>>>);

#[controller(api_version = "v1", kind = "ConfigMap", plural = "configmaps", concurrency = 50, reconcile_delay = off)]
impl Kinds {
    async fn reconcile(&self, obj: &Value, cx: &Context<Self>) {
        let said = format!("{} {} {}", cx.key().name(), obj["apiVersion"], obj["kind"]);
        self.0.lock().expect("nobody panics").insert(said);
    }
}

/// There a list was read at once, and its items, of which the server says the kind only once, went on without it.
#[tokio::test(start_paused = true)]
async fn long_lists_are_read_in_pages_and_each_item_says_its_kind() {
    for page in [None, NonZeroUsize::new(1), NonZeroUsize::new(7)] {
        let cluster = quiet_cluster();
        let hand = Hand::of(&cluster);
        let count = if page.is_some() { 100 } else { 1_200 };
        for nth in 0..count {
            hand.create(&format!("k{nth}"), "1").await;
        }
        cluster.faults().no_streaming_lists();
        if let Some(page) = page {
            cluster.faults().page_size(page);
        }
        let log = cluster.log();
        let said = Arc::new(Mutex::new(BTreeSet::new()));
        let operator = Operator::new("test").client(cluster.client()).controller(Kinds(Arc::clone(&said))).spawn();
        pass(secs(30)).await;
        let said = said.lock().expect("nobody panics").clone();
        assert_eq!(said.len(), count);
        assert!(said.iter().all(|line| line.ends_with(r#" "v1" "ConfigMap""#)), "{said:?}");
        let uris: Vec<String> = log.take().into_iter().map(|exchange| exchange.uri).collect();
        let pages = uris.iter().filter(|uri| uri.contains("limit=500")).count();
        assert_eq!(pages, count.div_ceil(page.map_or(500, NonZeroUsize::get)), "{uris:?}");
        operator.stop().await;
    }
}

player!(Quiet(reconcile_delay = off) add modify delete reconcile);

/// There a watch on which nothing came was given up after five seconds, and all was read again.
#[tokio::test(start_paused = true)]
async fn a_quiet_hour_reads_no_list_and_runs_nothing() {
    let cluster = quiet_cluster();
    Hand::of(&cluster).create("a", "1").await;
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Quiet(play.clone())).spawn();
    operator.settled().await;
    assert_eq!(play.take(), ["reconcile default/a 1"]);
    let log = cluster.log();
    pass(secs(3600)).await;
    let asked = log.take();
    assert!(
        asked.iter().all(|exchange| exchange.uri.contains("watch=true&resourceVersion=")
            || exchange.uri.contains("&resourceVersion=")),
        "{asked:?}"
    );
    assert!(asked.len() < 20, "{asked:?}");
    assert_eq!(play.take(), [""; 0]);
    operator.stop().await;
}

/// There an error was logged, and that was all.
#[tokio::test(start_paused = true)]
async fn an_error_of_each_callback_is_tried_again_until_it_goes_well() {
    for failing in ["add", "modify", "delete", "reconcile"] {
        let cluster = quiet_cluster();
        let hand = Hand::of(&cluster);
        hand.create("old", "1").await;
        let play = Play::new(move |call| match (call.callback == failing, call.attempt) {
            (true, 1..=3) => Answer::Say(Err("not now".into())),
            _ => Answer::Done,
        });
        let operator = Operator::new("test").client(cluster.client()).controller(Quiet(play.clone())).spawn();
        operator.settled().await;
        hand.create("new", "1").await;
        operator.settled().await;
        hand.change("new", "2").await;
        operator.settled().await;
        hand.delete("new").await;
        operator.settled().await;
        let told = play.take();
        let tries = told.iter().filter(|line| line.starts_with(failing)).count();
        assert_eq!((tries, told.len()), (4, 7), "{failing}: {told:?}");
        operator.stop().await;
    }
}
