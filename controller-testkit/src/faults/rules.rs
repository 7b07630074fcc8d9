//! The state behind [`Faults`](super::Faults): which rules are armed and what has happened to each.
//!
//! Pure: the fronts ask what to do with a request or with the next line of a watch, and do it. Rules are looked at
//! in the order in which they were armed, so the same rules and the same requests give the same run.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;

use super::refusal::Refusal;
use super::requests::Requests;
use super::target::{Target, Verb};

/// Names an armed rule.
pub(crate) type RuleId = u64;
/// Names an open watch.
pub(crate) type WatchId = u64;

/// How a request ends early.
#[derive(Debug, Clone)]
pub(crate) enum Blow {
    Answer(Refusal),
    Reset,
    /// No answer, for as long as the rule stands.
    Hang,
}

/// What one rule does to a request.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    Delay(Duration),
    /// Before the server has seen the request.
    Before(Blow),
    /// Once the server has done what was asked.
    After(Blow),
    /// The body ends with a broken connection after so many bytes.
    Truncate(usize),
    /// The body comes in pieces of so many bytes.
    Pieces(NonZeroUsize),
    /// This text stands in a list in place of an item, or behind the last.
    Item {
        index: usize,
        text: String,
    },
    /// This is the body, whatever the server said.
    Body(Bytes),
}

/// All that the armed rules do to one request.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) delay: Duration,
    pub(crate) before: Option<Blow>,
    /// The rule for whose sake there is no answer.
    pub(crate) hang: Option<RuleId>,
    pub(crate) after: Option<Blow>,
    pub(crate) truncate: Option<usize>,
    pub(crate) pieces: Option<NonZeroUsize>,
    pub(crate) items: Vec<(usize, String)>,
    pub(crate) body: Option<Bytes>,
}

/// What happens to a watch once, at a certain event.
#[derive(Debug, Clone)]
pub(crate) enum Strike {
    /// The connection breaks.
    Cut,
    /// The answer ends as at its time limit.
    End,
    /// These bytes are sent, and the watch goes on.
    Say(Bytes),
    /// These bytes are sent, and then the answer ends.
    SayAndEnd(Bytes),
}

/// What holds for a watch until it is lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Nothing is sent.
    Silent,
    /// Changes later than this resource version are not shown.
    Held(u64),
    /// Changes are shown so much later than they are made.
    Late(Duration),
    /// The answer comes in pieces of this many bytes.
    Chunks(NonZeroUsize),
}

struct RequestRule {
    id: RuleId,
    requests: Requests,
    /// Matching requests to leave alone first.
    skip: usize,
    /// How many more to strike; `None` is every one.
    left: Option<usize>,
    /// The share of them that is struck, where not all are.
    share: Option<f64>,
    effect: Effect,
    fired: usize,
}

enum WatchAct {
    Strike {
        after: usize,
        left: Option<usize>,
        strike: Strike,
        /// The watches it is for, where it is not for present and future ones alike.
        only: Option<BTreeSet<WatchId>>,
        /// Events that each watch has had since the rule was armed.
        seen: BTreeMap<WatchId, usize>,
        struck: BTreeSet<WatchId>,
    },
    Level(Level),
}

struct WatchRule {
    id: RuleId,
    watches: Requests,
    act: WatchAct,
    fired: usize,
}

/// The armed rules, the open watches, and the state of the power.
#[derive(Default)]
pub(crate) struct Rules {
    last_id: u64,
    requests: Vec<RequestRule>,
    watches: Vec<WatchRule>,
    open: BTreeMap<WatchId, Target>,
    /// Which page a continue token leads to.
    pages: BTreeMap<String, usize>,
    down: bool,
    outages: u64,
    pub(crate) no_streaming_lists: bool,
    pub(crate) page_size: Option<NonZeroUsize>,
    /// How often each rule that is gone from the lists has fired.
    spent: BTreeMap<RuleId, usize>,
}

/// More continue tokens than this are not told apart: the oldest are forgotten.
const PAGES_KEPT: usize = 4096;

impl Rules {
    fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Arms a rule for requests.
    pub(crate) fn arm(
        &mut self,
        requests: Requests,
        skip: usize,
        left: Option<usize>,
        share: Option<f64>,
        effect: Effect,
    ) -> RuleId {
        let id = self.id();
        self.requests.push(RequestRule { id, requests, skip, left, share, effect, fired: 0 });
        id
    }

