//! Where answers differ: in groups of a kind, a place and the shape of what is there, each with its least request.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use super::super::difference::{self, Difference};
use super::super::play::Player;
use super::ask;
use super::case::Case;

#[derive(Default)]
pub(crate) struct Report {
    equal: usize,
    played: usize,
    groups: BTreeMap<(String, String), Group>,
}

/// What differs in the same way.
struct Group {
    count: usize,
    least: Case,
    /// What is said on either side, for the reader.
    told: String,
}

/// How often a request is made smaller before it is told.
const CUTS: usize = 150;
/// How long requests are made smaller, all together.
const SHRINKING: Duration = Duration::from_secs(240);

impl Report {
    pub(crate) fn take(&mut self, case: &Case, real: &[Value], ours: &[Value]) {
        self.played += 1;
        let Some((shapes, told)) = found(real, ours) else {
            self.equal += 1;
            return;
        };
        let case = &upto(case, real, ours);
        for shape in shapes {
            let told = told.clone();
            let key = (case.kind.clone(), shape);
            let group = self.groups.entry(key).or_insert_with(|| Group { count: 0, least: case.clone(), told });
            group.count += 1;
            if case.text.len() < group.least.text.len() {
                group.least = case.clone();
                group.told = found(real, ours).map(|(_, told)| told).unwrap_or_default();
            }
        }
    }

    /// The most frequent first.
    fn order(&self) -> Vec<(String, String)> {
        let mut keys: Vec<_> = self.groups.keys().cloned().collect();
        keys.sort_by_key(|key| std::cmp::Reverse(self.groups[key].count));
        keys
    }

    /// Leaves out of the requests what is not needed to show the difference.
    pub(crate) async fn shrink(&mut self, groups: usize, ours: &Player<'_>, theirs: &Player<'_>) -> Result<()> {
        let started = Instant::now();
        let mut tried = 0;
        // What shows several differences is made smaller for one of them.
        let mut seen = BTreeSet::new();
        for key in self.order().into_iter().take(groups) {
            let Some(group) = self.groups.get_mut(&key) else { continue };
            let (end, mut at) = (tried + CUTS, 0);
            if !seen.insert(group.least.text.clone()) {
                continue;
            }
            while tried < end && started.elapsed() < SHRINKING {
                let Some(mut smaller) = without(&group.least, at) else { break };
                tried += 1;
                if smaller.is_story {
                    smaller.space = format!("z{tried}");
                    theirs.settle(&smaller.space).await?;
                    ours.settle(&smaller.space).await?;
                }
                let scenario = smaller.scenario()?;
                let (real, ours) = (ask(theirs, &scenario).await, ask(ours, &scenario).await);
                match found(&real, &ours) {
                    Some((shapes, told)) if shapes.contains(&key.1) => {
                        group.least = smaller;
                        group.told = told;
                    }
                    _ => at += 1,
                }
            }
        }
        Ok(())
    }

    pub(crate) fn told(&self, groups: usize) -> String {
        let mut out = String::new();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for key in self.order().into_iter().take(groups) {
            let Group { count, least, told } = &self.groups[&key];
            let _ = writeln!(out, "== {count} x {} {}", key.0, key.1);
            // What shows several differences is told once.
            if seen.insert(&least.text) {
                let _ = writeln!(out, "{}\n{told}", least.text.trim().replace("\n\n", "\n"));
            }
        }
        let _ = writeln!(out, "{} groups", self.groups.len());
        let _ = write!(out, "{} of {} equal", self.equal, self.played);
        out
    }
}

/// A story up to its first difference.
fn upto(case: &Case, real: &[Value], ours: &[Value]) -> Case {
    let mut case = case.clone();
    let at = real.iter().zip(ours).position(|(real, ours)| !differences(real, ours).is_empty());
    if let (true, Some(at)) = (case.is_story, at) {
        case.text = case.text.split("\n\n").take(at + 1).collect::<Vec<_>>().join("\n\n");
    }
    case
}

/// A case that lacks one request, or whose bodies lack one member, the one of this number from the outside in.
fn without(case: &Case, number: usize) -> Option<Case> {
    let blocks: Vec<&str> = case.text.split("\n\n").filter(|block| !block.trim().is_empty()).collect();
    let mut cut = Case { ..case.clone() };
    if case.is_story && number < blocks.len() {
        let rest = blocks.iter().enumerate().filter(|(at, _)| *at != number).map(|(_, block)| *block);
        cut.text = rest.collect::<Vec<_>>().join("\n\n");
        return Some(cut);
    }
    let mut number = if case.is_story { number - blocks.len() } else { number };
    let mut lines: Vec<String> = case.text.lines().map(str::to_owned).collect();
    for line in lines.iter_mut().rev().filter(|line| line.starts_with(['{', '['])) {
        let Ok(mut body) = serde_json::from_str(line) else { continue };
        let mut pointers = Vec::new();
        list(&body, "", &mut pointers);
        pointers.sort_by_key(|pointer: &String| pointer.matches('/').count());
        if let Some(pointer) = pointers.get(number) {
            super::mutation::remove(&mut body, pointer);
            *line = body.to_string();
            cut.text = lines.join("\n");
            return Some(cut);
        }
        number -= pointers.len();
    }
    None
}

fn list(value: &Value, pointer: &str, found: &mut Vec<String>) {
    let mut step = |name: &str, value: &Value| {
        let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
        found.push(pointer.clone());
        list(value, &pointer, found);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| step(name, value)),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, value)| step(&at.to_string(), value)),
        _ => {}
    }
}

