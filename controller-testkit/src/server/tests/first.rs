//! What a fresh cluster has, as the lines say it.

use expect_test::{ExpectFile, expect_file};
use serde_json::Value;

use crate::apply::{Manager, Managers, Operation, Writer};
use crate::auth::{self, Filled};
use crate::catalog::{Catalog, Resource, split_api_version};
use crate::server::scope::{key, table};
use crate::server::{first, meta, owners};
use crate::store::write_object;

fn parsed<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Value> {
    lines.map(|line| serde_json::from_str(&line[line.find('{').expect("an object")..]).expect("JSON")).collect()
}

fn resource<'a>(catalog: &'a Catalog, object: &Value) -> &'a Resource {
    let text = |member: &str| object[member].as_str().expect("an object of some kind");
    let (group, version) = split_api_version(text("apiVersion"));
    catalog.by_kind(group, version, text("kind")).expect("a built-in kind")
}

/// Holds that the file has these objects in the store's order of members, and with marks.
#[track_caller]
fn hold(objects: Vec<Value>, file: &ExpectFile) {
    let catalog = Catalog::builtin();
    let mut text = String::new();
    for mut object in objects {
        let resource = resource(&catalog, &object);
        let metadata = meta::of(&mut object);
        for (member, mark) in [("resourceVersion", "$rv"), ("uid", "$uid"), ("creationTimestamp", "$time")] {
            metadata.insert(member.to_owned(), mark.into());
        }
        for (list, time) in [("/metadata/managedFields", "time"), ("/status/conditions", "lastTransitionTime")] {
            let entries = object.pointer_mut(list).and_then(Value::as_array_mut);
            for entry in entries.into_iter().flatten() {
                meta::members(entry).insert(time.to_owned(), "$time".into());
            }
        }
        let namespace = Some(meta::namespace(&object)).filter(|namespace| !namespace.is_empty());
        let place = format!("{} {} ", table(resource), key(namespace, meta::name(&object)));
        let mut line = place.into_bytes();
        write_object(&mut line, &object);
        text.push_str(&String::from_utf8(line).expect("JSON is text"));
        text.push('\n');
    }
    file.assert_eq(&text);
}

#[test]
fn objects_are_written_as_the_store_writes_them() {
    hold(parsed(first::objects()), &expect_file!["../first.txt"]);
    hold(parsed(auth::bootstrap_roles(Filled::No)), &expect_file!["../../auth/bootstrap.txt"]);
    hold(parsed(include_str!("../../world/namespaces.txt").lines()), &expect_file!["../../world/namespaces.txt"]);
    hold(parsed(include_str!("../../world/node.txt").lines()), &expect_file!["../../world/node.txt"]);
}

#[test]
fn the_first_roles_have_gathered_their_rules() {
    let catalog = Catalog::builtin();
    let empty = parsed(auth::bootstrap_roles(Filled::No));
    let mut roles = empty.clone();
    // Some gather from others that gather.
    while let Some((at, rules)) = (0..roles.len()).find_map(|at| {
        let rules = auth::aggregate(&roles[at], roles.iter().filter(|role| role["kind"] == "ClusterRole"))?;
        (roles[at]["rules"] != rules).then_some((at, rules))
    }) {
        let before = roles[at].clone();
        let role = &mut roles[at];
        role["rules"] = rules;
        let manager = Manager {
            name: auth::AGGREGATED.to_owned(),
            operation: Operation::Apply,
            api_version: "rbac.authorization.k8s.io/v1".to_owned(),
            subresource: String::new(),
        };
        let reset = Value::Object(serde_json::Map::new());
        let writer = Writer { manager, time: "$time".to_owned(), reset, view: crate::apply::same_paths };
        owners::after_update(resource(&catalog, role), &before, role, Managers::of(&before), &writer).put(role);
    }
    let gathered = roles.into_iter().zip(&empty).filter(|(role, empty)| role != *empty).map(|(role, _)| role);
    hold(gathered.collect(), &expect_file!["../../auth/gathered.txt"]);
    let filled = parsed(auth::bootstrap_roles(Filled::Yes));
    let gathers = |role: &&Value| role["aggregationRule"].is_object();
    assert!(filled.iter().filter(gathers).all(|role| role["rules"].is_array()));
}
