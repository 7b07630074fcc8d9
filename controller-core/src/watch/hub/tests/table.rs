//! One history, delivered in every way in which a server can break it: what is told is what a model says, and a watch
//! of another kind on the same hub sees nothing of it.

use std::time::Duration;

use super::super::*;
use super::scene::{LISTED, LOG, Pace, Scene, WAYS, page, pass, undisturbed};
use super::server::{Chunks, Future, Op, Refusal, Reply, Server, too_large};

/// What happens to the open watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Break {
    End,
    Reset,
    Silence,
}

const BREAKS: [Break; 3] = [Break::End, Break::Reset, Break::Silence];

impl Break {
    /// Behind this part of a line.
    fn strike(self, server: &mut Server, part: &str) {
        server.say(part);
        match self {
            Self::End => server.end(),
            Self::Reset => server.reset(),
            Self::Silence => server.falls_silent(),
        }
    }
}

const MOMENT: Duration = Duration::from_millis(1);

/// The third failure in a row is waited for no longer.
const SHORT: Duration = Duration::from_millis(400);

#[tokio::test(start_paused = true)]
async fn a_cut_at_any_event_loses_nothing_and_repeats_nothing() {
    let other = undisturbed().await;
    for way in WAYS {
        for at in LISTED..=LOG.len() {
            for how in BREAKS {
                for pace in [Pace::AtOnce, Pace::Slow] {
                    let scene = Scene::listed(way).await;
                    scene.happen(at - LISTED, MOMENT).await;
                    scene.pods(|server| {
                        let half = if at < LOG.len() { server.line(at + 1) } else { String::new() };
                        how.strike(server, &half[..half.len() / 2]);
                    });
                    scene.rest(pace).await;
                    scene.over().await;
                    let when = format!("{way:?}, cut at {at} {how:?}, {pace:?}");
                    scene.check(Some(1), &other, &when);
                    // From the last version that was heard of, be it by a bookmark.
                    let resumed =
                        scene.pods(|server| server.asked.iter().any(|(_, asked)| *asked == format!("watch {at}")));
                    assert!(resumed, "{when}");
                }
            }
        }
    }
}

/// What a refusal leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leads {
    /// The version is forgotten: a list follows.
    List,
    /// The server has not reached the version: a watch lists, and all else is asked again.
    ListForAWatch,
    /// It is asked again, after this many seconds where the server said so.
    Again(u64),
}

