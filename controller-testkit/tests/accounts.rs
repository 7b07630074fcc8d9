//! Pods and their service accounts, in a cluster whose own controllers are at work.

use controller_testkit::{Cluster, World};
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

fn api(client: &Client, kind: &str) -> Api<DynamicObject> {
    let (group, kind) = kind.split_once('/').unwrap_or(("", kind));
    Api::namespaced_with(client.clone(), "default", &ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind)))
}

async fn create(client: &Client, kind: &str, body: Value) -> Result<Value, kube::Error> {
    let object = serde_json::from_value(body).map_err(kube::Error::SerdeError)?;
    Ok(json!(api(client, kind).create(&PostParams::default(), &object).await?))
}

fn pod(name: &str, spec: Value) -> Value {
    let mut spec = spec;
    spec["containers"] = json!([{"name": "c", "image": "i"}]);
    json!({"metadata": {"name": name}, "spec": spec})
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_given_what_its_account_has() {
    let client = Cluster::new().client();
    let refused = create(&client, "Pod", pod("p", json!({"serviceAccountName": "x"}))).await;
    let why = refused.expect_err("there is no such account").to_string();
    let expect = r#"pods "p" is forbidden: error looking up service account default/x: serviceaccount "x" not found"#;
    assert!(why.contains(expect), "{why}");
    create(&client, "ServiceAccount", json!({"metadata": {"name": "x"}, "imagePullSecrets": [{"name": "s"}]}))
        .await
        .expect("an account");
    // As a kube-apiserver v1.37.2 answers to the same.
    let mounted = json!([{"name": "v", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]);
    let spec = json!({
        "serviceAccountName": "x",
        "initContainers": [{"name": "a", "image": "i", "volumeMounts": mounted}],
        "volumes": [{"name": "v", "emptyDir": {}}],
    });
    let made = create(&client, "Pod", pod("p", spec)).await.expect("a pod");
    let spec = &made["spec"];
    assert_eq!((&spec["serviceAccount"], &spec["imagePullSecrets"]), (&json!("x"), &json!([{"name": "s"}])));
    assert_eq!(spec["initContainers"][0]["volumeMounts"], mounted);
    let volume = &spec["volumes"][1];
    let name = volume["name"].as_str().expect("a name");
    assert!(name.starts_with("kube-api-access-") && name.len() == 21, "{name}");
    let path = "/var/run/secrets/kubernetes.io/serviceaccount";
    let mount = json!([{"name": name, "readOnly": true, "mountPath": path}]);
    assert_eq!(spec["containers"][0]["volumeMounts"], mount);
    let expect = json!({
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{
                "path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
            }]}},
        ],
        "defaultMode": 420,
    });
    assert_eq!(volume["projected"], expect);
}

