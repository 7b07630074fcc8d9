//! What the server keeps beside services and definitions.

use serde_json::{Value, json};

use super::{Rig, text};

const SERVICES: &str = "/api/v1/namespaces/default/services";
const ADDRESSES: &str = "/apis/networking.k8s.io/v1/ipaddresses";
const REGISTERED: &str = "/apis/apiregistration.k8s.io/v1/apiservices";
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

fn service(name: &str, spec: Value) -> Value {
    let mut service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec});
    service["spec"]["ports"] = json!([{"port": 80}]);
    service
}

#[test]
fn a_service_has_its_address_noted() {
    let mut rig = Rig::new();
    let made = rig.post(SERVICES, service("a", json!({}))).is(201);
    let address = text(&made.body["spec"]["clusterIP"]).to_owned();
    rig.post(SERVICES, service("headless", json!({"clusterIP": "None"}))).is(201);
    rig.post(SERVICES, service("named", json!({"type": "ExternalName", "externalName": "x.y"}))).is(201);
    assert_eq!(rig.get(ADDRESSES).is(200).names(), [&address]);
    let noted = rig.get(&format!("{ADDRESSES}/{address}")).is(200);
    let parent = json!({"name": "a", "namespace": "default", "resource": "services"});
    assert_eq!(noted.body["spec"]["parentRef"], parent);
    assert_eq!(noted.body["metadata"]["labels"]["ipaddress.kubernetes.io/managed-by"], "ipallocator.k8s.io");
    assert!(noted.rv() < made.rv(), "a service is told of once its address is");
    // It is kept for as long as the service has it.
    rig.patch(&format!("{SERVICES}/a"), json!({"metadata": {"labels": {"x": "y"}}})).is(200);
    assert_eq!(rig.get(&format!("{ADDRESSES}/{address}")).is(200).rv(), noted.rv());
    let alias = json!({"spec": {"type": "ExternalName", "externalName": "x.y", "clusterIP": null, "clusterIPs": null}});
    rig.patch(&format!("{SERVICES}/a"), alias).is(200);
    assert_eq!(rig.get(ADDRESSES).names(), [""; 0]);
    let other = json!({"spec": {"type": "ClusterIP", "externalName": null}});
    let moved = rig.patch(&format!("{SERVICES}/named"), other).is(200);
    assert_eq!(rig.get(ADDRESSES).names(), [text(&moved.body["spec"]["clusterIP"])]);
    rig.delete(&format!("{SERVICES}/named"), Value::Null).is(200);
    assert_eq!(rig.get(ADDRESSES).names(), [""; 0]);
}

#[test]
fn a_dry_run_takes_no_address() {
    let mut rig = Rig::new();
    rig.post(&format!("{SERVICES}?dryRun=All"), service("a", json!({}))).is(201);
    assert_eq!(rig.get(ADDRESSES).names(), [""; 0]);
}

#[test]
fn versions_that_definitions_serve_are_registered() {
    let definition = |plural: &str, kind: &str, versions: &[(&str, bool)]| {
        let versions: Vec<Value> = versions
            .iter()
            .enumerate()
            .map(|(at, (name, served))| {
                let schema = json!({"openAPIV3Schema": {"type": "object"}});
                json!({"name": name, "served": served, "storage": at == 0, "schema": schema})
            })
            .collect();
        json!({
            "metadata": {"name": format!("{plural}.example.com")},
            "spec": {
                "group": "example.com", "scope": "Namespaced", "versions": versions,
                "names": {"plural": plural, "kind": kind},
            },
        })
    };
    let mut rig = Rig::new();
    rig.post(DEFINITIONS, definition("as", "A", &[("v1", true), ("v2", true), ("v3", false)])).is(201);
    rig.post(DEFINITIONS, definition("bs", "B", &[("v1", true)])).is(201);
    assert_eq!(rig.get(REGISTERED).is(200).names(), ["v1.example.com", "v2.example.com"]);
    let one = rig.get(&format!("{REGISTERED}/v1.example.com")).is(200).body;
    let spec = json!({"group": "example.com", "groupPriorityMinimum": 1000, "version": "v1", "versionPriority": 100});
    assert_eq!(one["spec"], spec);
    assert_eq!(one["metadata"]["labels"]["kube-aggregator.kubernetes.io/automanaged"], "true");
    assert_eq!(one["status"]["conditions"][0]["reason"], "Local");
    rig.patch(
        &format!("{DEFINITIONS}/as.example.com"),
        definition("as", "A", &[("v1", true), ("v2", false), ("v3", true)]),
    )
    .is(200);
    assert_eq!(rig.get(REGISTERED).names(), ["v1.example.com", "v3.example.com"]);
}
