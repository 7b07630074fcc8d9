//! What an operator watches, and how one watch that is in trouble leaves the others alone.

use controller_core::prelude::*;
use controller_testkit::{Refusal, Requests};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, PostParams};

use super::stage::{Data, Hand, Play, map, pass, player, quiet_cluster};
use crate::log::Log;

player!(Everywhere(name = "everywhere", reconcile_delay = off) add modify delete reconcile);
player!(InTwo(name = "in-two", reconcile_delay = off, namespace = ["a", "b"]) add modify delete reconcile);

struct Secrets(Play);

#[controller(api_version = "v1", kind = "Secret", plural = "secrets", reconcile_delay = off)]
impl Secrets {
    async fn reconcile(&self, _: &Secret, cx: &Context<Self>) {
        self.0.say(format!("reconcile {}", cx.key()));
    }
}

/// Reads secrets, and its own kind without its selector.
struct Reads(Play);

#[controller(
    api_version = "v1",
    kind = "ConfigMap",
    plural = "configmaps",
    reconcile_delay = off,
    reads(Secret, ConfigMap)
)]
impl Reads {
    async fn reconcile(&self, _: &Data, cx: &Context<Self>) -> Result {
        let (maps, secrets) = (cx.list::<ConfigMap>().to_vec()?, cx.list::<Secret>().to_vec()?);
        self.0.say(format!("{} {} {}", cx.key(), maps.len(), secrets.len()));
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_watched_is_what_is_declared_and_each_is_watched_once() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("a", "1").await;
    let log = cluster.log();
    let (one, two) = (Play::well(), Play::well());
    let operator = Operator::new("test")
        .client(cluster.client())
        .controller(Reads(one.clone()))
        .controller(Everywhere(two.clone()))
        .spawn();
    pass(secs(60)).await;
    assert_eq!(one.take(), ["default/a 1 0"]);
    let mut asked: Vec<String> = log.take().into_iter().map(|exchange| exchange.uri).collect();
    asked.retain(|uri| uri.contains("watch=true") || uri.contains("limit="));
    let mut paths: Vec<&str> = asked.iter().map(|uri| uri.split('?').next().unwrap_or_default()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/api/v1/configmaps", "/api/v1/secrets"], "{asked:?}");
    assert_eq!(cluster.faults().open_watches(), 2);
    operator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_forbidden_holds_up_no_other() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    for namespace in ["a", "b"] {
        hand.namespace(namespace).await;
        hand.maps(namespace).create(&PostParams::default(), &map("x", "1")).await.expect("created");
    }
    let forbidden =
        cluster.faults().on(Requests::of("configmaps").namespace("b")).always().answer(Refusal::forbidden());
    let log = Log::listen();
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(InTwo(play.clone())).spawn();
    pass(secs(300)).await;
    assert_eq!(play.take(), ["reconcile a/x 1"]);
    let said = log.take(&["no permission"]);
    assert!(said.len() == 1 && said[0].contains("namespaces/b/configmaps"), "{said:?}");
    forbidden.lift();
    pass(secs(20)).await;
    assert_eq!(play.take(), ["reconcile b/x 1"]);
    // What is granted may be taken away again.
    cluster.faults().on(Requests::of("configmaps").namespace("a")).always().answer(Refusal::forbidden());
    cluster.faults().watches_where(Requests::any().namespace("a")).cut();
    for namespace in ["a", "b"] {
        hand.maps(namespace).replace("x", &PostParams::default(), &map("x", "2")).await.expect("changed");
    }
    pass(secs(300)).await;
    assert_eq!(play.take(), ["modify b/x 2 after 1"]);
    cluster.faults().clear();
    pass(secs(20)).await;
    assert_eq!(play.take(), ["modify a/x 2 after 1"]);
    operator.stop().await;
}

/// Each watch has its own backoff: what one is refused for long is not felt by another.
#[tokio::test(start_paused = true)]
async fn a_watch_that_is_refused_for_ten_minutes_delays_no_other() {
    for code in [403, 404, 429, 500, 503] {
        let cluster = quiet_cluster();
        let hand = Hand::of(&cluster);
        let (maps, secrets) = (Play::well(), Play::well());
        cluster.faults().on(Requests::of("secrets")).always().answer(Refusal::status(code));
        let operator = Operator::new("test")
            .client(cluster.client())
            .controller(Everywhere(maps.clone()))
            .controller(Secrets(secrets.clone()))
            .spawn();
        for nth in 0..60 {
            pass(secs(10)).await;
            // The other one's connection breaks as well; it is taken up again after a first wait.
            if nth % 10 == 3 {
                cluster.faults().watches_of("configmaps").cut();
            }
            hand.create(&format!("k{nth}"), "1").await;
            pass(millis(250)).await;
            assert_eq!(maps.take(), [format!("add default/k{nth} 1")], "{code}");
        }
        assert_eq!(secrets.take(), [""; 0]);
        cluster.faults().clear();
        let api: Api<Secret> = Api::namespaced(cluster.steady_client(), "default");
        let mut secret = Secret::default();
        secret.metadata.name = Some("s".to_owned());
        api.create(&PostParams::default(), &secret).await.expect("created");
        pass(secs(40)).await;
        assert_eq!(secrets.take(), ["reconcile default/s"], "{code}");
        operator.stop().await;
    }
}

/// A server that says when is not asked before, by no request of this watch.
#[tokio::test(start_paused = true)]
async fn a_watch_asks_again_when_the_server_said_so() {
    for code in [429, 503] {
        let cluster = quiet_cluster();
        let hand = Hand::of(&cluster);
        let play = Play::well();
        let operator = Operator::new("test").client(cluster.client()).controller(Everywhere(play.clone())).spawn();
        operator.settled().await;
        let log = cluster.log();
        let refusal = Refusal::status(code).retry_after(secs(25));
        cluster.faults().on(Requests::of("configmaps")).times(3).answer(refusal);
        cluster.faults().watches_of("configmaps").cut();
        hand.create("a", "1").await;
        pass(secs(120)).await;
        let asked: Vec<_> = log.take().into_iter().filter(|exchange| exchange.method == "GET").collect();
        let refused: Vec<_> = asked.iter().map(|exchange| exchange.code == Some(code)).collect();
        assert_eq!(refused[..4], [true, true, true, false], "{asked:?}");
        for pair in asked[..4].windows(2) {
            let gap = pair[1].at.duration_since(pair[0].at).as_secs_f64();
            assert!((25.0..28.0).contains(&gap), "{pair:?}");
        }
        assert_eq!(play.take(), ["add default/a 1"], "{code}");
        operator.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_is_taken_down_at_its_deadline_and_resumed() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Everywhere(play.clone())).spawn();
    operator.settled().await;
    // The open watch alone falls silent, as one does behind a balancer that forgot it.
    let log = cluster.log();
    let silence = cluster.faults().watches_of("configmaps").silence();
    hand.create("a", "1").await;
    pass(secs(130)).await;
    assert_eq!(play.take(), [""; 0]);
    let watches = || log.take().into_iter().filter(|exchange| exchange.uri.contains("watch=true")).count();
    assert_eq!(watches(), 0, "bookmarks come about every minute: two of them may be late");
    pass(secs(10)).await;
    assert_eq!(watches(), 1);
    silence.lift();
    pass(millis(10)).await;
    assert_eq!(play.take(), ["add default/a 1"]);
    operator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_syncing_healthy_or_stale_and_says_so() {
    let cluster = quiet_cluster();
    Hand::of(&cluster).create("a", "1").await;
    let states = |operator: &Running| -> Vec<String> {
        let metrics = operator.handle().metrics();
        let lines =
            metrics.lines().filter(|line| line.starts_with("controller_rs_watch_state") && line.ends_with(" 1.0"));
        lines
            .map(|line| {
                line.split("state=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or(line).to_owned()
            })
            .collect()
    };
    cluster.faults().down();
    let operator = Operator::new("test").client(cluster.client()).controller(Everywhere(Play::well())).spawn();
    pass(secs(60)).await;
    assert_eq!(states(&operator), ["syncing"]);
    cluster.faults().up();
    operator.settled().await;
    assert_eq!(states(&operator), ["healthy"]);
    cluster.faults().down();
    pass(secs(60)).await;
    assert_eq!(states(&operator), ["stale"]);
    cluster.faults().up();
    operator.settled().await;
    pass(secs(60)).await;
    assert_eq!(states(&operator), ["healthy"]);
    operator.stop().await;
}
