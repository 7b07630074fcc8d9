//! What is to be reached, and whether a run reaches it. All are ratios of medians of one run, or shares of a thing itself.

use crate::corpus::Corpus;
use crate::figure::Figures;
use crate::report::number;
use crate::workload::what;

/// The judgement of one goal.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// `P1`
    pub id: &'static str,
    /// What is wanted.
    pub goal: &'static str,
    /// What was measured; empty where nothing was.
    pub measured: String,
    /// Whether it holds. None where it can't be told.
    pub holds: Option<bool>,
}

/// A bound on one number.
struct Check {
    measured: String,
    holds: bool,
}

const LAZY: &str = "lazy";
const TYPED: &str = "typed";
const KUBE: &str = "kube-runtime";
const KUBE_TUNED: &str = "kube-runtime-tuned";
const GO: &str = "controller-runtime";
const GO_TUNED: &str = "controller-runtime-tuned";

/// Where pages are 500 objects.
const TWO_PAGES: f64 = 1000.0;

/// Judges all goals.
pub fn judge(figures: &Figures) -> Vec<Verdict> {
    let ratio = |workload, what, ours, peer, goal| ratio(figures, workload, what, ours, peer, goal);
    let verdict = |id, goal, checks: Vec<Option<Check>>| Verdict::of(id, goal, checks);
    vec![
        verdict(
            "P1",
            "lazy CPU per firehose event at most 1/20 of kube-runtime tuned and of controller-runtime with protobuf",
            vec![ratio("w2", what::CPU_EVENT, LAZY, KUBE_TUNED, 20.0), ratio("w2", what::CPU_EVENT, LAZY, GO, 20.0)],
        ),
        verdict(
            "P2",
            "typed CPU per firehose event at most 1/3 of both",
            vec![ratio("w2", what::CPU_EVENT, TYPED, KUBE_TUNED, 3.0), ratio("w2", what::CPU_EVENT, TYPED, GO, 3.0)],
        ),
        verdict(
            "P3",
            "CPU of the first sync at most 1/9 of kube-runtime tuned lazy, 1/2.5 with each decoded",
            vec![
                ratio("w1", what::CPU_OBJECT, LAZY, KUBE_TUNED, 9.0),
                ratio("w1", what::CPU_OBJECT, TYPED, KUBE_TUNED, 2.5),
            ],
        ),
        verdict(
            "P4",
            "memory per cached pod at most 1/8 of kube-runtime, 1/4 of each tuned peer, 1.3 times its stripped JSON; compressed 1/40 of kube-runtime",
            vec![
                ratio("w1", what::MEMORY_OBJECT, LAZY, KUBE, 8.0),
                ratio("w1", what::MEMORY_OBJECT, LAZY, KUBE_TUNED, 4.0),
                ratio("w1", what::MEMORY_OBJECT, LAZY, GO_TUNED, 4.0),
                stripped_share(figures),
                cold(figures),
            ],
        ),
        verdict(
            "P5",
            "peak memory of the first sync at most 2 pages over what stays, of a relist at most 10 %",
            vec![
                at_most(figures, "w1", what::PEAK, LAZY, TWO_PAGES * Corpus::PodLarge.sizes().bytes as f64 / 1e6, "MB"),
                at_most(figures, "w5", what::PEAK_SHARE, LAZY, 10.0, "%"),
            ],
        ),
        verdict(
            "P6",
            "event to callback at 1,000 a second: p50 lazy at most 1/4, typed 1/2 of controller-runtime with protobuf, p99 no worse",
            vec![
                latency(figures, what::P50, LAZY, 4.0),
                latency(figures, what::P50, TYPED, 2.0),
                latency(figures, what::P99, LAZY, 1.0),
                latency(figures, what::P99, TYPED, 1.0),
            ],
        ),
        verdict(
            "P7",
            "events a second: lazy at least 8 times, typed 2 times controller-runtime with protobuf; lazy keeps up with 20,000",
            vec![rate(figures, LAZY, 8.0), rate(figures, TYPED, 2.0), keeps_up(figures)],
        ),
        verdict("P9", "callgrind gates: judged by the tests of the scanner, not here", vec![None]),
        verdict("P10", "overhead of an object beyond its bytes at most 200 B", vec![overhead(figures)]),
        verdict(
            "P11",
            "cost per event within 20 % from 1,000 to 1,000,000 cached objects, and from 1 to 10,000 keys",
            vec![flat(figures, "cached"), flat(figures, "waiting")],
        ),
        verdict(
            "P12",
            "100,000 idle objects with a tick of 30 s: at most 5 % of a core",
            vec![at_most_in(
                figures,
                "w9",
                "100000 pod-large, tick of 30 s",
                what::CPU_SHARE,
                LAZY,
                5.0,
                "% of a core",
            )],
        ),
    ]
}