    /// Arms a strike at each watch's n-th event from here.
    pub(crate) fn strike_after(
        &mut self,
        watches: Requests,
        after: usize,
        left: Option<usize>,
        strike: Strike,
    ) -> RuleId {
        let id = self.id();
        let act = WatchAct::Strike { after, left, strike, only: None, seen: BTreeMap::new(), struck: BTreeSet::new() };
        self.watches.push(WatchRule { id, watches, act, fired: 0 });
        id
    }

    /// Strikes every watch that is open now, and none that is opened later.
    pub(crate) fn strike_now(&mut self, watches: &Requests, strike: &Strike) -> RuleId {
        let only: BTreeSet<WatchId> =
            self.open.iter().filter(|(_, target)| watches.holds(target, 1)).map(|(id, _)| *id).collect();
        let id = self.id();
        if !only.is_empty() {
            let act = WatchAct::Strike {
                after: 0,
                left: Some(only.len()),
                strike: strike.clone(),
                only: Some(only),
                seen: BTreeMap::new(),
                struck: BTreeSet::new(),
            };
            self.watches.push(WatchRule { id, watches: watches.clone(), act, fired: 0 });
        }
        id
    }

    /// Puts a level on present and future watches until it is lifted.
    pub(crate) fn level(&mut self, watches: Requests, level: Level) -> RuleId {
        let id = self.id();
        self.watches.push(WatchRule { id, watches, act: WatchAct::Level(level), fired: 0 });
        id
    }

    /// Disarms a rule.
    pub(crate) fn lift(&mut self, id: RuleId) {
        let fired = self.fired(id);
        self.requests.retain(|rule| rule.id != id);
        self.watches.retain(|rule| rule.id != id);
        self.spent.insert(id, fired);
    }

    /// Disarms every rule and turns every switch back; the power stays as it is.
    pub(crate) fn lift_all(&mut self) {
        let ids: BTreeSet<RuleId> =
            self.requests.iter().map(|rule| rule.id).chain(self.watches.iter().map(|rule| rule.id)).collect();
        for id in ids {
            self.lift(id);
        }
        self.no_streaming_lists = false;
        self.page_size = None;
    }

    /// Whether a rule for requests has been set and not lifted.
    pub(crate) fn stands(&self, id: RuleId) -> bool {
        self.requests.iter().any(|rule| rule.id == id)
    }

    /// How often a rule has struck.
    pub(crate) fn fired(&self, id: RuleId) -> usize {
        let requests = self.requests.iter().filter(|rule| rule.id == id).map(|rule| rule.fired);
        let watches = self.watches.iter().filter(|rule| rule.id == id).map(|rule| rule.fired);
        requests.chain(watches).sum::<usize>() + self.spent.get(&id).copied().unwrap_or(0)
    }

    /// Turns the power off or on.
    pub(crate) fn set_down(&mut self, down: bool) {
        if down && !self.down {
            self.outages += 1;
        }
        self.down = down;
    }

    pub(crate) fn is_down(&self) -> bool {
        self.down
    }

    /// How often the power has failed: whatever was opened under a lower count is dead.
    pub(crate) fn outages(&self) -> u64 {
        self.outages
    }

    /// Decides what happens to a request.
    pub(crate) fn meet(&mut self, target: &Target, rng: &mut fastrand::Rng) -> Plan {
        let mut plan = Plan::default();
        if self.requests.is_empty() {
            return plan;
        }
        let page = match target.query.get("continue").filter(|token| !token.is_empty()) {
            Some(token) => self.pages.get(token).copied().unwrap_or(2),
            None => 1,
        };
        for rule in self.requests.iter_mut().filter(|rule| rule.requests.holds(target, page)) {
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if rule.share.is_some_and(|share| rng.f64() >= share) {
                continue;
            }
            match &mut rule.left {
                Some(0) => continue,
                Some(left) => *left -= 1,
                None => {}
            }
            rule.fired += 1;
            match &rule.effect {
                Effect::Delay(delay) => plan.delay += *delay,
                Effect::Before(Blow::Hang) => plan.hang = plan.hang.or(Some(rule.id)),
                Effect::Before(blow) => drop(plan.before.get_or_insert_with(|| blow.clone())),
                Effect::After(blow) => drop(plan.after.get_or_insert_with(|| blow.clone())),
                Effect::Truncate(at) => plan.truncate = Some(*at),
                Effect::Pieces(size) => plan.pieces = Some(*size),
                Effect::Item { index, text } => plan.items.push((*index, text.clone())),
                Effect::Body(body) => plan.body = Some(body.clone()),
            }
        }
        plan
    }

