//! Which callback is called when, and with what.

use controller_core::prelude::*;
use kube::api::{Api, DeleteParams, PostParams};

use super::stage::{Answer, Hand, Play, pass, player, quiet_cluster};

player!(Four(reconcile_delay = off) add modify delete reconcile);
player!(OnlyReconcile(reconcile_delay = off) reconcile);
player!(OnlyAdd() add);
player!(OnlyModify() modify);
player!(OnlyDelete() delete);
player!(AddsAtStart(reconcile_delay = off, on_start = add) add modify delete reconcile);
player!(SkipsAtStart(reconcile_delay = off, on_start = skip) add modify delete reconcile);

/// One story for every set of callbacks: an object is there, changes, one comes, changes, and both go.
async fn story<C: controller_core::Described>(make: impl FnOnce(Play) -> C) -> Vec<String> {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    hand.create("old", "1").await;
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).chance(1).controller(make(play.clone())).spawn();
    operator.settled().await;
    hand.change("old", "2").await;
    operator.settled().await;
    hand.create("new", "1").await;
    operator.settled().await;
    hand.change("new", "2").await;
    operator.settled().await;
    hand.delete("old").await;
    hand.delete("new").await;
    operator.settled().await;
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
    play.take()
}

#[tokio::test(start_paused = true)]
async fn what_is_written_decides_what_is_called() {
    let four = [
        "reconcile default/old 1",
        "modify default/old 2 after 1",
        "add default/new 1",
        "modify default/new 2 after 1",
        "delete default/old 2",
        "delete default/new 2",
    ];
    assert_eq!(story(Four).await, four);
    let only =
        ["reconcile default/old 1", "reconcile default/old 2", "reconcile default/new 1", "reconcile default/new 2"];
    assert_eq!(story(OnlyReconcile).await, only);
    assert_eq!(story(OnlyAdd).await, ["add default/old 1", "add default/new 1"]);
    assert_eq!(story(OnlyModify).await, ["modify default/old 2 after 1", "modify default/new 2 after 1"]);
    assert_eq!(story(OnlyDelete).await, ["delete default/old 2", "delete default/new 2"]);
    let mut adds = four;
    adds[0] = "add default/old 1";
    assert_eq!(story(AddsAtStart).await, adds);
    assert_eq!(story(SkipsAtStart).await, four[1..]);
}