/// Where answers differ, but for what a real server draws by chance, and for the prose of columns, which the embedded
/// server does not have.
fn differences(real: &Value, ours: &Value) -> Vec<Difference> {
    let mut found = difference::differences(real, ours);
    found.retain(|found| !(found.place.contains("/columnDefinitions/") && found.place.ends_with("/description")));
    found.retain(|found| match (found.place.as_str(), &found.real, &found.ours) {
        ("/body/message", Some(Value::String(real)), Some(Value::String(ours))) => !by_chance(real, ours),
        _ => true,
    });
    found
}

/// Whether messages tell of the same faults in another order, where Go goes through a map: of custom resources, and of
/// fields that are not in a schema, of which it names the first one.
fn by_chance(real: &str, ours: &str) -> bool {
    let faults = |text: &str| {
        let list = text.split_once("is invalid: [").and_then(|(_, list)| list.strip_suffix(']'));
        let mut faults: Vec<String> = list.unwrap_or(text).split(", ").map(str::to_owned).collect();
        faults.sort();
        faults
    };
    let undeclared = |text: &str| text.contains("typed patch object") && text.contains("not declared in schema");
    (undeclared(real) && undeclared(ours)) || (real.contains("explore.example.com") && faults(real) == faults(ours))
}

/// The first answers that differ: the shapes of their differences, and what is said.
fn found(real: &[Value], ours: &[Value]) -> Option<(BTreeSet<String>, String)> {
    if real.len() != ours.len() {
        let (real, ours) = (real.last(), ours.last());
        let side = |value: Option<&Value>| value.map(|value| short(value, 300)).unwrap_or_default();
        let told = format!("  real: {}\n  ours: {}", side(real), side(ours));
        return Some((BTreeSet::from(["trouble".to_owned()]), told));
    }
    let pair = real.iter().zip(ours).find(|(real, ours)| !differences(real, ours).is_empty())?;
    Some(shapes(pair.0, pair.1))
}

fn short(value: &Value, length: usize) -> String {
    let text = value.to_string();
    match text.char_indices().nth(length) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn causes(answer: &Value) -> Vec<String> {
    let causes = answer.pointer("/body/details/causes").and_then(Value::as_array).into_iter().flatten();
    let text = |cause: &Value, member: &str| cause[member].as_str().unwrap_or_default().to_owned();
    causes
        .map(|cause| format!("{} {}: {}", text(cause, "reason"), text(cause, "field"), text(cause, "message")))
        .collect()
}

fn message(answer: &Value) -> &str {
    let text = answer.pointer("/body/message").or_else(|| answer.get("text"));
    text.and_then(Value::as_str).unwrap_or_default()
}

fn shapes(real: &Value, ours: &Value) -> (BTreeSet<String>, String) {
    let failed = |answer: &Value| !answer["code"].as_u64().is_some_and(|code| (200..300).contains(&code));
    let side = |answer: &Value| match answer.get("code").is_some() && failed(answer) {
        true => format!("{} {}", answer["code"], message(answer).chars().take(700).collect::<String>()),
        false => format!("{}", answer["code"]),
    };
    let request = real["request"].as_str().unwrap_or_default();
    let told = format!("  {request}\n  real: {}\n  ours: {}", side(real), side(ours));
    let (theirs, own) = (causes(real), causes(ours));
    let is_said = message(real) != message(ours) || theirs != own;
    if is_said && (failed(real) || failed(ours)) {
        let missing = theirs.iter().filter(|cause| !own.contains(cause)).map(|cause| format!("-{}", shape(cause)));
        let extra = own.iter().filter(|cause| !theirs.contains(cause)).map(|cause| format!("+{}", shape(cause)));
        let both: Vec<String> = missing.chain(extra).collect();
        let code = format!("{}/{}", real["code"], ours["code"]);
        let said = match both.is_empty() {
            false => both.join(" "),
            true => format!("{} | {}", shape(message(real)), shape(message(ours))),
        };
        return (BTreeSet::from([format!("{code} {said}")]), told);
    }
    let mut shapes = BTreeSet::new();
    let mut told = told;
    for difference in differences(real, ours).into_iter().take(6) {
        shapes.insert(match difference.place.starts_with("/headers/warning") {
            true => format!("warning {} | {}", side_shape(&difference.real), side_shape(&difference.ours)),
            false => format!("{}: {} | {}", place(&difference.place), of(&difference.real), of(&difference.ours)),
        });
        let side = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), |value| short(value, 400));
        let _ = write!(told, "\n  {}: {} | {}", difference.place, side(&difference.real), side(&difference.ours));
    }
    (shapes, told)
}

fn side_shape(value: &Option<Value>) -> String {
    value.as_ref().map(|value| shape(&value.to_string())).unwrap_or_default()
}

fn of(value: &Option<Value>) -> &'static str {
    match value {
        None => "nothing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "bool",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "list",
        Some(Value::Object(_)) => "object",
    }
}

/// A place without the numbers of items and the keys of field sets' items.
fn place(pointer: &str) -> String {
    let steps = pointer.split('/').map(|step| match step.parse::<usize>() {
        Ok(_) => "*",
        Err(_) if step.starts_with("k:") || step.starts_with("v:") => "k:*",
        Err(_) => step,
    });
    steps.collect::<Vec<_>>().join("/")
}

/// A message without what is quoted in it, without numbers and long words.
fn shape(text: &str) -> String {
    let mut out = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for letter in text.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                quoted = !quoted;
                if quoted {
                    out.push_str("\"…\"");
                }
            }
            _ if quoted => {}
            _ if letter.is_ascii_digit() => {
                if !out.ends_with('#') {
                    out.push('#');
                }
            }
            _ => out.push(letter),
        }
    }
    out.chars().take(220).collect()
}
