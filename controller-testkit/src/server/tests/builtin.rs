//! What is refused in objects of the built-in kinds, beside what a kube-apiserver v1.37.2 answered to the same.
//!
//! A line of `kinds/validate/observed.jsonl` either brings an object to start from, which is created, or a new object
//! (`create`) or a change of one (`update`) or of its status (`status`), as pointers into it and what they are set to:
//! null takes away, and a text `@x` and a number is so many letters. All of these are dry runs, so that no line depends
//! on another.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Rig, text};

#[test]
fn built_in_objects_are_judged_as_by_a_real_server() {
    let lines = || {
        let table = include_str!("../../kinds/validate/observed.jsonl");
        table.lines().map(|line| serde_json::from_str::<Value>(line).expect("each line is JSON"))
    };
    let mut rig = Rig::new();
    let bases: BTreeMap<String, (String, Value)> = lines()
        .filter(|line| line.get("base").is_some())
        .map(|line| (text(&line["base"]).to_owned(), (text(&line["path"]).to_owned(), line["object"].clone())))
        .collect();
    let mut wrong = Vec::new();
    for (path, object) in bases.values() {
        let got = rig.post(path, object.clone());
        if got.code != 201 {
            wrong.push(format!("{path}: {}", got.text));
        }
    }
    for case in lines().filter(|line| line.get("base").is_none()) {
        let changes = case["with"].as_object().expect("changes");
        let got = if let Some(base) = case.get("create") {
            let (path, object) = &bases[text(base)];
            let mut object = object.clone();
            if !changes.contains_key("/metadata/name") {
                object["metadata"]["name"] = json!(format!("{}x", text(&object["metadata"]["name"])));
            }
            changes.iter().for_each(|(pointer, value)| set(&mut object, pointer, value));
            rig.post(&format!("{path}?dryRun=All"), object)
        } else {
            let (base, part) = match case.get("status") {
                Some(base) => (base, "/status"),
                None => (&case["update"], ""),
            };
            let (path, object) = &bases[text(base)];
            let path = format!("{path}/{}{part}", text(&object["metadata"]["name"]));
            let mut object = rig.get(&path).body;
            changes.iter().for_each(|(pointer, value)| set(&mut object, pointer, value));
            rig.put(&format!("{path}?dryRun=All"), object)
        };
        let mut expected: Vec<String> = case["causes"].as_array().into_iter().flatten().map(told).collect();
        let causes = got.body.pointer("/details/causes").and_then(Value::as_array);
        let mut answered: Vec<String> = causes
            .into_iter()
            .flatten()
            .map(|cause| told(&json!([cause["field"], cause["reason"], cause["message"]])))
            .collect();
        expected.sort();
        answered.sort();
        if case["code"] != got.code || expected != answered {
            wrong.push(format!(
                "{}\n  expected {} {expected:#?}\n  answered {} {answered:#?}",
                case, case["code"], got.code,
            ));
        }
    }
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// A value as it is sent: long ones are written short.
fn unfolded(value: &Value) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix("@x").map(str::parse::<usize>) {
            Some(Ok(length)) => json!("x".repeat(length)),
            _ => value.clone(),
        },
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), unfolded(value))).collect(),
        other => other.clone(),
    }
}

/// Sets what a pointer leads to; objects on the way are made, null takes away, and `-` is the end of a list.
fn set(object: &mut Value, pointer: &str, value: &Value) {
    let value = &unfolded(value);
    let (parent, member) = pointer.rsplit_once('/').expect("a pointer");
    let mut place = object;
    for step in parent.split('/').skip(1) {
        let step = step.replace("~1", "/");
        place = match place {
            Value::Array(items) => &mut items[step.parse::<usize>().expect("an index")],
            Value::Object(fields) => fields.entry(step).or_insert_with(|| json!({})),
            other => panic!("{pointer} leads into {other}"),
        };
    }
    match place {
        Value::Array(items) if member == "-" => items.push(value.clone()),
        Value::Array(items) => items[member.parse::<usize>().expect("an index")] = value.clone(),
        Value::Object(fields) if value.is_null() => drop(fields.remove(member)),
        Value::Object(fields) => drop(fields.insert(member.to_owned(), value.clone())),
        other => panic!("{pointer} leads into {other}"),
    }
}

/// A cause without what differs from run to run, and without the values that the real server shows as its own inner
/// types rather than as the API's; label selectors are shown as they are sent.
fn told(cause: &Value) -> String {
    let message = text(&cause[2]);
    let start = [": {", ": [{"].iter().filter_map(|opening| message.find(opening)).min();
    let shown = start.and_then(|start| {
        let mut values = serde_json::Deserializer::from_str(&message[start + 2..]).into_iter::<Value>();
        let shown = values.next()?.ok()?;
        Some((start, start + 2 + values.byte_offset(), shown))
    });
    let message = match shown {
        Some((start, end, shown))
            if shown.get("matchLabels").or(shown.get("matchExpressions")).is_none()
                || shown.to_string().contains("controller-uid") =>
        {
            format!("{}{}", &message[..start], &message[end..])
        }
        _ => message.to_owned(),
    };
    format!("{} {}: {message}", text(&cause[1]), text(&cause[0]))
}

#[test]
fn addresses_are_named_by_themselves() {
    let mut rig = Rig::new();
    let parent = json!({"resource": "services", "namespace": "default", "name": "a"});
    for (name, code, why) in [
        ("fe80::42:1dff:fe84:f9e2", 201, ""),
        ("10.0.0.9", 201, ""),
        ("fe80:0::1", 422, "must be in canonical form (\"fe80::1\")"),
        ("a", 422, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
    ] {
        let body = json!({"metadata": {"name": name}, "spec": {"parentRef": parent}});
        let got = rig.post("/apis/networking.k8s.io/v1/ipaddresses", body);
        assert_eq!(got.code, code, "{}", got.text);
        assert!(got.message().ends_with(why), "{}", got.text);
    }
}
