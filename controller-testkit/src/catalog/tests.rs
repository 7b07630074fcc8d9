use super::*;

#[test]
fn every_line_of_the_table_is_served() {
    // But for the versions that are off unless they are asked for.
    let is_on = |line: &&str| {
        let place = line.split(' ').find(|word| word.contains('/') || word.starts_with('v')).unwrap_or_default();
        !place.contains("alpha") && !place.contains("beta")
    };
    let lines = kinds::RESOURCES.lines().filter(|line| line.starts_with("resource ")).filter(is_on).count();
    assert_eq!(Catalog::builtin().iter().count(), lines);
    let subresources = kinds::RESOURCES
        .lines()
        .filter(|line| line.starts_with("sub "))
        .filter(|line| is_on(&line.get(4..).unwrap_or_default().split_once(' ').map_or("", |(_, rest)| rest)))
        .count();
    assert_eq!(Catalog::builtin().iter().map(|resource| resource.subresources.len()).sum::<usize>(), subresources);
}

#[test]
fn knows_deployments() {
    let catalog = Catalog::builtin();
    let deployments = catalog.get("apps", "v1", "deployments").expect("a built-in resource");
    assert_eq!(deployments.kind, "Deployment");
    assert_eq!(deployments.list_kind, "DeploymentList");
    assert_eq!(deployments.short_names, ["deploy"]);
    assert_eq!(deployments.categories, ["all"]);
    assert!(deployments.namespaced && deployments.manages_generation && deployments.has_status());
    assert_eq!(deployments.verbs, VERBS);
    let scale = deployments.subresource("scale").expect("deployments scale");
    assert_eq!((scale.group.as_str(), scale.version.as_str(), scale.kind.as_str()), ("autoscaling", "v1", "Scale"));
    assert_eq!(catalog.by_kind("apps", "v1", "Deployment").map(|found| found.plural.as_str()), Some("deployments"));
}

#[test]
fn events_of_both_groups_share_one_store() {
    let catalog = Catalog::builtin();
    let core = catalog.get("", "v1", "events").expect("core events");
    let newer = catalog.get("events.k8s.io", "v1", "events").expect("events.k8s.io events");
    assert_eq!(core.storage, newer.storage);
}

#[test]
fn versions_are_ranked_as_kubernetes_prefers_them() {
    let mut versions = ["v1alpha1", "foo10", "v1", "v1beta2", "v11beta1", "v2", "v10", "foo1", "v1beta10", "v1betax"];
    versions.sort_by(|one, other| compare_versions(one, other));
    assert_eq!(
        versions,
        ["v10", "v2", "v1", "v11beta1", "v1beta10", "v1beta2", "v1alpha1", "foo1", "foo10", "v1betax"]
    );
}

#[test]
fn custom_resources_come_and_go() {
    let mut catalog = Catalog::builtin();
    let before = catalog.groups().len();
    let pods = catalog.get("", "v1", "pods").expect("pods").as_ref().clone();
    let widget = |version: &str| Resource {
        group: "example.com".into(),
        version: version.into(),
        kind: "Widget".into(),
        plural: "widgets".into(),
        ..pods.clone()
    };
    catalog.set_custom("widgets.example.com", vec![widget("v1beta1"), widget("v1")], Value::Null);
    assert_eq!(catalog.generation(), 1);
    assert_eq!(
        catalog.groups().last(),
        Some(&Group { name: "example.com".into(), versions: vec!["v1".into(), "v1beta1".into()] })
    );
    assert!(catalog.serves("example.com", "v1"));
    assert!(catalog.by_kind("example.com", "v1beta1", "Widget").is_some());
    catalog.set_custom("widgets.example.com", vec![widget("v1")], Value::Null);
    assert!(catalog.get("example.com", "v1beta1", "widgets").is_none());
    catalog.remove_custom("widgets.example.com");
    assert_eq!((catalog.groups().len(), catalog.generation()), (before, 3));
    catalog.remove_custom("widgets.example.com");
    assert_eq!(catalog.generation(), 3);
}
