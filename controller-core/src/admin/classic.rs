//! Owns the older of Prometheus' text formats (0.0.4), for those who read no OpenMetrics: the same samples, with
//! counters named as their samples are.

use std::collections::BTreeSet;

/// What OpenMetrics text says, in the older format.
pub(super) fn from_open_metrics(text: &str) -> String {
    let counter = |line: &'_ str| line.strip_prefix("# TYPE ")?.strip_suffix(" counter").map(str::to_owned);
    let counters: BTreeSet<String> = text.lines().filter_map(counter).collect();
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let described = line.strip_prefix("# ").and_then(|rest| {
            let (word, rest) = rest.split_once(' ')?;
            let (name, rest) = rest.split_once(' ')?;
            Some((word, name, rest))
        });
        match described {
            Some(("HELP" | "TYPE", name, _)) if counters.contains(name) => {
                out.push_str(&line.replacen(name, &format!("{name}_total"), 1));
            }
            Some(("UNIT", ..)) => continue,
            _ if line == "# EOF" => continue,
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_named_as_their_samples() {
        let modern = "\
# HELP run Total run time of run_total
# TYPE run counter
run_total{a=\"# EOF\"} 1
# HELP depth Depth
# TYPE depth gauge
# UNIT depth seconds
depth 2.5
# EOF
";
        let classic = "\
# HELP run_total Total run time of run_total
# TYPE run_total counter
run_total{a=\"# EOF\"} 1
# HELP depth Depth
# TYPE depth gauge
depth 2.5
";
        assert_eq!(from_open_metrics(modern), classic);
    }
}
