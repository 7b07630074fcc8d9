use std::sync::Arc;

use serde_json::{Value, json};

use super::standard::{Level, Policy, Standard, Version};
use super::{breaches, matters, told, told_of_existing};
use crate::Cluster;
use crate::cluster::tests::{Hand, pass};

fn standard(level: Level, minor: i64) -> Standard {
    Standard { level, version: Version::Minor(minor) }
}

fn policy(labels: &Value) -> (String, String, usize) {
    let labels: Value = labels.as_object().into_iter().flatten().fold(json!({}), |mut all, (name, text)| {
        all[format!("pod-security.kubernetes.io/{name}")] = text.clone();
        all
    });
    let (policy, faults) = Policy::of(labels.as_object());
    (policy.enforce.to_string(), policy.warn.to_string(), faults.len())
}

#[test]
fn labels_say_what_is_enforced_and_what_is_told() {
    let check = |labels: Value, enforce: &str, warn: &str, faults: usize| {
        assert_eq!(policy(&labels), (enforce.to_owned(), warn.to_owned(), faults), "{labels}");
    };
    check(json!({}), "privileged:latest", "privileged:latest", 0);
    check(json!({"enforce": "baseline"}), "baseline:latest", "baseline:latest", 0);
    check(json!({"enforce": "baseline", "enforce-version": "v1.9"}), "baseline:v1.9", "baseline:v1.9", 0);
    let newer = json!({"enforce": "baseline", "enforce-version": "v1.9", "warn-version": "v1.30"});
    check(newer, "baseline:v1.9", "baseline:v1.30", 0);
    check(json!({"enforce": "restricted", "warn": "privileged"}), "restricted:latest", "privileged:latest", 0);
    check(json!({"warn": "restricted"}), "privileged:latest", "restricted:latest", 0);
    check(json!({"audit": "restricted"}), "privileged:latest", "privileged:latest", 0);
    // What can't be read is enforced to the letter, and told to nobody.
    check(json!({"enforce": "strict"}), "restricted:latest", "privileged:latest", 1);
    check(json!({"enforce": "baseline", "warn": "strict"}), "baseline:latest", "privileged:latest", 1);
    check(
        json!({"enforce-version": "1.9", "audit": "x", "warn-version": "v1.09"}),
        "privileged:latest",
        "privileged:latest",
        3,
    );
}

#[test]
fn a_standard_is_what_it_was_at_its_version() {
    let check = |level: Level, minor: i64, pod: &Value, expect: &str| {
        assert_eq!(told(&breaches(standard(level, minor), pod)), expect, "{pod}");
    };
    let bare = json!({"spec": {"containers": [{"name": "a"}, {"name": "b"}]}});
    check(Level::Privileged, 37, &bare, "");
    check(Level::Baseline, 37, &bare, "");
    let root = "runAsNonRoot != true (pod or containers \"a\", \"b\" must set securityContext.runAsNonRoot=true)";
    check(Level::Restricted, 0, &bare, root);
    let escalates = "allowPrivilegeEscalation != false (containers \"a\", \"b\" must set \
                     securityContext.allowPrivilegeEscalation=false)";
    check(Level::Restricted, 8, &bare, &format!("{escalates}, {root}"));
    let windows = json!({"spec": {
        "os": {"name": "windows"}, "securityContext": {"runAsNonRoot": true}, "containers": [{"name": "a"}],
    }});
    check(Level::Restricted, 25, &windows, "");
    let own = json!({"spec": {
        "hostUsers": false, "containers": [{"name": "a", "securityContext": {"procMount": "Unmasked"}}],
    }});
    let mounts = "procMount (container \"a\" must not set securityContext.procMount to \"Unmasked\")";
    check(Level::Baseline, 34, &own, mounts);
    check(Level::Baseline, 35, &own, "");
    let sysctl = json!({"spec": {"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_rmem"}]}}});
    check(Level::Baseline, 31, &sysctl, "forbidden sysctls (net.ipv4.tcp_rmem)");
    check(Level::Baseline, 32, &sysctl, "");
}

