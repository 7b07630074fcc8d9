//! What quotas count and refuse, by hand; and, at random, that nobody gets past them.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Asked, Measure, charge, total};

fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().expect("a time")
}

fn measure(plural: &str) -> Measure {
    Measure::of("", plural).expect("it is counted")
}

fn pod(spec: Value) -> Value {
    json!({"metadata": {"name": "p"}, "spec": spec})
}

/// A pod of one container that has this much.
fn sized(resources: Value) -> Value {
    pod(json!({"containers": [{"name": "a", "resources": resources}]}))
}

/// What an object uses, in words.
fn used(plural: &str, object: &Value) -> String {
    let usage = measure(plural).usage(object, now());
    usage.iter().map(|(name, amount)| format!("{name}={amount}")).collect::<Vec<_>>().join(" ")
}

fn check(plural: &str, object: &Value, expect: &str) {
    assert_eq!(used(plural, object), expect, "{object}");
}

#[test]
fn pods_use_what_their_containers_ask_for() {
    check("pods", &sized(json!({})), "count/pods=1 pods=1");
    check(
        "pods",
        &sized(json!({"requests": {"cpu": "250m", "example.com/gpu": "2", "hugepages-2Mi": "4Mi"}})),
        "count/pods=1 cpu=250m hugepages-2Mi=4Mi pods=1 requests.cpu=250m requests.example.com/gpu=2 \
         requests.hugepages-2Mi=4Mi",
    );
    check(
        "pods",
        &sized(json!({"limits": {"memory": "1Gi", "ephemeral-storage": "1G", "example.com/gpu": "2"}})),
        "count/pods=1 limits.ephemeral-storage=1G limits.memory=1Gi pods=1",
    );
    check("pods", &sized(json!({"requests": {"kubernetes.io/batch": "1"}})), "count/pods=1 pods=1");
    let whole = json!({
        "resources": {"requests": {"cpu": "3"}},
        "overhead": {"cpu": "1", "memory": "1Mi"},
        "containers": [{"name": "a", "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Mi"}}}],
    });
    check(
        "pods",
        &pod(whole),
        "count/pods=1 cpu=4 limits.memory=2Mi memory=1Mi pods=1 requests.cpu=4 requests.memory=1Mi",
    );
}

#[test]
fn pods_use_what_their_nodes_have_given_them() {
    let with_status = |status: Value| {
        let mut pod = sized(json!({"requests": {"cpu": "2"}, "limits": {"cpu": "2"}}));
        pod["status"] = status;
        pod
    };
    let told = |requests: &str, limits: &str| {
        let resources = json!({"requests": {"cpu": requests}, "limits": {"cpu": limits}});
        json!([{"name": "a", "allocatedResources": {"cpu": "1"}, "resources": resources}])
    };
    let grown = with_status(json!({"containerStatuses": told("3", "4")}));
    check("pods", &grown, "count/pods=1 cpu=3 limits.cpu=4 pods=1 requests.cpu=3");
    let growing = with_status(json!({"containerStatuses": told("1", "1")}));
    check("pods", &growing, "count/pods=1 cpu=2 limits.cpu=2 pods=1 requests.cpu=2");
    let conditions = json!([{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}]);
    let stuck = with_status(json!({"containerStatuses": told("1", "1"), "conditions": conditions}));
    check("pods", &stuck, "count/pods=1 cpu=1 limits.cpu=1 pods=1 requests.cpu=1");
}

#[test]
fn pods_that_have_ended_only_count() {
    let mut pod = sized(json!({"requests": {"cpu": "2"}}));
    for phase in ["Succeeded", "Failed"] {
        pod["status"] = json!({"phase": phase});
        check("pods", &pod, "count/pods=1");
    }
    pod["status"] = json!({"phase": "Running"});
    pod["metadata"]["deletionGracePeriodSeconds"] = json!(30);
    pod["metadata"]["deletionTimestamp"] = json!("2026-01-02T03:03:34Z");
    check("pods", &pod, "count/pods=1");
    pod["metadata"]["deletionTimestamp"] = json!("2026-01-02T03:03:36Z");
    check("pods", &pod, "count/pods=1 cpu=2 pods=1 requests.cpu=2");
}

