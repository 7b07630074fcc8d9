use super::path::JsonPath;
use super::*;
use crate::catalog::{Catalog, split_api_version};
use crate::crd;

/// `recorded.json` has objects of a kube-apiserver 1.37.2 and the cells in which it printed them.
#[test]
fn prints_objects_as_the_real_server_does() {
    let recorded: Value = serde_json::from_str(include_str!("recorded.json")).expect("a JSON file");
    let mut wrong = Vec::new();
    for table in recorded.as_array().expect("a list") {
        let (group, version) = split_api_version(table["apiVersion"].as_str().expect("a text"));
        let plural = table["plural"].as_str().expect("a text");
        let catalog = with_widgets();
        let resource = catalog.get(group, version, plural).expect("a served resource");
        let rows = table["rows"].as_array().expect("a list");
        let objects: Vec<&Value> = rows.iter().map(|row| &row["object"]).collect();
        let now = table["now"].as_str().expect("a text").parse().expect("a timestamp");
        let ours = render(resource, &json!({}), &objects, IncludeObject::None, Header::Columns, now);
        let columns: Vec<String> = ours["columnDefinitions"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|column| {
                let text = |name: &str| column[name].as_str().unwrap_or_default().to_owned();
                format!("{}:{}:{}:{}", text("name"), text("type"), text("format"), column["priority"])
            })
            .collect();
        if json!(columns) != table["columns"] {
            wrong.push(format!("{plural}: columns\n  ours   {}\n  theirs {}", json!(columns), table["columns"]));
        }
        for (ours, theirs) in ours["rows"].as_array().expect("a list").iter().zip(rows) {
            if ours["cells"] != theirs["cells"] || ours.get("conditions") != theirs.get("conditions") {
                wrong.push(format!("{plural}:\n  ours   {}\n  theirs {}", ours["cells"], theirs["cells"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn with_widgets() -> Catalog {
    let mut catalog = Catalog::builtin();
    let crd = json!({
        "metadata": { "name": "widgets.t2.example.com" },
        "spec": {
            "group": "t2.example.com",
            "names": { "plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList" },
            "scope": "Namespaced",
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } },
                "additionalPrinterColumns": [
                    { "name": "Size", "type": "integer", "jsonPath": ".spec.size", "description": "how big" },
                    { "name": "Port", "type": "string", "jsonPath": ".spec.port", "priority": 1 },
                    { "name": "When", "type": "date", "jsonPath": ".spec.when" },
                    { "name": "Names", "type": "string", "jsonPath": ".spec.list[*].name" },
                    { "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" },
                ],
            }],
        },
    });
    catalog.set_custom("widgets.t2.example.com", crd::resources(&crd, None), Value::Null);
    catalog
}

#[test]
fn every_computed_cell_has_its_function() {
    let catalog = Catalog::builtin();
    for resource in catalog.iter().filter(|resource| resource.is_stored()) {
        // An empty object must print, whatever the kind.
        let object = json!({ "metadata": { "name": "x" } });
        let table =
            render(resource, &json!({}), &[&object], IncludeObject::None, Header::Columns, Timestamp::UNIX_EPOCH);
        let columns = table["columnDefinitions"].as_array().map(Vec::len);
        assert_eq!(table["rows"][0]["cells"].as_array().map(Vec::len), columns, "{}", resource.plural);
    }
}

#[test]
fn a_row_carries_what_was_asked_for() {
    let catalog = Catalog::builtin();
    let resource = catalog.get("", "v1", "configmaps").expect("configmaps");
    let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": { "x": "y" } });
    let list = json!({ "resourceVersion": "7", "continue": "next", "remainingItemCount": 3 });
    let render = |include, header| render(resource, &list, &[&object], include, header, Timestamp::UNIX_EPOCH);
    let table = render(IncludeObject::Metadata, Header::Columns);
    assert_eq!(table["metadata"], list);
    assert_eq!(
        table["rows"][0]["object"],
        json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": { "name": "a" } })
    );
    assert_eq!(render(IncludeObject::Object, Header::Columns)["rows"][0]["object"], object);
    assert_eq!(render(IncludeObject::None, Header::Columns)["rows"][0]["object"], Value::Null);
    assert_eq!(render(IncludeObject::None, Header::Omitted)["columnDefinitions"], Value::Null);
}

#[test]
fn flow_schemas_are_shown_as_they_are_tried() {
    let catalog = Catalog::builtin();
    let resource = catalog.get("flowcontrol.apiserver.k8s.io", "v1", "flowschemas").expect("it is served");
    let schema = |name: &str, at: i64| json!({ "metadata": { "name": name }, "spec": { "matchingPrecedence": at } });
    let items = [schema("a", 900), schema("b", 1), schema("c", 900)];
    let items: Vec<&Value> = items.iter().collect();
    let now = "2026-01-01T00:00:00Z".parse().expect("a time");
    let table = render(resource, &json!({}), &items, IncludeObject::Metadata, Header::Columns, now);
    let rows = table["rows"].as_array().expect("a list");
    let names: Vec<(&Value, &Value)> =
        rows.iter().map(|row| (&row["cells"][0], &row["object"]["metadata"]["name"])).collect();
    assert_eq!(json!(names), json!([["b", "b"], ["a", "a"], ["c", "c"]]));
}

#[test]
fn durations_have_fewer_units_the_longer_they_are() {
    let check = |seconds, expect: &str| assert_eq!(age::human(seconds), expect, "{seconds}");
    check(-2, "<invalid>");
    check(-1, "0s");
    check(0, "0s");
    check(119, "119s");
    check(120, "2m");
    check(125, "2m5s");
    check(600, "10m");
    check(3 * 3600 - 1, "179m");
    check(3 * 3600, "3h");
    check(4 * 3600 + 61, "4h1m");
    check(9 * 3600 + 61, "9h");
    check(48 * 3600, "2d");
    check(50 * 3600, "2d2h");
    check(8 * 86400, "8d");
    check(729 * 86400, "729d");
    check(730 * 86400, "2y");
    check(735 * 86400, "2y5d");
    check(9 * 365 * 86400, "9y");
}

#[test]
fn json_paths_lead_where_kubernetes_leads_them() {
    let object = json!({
        "metadata": { "labels": { "app.kubernetes.io/name": "web" } },
        "status": { "conditions": [{ "type": "Ready", "status": "True", "n": 1 }, { "type": "Old", "status": "False", "n": 2 }] },
        "list": [1, 2, 3],
    });
    let check = |path: &str, expect: Value| {
        let found: Vec<&Value> = JsonPath::parse(path).expect("a path").find(&object);
        assert_eq!(json!(found), expect, "{path}");
    };
    check(".list", json!([[1, 2, 3]]));
    check(".list[*]", json!([1, 2, 3]));
    check(".list[0]", json!([1]));
    check(".list[-1]", json!([3]));
    check(".list[-1:]", json!([3]));
    check(".list[0:2]", json!([1, 2]));
    check(".list[9]", json!([]));
    check(".missing.deeper", json!([]));
    check(r".metadata.labels.app\.kubernetes\.io/name", json!(["web"]));
    check(".metadata.labels['app.kubernetes.io/name']", json!(["web"]));
    check(r#".status.conditions[?(@.type=="Ready")].status"#, json!(["True"]));
    check(".status.conditions[?(@.type == 'Old')].status", json!(["False"]));
    check(".status.conditions[?(@.n > 1)].type", json!(["Old"]));
    check(".status.conditions[?(@.status)].n", json!([1, 2]));
    check(".status.conditions[*].type", json!(["Ready", "Old"]));
    check("{.list[1]}", json!([2]));
    for path in [".a[", ".a..b", ".a[x]", ".a[?(@.b==)]"] {
        assert_eq!(JsonPath::parse(path), None, "{path}");
    }
}