/// Every form of 410, 429 and 503 that is a `Status`, and what else a server says that can't answer now.
fn refusals() -> Vec<(Refusal, Leads)> {
    let status = Refusal::status;
    let mut refusals = vec![
        (status(410, r#","reason":"Expired","code":410"#), Leads::List),
        (status(410, r#","reason":"Gone","code":410"#), Leads::List),
        (status(410, r#","code":410"#), Leads::List),
        (status(410, r#","reason":"Expired""#), Leads::List),
        (status(410, r#","reason":"Gone""#), Leads::List),
        // A token for the rest of the list as it is now: its pages would be of two versions.
        (status(410, r#","metadata":{"continue":"7-1"},"reason":"Expired","code":410"#), Leads::List),
        (too_large(), Leads::ListForAWatch),
        (status(500, r#","reason":"InternalError","code":500"#), Leads::Again(0)),
        (status(504, r#","reason":"Timeout","code":504"#), Leads::Again(0)),
    ];
    for code in [429, 503] {
        refusals.extend([
            (status(code, &format!(r#","code":{code}"#)), Leads::Again(0)),
            (status(code, &format!(r#","code":{code},"details":{{"retryAfterSeconds":7}}"#)), Leads::Again(7)),
        ]);
    }
    refusals
}

/// Those that come as answers alone besides: with a header, or without a `Status`.
fn answers() -> Vec<(Refusal, Leads)> {
    let text = |code, body: &str| Refusal { code, retry_after: None, body: body.to_owned() };
    let mut answers = refusals();
    answers.extend([(text(410, ""), Leads::List), (text(410, "too old resource version: 3 (9)"), Leads::List)]);
    for code in [429, 503] {
        answers.extend([
            (text(code, ""), Leads::Again(0)),
            (text(code, "").later("7"), Leads::Again(7)),
            (Refusal::status(code, r#","details":{"retryAfterSeconds":1}"#).later("7"), Leads::Again(7)),
            (text(code, "slow down").later("Fri, 31 Dec 1999 23:59:59 GMT"), Leads::Again(0)),
        ]);
    }
    answers
}

/// Whether a wait is what the server asked for, or else a short one.
#[track_caller]
fn waits(gap: Duration, leads: Leads, when: &str) {
    match leads {
        Leads::List | Leads::Again(0) => assert!(gap <= SHORT, "{when}: {gap:?}"),
        Leads::ListForAWatch => assert!(gap <= 3 * SHORT, "{when}: {gap:?}"),
        Leads::Again(seconds) => {
            let asked = Duration::from_secs(seconds);
            assert!(gap >= asked && gap <= asked.mul_f64(1.1) + MOMENT, "{when}: {gap:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_at_any_event_is_answered_by_what_it_says() {
    let other = undisturbed().await;
    for way in WAYS {
        for at in LISTED..=LOG.len() {
            for (refusal, leads) in refusals() {
                for ends in [true, false] {
                    let pace = if ends { Pace::AtOnce } else { Pace::Slow };
                    let scene = Scene::listed(way).await;
                    scene.happen(at - LISTED, MOMENT).await;
                    let (asked, struck) = (scene.asked(), Clock::system().instant());
                    scene.pods(|server| {
                        server.say(&refusal.line());
                        // The client leaves by itself.
                        if ends { server.end() } else { server.falls_silent() }
                    });
                    scene.rest(pace).await;
                    let when = format!("{way:?}, {refusal:?} at {at}, {pace:?}");
                    scene.check(Some(if matches!(leads, Leads::Again(_)) { 1 } else { 2 }), &other, &when);
                    let next = scene.pods(|server| server.asked[asked].0);
                    waits(next.saturating_duration_since(struck), leads, &when);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_resume_is_answered_by_what_it_says() {
    let other = undisturbed().await;
    // After a break a look at the server comes first.
    let places = [(Break::End, 0), (Break::Reset, 0), (Break::Reset, 1)];
    for way in [page(0), page(1), page(2)] {
        for at in LISTED..=LOG.len() {
            for (refusal, leads) in answers() {
                for (how, nth) in places {
                    let scene = Scene::listed(way).await;
                    scene.happen(at - LISTED, MOMENT).await;
                    let asked = scene.asked();
                    scene.pods(|server| {
                        server.plan.extend(std::iter::repeat_n(Reply::AsUsual, nth));
                        server.plan.push_back(Reply::Refused(refusal.clone()));
                        how.strike(server, "");
                    });
                    scene.rest(Pace::AtOnce).await;
                    let when = format!("{way:?}, {how:?} at {at}, then {refusal:?} as answer {nth}");
                    let probes = how == Break::Reset && nth == 0;
                    let listed = leads == Leads::List || leads == Leads::ListForAWatch && !probes;
                    scene.check(Some(if listed { 2 } else { 1 }), &other, &when);
                    waits(scene.gap(asked + nth), leads, &when);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_answered_is_asked_again() {
    let other = undisturbed().await;
    for way in WAYS {
        let pages = way.map_or(0, |size| 5_usize.div_ceil(size.get()));
        for reply in [Reply::Reset, Reply::Hang, Reply::Torn { bytes: 0, in_order: true }, Reply::Stuck { bytes: 0 }] {
            // The first list.
            for nth in 0..=pages {
                let scene = Scene::start(way, false, |server| {
                    server.plan.extend(std::iter::repeat_n(Reply::AsUsual, nth));
                    server.plan.push_back(reply.clone());
                });
                scene.rest(Pace::Slow).await;
                scene.check(Some(1), &other, &format!("{way:?}, {reply:?} as answer {nth}"));
            }
            // A resume.
            for at in LISTED..=LOG.len() {
                for (how, nth) in [(Break::End, 0), (Break::Reset, 0), (Break::Reset, 1)] {
                    let scene = Scene::listed(way).await;
                    scene.happen(at - LISTED, MOMENT).await;
                    scene.pods(|server| {
                        server.plan.extend(std::iter::repeat_n(Reply::AsUsual, nth));
                        server.plan.push_back(reply.clone());
                        how.strike(server, "");
                    });
                    scene.rest(Pace::AtOnce).await;
                    let when = format!("{way:?}, {how:?} at {at}, then {reply:?} as answer {nth}");
                    scene.check(Some(1), &other, &when);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_list_is_answered_by_what_it_says_on_any_page() {
    let other = undisturbed().await;
    for way in WAYS {
        // What is there to stream is asked for first.
        let pages = way.map_or(0, |size| 5_usize.div_ceil(size.get()));
        for nth in 0..=pages {
            for (refusal, leads) in answers() {
                let when = format!("{way:?}, {refusal:?} as answer {nth}");
                let plan = |server: &mut Server| {
                    server.plan.extend(std::iter::repeat_n(Reply::AsUsual, nth));
                    server.plan.push_back(Reply::Refused(refusal.clone()));
                };
                let follows = |scene: &Scene, nth: usize| {
                    waits(scene.gap(nth), leads, &when);
                    let [before, after] = scene.pods(|server| [nth, nth + 1].map(|at| server.asked[at].1.clone()));
                    let expect = match leads {
                        Leads::List if way.is_some() && before != "stream" => "list",
                        Leads::List => "stream",
                        _ => &before,
                    };
                    assert_eq!(after, expect, "{when}");
                };
                // The first list.
                let scene = Scene::start(way, false, plan);
                scene.rest(Pace::Slow).await;
                follows(&scene, nth);
                scene.check(Some(1), &other, &when);
                // One that is read again.
                if nth < pages.max(1) {
                    let scene = Scene::listed(way).await;
                    let asked = scene.asked();
                    scene.pods(|server| {
                        let gone = server.gone.line();
                        server.say(&gone);
                        server.end();
                        (0..6).for_each(|_| server.happens());
                        plan(server);
                    });
                    scene.rest(Pace::Slow).await;
                    follows(&scene, asked + nth);
                    scene.check(Some(2), &other, &when);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_breaks_off_at_any_byte_is_read_again() {
    let other = undisturbed().await;
    for way in [page(0), page(2)] {
        let sent = Scene::listed(way).await.pods(|server| server.sent);
        // The last page of three, and what the others are is known.
        let (nth, length) = if way.is_some() { (3, sent / 5) } else { (0, sent) };
        for bytes in 0..length {
            let torn = [true, false].map(|in_order| Reply::Torn { bytes, in_order });
            for reply in torn.into_iter().chain([Reply::Stuck { bytes }]) {
                let when = format!("{way:?}, {reply:?}");
                let scene = Scene::start(way, false, |server| {
                    server.plan.extend(std::iter::repeat_n(Reply::AsUsual, nth));
                    server.plan.push_back(reply);
                });
                scene.rest(Pace::AtOnce).await;
                scene.check(Some(1), &other, &when);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_that_breaks_off_at_any_byte_comes_again_whole() {
    let other = undisturbed().await;
    // An object appears, changes, goes, comes back as another one, and a bookmark.
    for at in LISTED..LISTED + 5 {
        let line = Server::new(&LOG, LISTED, None).line(at + 1);
        for bytes in 0..=line.len() {
            for how in [Break::End, Break::Reset] {
                let scene = Scene::listed(None).await;
                scene.happen(at - LISTED, MOMENT).await;
                // A last line may lack nothing but its end.
                let whole = bytes == line.len() || bytes + 1 == line.len() && how == Break::End;
                scene.pods(|server| {
                    how.strike(server, &line[..bytes]);
                    if whole {
                        server.now += 1;
                        server.told(server.now);
                    }
                });
                scene.rest(Pace::AtOnce).await;
                let when = format!("line {at} cut at byte {bytes} {how:?}");
                scene.check(Some(1), &other, &when);
                let from = format!("watch {}", at + usize::from(whole));
                assert!(scene.pods(|server| server.asked.iter().any(|(_, asked)| *asked == from)), "{when}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn where_chunks_are_cut_makes_no_difference() {
    let other = undisturbed().await;
    let follow = async |way, chunks| {
        let scene = Scene::start(way, false, |server| server.chunks = chunks);
        pass(1).await;
        scene.rest(Pace::AtOnce).await;
        scene.check(Some(1), &other, &format!("{way:?}, {chunks:?}"));
        scene.pods(|server| server.sent)
    };
    for way in WAYS {
        for size in 1..=64 {
            follow(way, Chunks::Of(page(size).expect("not zero"))).await;
        }
    }
    let whole = follow(None, Chunks::Whole).await;
    for at in 0..whole {
        follow(None, Chunks::SplitAt(at)).await;
    }
    // The pages; what is watched then differs in nothing.
    for at in 0..whole / 3 {
        follow(page(2), Chunks::SplitAt(at)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_back_as_it_was_is_followed_from_where_it_was_left() {
    let other = undisturbed().await;
    for way in WAYS {
        for at in LISTED..=LOG.len() {
            for forgets in [false, true] {
                for seconds in [0, 1, 50] {
                    let scene = Scene::listed(way).await;
                    scene.happen(at - LISTED, MOMENT).await;
                    scene.pods(|server| {
                        server.reset();
                        server.down = true;
                        let left = (LOG.len() - server.now).min(3);
                        (0..left).for_each(|_| server.happens());
                    });
                    pass(seconds).await;
                    scene.pods(|server| {
                        server.down = false;
                        if forgets {
                            // With nothing missing there is nothing that the server has forgotten.
                            server.log.insert(server.now, Op::Mark);
                            server.happens();
                            server.compacted = server.now;
                        }
                    });
                    scene.rest(Pace::Slow).await;
                    let when = format!("{way:?}, down at {at} for {seconds} s, forgets: {forgets}");
                    scene.check(Some(if forgets { 2 } else { 1 }), &other, &when);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_was_set_back_is_believed() {
    let other = undisturbed().await;
    let futures = [Future::TooLarge, Future::Silence, Future::Bookmark];
    let breaks = [(Break::Reset, Future::TooLarge), (Break::Silence, Future::TooLarge)];
    let breaks = futures.map(|future| (Break::End, future)).into_iter().chain(breaks);
    // Another course of things from there on.
    let then = [Op::Put("n", "N"), Op::Put("a", "A"), Op::Del("n"), Op::Put("b", "B3"), Op::Mark];
    for way in WAYS {
        for to in 0..LOG.len() {
            for (how, future) in breaks.clone() {
                let scene = Scene::start(way, true, |_| ());
                pass(1).await;
                scene.happen(LOG.len() - LISTED, MOMENT).await;
                scene.pods(|server| {
                    how.strike(server, "");
                    server.future = future;
                    server.set_back(to, &then);
                    // What it does before it is seen again stays below what is known: no client could tell else.
                    (0..(LOG.len() - 1 - to).min(2)).for_each(|_| server.happens());
                });
                scene.rest_from_there().await;
                scene.check(Some(2), &other, &format!("{way:?}, set back to {to}, {how:?}, {future:?}"));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_resumed_watch_repeats_changes_nothing() {
    let other = undisturbed().await;
    for way in [page(0), page(1), page(2)] {
        for at in LISTED..=LOG.len() {
            for repeats in 0..=at {
                for adds_again in [true, false] {
                    let scene = Scene::listed(way).await;
                    scene.happen(at - LISTED, MOMENT).await;
                    scene.pods(|server| {
                        (server.repeats, server.adds_again) = (repeats, adds_again);
                        server.end();
                    });
                    scene.rest_from_there().await;
                    let when = format!("{way:?}, resumed at {at} with {repeats} repeated, all added: {adds_again}");
                    // One that would come back from before is settled by a list.
                    let lists = scene.pods(|server| server.truth.lists);
                    assert!(lists == 1 || repeats > 0 && lists == 2, "{when}: {lists} lists");
                    scene.check(None, &other, &when);
                }
            }
        }
    }
}