/// One line for all.
pub fn line(verdicts: &[Verdict]) -> String {
    let ids = |holds| {
        let ids: Vec<_> = verdicts.iter().filter(|verdict| verdict.holds == holds).map(|verdict| verdict.id).collect();
        if ids.is_empty() { "none".to_owned() } else { ids.join(", ") }
    };
    format!("goals: hold {}; missed {}; not measured {}", ids(Some(true)), ids(Some(false)), ids(None))
}

/// The goals as Markdown.
pub fn table(verdicts: &[Verdict]) -> String {
    let mut out = String::from("| id | goal | measured | |\n| --- | --- | --- | --- |\n");
    for Verdict { id, goal, measured, holds } in verdicts {
        let word = match holds {
            Some(true) => "holds",
            Some(false) => "**missed**",
            None => "not measured",
        };
        out += &format!("| {id} | {goal} | {measured} | {word} |\n");
    }
    out
}

impl Verdict {
    /// It holds if all checks do; one that is missed is enough to miss it; else one that can't be made leaves it open.
    fn of(id: &'static str, goal: &'static str, checks: Vec<Option<Check>>) -> Self {
        let open = checks.iter().any(Option::is_none);
        let made: Vec<_> = checks.into_iter().flatten().collect();
        let missed = made.iter().any(|check| !check.holds);
        let measured: Vec<_> = made.into_iter().map(|check| check.measured).collect();
        let holds = if missed { Some(false) } else { (!open).then_some(true) };
        Self { id, goal, measured: measured.join("; "), holds }
    }
}

/// How many times more the peer needs.
fn ratio(figures: &Figures, workload: &str, what: &str, ours: &str, peer: &str, goal: f64) -> Option<Check> {
    let (_, [own, other]) = large_pods(figures).medians(workload, what, [ours, peer])?;
    let times = other / own;
    let missed = if times < goal { format!(", goal 1/{goal}") } else { String::new() };
    Some(Check { measured: format!("{ours} 1/{times:.1} of {peer}{missed}"), holds: times >= goal })
}

/// Of W1 and W2 the goals speak of large pods.
fn large_pods(figures: &Figures) -> Figures {
    let other = |case: &str| case.contains("pod-") && !case.contains("pod-large");
    Figures(figures.0.iter().filter(|figure| !other(&figure.case)).cloned().collect())
}

fn stripped_share(figures: &Figures) -> Option<Check> {
    let (_, [kilobytes]) = large_pods(figures).medians("w1", what::MEMORY_OBJECT, [LAZY])?;
    let times = kilobytes * 1e3 / Corpus::PodLarge.sizes().stripped as f64;
    Some(Check { measured: format!("{times:.2} times the stripped JSON"), holds: times <= 1.3 })
}