#[tokio::test(start_paused = true)]
async fn pods_and_accounts_may_do_without_a_token() {
    let client = Cluster::new().client();
    let account = json!({"metadata": {"name": "quiet"}, "automountServiceAccountToken": false});
    create(&client, "ServiceAccount", account).await.expect("an account");
    let mut has_token = Vec::new();
    for (name, wish, account) in [
        ("a", Value::Null, "default"),
        ("b", json!(false), "default"),
        ("c", Value::Null, "quiet"),
        ("d", json!(true), "quiet"),
    ] {
        let spec = json!({"serviceAccountName": account, "automountServiceAccountToken": wish});
        let made = create(&client, "Pod", pod(name, spec)).await.expect("a pod");
        has_token.push(made["spec"]["volumes"].is_array());
    }
    assert_eq!(has_token, [true, false, false, true]);
    let bare = Cluster::builder().world(World::none()).build().client();
    let made = create(&bare, "Pod", pod("a", json!({"serviceAccountName": "x"}))).await.expect("nobody asks for it");
    assert_eq!(made["spec"]["volumes"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_namespaces_first_pod_need_not_wait_for_its_account() {
    let cluster = Cluster::new();
    let client = cluster.client();
    let namespaces: Api<DynamicObject> =
        Api::all_with(client.clone(), &ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Namespace")));
    let namespace = serde_json::from_value(json!({"metadata": {"name": "new"}})).expect("a namespace");
    namespaces.create(&PostParams::default(), &namespace).await.expect("a namespace");
    let pods: Api<DynamicObject> =
        Api::namespaced_with(client, "new", &ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Pod")));
    let made = pods.create(&PostParams::default(), &serde_json::from_value(pod("a", json!({}))).expect("a pod")).await;
    assert_eq!(made.expect("it is made").data["spec"]["serviceAccountName"], "default");
}

#[tokio::test(start_paused = true)]
async fn a_workload_waits_for_its_account() {
    let client = Cluster::new().client();
    let template =
        json!({"metadata": {"labels": {"a": "b"}}, "spec": pod("", json!({"serviceAccountName": "x"}))["spec"]});
    let spec = json!({"selector": {"matchLabels": {"a": "b"}}, "template": template});
    create(&client, "apps/Deployment", json!({"metadata": {"name": "d"}, "spec": spec})).await.expect("a deployment");
    let pods = async || {
        tokio::time::advance(std::time::Duration::from_secs(5)).await;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        api(&client, "Pod").list(&Default::default()).await.expect("a list").items.len()
    };
    assert_eq!(pods().await, 0);
    create(&client, "ServiceAccount", json!({"metadata": {"name": "x"}})).await.expect("an account");
    assert_eq!(pods().await, 1);
}

/// Why a pod is not made, if it is not.
async fn refusal(client: &Client, metadata: Value, spec: Value) -> Option<String> {
    let mut spec = spec;
    if spec["containers"].is_null() {
        spec["containers"] = json!([{"name": "c", "image": "i"}]);
    }
    let made = create(client, "Pod", json!({"metadata": metadata, "spec": spec})).await;
    made.err().map(|error| error.to_string())
}

fn check(found: Option<String>, expect: &str) {
    match (&found, expect) {
        (None, "") => {}
        (Some(found), expect) if !expect.is_empty() => assert!(found.contains(expect), "{found}: {expect}"),
        _ => panic!("{found:?}: {expect}"),
    }
}

// The words are a kube-apiserver v1.37.2's to the same requests.

#[tokio::test(start_paused = true)]
async fn an_account_may_keep_its_pods_to_its_own_secrets() {
    let client = Cluster::new().client();
    for (name, wish) in [("s", "true"), ("t", "yes")] {
        let account = json!({
            "metadata": {"name": name, "annotations": {"kubernetes.io/enforce-mountable-secrets": wish}},
            "secrets": [{"name": "known"}],
            "imagePullSecrets": [{"name": "pull"}],
        });
        create(&client, "ServiceAccount", account).await.expect("an account");
    }
    let volume = |secret: &str| json!({"volumes": [{"name": "v", "secret": {"secretName": secret}}]});
    let env = json!([{"name": "E", "valueFrom": {"secretKeyRef": {"name": "x", "key": "k"}}}]);
    let whole = json!([{"secretRef": {"name": "x"}}]);
    let projected = json!({"sources": [{"secret": {"name": "x"}}]});
    let not_its = "is not allowed because service account s does not reference that secret";
    for (spec, expect) in [
        (volume("known"), String::new()),
        (volume("x"), format!("volume with secret.secretName=\"x\" {not_its}")),
        (json!({"volumes": [{"name": "v", "projected": projected}]}), String::new()),
        (
            json!({"imagePullSecrets": [{"name": "pull"}, {"name": "x"}]}),
            "imagePullSecrets[1].name=\"x\" is not allowed because service account s does not reference that \
             imagePullSecret"
                .to_owned(),
        ),
        (
            json!({"initContainers": [{"name": "j", "image": "i", "env": env}]}),
            format!("init container j with envVar E referencing secret.secretName=\"x\" {not_its}"),
        ),
        (
            json!({"containers": [{"name": "c", "image": "i", "envFrom": whole}]}),
            format!("container c with envFrom referencing secret.secretName=\"x\" {not_its}"),
        ),
    ] {
        let of = |account: &str| {
            let mut spec = spec.clone();
            spec["serviceAccountName"] = json!(account);
            spec
        };
        check(refusal(&client, json!({"generateName": "p-"}), of("s")).await, &expect);
        check(refusal(&client, json!({"generateName": "p-"}), of("t")).await, "");
    }
    check(refusal(&client, json!({"name": "p"}), json!({"serviceAccountName": "s"})).await, "");
    let added = json!({"spec": {"ephemeralContainers": [{"name": "e", "image": "i", "envFrom": whole}]}});
    let patched = api(&client, "Pod")
        .patch_subresource("ephemeralcontainers", "p", &Default::default(), &Patch::Strategic(added))
        .await;
    let why = patched.map(drop).expect_err("its account does not have it").to_string();
    assert!(
        why.contains(&format!("ephemeral container e with envFrom referencing secret.secretName=\"x\" {not_its}")),
        "{why}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_its_node_brings_along_has_no_account_and_no_secrets() {
    let client = Cluster::new().client();
    let volume = |source: Value| {
        let mut volume = source;
        volume["name"] = json!("v");
        json!({"nodeName": "node-1", "volumes": [volume]})
    };
    let projected = |source: Value| volume(json!({"projected": {"sources": [source]}}));
    let secrets = "a mirror pod may not reference secrets";
    for (spec, expect) in [
        (json!({"nodeName": "node-1"}), ""),
        (json!({"serviceAccountName": "default"}), "a mirror pod may not reference service accounts"),
        (volume(json!({"secret": {"secretName": "x"}})), secrets),
        (projected(json!({"secret": {"name": "x"}})), secrets),
        (json!({"imagePullSecrets": [{"name": "x"}]}), secrets),
        (json!({"containers": [{"name": "c", "image": "i", "envFrom": [{"secretRef": {"name": "x"}}]}]}), secrets),
        (
            projected(json!({"serviceAccountToken": {"path": "t"}})),
            "a mirror pod may not use ServiceAccountToken volume projections",
        ),
    ] {
        let metadata = json!({"generateName": "m-", "annotations": {"kubernetes.io/config.mirror": "x"}});
        check(refusal(&client, metadata, spec).await, expect);
    }
}
