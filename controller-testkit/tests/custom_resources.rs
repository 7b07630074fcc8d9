//! Custom resources as an operator's test meets them: derived types, kube's client, an embedded cluster.

use std::time::Duration;

use controller_testkit::Cluster;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use kube::{Api, Client, CustomResource, CustomResourceExt, Error, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[kube(group = "demo.example.com", version = "v1", kind = "Gadget", namespaced, status = "GadgetStatus")]
#[kube(scale(spec_replicas_path = ".spec.replicas", status_replicas_path = ".status.replicas"))]
#[kube(shortname = "gd", selectable = ".spec.color")]
struct GadgetSpec {
    #[schemars(range(min = 1, max = 10))]
    size: i32,
    #[serde(default = "two")]
    replicas: i32,
    #[serde(default)]
    color: Color,
    note: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
enum Color {
    #[default]
    Red,
    Blue,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
struct GadgetStatus {
    #[serde(default)]
    replicas: i32,
    phase: Option<String>,
}

fn two() -> i32 {
    2
}

fn gadget(name: &str, size: i32) -> Gadget {
    Gadget::new(name, GadgetSpec { size, replicas: two(), color: Color::Red, note: None })
}

/// A cluster that serves gadgets.
async fn cluster() -> (Cluster, Client, Api<Gadget>) {
    let cluster = Cluster::new();
    let client = cluster.client();
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    definitions.create(&PostParams::default(), &Gadget::crd()).await.expect("a definition that kube derived");
    let gadgets = Api::default_namespaced(client.clone());
    (cluster, client, gadgets)
}

/// The gadgets without their types, to write what the types forbid.
fn loose(client: &Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("demo.example.com", "v1", "Gadget");
    Api::default_namespaced_with(client.clone(), &ApiResource::from_gvk(&kind))
}

fn loose_gadget(name: &str, spec: serde_json::Value) -> DynamicObject {
    let kind = GroupVersionKind::gvk("demo.example.com", "v1", "Gadget");
    DynamicObject::new(name, &ApiResource::from_gvk(&kind)).data(json!({ "spec": spec }))
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> (u16, String) {
    match result {
        Err(Error::Api(status)) => (status.code, status.message.clone()),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_definition_is_established_at_once() {
    let (_cluster, client, _) = cluster().await;
    let definitions: Api<CustomResourceDefinition> = Api::all(client);
    let definition = definitions.get("gadgets.demo.example.com").await.expect("it is there");
    let status = definition.status.expect("a status");
    let conditions: Vec<String> = status
        .conditions
        .unwrap_or_default()
        .iter()
        .map(|condition| format!("{}={}", condition.type_, condition.status))
        .collect();
    assert_eq!(conditions, ["NamesAccepted=True", "Established=True"]);
    assert_eq!(status.accepted_names.and_then(|names| names.short_names), Some(vec!["gd".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn the_schema_is_kept() {
    let (_cluster, client, gadgets) = cluster().await;
    let (code, message) = refusal(gadgets.create(&PostParams::default(), &gadget("big", 11)).await);
    assert_eq!(code, 422);
    assert_eq!(
        message,
        "Gadget.demo.example.com \"big\" is invalid: spec.size: Invalid value: 11: spec.size in body should be less \
         than or equal to 10"
    );
    let loose = loose(&client);
    let (code, message) = refusal(
        loose.create(&PostParams::default(), &loose_gadget("odd", json!({ "size": 1, "color": "Pink" }))).await,
    );
    assert_eq!(code, 422);
    assert!(
        message.ends_with("spec.color: Unsupported value: \"Pink\": supported values: \"Red\", \"Blue\""),
        "{message}"
    );
    // What the schema does not know goes, what is missing comes.
    let made = loose
        .create(&PostParams::default(), &loose_gadget("plain", json!({ "size": 1, "bogus": { "a": 1 } })))
        .await
        .expect("a valid gadget");
    assert_eq!(made.data["spec"], json!({ "size": 1, "replicas": 2, "color": "Red" }));
    let read = gadgets.get("plain").await.expect("it is there");
    assert_eq!(read.spec, GadgetSpec { size: 1, replicas: 2, color: Color::Red, note: None });
}

#[tokio::test(start_paused = true)]
async fn status_and_specification_are_written_apart() {
    let (_cluster, _, gadgets) = cluster().await;
    let mut new = gadget("a", 1);
    new.status = Some(GadgetStatus { replicas: 9, phase: Some("Hacked".to_owned()) });
    let made = gadgets.create(&PostParams::default(), &new).await.expect("a valid gadget");
    assert_eq!((made.status.clone(), made.metadata.generation), (None, Some(1)));
    // The status alone, and no new generation.
    let merge = json!({ "spec": { "size": 5 }, "status": { "phase": "Ready" } });
    let seen =
        gadgets.patch_status("a", &PatchParams::default(), &Patch::Merge(&merge)).await.expect("a patch of the status");
    assert_eq!(seen.spec.size, 1);
    assert_eq!(seen.status, Some(GadgetStatus { replicas: 0, phase: Some("Ready".to_owned()) }));
    assert_eq!(seen.metadata.generation, Some(1));
    // The specification alone, and a new generation.
    let changed = gadgets.patch("a", &PatchParams::default(), &Patch::Merge(&merge)).await.expect("a patch");
    assert_eq!((changed.spec.size, changed.metadata.generation), (5, Some(2)));
    assert_eq!(changed.status, seen.status);
    // Metadata counts as neither, and nothing as nothing.
    let label = Patch::Merge(json!({ "metadata": { "labels": { "a": "b" } } }));
    let labelled = gadgets.patch("a", &PatchParams::default(), &label).await.expect("a patch");
    assert_eq!(labelled.metadata.generation, Some(2));
    assert_ne!(labelled.resource_version(), changed.resource_version());
    let again = gadgets.patch("a", &PatchParams::default(), &label).await.expect("a patch");
    assert_eq!(again.resource_version(), labelled.resource_version());
}

#[tokio::test(start_paused = true)]
async fn a_gadget_is_scaled_by_its_subresource() {
    let (_cluster, _, gadgets) = cluster().await;
    gadgets.create(&PostParams::default(), &gadget("a", 1)).await.expect("a valid gadget");
    let scale = gadgets.get_scale("a").await.expect("a scale");
    assert_eq!(scale.spec.and_then(|spec| spec.replicas), Some(2));
    let more = Patch::Merge(json!({ "spec": { "replicas": 7 } }));
    gadgets.patch_scale("a", &PatchParams::default(), &more).await.expect("a patch of the scale");
    let seen = gadgets.get("a").await.expect("it is there");
    assert_eq!((seen.spec.replicas, seen.metadata.generation), (7, Some(2)));
}

#[tokio::test(start_paused = true)]
async fn an_old_version_does_not_overwrite_a_new_one() {
    let (_cluster, _, gadgets) = cluster().await;
    let first = gadgets.create(&PostParams::default(), &gadget("a", 1)).await.expect("a valid gadget");
    let mut second = first.clone();
    second.spec.size = 2;
    gadgets.replace("a", &PostParams::default(), &second).await.expect("the first change");
    let (code, message) = refusal(gadgets.replace("a", &PostParams::default(), &second).await);
    assert_eq!(code, 409);
    assert!(message.contains("the object has been modified"), "{message}");
    let (code, _) = refusal(gadgets.replace("a", &PostParams::default(), &gadget("a", 3)).await);
    assert_eq!(code, 422);
}

#[tokio::test(start_paused = true)]
async fn gadgets_are_selected_by_the_fields_that_they_name() {
    let (_cluster, _, gadgets) = cluster().await;
    for (name, color) in [("a", Color::Red), ("b", Color::Blue)] {
        let mut new = gadget(name, 1);
        new.spec.color = color;
        gadgets.create(&PostParams::default(), &new).await.expect("a valid gadget");
    }
    let blue = gadgets.list(&ListParams::default().fields("spec.color=Blue")).await.expect("a list");
    assert_eq!(blue.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["b"]);
    let (code, message) = refusal(gadgets.list(&ListParams::default().fields("spec.size=1")).await);
    assert_eq!((code, message.as_str()), (400, "field label not supported: spec.size"));
}

#[tokio::test(start_paused = true)]
async fn a_watch_tells_of_every_change_once() {
    let (_cluster, _, gadgets) = cluster().await;
    let listed = gadgets.list(&ListParams::default()).await.expect("a list");
    let version = listed.metadata.resource_version.expect("a version");
    let params = WatchParams::default().timeout(5);
    let watch = gadgets.watch(&params, &version).await.expect("a watch");
    let made = gadgets.create(&PostParams::default(), &gadget("a", 1)).await.expect("a valid gadget");
    // A write that changes nothing, one of the status, one of the specification, the end.
    gadgets.replace("a", &PostParams::default(), &made).await.expect("a change of nothing");
    let status = Patch::Merge(json!({ "status": { "replicas": 1 } }));
    gadgets.patch_status("a", &PatchParams::default(), &status).await.expect("a patch of the status");
    let size = Patch::Merge(json!({ "spec": { "size": 2 } }));
    gadgets.patch("a", &PatchParams::default(), &size).await.expect("a patch");
    gadgets.delete("a", &DeleteParams::default()).await.expect("a deletion");
    let events: Vec<WatchEvent<Gadget>> = watch.boxed().try_collect().await.expect("a clean end");
    let story: Vec<String> = events
        .iter()
        .map(|event| match event {
            WatchEvent::Added(gadget) => format!("added {}", gadget.spec.size),
            WatchEvent::Modified(gadget) => {
                format!("modified {} {:?}", gadget.spec.size, gadget.status.as_ref().map(|status| status.replicas))
            }
            WatchEvent::Deleted(gadget) => format!("deleted {}", gadget.spec.size),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(story, ["added 1", "modified 1 Some(1)", "modified 2 Some(1)", "deleted 2", "Bookmark event"]);
}

#[tokio::test(start_paused = true)]
async fn a_finalizer_holds_a_gadget_back() {
    let (_cluster, _, gadgets) = cluster().await;
    let mut new = gadget("a", 1);
    new.metadata.finalizers = Some(vec!["demo.example.com/wait".to_owned()]);
    gadgets.create(&PostParams::default(), &new).await.expect("a valid gadget");
    let marked = gadgets.delete("a", &DeleteParams::default()).await.expect("a deletion").left().expect("the gadget");
    assert!(marked.metadata.deletion_timestamp.is_some());
    assert_eq!(marked.metadata.generation, Some(2));
    let more = Patch::Merge(json!({ "metadata": { "finalizers": ["demo.example.com/wait", "demo.example.com/x"] } }));
    let (code, message) = refusal(gadgets.patch("a", &PatchParams::default(), &more).await);
    assert_eq!(code, 422);
    assert!(message.contains("no new finalizers can be added if the object is being deleted"), "{message}");
    let none = Patch::Merge(json!({ "metadata": { "finalizers": [] } }));
    gadgets.patch("a", &PatchParams::default(), &none).await.expect("the last finalizer goes");
    assert_eq!(refusal(gadgets.get("a").await).0, 404);
}

#[tokio::test(start_paused = true)]
async fn a_definition_takes_its_objects_with_it() {
    let (_cluster, client, gadgets) = cluster().await;
    for name in ["a", "b"] {
        gadgets.create(&PostParams::default(), &gadget(name, 1)).await.expect("a valid gadget");
    }
    let mut held = gadget("held", 1);
    held.metadata.finalizers = Some(vec!["demo.example.com/wait".to_owned()]);
    gadgets.create(&PostParams::default(), &held).await.expect("a valid gadget");
    let definitions: Api<CustomResourceDefinition> = Api::all(client);
    let name = "gadgets.demo.example.com";
    let marked = definitions.delete(name, &DeleteParams::default()).await.expect("a deletion").left();
    let finalizers = marked.and_then(|definition| definition.metadata.finalizers);
    assert_eq!(finalizers, Some(vec!["customresourcecleanup.apiextensions.k8s.io".to_owned()]));
    tokio::time::sleep(Duration::from_secs(5)).await;
    // One is held back, and so is the definition; new ones are refused.
    let left = gadgets.list(&ListParams::default()).await.expect("a list");
    assert_eq!(left.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["held"]);
    let (code, message) = refusal(gadgets.create(&PostParams::default(), &gadget("late", 1)).await);
    assert_eq!(code, 403);
    assert!(message.contains("create not allowed while custom resource definition is terminating"), "{message}");
    let none = Patch::Merge(json!({ "metadata": { "finalizers": [] } }));
    gadgets.patch("held", &PatchParams::default(), &none).await.expect("the last finalizer goes");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(refusal(definitions.get(name).await).0, 404);
    assert!(gadgets.list(&ListParams::default()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_changed_definition_changes_what_is_read() {
    let (_cluster, client, gadgets) = cluster().await;
    let made = gadgets.create(&PostParams::default(), &gadget("a", 1)).await.expect("a valid gadget");
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut changed = serde_json::to_value(Gadget::crd()).expect("JSON");
    let fields = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    let fields = changed.pointer_mut(fields).expect("the fields of the specification");
    fields["later"] = json!({ "type": "string", "default": "now" });
    let patch = Patch::Merge(&changed);
    definitions.patch("gadgets.demo.example.com", &PatchParams::default(), &patch).await.expect("a new default");
    let loose = loose(&client);
    let seen = loose.get("a").await.expect("it is there");
    assert_eq!(seen.data["spec"]["later"], "now");
    assert_eq!(seen.resource_version(), made.resource_version());
    // The next write stores it, though it asks for nothing: a new version of the same generation.
    let touched = loose.patch("a", &PatchParams::default(), &Patch::Merge(json!({}))).await.expect("a patch");
    assert_ne!(touched.resource_version(), made.resource_version());
    assert_eq!(touched.metadata.generation, Some(1));
}

#[tokio::test(start_paused = true)]
async fn strictness_is_the_clients_choice() {
    let (_cluster, client, _) = cluster().await;
    let loose = loose(&client);
    let strict =
        PatchParams { field_validation: Some(kube::api::ValidationDirective::Strict), ..PatchParams::default() };
    loose.create(&PostParams::default(), &loose_gadget("a", json!({ "size": 1 }))).await.expect("a valid gadget");
    let patch = Patch::Merge(json!({ "spec": { "bogus": 1 } }));
    let (code, message) = refusal(loose.patch("a", &strict, &patch).await);
    assert_eq!(code, 422);
    assert!(message.contains("strict decoding error: unknown field \"spec.bogus\""), "{message}");
    let lenient = loose.patch("a", &PatchParams::default(), &patch).await.expect("a lenient patch");
    assert_eq!(lenient.data["spec"].get("bogus"), None);
}

#[tokio::test(start_paused = true)]
async fn a_bad_definition_is_refused_with_its_faults() {
    let cluster = Cluster::new();
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client());
    let mut bad = Gadget::crd();
    bad.spec.names.plural = "Gadgets".to_owned();
    bad.spec.versions[0].storage = false;
    let status = match definitions.create(&PostParams::default(), &bad).await {
        Err(Error::Api(status)) => status,
        other => panic!("expected a refusal, got {other:?}"),
    };
    assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"));
    let fields: Vec<String> = status.details.expect("details").causes.into_iter().map(|cause| cause.field).collect();
    assert_eq!(fields, ["metadata.name", "spec.versions", "spec.names.plural", "status.storedVersions"]);
}
