//! Many keys at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use controller_core::prelude::*;

use super::stage::{Answer, Hand, Play, pass, player, quiet_cluster};

player!(One(reconcile_delay = off) add modify delete reconcile);
player!(Thousands(reconcile_delay = off, concurrency = 2000) reconcile);
player!(Ticking(reconcile_delay = "100s") reconcile);

/// How many run at once, in all and for each key.
#[derive(Default)]
struct Census {
    now: BTreeMap<String, usize>,
    most: usize,
    most_of_a_key: usize,
    runs: usize,
}

struct Wide(Arc<Mutex<Census>>);

#[controller(api_version = "v1", kind = "ConfigMap", concurrency = 8, reconcile_delay = off)]
impl Wide {
    async fn reconcile(&self, _: &Value, cx: &Context<Self>) {
        let key = cx.key().to_string();
        {
            let mut census = self.0.lock().expect("nobody panics");
            census.runs += 1;
            let of_key = census.now.entry(key.clone()).or_default();
            *of_key += 1;
            let of_key = *of_key;
            census.most_of_a_key = census.most_of_a_key.max(of_key);
            census.most = census.most.max(census.now.values().sum());
        }
        tokio::time::sleep(secs(1)).await;
        if let Some(of_key) = self.0.lock().expect("nobody panics").now.get_mut(&key) {
            *of_key -= 1;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn keys_run_side_by_side_up_to_the_concurrency_and_each_one_at_a_time() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    for nth in 0..20 {
        hand.create(&format!("k{nth}"), "1").await;
    }
    let census = Arc::new(Mutex::new(Census::default()));
    let operator = Operator::new("test").client(cluster.client()).controller(Wide(Arc::clone(&census))).spawn();
    pass(millis(500)).await;
    for round in 0..5 {
        for nth in 0..20 {
            hand.change(&format!("k{nth}"), &format!("{round}")).await;
        }
    }
    operator.settled().await;
    let (most, most_of_a_key, runs) = {
        let found = census.lock().expect("nobody panics");
        (found.most, found.most_of_a_key, found.runs)
    };
    assert_eq!((most, most_of_a_key), (8, 1));
    // Eight had begun when the changes came: those run once more, the others once.
    assert_eq!(runs, 28);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn thousands_run_side_by_side_where_the_controller_asks_for_it() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    for nth in 0..3_000 {
        hand.create(&format!("k{nth}"), "1").await;
    }
    let play = Play::new(|_| Answer::After(secs(1), Ok(Action::Done)));
    let operator = Operator::new("test").client(cluster.client()).controller(Thousands(play.clone())).spawn();
    pass(millis(900)).await;
    let text = operator.handle().metrics();
    let busy = r#"controller_runtime_active_workers{controller="thousands"} 2000.0"#;
    assert!(text.lines().any(|line| line == busy), "{text}");
    pass(millis(1_200)).await;
    assert_eq!(play.take().iter().filter(|line| line.ends_with("ends")).count(), 3_000);
    operator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn resync_ticks_of_objects_found_together_are_spread_over_the_period() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    for nth in 0..500 {
        hand.create(&format!("k{nth}"), "1").await;
    }
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(Ticking(play.clone())).spawn();
    pass(secs(300)).await;
    let ticks = play.calls().into_iter().filter(|(_, call)| call.cause == Cause::Resync);
    let mut by_second: BTreeMap<u64, usize> = BTreeMap::new();
    ticks.for_each(|(at, _)| *by_second.entry(at.as_secs()).or_default() += 1);
    // Five a second on the average: from half of a period on there is no second without one, and none is a burst.
    let busy: Vec<usize> = (60..300).map(|second| by_second.get(&second).copied().unwrap_or_default()).collect();
    let (least, most) = (busy.iter().min().copied(), busy.iter().max().copied());
    assert!(most <= Some(20), "{most:?} ticks in a second: {busy:?}");
    assert!(least >= Some(0) && busy.iter().filter(|ticks| **ticks == 0).count() <= 12, "{busy:?}");
    assert!((1_000..=1_400).contains(&busy.iter().sum::<usize>()), "{}", busy.iter().sum::<usize>());
    operator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn with_one_worker_keys_run_in_the_order_in_which_they_came() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let play = Play::new(|_| Answer::After(secs(1), Ok(Action::Done)));
    let operator = Operator::new("test").client(cluster.client()).controller(One(play.clone())).spawn();
    operator.settled().await;
    let names: Vec<String> = (0..30).map(|nth| format!("k{}", (nth * 7) % 30)).collect();
    for name in &names {
        hand.create(name, "1").await;
    }
    operator.settled().await;
    let told: Vec<String> = play.take().into_iter().filter(|line| !line.ends_with("ends")).collect();
    let expect: Vec<String> = names.iter().map(|name| format!("add default/{name} 1")).collect();
    assert_eq!(told, expect);
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_served_before_what_was_found_at_start() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    for nth in 0..100 {
        hand.create(&format!("k{nth}"), "1").await;
    }
    let play = Play::new(|_| Answer::After(secs(1), Ok(Action::Done)));
    let operator = Operator::new("test").client(cluster.client()).controller(One(play.clone())).spawn();
    pass(millis(10_500)).await;
    hand.create("late", "1").await;
    pass(secs(3)).await;
    let told = play.take();
    assert!(told.iter().any(|line| line == "add default/late 1"), "{told:?}");
    operator.settled().await;
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_changes_of_two_hundred_keys_end_in_the_newest_of_each() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).controller(One(play.clone())).spawn();
    operator.settled().await;
    for nth in 0..200 {
        hand.create(&format!("k{nth}"), "0").await;
    }
    for round in 1..6 {
        for nth in 0..200 {
            hand.change(&format!("k{nth}"), &round.to_string()).await;
        }
    }
    operator.settled().await;
    let mut last: BTreeMap<String, u32> = BTreeMap::new();
    for (_, call) in play.calls() {
        let v: u32 = call.v.parse().expect("a number");
        let before = last.insert(call.name.clone(), v);
        assert!(before.is_none_or(|before| before <= v), "{} went back from {before:?} to {v}", call.name);
    }
    assert_eq!(last.len(), 200);
    assert!(last.values().all(|v| *v == 5));
    assert_eq!(operator.stop().await, ExitCode::SUCCESS);
}