/// The cold tier beside what is kept decoded.
fn cold(figures: &Figures) -> Option<Check> {
    let own = figures.spread("w9", "100000 pod-large, compressed", "compressed", what::MEMORY_OBJECT)?.median;
    let (_, [kube]) = large_pods(figures).medians("w1", what::MEMORY_OBJECT, [KUBE])?;
    let times = kube / own;
    Some(Check { measured: format!("compressed 1/{times:.0} of {KUBE}"), holds: times >= 40.0 })
}

fn at_most(figures: &Figures, workload: &str, what: &str, subject: &str, bound: f64, unit: &str) -> Option<Check> {
    let (case, [value]) = large_pods(figures).medians(workload, what, [subject])?;
    Some(Check { measured: format!("{} {unit} ({case})", number(value)), holds: value <= bound })
}

fn at_most_in(
    figures: &Figures,
    workload: &str,
    case: &str,
    what: &str,
    subject: &str,
    bound: f64,
    unit: &str,
) -> Option<Check> {
    let value = figures.spread(workload, case, subject, what)?.median;
    Some(Check { measured: format!("{} {unit}", number(value)), holds: value <= bound })
}

fn latency(figures: &Figures, what: &str, ours: &str, goal: f64) -> Option<Check> {
    let median = |subject| figures.spread("w4", "1000 a second", subject, what).map(|spread| spread.median);
    let (own, other) = (median(ours)?, median(GO)?);
    let name = what.split(',').next().unwrap_or(what);
    let measured = format!("{name} {ours} {own:.3} ms, {GO} {other:.3} ms");
    Some(Check { measured, holds: own * goal <= other })
}

fn rate(figures: &Figures, ours: &str, goal: f64) -> Option<Check> {
    let (_, [own, other]) = large_pods(figures).medians("w2", what::RATE, [ours, GO])?;
    let times = own / other;
    Some(Check { measured: format!("{ours} {}/s, {times:.1} times", number(own)), holds: times >= goal })
}

/// Without a backlog a change is seldom held up, and never for long.
fn keeps_up(figures: &Figures) -> Option<Check> {
    let case = "20000 a second";
    let late = figures.spread("w4", case, LAZY, what::LATE)?.median;
    let p99 = figures.spread("w4", case, LAZY, what::P99).map_or(f64::INFINITY, |spread| spread.median);
    let measured = format!("at 20,000/s p99 {} ms, {} % held up", number(p99), number(late));
    Some(Check { measured, holds: late <= 5.0 && p99 <= 100.0 })
}

/// What one object more takes: the difference between two sizes is free of what the process itself takes.
fn overhead(figures: &Figures) -> Option<Check> {
    let beyond = |case| Some(figures.spread("w1", case, LAZY, what::BEYOND)?.median);
    let (few, many) = (beyond("10000 pod-large")?, beyond("100000 pod-large")?);
    let each = (many * 100_000.0 - few * 10_000.0) / 90_000.0;
    let measured =
        format!("{} B for one object more; {} B with all of the process counted", number(each), number(many));
    Some(Check { measured, holds: each <= 200.0 })
}