#[tokio::test(start_paused = true)]
async fn callbacks_of_one_key_never_overlap_and_many_changes_are_one_more_run() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let play = Play::new(|call| match call.v.as_str() {
        "1" => Answer::After(Duration::from_secs(10), Ok(Action::Done)),
        _ => Answer::Done,
    });
    let operator = Operator::new("test").client(cluster.client()).controller(Four(play.clone())).spawn();
    operator.settled().await;
    hand.create("a", "1").await;
    pass(Duration::from_secs(1)).await;
    for v in 2..=101 {
        hand.change("a", &v.to_string()).await;
    }
    operator.settled().await;
    assert_eq!(play.take(), ["add default/a 1", "add default/a ends", "modify default/a 101 after 1"]);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn a_new_uid_under_one_name_is_delete_and_then_add_also_while_a_callback_runs() {
    for busy in [false, true] {
        let cluster = quiet_cluster();
        let hand = Hand::of(&cluster);
        let wait = Duration::from_secs(if busy { 10 } else { 0 });
        let play = Play::new(move |call| match call.callback {
            "add" if call.v == "1" => Answer::After(wait, Ok(Action::Done)),
            _ => Answer::Done,
        });
        let operator = Operator::new("test").client(cluster.client()).controller(Four(play.clone())).spawn();
        operator.settled().await;
        hand.create("a", "1").await;
        pass(Duration::from_secs(1)).await;
        hand.delete("a").await;
        hand.create("a", "2").await;
        operator.settled().await;
        let expect = ["add default/a 1", "add default/a ends", "delete default/a 1", "add default/a 2"];
        assert_eq!(play.take(), expect, "busy: {busy}");
        assert_eq!(operator.stop().await, ExitCode::SUCCESS);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_add_is_retried_as_add_with_the_newest_object_and_its_delete_follows() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let play = Play::new(|call| match call.callback {
        "add" => Answer::Say(Err(Error::temporary("not now").after(Duration::from_secs(60)).into())),
        _ => Answer::Done,
    });
    let operator = Operator::new("test").client(cluster.client()).controller(Four(play.clone())).spawn();
    operator.settled().await;
    hand.create("a", "1").await;
    pass(Duration::from_secs(1)).await;
    // A new event on a key that waits runs at once, as `add`, and keeps the count.
    hand.change("a", "2").await;
    pass(Duration::from_secs(1)).await;
    pass(Duration::from_secs(60)).await;
    assert_eq!(play.take(), ["add default/a 1", "add default/a 2", "add default/a 2"]);
    let attempts: Vec<_> = play.calls().into_iter().map(|(_, call)| (call.attempt, call.cause)).collect();
    assert_eq!(attempts.iter().map(|(attempt, _)| *attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(attempts[0].1, Cause::Added);
    assert_eq!(attempts[2].1, Cause::Retry(2));
    // It was started, so the object's end is told, and the retry is dropped.
    hand.delete("a").await;
    pass(Duration::from_secs(600)).await;
    assert_eq!(play.take(), ["delete default/a 2"]);
    operator.settled().await;
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn an_add_that_was_never_started_is_dropped_with_its_object() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    // The one worker is busy with another key.
    let play = Play::new(|call| match call.name.as_str() {
        "busy" => Answer::After(Duration::from_secs(10), Ok(Action::Done)),
        _ => Answer::Done,
    });
    let operator = Operator::new("test").client(cluster.client()).controller(Four(play.clone())).spawn();
    operator.settled().await;
    hand.create("busy", "1").await;
    pass(Duration::from_secs(1)).await;
    hand.create("brief", "1").await;
    pass(Duration::from_secs(1)).await;
    hand.delete("brief").await;
    operator.settled().await;
    assert_eq!(play.take(), ["add default/busy 1", "add default/busy ends"]);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_fails_is_retried_and_who_comes_back_waits_for_it() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let play = Play::new(|call| match (call.callback, call.attempt) {
        ("delete", 1 | 2) => Answer::Say(Err(Error::temporary("not now").after(Duration::from_secs(30)).into())),
        _ => Answer::Done,
    });
    let operator = Operator::new("test").client(cluster.client()).controller(Four(play.clone())).spawn();
    operator.settled().await;
    hand.create("a", "1").await;
    operator.settled().await;
    hand.delete("a").await;
    pass(Duration::from_secs(1)).await;
    hand.create("a", "2").await;
    operator.settled().await;
    let expect =
        ["add default/a 1", "delete default/a 1", "delete default/a 1", "delete default/a 1", "add default/a 2"];
    assert_eq!(play.take(), expect);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn previous_is_the_last_version_that_was_delivered() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let play = Play::new(|call| match call.v.as_str() {
        "2" => Answer::Say(Err("not now".into())),
        "4" => Answer::Say(Err(Error::permanent("never").into())),
        _ => Answer::Done,
    });
    let operator = Operator::new("test").client(cluster.client()).controller(Four(play.clone())).spawn();
    operator.settled().await;
    hand.create("a", "1").await;
    operator.settled().await;
    hand.change("a", "2").await;
    pass(Duration::from_millis(6)).await;
    hand.change("a", "3").await;
    operator.settled().await;
    hand.change("a", "4").await;
    operator.settled().await;
    hand.change("a", "5").await;
    operator.settled().await;
    let mut told = play.take();
    told.dedup();
    let expect = [
        "add default/a 1",
        "modify default/a 2 after 1",
        "modify default/a 3 after 1",
        "modify default/a 4 after 3",
        "modify default/a 5 after 4",
    ];
    assert_eq!(told, expect);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn what_a_relist_does_not_change_is_not_delivered_and_what_it_does_is() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    for name in ["changed", "gone", "kept", "reborn"] {
        hand.create(name, "1").await;
    }
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Four(play.clone())).spawn();
    operator.settled().await;
    assert_eq!(play.take().len(), 4);
    cluster.faults().down();
    hand.change("changed", "2").await;
    hand.delete("gone").await;
    hand.delete("reborn").await;
    hand.create("reborn", "2").await;
    hand.create("new", "1").await;
    cluster.faults().forget();
    cluster.faults().up();
    operator.settled().await;
    let mut told = play.take();
    told.sort();
    let expect = [
        "add default/new 1",
        "add default/reborn 2",
        "delete default/gone 1",
        "delete default/reborn 1",
        "modify default/changed 2 after 1",
    ];
    assert_eq!(told, expect);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

player!(First(name = "first", reconcile_delay = off) add modify delete);
player!(Second(name = "second", reconcile_delay = off, labels = "tier=gold") add modify delete);
player!(InTwo(name = "in-two", reconcile_delay = off, namespace = ["a", "b"]) add modify delete);

#[tokio::test(start_paused = true)]
async fn controllers_of_one_kind_are_each_told_what_is_in_their_scope() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    for namespace in ["a", "b", "c"] {
        hand.namespace(namespace).await;
    }
    let (first, second, in_two) = (Play::well(), Play::well(), Play::well());
    let operator = Operator::new("test")
        .client(cluster.client())
        .controller(First(first.clone()))
        .controller(Second(second.clone()))
        .controller(InTwo(in_two.clone()))
        .spawn();
    operator.settled().await;
    assert_eq!(cluster.faults().open_watches(), 1, "the one of all serves those who ask for less");
    let made = |name: &str, tier: Option<&str>| {
        let mut map = super::stage::map(name, "1");
        map.metadata.labels = tier.map(|tier| [("tier".to_owned(), tier.to_owned())].into());
        map
    };
    for (namespace, tier) in [("a", None), ("b", Some("gold")), ("c", Some("gold"))] {
        let maps: Api<_> = hand.maps(namespace);
        maps.create(&PostParams::default(), &made("x", tier)).await.expect("created");
    }
    operator.settled().await;
    // It no longer matches the selector: for its controller it is gone.
    hand.maps("b").replace("x", &PostParams::default(), &made("x", Some("tin"))).await.expect("changed");
    operator.settled().await;
    hand.maps("c").delete("x", &DeleteParams::default()).await.expect("deleted");
    operator.settled().await;
    assert_eq!(first.take(), ["add a/x 1", "add b/x 1", "add c/x 1", "modify b/x 1 after 1", "delete c/x 1"]);
    assert_eq!(second.take(), ["add b/x 1", "add c/x 1", "delete b/x 1", "delete c/x 1"]);
    assert_eq!(in_two.take(), ["add a/x 1", "add b/x 1", "modify b/x 1 after 1"]);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}