#[test]
fn services_use_ports_of_nodes_and_balancers() {
    let service = |spec: Value| json!({"metadata": {"name": "s"}, "spec": spec});
    let ports = json!([{"port": 1}, {"port": 2, "nodePort": 30_000}]);
    for (kind, expect) in [("ClusterIP", [0, 0]), ("NodePort", [0, 2]), ("LoadBalancer", [1, 2])] {
        let [balancers, ports_used] = expect;
        let expect =
            format!("count/services=1 services=1 services.loadbalancers={balancers} services.nodeports={ports_used}");
        check("services", &service(json!({"type": kind, "ports": ports})), &expect);
    }
    let spec = json!({"type": "LoadBalancer", "ports": ports, "allocateLoadBalancerNodePorts": false});
    check("services", &service(spec), "count/services=1 services=1 services.loadbalancers=1 services.nodeports=1");
}

#[test]
fn claims_use_storage_of_their_classes() {
    let claim = |spec: Value| json!({"metadata": {"name": "c"}, "spec": spec});
    check("persistentvolumeclaims", &claim(json!({})), "count/persistentvolumeclaims=1 persistentvolumeclaims=1");
    let spec = json!({"storageClassName": "gold", "resources": {"requests": {"storage": "1500m"}}});
    let mut gold = claim(spec);
    let expect = |storage: &str| {
        format!(
            "count/persistentvolumeclaims=1 gold.storageclass.storage.k8s.io/persistentvolumeclaims=1 \
             gold.storageclass.storage.k8s.io/requests.storage={storage} persistentvolumeclaims=1 \
             requests.storage={storage}"
        )
    };
    check("persistentvolumeclaims", &gold, &expect("2"));
    gold["status"] = json!({"allocatedResources": {"storage": "1Gi"}});
    check("persistentvolumeclaims", &gold, &expect("1Gi"));
}

#[test]
fn claims_use_devices_of_their_classes_at_most() {
    let used = |requests: Value| {
        let claim = json!({"spec": {"devices": {"requests": requests}}});
        let usage = Measure::of("resource.k8s.io", "resourceclaims").expect("it is counted").usage(&claim, now());
        usage.iter().map(|(name, amount)| format!("{name}={amount}")).collect::<Vec<_>>().join(" ")
    };
    let of =
        |class: &str, count: i64| json!({"deviceClassName": class, "allocationMode": "ExactCount", "count": count});
    assert_eq!(
        used(json!([
            {"exactly": of("gpu", 2)},
            {"firstAvailable": [of("gpu", 3), of("gpu", 1), {"deviceClassName": "nic", "allocationMode": "All"}]},
        ])),
        "count/resourceclaims.resource.k8s.io=1 gpu.deviceclass.resource.k8s.io/devices=5 \
         nic.deviceclass.resource.k8s.io/devices=32"
    );
    let most = used(json!([{"exactly": of("gpu", i64::MAX)}, {"exactly": of("gpu", i64::MAX)}]));
    assert!(most.contains(&format!("gpu.deviceclass.resource.k8s.io/devices={}", i64::MAX)), "{most}");
}

#[test]
fn a_name_is_of_those_who_are_counted_by_it() {
    let kinds = ["pods", "services", "persistentvolumeclaims", "secrets"];
    for (name, expect) in [
        ("pods", "pods"),
        ("count/pods", "pods"),
        ("requests.cpu", "pods"),
        ("ephemeral-storage", "pods"),
        ("limits.hugepages-2Mi", ""),
        ("requests.hugepages-2Mi", "pods"),
        ("requests.example.com/gpu", "pods"),
        ("requests.kubernetes.io/gpu", ""),
        ("requests.deviceclass.resource.kubernetes.io/gpu", "pods"),
        ("requests.storage", "persistentvolumeclaims"),
        ("a.storageclass.storage.k8s.io/requests.storage", "persistentvolumeclaims"),
        ("a.storageclass.storage.k8s.io/pods", ""),
        ("services.nodeports", "services"),
        ("secrets", "secrets"),
        ("count/secrets", "secrets"),
        ("count/secrets.example.com", ""),
    ] {
        let counted: Vec<&str> = kinds.into_iter().filter(|kind| measure(kind).counts(name)).collect();
        assert_eq!(counted.join(" "), expect, "{name}");
    }
    assert_eq!(Measure::of("events.k8s.io", "events"), None);
    assert!(Measure::of("apps", "deployments").is_some_and(|measure| measure.counts("count/deployments.apps")));
}

/// A quota that has been counted.
fn quota(hard: Value, used: Value) -> Value {
    json!({"metadata": {"name": "q"}, "spec": {"hard": hard}, "status": {"hard": hard, "used": used}})
}

fn changed(quota: &Value, part: &str, new: &Value, old: Option<&Value>) -> Result<Vec<Value>, String> {
    let measure = measure("pods");
    let asked = Asked { measure: &measure, part, new, old, now: now() };
    charge([quota].into_iter(), &asked).map(|charged| charged.into_iter().map(|(_, used)| used).collect())
}

