//! Answers without what differs from run to run. What holds in every run stays: equal things are equal, and what was
//! later is later.
//!
//! A resourceVersion becomes the place of its change among those that the answers show, and that of a list or a bookmark
//! the last such place that it has reached. A uid and a generated name are numbered as they come, a time near the run's
//! own is a time, and a continue token is shown as what it holds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Lists whose order a real server draws by chance, or by the second in which something fell.
const UNORDERED: [&str; 4] = ["causes", "managedFields", "nonResourceRules", "resourceRules"];

struct Normal {
    now: Timestamp,
    /// The versions of the changes that the answers show.
    versions: BTreeSet<u64>,
    uids: BTreeMap<String, usize>,
    /// Generated names, and what they are called here.
    names: BTreeMap<String, String>,
}

/// All answers of one run.
pub(crate) fn normal(answers: Vec<Value>, now: Timestamp) -> Vec<Value> {
    let mut normal = Normal { now, versions: BTreeSet::new(), uids: BTreeMap::new(), names: BTreeMap::new() };
    for answer in &answers {
        normal.learn(answer);
    }
    answers.into_iter().map(|answer| normal.value("", answer, false)).collect()
}

/// Whether an object's version is that of a moment rather than that of a change: a list's, or a bookmark's.
fn is_of_a_moment(object: &serde_json::Map<String, Value>) -> bool {
    object.contains_key("items") || object.contains_key("rows") || object.contains_key("columnDefinitions")
}

fn is_bookmark(object: &serde_json::Map<String, Value>) -> bool {
    object.get("type").and_then(Value::as_str) == Some("BOOKMARK")
}

