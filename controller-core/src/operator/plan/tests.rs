use super::*;
use crate::__private::Probe;
use crate::supervisor::{ChildContext, Shutdown, Strategy};
use crate::{Descriptor, ResourceFacts};
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod};

fn controller(descriptor: Descriptor, type_name: &'static str) -> ChildSpec {
    ChildSpec::worker(descriptor.name(), |_: ChildContext| async {}).controller(ControllerFacts {
        reads: Vec::new(),
        writes: vec![ResourceFacts::of::<ConfigMap>(), ResourceFacts::of::<Node>()],
        descriptor,
        type_name,
        schema_of_type: None,
    })
}

fn root() -> Supervisor {
    Supervisor::new("root", Strategy::OneForOne)
}

const PODS: Descriptor = Descriptor::new("pods", "v1", "Pod").resource(Probe::<Pod>::RESOURCE);

#[test]
fn each_controller_of_the_tree_has_a_line() {
    let check = |descriptor: Descriptor, narrowed: Option<&[String]>, expect: &str| {
        let tree = root().child(Supervisor::new("inner", Strategy::OneForAll).child(controller(descriptor, "T")));
        let plan = Plan::check(tree, narrowed).expect("it may start");
        assert_eq!(plan.controllers.iter().map(ToString::to_string).collect::<Vec<_>>(), [expect]);
    };
    let narrowed = ["a".to_owned(), "b".to_owned()];
    check(PODS, None, "pods: v1 Pod, all namespaces, no schema");
    check(PODS, Some(&narrowed), "pods: v1 Pod, namespaces a, b, no schema");
    check(PODS.namespaces(&["own"]), Some(&narrowed), "pods: v1 Pod, namespace own, no schema");
    check(PODS.schema("{}"), None, "pods: v1 Pod, all namespaces, schema as written");
    check(
        Descriptor::of_type("nodes").resource(Probe::<Node>::RESOURCE),
        Some(&narrowed),
        "nodes: v1 Node, cluster-scoped, no schema",
    );
    check(
        Descriptor::new("shops", "shop.example.com/v1", "Shop"),
        None,
        "shops: shop.example.com/v1 Shop, all namespaces, no schema",
    );
}

#[test]
fn what_is_written_is_written_in_the_controllers_namespaces() {
    let check = |descriptor: Descriptor, narrowed: Option<&[String]>, expect: &[&str]| {
        let plan = Plan::check(root().child(controller(descriptor, "T")), narrowed).expect("it may start");
        assert_eq!(plan.writes.iter().map(ToString::to_string).collect::<Vec<_>>(), expect);
    };
    let narrowed = ["a".to_owned(), "b".to_owned()];
    let nodes = "nodes in all namespaces";
    check(PODS, None, &["configmaps in all namespaces", nodes]);
    check(PODS, Some(&narrowed), &["configmaps in namespace a", "configmaps in namespace b", nodes]);
    check(PODS.namespaces(&["own"]), Some(&narrowed), &["configmaps in namespace own", nodes]);
}

#[test]
fn what_may_not_start_is_refused_before_anything_starts() {
    let check = |tree: Supervisor, expect: &str| {
        assert_eq!(Plan::check(tree, None).expect_err("it is refused").to_string(), expect);
    };
    check(
        root().child(controller(PODS, "a::Pods")).child(root().child(controller(PODS, "b::Pods"))),
        "two controllers are named pods: a::Pods and b::Pods; give one of them another with `name = \"..\"`",
    );
    check(
        root().child(Supervisor::new("deep", Strategy::OneForOne).child(controller(PODS.significant(), "Pods"))),
        "child pods is significant, and supervisor deep never shuts down by itself: set its `auto_shutdown`",
    );
    check(
        root().child(root().id("x")).child(root().id("x")),
        "supervisor root has two children with the id x: give one of them another with `.id(..)`",
    );
}

#[test]
fn namespaces_that_narrow_must_be_there_and_be_names() {
    let check = |narrowed: &[&str], expect: Option<&str>| {
        let narrowed: Vec<_> = narrowed.iter().map(|name| (*name).to_owned()).collect();
        let refused = Plan::check(root().child(controller(PODS, "T")), Some(&narrowed)).err();
        assert_eq!(refused.map(|error| error.to_string()).as_deref(), expect);
    };
    check(&["a", "kube-system", "0"], None);
    check(&[], Some("`namespaces([])` leaves nothing to watch: name a namespace, or leave the call out to watch all"));
    for bad in ["", "A", "-a", "a-", "a.b", "a/b", &"a".repeat(64)] {
        let expect = format!(
            "`namespaces` has \"{bad}\", which is no name of a namespace: a-z, 0-9 and -, at most 63, a letter or digit at both ends"
        );
        check(&["good", bad], Some(&expect));
    }
}

trait Id {
    fn id(self, id: &str) -> ChildSpec;
}

impl Id for Supervisor {
    fn id(self, id: &str) -> ChildSpec {
        ChildSpec::supervisor(self).id(id)
    }
}

#[test]
fn a_stop_that_can_outlast_the_kubelet_is_warned_of() {
    let check = |shutdowns: &[Shutdown], expect: Option<&str>| {
        let worker = |(at, shutdown): (usize, &Shutdown)| {
            ChildSpec::worker(format!("w{at}"), |_: ChildContext| async {}).shutdown(*shutdown)
        };
        let inner = shutdowns
            .iter()
            .enumerate()
            .map(worker)
            .fold(Supervisor::new("in", Strategy::OneForOne), Supervisor::child);
        let warnings = Plan::check(root().child(inner), None).expect("it may start").warnings;
        assert_eq!(warnings.first().map(String::as_str), expect);
    };
    let after = |secs| Shutdown::After(Duration::from_secs(secs));
    check(&[after(5), after(25)], None);
    check(
        &[after(5), Shutdown::BrutalKill, after(26)],
        Some(
            "stopping can take 31s: set terminationGracePeriodSeconds above that, or shorten `shutdown`; the default is 30s",
        ),
    );
    check(
        &[after(5), Shutdown::Infinity],
        Some(
            "stopping can take for ever: a worker has `shutdown = infinity`, and the kubelet kills the pod after terminationGracePeriodSeconds",
        ),
    );
}