#[test]
fn a_change_is_charged_by_what_it_adds() {
    let with = |cpu: &str| sized(json!({"requests": {"cpu": cpu}}));
    let quota = quota(json!({"requests.cpu": "2", "pods": "1"}), json!({"requests.cpu": "1", "pods": "1"}));
    let charged = changed(&quota, "resize", &with("2"), Some(&with("1")));
    assert_eq!(charged, Ok(vec![json!({"requests.cpu": "2", "pods": "1"})]));
    assert_eq!(changed(&quota, "resize", &with("1"), Some(&with("2"))), Ok(Vec::new()), "less is not given back");
    let over = changed(&quota, "resize", &with("2100m"), Some(&with("1")));
    let why = "exceeded quota: q, requested: requests.cpu=1100m, used: requests.cpu=1, limited: requests.cpu=2";
    assert_eq!(over, Err(why.to_owned()));
    let mut narrow = quota.clone();
    narrow["spec"]["scopes"] = json!(["Terminating"]);
    let mut ending = with("1");
    ending["spec"]["activeDeadlineSeconds"] = json!(5);
    let moved = changed(&narrow, "", &ending, Some(&with("1")));
    assert!(moved.is_err_and(|why| why.contains("requested: pods=1,")), "it was not within the scope before");
}

/// One thing that happens in a namespace.
#[derive(Clone, Debug)]
enum Act {
    Create { milli: u32, ends: bool },
    Resize { at: usize, milli: u32 },
    Delete { at: usize },
    Count,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0..900_u32, any::<bool>()).prop_map(|(milli, ends)| Act::Create { milli, ends }),
        (0..8_usize, 0..900_u32).prop_map(|(at, milli)| Act::Resize { at, milli }),
        (0..8_usize).prop_map(|at| Act::Delete { at }),
        Just(Act::Count),
    ]
}

fn made(milli: u32, ends: bool) -> Value {
    let mut pod = sized(json!({"requests": {"cpu": format!("{milli}m")}}));
    if ends {
        pod["spec"]["activeDeadlineSeconds"] = json!(5);
    }
    pod
}

proptest! {
    /// Whatever is made, changed and deleted in whatever order, and however seldom somebody counts: what is used is never
    /// more than what is told, and that never more than there may be.
    #[test]
    fn nobody_uses_more_than_there_is(
        acts in prop::collection::vec(act(), 1..40),
        most in 0..2500_u32,
        narrow in any::<bool>(),
    ) {
        let hard = json!({"requests.cpu": format!("{most}m"), "pods": "4"});
        let mut quota = quota(hard, json!({"requests.cpu": "0", "pods": "0"}));
        if narrow {
            quota["spec"]["scopes"] = json!(["Terminating"]);
        }
        let measure = measure("pods");
        let mut pods: Vec<Value> = Vec::new();
        let count = |quota: &Value, pods: &[Value]| total(quota, [(&measure, pods.iter())].into_iter(), now());
        for act in acts {
            let charged = match &act {
                Act::Create { milli, ends } => Some((made(*milli, *ends), None)),
                Act::Resize { at, milli } => pods.get(*at).map(|old| {
                    (made(*milli, super::pod::has_end(old)), Some(*at))
                }),
                Act::Delete { at } if *at < pods.len() => {
                    pods.remove(*at);
                    None
                }
                Act::Delete { .. } => None,
                Act::Count => {
                    quota["status"] = count(&quota, &pods)["status"].take();
                    None
                }
            };
            if let Some((new, at)) = charged {
                let part = if at.is_some() { "resize" } else { "" };
                if let Ok(used) = changed(&quota, part, &new, at.map(|at| &pods[at])) {
                    if let Some(used) = used.into_iter().next() {
                        quota["status"]["used"] = used;
                    }
                    match at {
                        Some(at) => pods[at] = new,
                        None => pods.push(new),
                    }
                }
            }
            let amounts = |of: &Value| crate::kinds::amounts(Some(of));
            let real = amounts(&count(&quota, &pods)["status"]["used"]);
            let told = amounts(&quota["status"]["used"]);
            let hard = amounts(&quota["status"]["hard"]);
            for name in ["requests.cpu", "pods"] {
                prop_assert!(real[name] <= told[name], "{act:?}: {name} {real:?} {told:?}");
                prop_assert!(told[name] <= hard[name], "{act:?}: {name} {told:?} {hard:?}");
            }
        }
    }
}