    /// Notes which page a list's continue token leads to.
    pub(crate) fn note_page(&mut self, target: &Target, token: &str) {
        let asked = target.query.get("continue").and_then(|token| self.pages.get(token)).copied().unwrap_or(1);
        if self.pages.len() >= PAGES_KEPT {
            self.pages.clear();
        }
        self.pages.insert(token.to_owned(), asked + 1);
    }

    /// Whether any rule asks for a list's page, so that tokens are worth noting.
    pub(crate) fn counts_pages(&self) -> bool {
        !self.requests.is_empty()
    }

    /// A watch was opened.
    pub(crate) fn opened(&mut self, target: Target) -> WatchId {
        let id = self.id();
        self.open.insert(id, target);
        id
    }

    /// A watch is no more.
    pub(crate) fn closed(&mut self, watch: WatchId) {
        self.open.remove(&watch);
        for rule in &mut self.watches {
            if let WatchAct::Strike { left, only, seen, struck, .. } = &mut rule.act {
                seen.remove(&watch);
                let was_struck = struck.remove(&watch);
                if only.as_mut().is_some_and(|only| only.remove(&watch)) && !was_struck {
                    *left = left.map(|left| left.saturating_sub(1));
                }
            }
        }
        self.forget_spent();
    }

    /// Rules that can strike no more cost nothing more.
    fn forget_spent(&mut self) {
        let spent = |rule: &WatchRule| matches!(rule.act, WatchAct::Strike { left: Some(0), .. });
        for rule in self.watches.iter().filter(|rule| spent(rule)) {
            *self.spent.entry(rule.id).or_default() += rule.fired;
        }
        self.watches.retain(|rule| !spent(rule));
    }

    /// How many watches are open.
    pub(crate) fn open_watches(&self) -> usize {
        self.open.len()
    }

    /// Whether no rule speaks of watches: the fast path.
    pub(crate) fn leaves_watches_alone(&self) -> bool {
        self.watches.is_empty()
    }

    /// The strike that is due on a watch before its next event, which counts it as struck.
    pub(crate) fn due(&mut self, watch: WatchId) -> Option<Strike> {
        let target = self.open.get(&watch)?;
        let mut due = None;
        for rule in self.watches.iter_mut().filter(|rule| rule.watches.holds(target, 1)) {
            let WatchAct::Strike { after, left, strike, only, seen, struck } = &mut rule.act else { continue };
            let had = seen.get(&watch).copied().unwrap_or(0);
            let spared = only.as_ref().is_some_and(|only| !only.contains(&watch));
            if had < *after || spared || struck.contains(&watch) || *left == Some(0) {
                continue;
            }
            *left = left.map(|left| left - 1);
            struck.insert(watch);
            rule.fired += 1;
            due = Some(strike.clone());
            break;
        }
        if due.is_some() {
            self.forget_spent();
        }
        due
    }

    /// An event goes out on a watch.
    pub(crate) fn delivered(&mut self, watch: WatchId) {
        let Some(target) = self.open.get(&watch) else { return };
        for rule in self.watches.iter_mut().filter(|rule| rule.watches.holds(target, 1)) {
            if let WatchAct::Strike { seen, .. } = &mut rule.act {
                *seen.entry(watch).or_default() += 1;
            }
        }
    }

    /// The levels that hold for a watch.
    pub(crate) fn levels(&self, watch: WatchId) -> impl Iterator<Item = Level> {
        let target = self.open.get(&watch);
        self.watches.iter().filter(move |rule| target.is_some_and(|target| rule.watches.holds(target, 1))).filter_map(
            |rule| match rule.act {
                WatchAct::Level(level) => Some(level),
                WatchAct::Strike { .. } => None,
            },
        )
    }

    /// Whether some watch is shown changes late, so that the time of each must be kept.
    pub(crate) fn some_are_late(&self) -> bool {
        self.watches.iter().any(|rule| matches!(rule.act, WatchAct::Level(Level::Late(_))))
    }

    /// Whether a streaming list is to be refused.
    pub(crate) fn refuses_streaming_list(&self, target: &Target) -> bool {
        self.no_streaming_lists && target.verb == Verb::Watch && target.query.contains_key("sendInitialEvents")
    }
}