#[test]
fn a_stricter_check_speaks_for_the_one_below_it() {
    let pod = json!({"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}});
    let reasons = |level: Level| -> Vec<&'static str> {
        breaches(standard(level, 37), &pod).iter().map(|breach| breach.reason).collect()
    };
    assert_eq!(reasons(Level::Baseline), ["hostPath volumes"]);
    assert_eq!(reasons(Level::Restricted), ["restricted volume types"]);
}

#[test]
fn only_images_and_new_containers_matter_in_a_change() {
    let pod = |image: &str, ephemeral: &[&str]| {
        let more: Vec<Value> = ephemeral.iter().map(|name| json!({"name": name, "image": "i"})).collect();
        json!({"spec": {"containers": [{"name": "a", "image": image}], "ephemeralContainers": more}})
    };
    let mut labelled = pod("x", &[]);
    labelled["metadata"] = json!({"labels": {"a": "b"}});
    assert!(!matters(&labelled, &pod("x", &[])));
    assert!(matters(&pod("y", &[]), &pod("x", &[])));
    assert!(matters(&pod("x", &["e"]), &pod("x", &[])));
    assert!(!matters(&pod("x", &["e"]), &pod("x", &["e"])));
}

#[test]
fn pods_that_are_there_are_told_by_what_is_wrong_with_them() {
    let pod = |name: &str, spec: Value| Arc::new(json!({"metadata": {"name": name}, "spec": spec}));
    let host = json!({"hostPID": true});
    let pods = vec![
        pod("c", host.clone()),
        pod("b", host.clone()),
        pod("fine", json!({})),
        pod("a", json!({"hostIPC": true})),
    ];
    let latest = Standard { level: Level::Baseline, version: Version::Latest };
    assert_eq!(
        told_of_existing("n", latest, pods.clone()),
        [
            "existing pods in namespace \"n\" violate the new PodSecurity enforce level \"baseline:latest\"",
            "a (and 2 other pods): host namespaces",
        ]
    );
    assert_eq!(told_of_existing("n", latest, pods[..2].to_vec())[1], "b (and 1 other pod): host namespaces");
    assert_eq!(told_of_existing("n", latest, pods[2..3].to_vec()), [""; 0]);
}

#[test]
fn of_many_pods_one_of_each_owner_is_looked_at_first() {
    let owned = json!({"metadata": {"name": "owned", "ownerReferences": [{"uid": "u", "controller": true}]}});
    let owned = Arc::new(owned);
    let mut pods = vec![owned; 3000];
    pods.push(Arc::new(json!({"metadata": {"name": "last"}, "spec": {"hostPID": true}})));
    let latest = Standard { level: Level::Baseline, version: Version::Latest };
    assert_eq!(
        told_of_existing("n", latest, pods),
        [
            "new PodSecurity enforce level only checked against the first 3000 of 3001 existing pods",
            "existing pods in namespace \"n\" violate the new PodSecurity enforce level \"baseline:latest\"",
            "last: host namespaces",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn controllers_get_no_pods_past_the_labels_of_a_namespace() {
    let hand = Hand(Cluster::new().client());
    let labels = json!({"pod-security.kubernetes.io/enforce": "baseline"});
    hand.patch("/api/v1/namespaces/default", json!({"metadata": {"labels": labels}})).await;
    for (name, host) in [("plain", false), ("host", true)] {
        let set = json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name},
            "spec": {
                "replicas": 1, "selector": {"matchLabels": {"app": name}},
                "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {"hostPID": host, "containers": [{"name": "a", "image": "i"}]},
                },
            },
        });
        hand.create("/apis/apps/v1/namespaces/default/replicasets", set).await;
    }
    pass(5).await;
    let pods = hand.names("/api/v1/namespaces/default/pods").await;
    assert!(pods.len() == 1 && pods[0].starts_with("plain-"), "{pods:?}");
}