fn flat(figures: &Figures, of: &str) -> Option<Check> {
    let cases: Vec<_> = figures.0.iter().filter(|f| f.workload == "scale" && f.case.ends_with(of)).collect();
    let costs: Vec<f64> = cases
        .iter()
        .filter(|figure| figure.what == what::CPU_EVENT)
        .filter_map(|figure| Some(figures.spread("scale", &figure.case, LAZY, what::CPU_EVENT)?.median))
        .collect();
    let (least, most) = (costs.iter().copied().reduce(f64::min)?, costs.iter().copied().reduce(f64::max)?);
    let measured = format!("{} to {} µs with more {of}", number(least), number(most));
    (costs.len() > 1).then_some(Check { measured, holds: most <= least * 1.2 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Figure;

    fn figures(given: &[(&str, &str, &str, &str, f64)]) -> Figures {
        let figure = |&(workload, case, subject, what, value): &(&str, &str, &str, &str, f64)| Figure {
            workload: workload.into(),
            case: case.into(),
            subject: subject.into(),
            what: what.into(),
            round: 0,
            value,
        };
        Figures(given.iter().map(figure).collect())
    }

    #[track_caller]
    fn check(id: &str, given: &[(&str, &str, &str, &str, f64)], holds: Option<bool>) {
        let verdicts = judge(&figures(given));
        let verdict = verdicts.iter().find(|verdict| verdict.id == id).expect("the goal is judged");
        assert_eq!(verdict.holds, holds, "{verdict:?}");
    }

    #[test]
    fn a_goal_holds_against_both_peers_or_not_at_all() {
        let cpu = |subject, value| ("w2", "10000 pod-large", subject, what::CPU_EVENT, value);
        check("P1", &[cpu(LAZY, 5.0), cpu(KUBE_TUNED, 100.0), cpu(GO, 100.0)], Some(true));
        check("P1", &[cpu(LAZY, 5.0), cpu(KUBE_TUNED, 100.0), cpu(GO, 99.0)], Some(false));
        check("P1", &[cpu(LAZY, 5.0), cpu(KUBE_TUNED, 99.0)], Some(false));
        check("P1", &[cpu(LAZY, 5.0), cpu(KUBE_TUNED, 100.0)], None);
        check("P1", &[], None);
        check("P2", &[cpu(TYPED, 33.0), cpu(KUBE_TUNED, 99.0), cpu(GO, 100.0)], Some(true));
    }

    #[test]
    fn goals_are_judged_on_large_pods_and_the_most_of_them() {
        let cpu = |case, subject, value| ("w1", case, subject, what::CPU_OBJECT, value);
        let at = |case, lazy| [cpu(case, LAZY, lazy), cpu(case, TYPED, 20.0), cpu(case, KUBE_TUNED, 90.0)];
        let (small, large) = ("1000 pod-large", "100000 pod-large");
        check("P3", &[at(small, 50.0), at(large, 10.0)].concat(), Some(true));
        check("P3", &[at(small, 10.0), at(large, 50.0)].concat(), Some(false));
        check("P3", &[at(large, 10.0), at("10000 pod-small", 50.0)].concat(), Some(true));
    }

    #[test]
    fn bounds_on_a_thing_itself_need_no_peer() {
        let relist = |share| ("w5", "10000 pod-large", LAZY, what::PEAK_SHARE, share);
        let sync = |megabytes| ("w1", "10000 pod-large", LAZY, what::PEAK, megabytes);
        check("P5", &[relist(9.0), sync(8.0)], Some(true));
        check("P5", &[relist(11.0), sync(8.0)], Some(false));
        check("P5", &[relist(9.0), sync(9.0)], Some(false));
        check("P12", &[("w9", "100000 pod-large, tick of 30 s", LAZY, what::CPU_SHARE, 4.0)], Some(true));
        check("P12", &[("w9", "100000 pod-large, no tick", LAZY, what::CPU_SHARE, 4.0)], None);
        let scale = |case, value| ("scale", case, LAZY, what::CPU_EVENT, value);
        let keys = [scale("1 waiting", 4.0), scale("10000 waiting", 4.5)];
        let at = |million| [&keys[..], &[scale("1000 cached", 4.0), scale("1000000 cached", million)]].concat();
        check("P11", &at(4.7), Some(true));
        check("P11", &at(4.9), Some(false));
    }

    #[test]
    fn the_last_line_says_which_goals_hold() {
        let verdict = |id, holds| Verdict { id, goal: "", measured: String::new(), holds };
        let verdicts =
            [verdict("P1", Some(true)), verdict("P2", Some(false)), verdict("P3", None), verdict("P4", None)];
        assert_eq!(line(&verdicts), "goals: hold P1; missed P2; not measured P3, P4");
        assert_eq!(line(&verdicts[..1]), "goals: hold P1; missed none; not measured none");
    }
}
