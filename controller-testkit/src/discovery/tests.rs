use super::*;

/// What kube-apiserver 1.37.2 answers for the group `apps`, recorded.
#[test]
fn lists_a_built_in_resource_as_the_real_server_does() {
    let list = resource_list(&Catalog::builtin(), "apps", "v1").expect("apps/v1 is served");
    assert_eq!(list["apiVersion"], "v1");
    let entries = list["resources"].as_array().expect("a list");
    let names: Vec<&str> = entries.iter().filter_map(|entry| entry["name"].as_str()).collect();
    assert_eq!(
        names,
        [
            "controllerrevisions",
            "daemonsets",
            "daemonsets/status",
            "deployments",
            "deployments/scale",
            "deployments/status",
            "replicasets",
            "replicasets/scale",
            "replicasets/status",
            "statefulsets",
            "statefulsets/scale",
            "statefulsets/status"
        ]
    );
    assert_eq!(
        entries[1],
        json!({
            "name": "daemonsets", "singularName": "daemonset", "namespaced": true, "kind": "DaemonSet",
            "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
            "shortNames": ["ds"], "categories": ["all"], "storageVersionHash": "dd7pWHUlMKQ=",
        })
    );
    assert_eq!(
        entries[4],
        json!({
            "name": "deployments/scale", "singularName": "", "namespaced": true,
            "group": "autoscaling", "version": "v1", "kind": "Scale", "verbs": ["get", "patch", "update"],
        })
    );
    assert_eq!(
        entries[5],
        json!({
            "name": "deployments/status", "singularName": "", "namespaced": true,
            "kind": "Deployment", "verbs": ["get", "patch", "update"],
        })
    );
}

#[test]
fn the_core_list_has_no_api_version() {
    let list = resource_list(&Catalog::builtin(), "", "v1").expect("v1 is served");
    assert_eq!((list.get("apiVersion"), &list["groupVersion"]), (None, &json!("v1")));
}

#[test]
fn what_is_not_served_has_no_document() {
    let catalog = Catalog::builtin();
    assert_eq!(resource_list(&catalog, "apps", "v9"), None);
    assert_eq!(resource_list(&catalog, "nope", "v1"), None);
    assert_eq!(api_group(&catalog, "nope"), None);
    assert_eq!(api_group(&catalog, ""), None);
}

#[test]
fn a_group_names_its_preferred_version() {
    let group = api_group(&Catalog::builtin(), "autoscaling").expect("autoscaling is served");
    assert_eq!(
        group,
        json!({
            "kind": "APIGroup", "apiVersion": "v1", "name": "autoscaling",
            "versions": [
                { "groupVersion": "autoscaling/v2", "version": "v2" },
                { "groupVersion": "autoscaling/v1", "version": "v1" },
            ],
            "preferredVersion": { "groupVersion": "autoscaling/v2", "version": "v2" },
        })
    );
    let groups = api_groups(&Catalog::builtin());
    assert_eq!(groups["groups"][0]["name"], "apiregistration.k8s.io");
    assert_eq!(groups["groups"][1]["name"], "apps");
}

#[test]
fn aggregated_discovery_splits_core_from_the_rest() {
    let catalog = Catalog::builtin();
    let core = aggregated(&catalog, Root::Api);
    assert_eq!(core["apiVersion"], "apidiscovery.k8s.io/v2");
    assert_eq!(core["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(core["items"][0]["metadata"], json!({}));
    assert_eq!(core["items"][0]["versions"][0]["freshness"], "Current");
    assert_eq!(
        core["items"][0]["versions"][0]["resources"][0],
        json!({
            "resource": "bindings", "responseKind": { "group": "", "version": "", "kind": "Binding" },
            "scope": "Namespaced", "singularResource": "binding", "verbs": ["create"],
        })
    );
    let apps = &aggregated(&catalog, Root::Apis)["items"][1];
    assert_eq!(apps["metadata"]["name"], "apps");
    assert_eq!(
        apps["versions"][0]["resources"][2]["subresources"],
        json!([
            {
                "subresource": "scale",
                "responseKind": { "group": "autoscaling", "version": "v1", "kind": "Scale" },
                "verbs": ["get", "patch", "update"],
            },
            {
                "subresource": "status",
                "responseKind": { "group": "", "version": "", "kind": "Deployment" },
                "verbs": ["get", "patch", "update"],
            },
        ])
    );
}

#[test]
fn members_are_written_in_the_order_of_the_real_server_s_types() {
    let check = |document: &Value, expect: &str| {
        let text = String::from_utf8(written(document)).expect("text");
        assert!(text.starts_with(expect), "{expect}\nis not the beginning of\n{text}");
    };
    let catalog = Catalog::builtin();
    check(
        &resource_list(&catalog, "autoscaling", "v1").expect("it is served"),
        concat!(
            r#"{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"autoscaling/v1","resources":[{"#,
            r#""name":"horizontalpodautoscalers","singularName":"horizontalpodautoscaler","namespaced":true,"#,
            r#""kind":"HorizontalPodAutoscaler","verbs":["create","delete","deletecollection","get","list","#,
            r#""patch","update","watch"],"shortNames":["hpa"],"categories":["all"],"storageVersionHash":""#,
        ),
    );
    check(
        &api_group(&catalog, "apps").expect("it is served"),
        concat!(
            r#"{"kind":"APIGroup","apiVersion":"v1","name":"apps","versions":[{"groupVersion":"apps/v1","#,
            r#""version":"v1"}],"preferredVersion":{"#,
        ),
    );
    check(
        &aggregated(&catalog, Root::Api),
        concat!(
            r#"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[{"#,
            r#""metadata":{},"versions":[{"version":"v1","resources":[{"resource":"bindings","#,
            r#""responseKind":{"group":"","version":"","kind":"Binding"},"scope":"Namespaced","#,
            r#""singularResource":"binding","verbs":["create"]},"#,
        ),
    );
}