impl Normal {
    fn learn(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            Value::Object(object) => {
                if let Some(metadata) = object.get("metadata") {
                    let text = |member: &str| metadata.get(member).and_then(Value::as_str).unwrap_or_default();
                    if !is_of_a_moment(object)
                        && let Ok(version) = text("resourceVersion").parse()
                    {
                        self.versions.insert(version);
                    }
                    let (base, name) = (text("generateName"), text("name"));
                    if !base.is_empty()
                        && name.len() > base.len()
                        && name.starts_with(base)
                        && !self.names.contains_key(name)
                    {
                        let called = format!("{base}<{}>", self.names.len() + 1);
                        self.names.insert(name.to_owned(), called);
                    }
                }
                if is_bookmark(object) {
                    return;
                }
                object.values().for_each(|value| self.learn(value));
            }
            _ => {}
        }
    }

    fn value(&mut self, key: &str, value: Value, of_a_moment: bool) -> Value {
        match value {
            Value::String(text) => self.text(key, &text, of_a_moment).into(),
            Value::Array(items) => {
                let mut items: Vec<Value> = items.into_iter().map(|item| self.value(key, item, false)).collect();
                if UNORDERED.contains(&key) {
                    items.sort_by_key(Value::to_string);
                }
                items.into()
            }
            Value::Object(object) => {
                let moment = match key {
                    "metadata" => of_a_moment,
                    "object" => of_a_moment || is_of_a_moment(&object),
                    _ => is_of_a_moment(&object) || is_bookmark(&object),
                };
                object
                    .into_iter()
                    .map(|(key, value)| {
                        let value = self.value(&key, value, moment);
                        // An owner's uid is the key of its item in a field set.
                        let key = if key.starts_with("k:") { self.without_uids_and_times(&key) } else { key };
                        (key, value)
                    })
                    .collect()
            }
            Value::Number(number)
                if matches!(key, "nodePort" | "healthCheckNodePort")
                    && number.as_u64().is_some_and(|port| port >= 30_000) =>
            {
                "<port>".into()
            }
            other => other,
        }
    }

    fn text(&mut self, key: &str, text: &str, of_a_moment: bool) -> String {
        if key == "request" {
            return text.to_owned();
        }
        match key {
            "resourceVersion" => {
                if let Ok(version) = text.parse::<u64>() {
                    return self.version(version, of_a_moment);
                }
            }
            "continue" if !text.is_empty() => {
                let token =
                    URL_SAFE_NO_PAD.decode(text).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
                if let Some(token) = token {
                    let version = match token["rv"].as_u64() {
                        Some(version) => self.version(version, true).into(),
                        None => token["rv"].clone(),
                    };
                    return json!({"v": token["v"], "rv": version, "start": token["start"]}).to_string();
                }
            }
            "clusterIP" | "clusterIPs" if text.starts_with("10.") => return "<address>".into(),
            "token" if text.matches('.').count() == 2 => return "<token>".into(),
            "cells" if text.strip_suffix('s').is_some_and(|age| age.parse::<u8>().is_ok()) => return "<age>".into(),
            // The age of what a scenario dates grows with every day.
            "cells" if text.contains('y') => return without_years(text),
            "serverAddress" => return "<address>".into(),
            // The same in protobuf.
            "2" if text == "127.0.0.1" || text.parse::<SocketAddr>().is_ok() => return "<address>".into(),
            "jwks_uri" => {
                let path = text.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
                return path.map_or_else(|| text.to_owned(), |(_, path)| format!("https://<address>/{path}"));
            }
            _ => {}
        }
        let mut text = self.without_uids_and_times(text);
        for (name, called) in &self.names {
            text = text.replace(name, called);
        }
        let tells = ["esource version: ", "resourceVersion: ", "ResourceVersion in ", "resourceVersion\\\":"];
        if tells.iter().any(|tell| text.contains(tell)) {
            text = without_numbers(&text);
        }
        text
    }

    fn version(&self, version: u64, of_a_moment: bool) -> String {
        let place = self.versions.range(..=version).count();
        match self.versions.contains(&version) && !of_a_moment {
            true => format!("v{place}"),
            false if version == 0 => "0".to_owned(),
            false => format!("v{place}+"),
        }
    }

    /// A time near the run's own at the beginning of a text, by its length.
    fn time(&self, text: &str) -> Option<usize> {
        let bytes = text.as_bytes();
        let begins = bytes.len() >= 20 && bytes[4] == b'-' && bytes[10] == b'T' && bytes[0].is_ascii_digit();
        let length = begins.then(|| bytes.iter().take(40).position(|byte| *byte == b'Z')).flatten()? + 1;
        let time: Timestamp = text[..length].parse().ok()?;
        (time.duration_since(self.now).abs() < SignedDuration::from_hours(48)).then_some(length)
    }

    fn without_uids_and_times(&mut self, text: &str) -> String {
        const FORM: &[u8] = b"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
        let mut out = String::new();
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let is_uid = rest.len() >= FORM.len()
                && rest.bytes().zip(FORM).all(|(byte, form)| match form {
                    b'-' => byte == b'-',
                    _ => byte.is_ascii_hexdigit(),
                });
            let length = if is_uid {
                let count = self.uids.len() + 1;
                let number = self.uids.entry(rest[..FORM.len()].to_owned()).or_insert(count);
                out.push_str(&format!("<uid {number}>"));
                FORM.len()
            } else if let Some(length) = self.time(rest) {
                // A time in whole seconds and one with its fraction are not the same.
                out.push_str(if length > 20 { "<fine time>" } else { "<time>" });
                length
            } else {
                out.push(letter);
                letter.len_utf8()
            };
            rest = &rest[length..];
        }
        out
    }
}

/// A text without the ages of years and days in it.
fn without_years(text: &str) -> String {
    let is_age = |word: &str| {
        let parts = word.strip_suffix('d').and_then(|word| word.split_once('y'));
        parts.is_some_and(|(years, days)| years.parse::<u8>().is_ok() && days.parse::<u16>().is_ok())
    };
    let words = text.split_inclusive([' ', '(', ')']).map(|word| {
        let bare = word.trim_end_matches([' ', '(', ')']);
        if is_age(bare) { format!("<age>{}", &word[bare.len()..]) } else { word.to_owned() }
    });
    words.collect()
}

fn without_numbers(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter.is_ascii_digit() {
            true if out.ends_with('#') => {}
            true => out.push('#'),
            false => out.push(letter),
        }
    }
    out
}
