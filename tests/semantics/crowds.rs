//! Many keys at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use controller_core::prelude::*;

use super::stage::{Answer, Hand, Play, pass, player, quiet_cluster};

player!(One(reconcile_delay = off) add modify delete reconcile);
player!(Thousands(reconcile_delay = off, concurrency = 2000) reconcile);

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

player!(Four(name = "four", concurrency = 4, reconcile_delay = off) add modify delete reconcile);

/// Whatever came before, as long as a worker is free.
#[tokio::test(start_paused = true)]
async fn while_a_worker_is_free_no_key_waits_for_one_that_is_busy() {
    // Each bit is an object whose run is slow, or a quick one.
    for order in (0..1_u32 << 8).filter(|order| order.count_ones() < 4) {
        let cluster = quiet_cluster();
        let hand = Hand::of(&cluster);
        let play = Play::new(|call| match call.v.as_str() {
            "slow" => Answer::After(secs(1_000), Ok(Action::Done)),
            _ => Answer::Done,
        });
        let operator = Operator::new("test").client(cluster.client()).controller(Four(play.clone())).spawn();
        operator.settled().await;
        for nth in 0..8 {
            let v = if order >> nth & 1 == 1 { "slow" } else { "quick" };
            hand.create(&format!("k{nth}"), v).await;
            pass(millis(10)).await;
            assert_eq!(play.take(), [format!("add default/k{nth} {v}")], "order {order:08b}");
        }
        drop(operator);
    }
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
async fn of_each_eight_runs_one_is_of_each_group_that_waits_behind() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    for nth in 0..20 {
        hand.create(&format!("found{nth}"), "1").await;
    }
    let play = Play::new(|call| match (call.name.starts_with("again"), call.attempt) {
        (true, 1) => Answer::Say(Err(Error::temporary("once more").after(millis(1)).into())),
        _ => Answer::After(secs(1), Ok(Action::AwaitChange)),
    });
    let operator = Operator::new("test").client(cluster.client()).controller(One(play.clone())).spawn();
    pass(millis(10)).await;
    // They fail at once, and wait for their turn again behind a flood of events.
    for nth in 0..20 {
        hand.create(&format!("again{nth}"), "1").await;
    }
    for nth in 0..300 {
        hand.create(&format!("event{nth}"), "1").await;
    }
    operator.settled().await;
    let calls = play.calls();
    let place = |call: &(Duration, super::stage::Call)| {
        let (_, call) = call;
        (call.name.clone(), call.attempt)
    };
    let order = calls.iter().map(place).filter(|(name, attempt)| !name.starts_with("again") || *attempt > 1);
    let order: Vec<_> = order.collect();
    for group in ["found", "again"] {
        let places: Vec<usize> =
            (0..).zip(&order).filter(|(_, (name, _))| name.starts_with(group)).map(|(at, _)| at).collect();
        assert_eq!(places.len(), 20, "{group}");
        let widest = places.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(widest.is_some_and(|widest| widest <= 8), "{group} waits for {widest:?} runs: {places:?}");
        assert!(places.last().is_some_and(|last| *last > 100), "{group} does not come before the events: {places:?}");
    }
    operator.stop().await;
}

player!(Ticking(reconcile_delay = "100s") reconcile);

#[tokio::test(start_paused = true)]
async fn objects_found_together_do_not_come_back_together() {
    let cluster = quiet_cluster();
    let hand = Hand::of(&cluster);
    for nth in 0..200 {
        hand.create(&format!("k{nth}"), "1").await;
    }
    let play = Play::well();
    let operator = Operator::new("test").client(cluster.client()).chance(1).controller(Ticking(play.clone())).spawn();
    pass(secs(420)).await;
    let mut runs: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    for (at, call) in play.calls() {
        runs.entry(call.name).or_default().push(at);
    }
    assert_eq!(runs.len(), 200);
    let mut firsts = [0; 10];
    for (name, times) in &runs {
        let waits: Vec<u64> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
        assert!(waits.len() >= 2, "{name}: {waits:?}");
        assert!((50..150).contains(&waits[0]), "{name}: the first tick is spread over the period: {waits:?}");
        assert!(waits[1..].iter().all(|wait| (90..=110).contains(wait)), "{name}: later ones by a tenth: {waits:?}");
        firsts[usize::try_from((waits[0] - 50) / 10).expect("small")] += 1;
    }
    assert!(firsts.iter().all(|tenth| (8..=40).contains(tenth)), "no burst in any tenth of the period: {firsts:?}");
    operator.stop().await;
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
