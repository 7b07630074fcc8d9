//! `kubectl` as its user meets it: a transcript of commands against a served cluster, and what they print.
//!
//! It needs `kubectl` on the PATH; where there is none, the tests say so and pass.
#![expect(clippy::print_stderr, reason = "whoever reads the tests' output must see that they were skipped")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use controller_testkit::{Playground, World};

/// A served cluster and a folder, with blanks in its name, for what `kubectl` reads and writes.
struct Shell {
    playground: Playground,
    folder: tempfile::TempDir,
}

impl Shell {
    /// None where there is no `kubectl`.
    async fn open(test: &str) -> Option<Shell> {
        let there = Command::new("kubectl").args(["version", "--client"]).stdout(Stdio::null()).status();
        if !there.is_ok_and(|status| status.success()) {
            eprintln!("{test}: skipped, since there is no kubectl on the PATH");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("kubectl at work ").tempdir().expect("a temporary folder");
        let kubeconfig = folder.path().join("kube config");
        let playground = Playground::builder().without_demo().world(World::full()).kubeconfig(kubeconfig).start().await;
        Some(Shell { playground: playground.expect("a free port"), folder })
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("a file in the temporary folder");
        path
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command
            .args(words)
            .current_dir(self.folder.path())
            .env("KUBECONFIG", self.playground.kubeconfig_path())
            .env("HOME", self.folder.path());
        command
    }

    /// What a command prints, and whether it succeeded.
    fn run(&self, line: &str) -> (bool, String) {
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        let output = self.command(&words).output().expect("kubectl runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// Runs a command that must succeed and print each of these.
    fn check(&self, line: &str, expect: &[&str]) {
        let (succeeded, text) = self.run(line);
        assert!(succeeded, "kubectl {line}\n{text}");
        for part in expect {
            assert!(text.contains(part), "kubectl {line}\nlacks {part:?} in\n{text}");
        }
    }

    /// Runs a command that must fail and print this.
    fn refused(&self, line: &str, expect: &str) {
        let (succeeded, text) = self.run(line);
        assert!(!succeeded, "kubectl {line}\n{text}");
        assert!(text.contains(expect), "kubectl {line}\nlacks {expect:?} in\n{text}");
    }
}

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, labels: {app: app}}
spec:
  replicas: 2
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      containers:
      - {name: main, image: 'nginx:1', ports: [{containerPort: 80}]}
";

const DEFINITION: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.size}}
    additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties: {size: {type: integer, minimum: 0}, color: {type: string, default: red}}
          status: {type: object, properties: {size: {type: integer}}}
";

const WIDGET: &str = "
apiVersion: example.com/v1
kind: Widget
metadata: {name: one}
spec: {size: 2}
";

#[tokio::test(flavor = "multi_thread")]
async fn deployments_are_created_rolled_scaled_and_deleted() {
    let Some(shell) = Shell::open("deployments").await else { return };
    shell.check("create deployment web --image=nginx --replicas=3", &["deployment.apps/web created"]);
    shell.check("rollout status deployment/web --timeout=30s", &["successfully rolled out"]);
    shell.check("wait --for=condition=Available deployment/web --timeout=30s", &["condition met"]);
    shell.check("get deployments", &["NAME", "READY", "UP-TO-DATE", "web", "3/3"]);
    shell.check("get pods -o wide", &["1/1", "Running", "node-1"]);
    shell.check("scale deployment web --replicas=5", &["deployment.apps/web scaled"]);
    shell.check("rollout status deployment/web --timeout=30s", &["successfully rolled out"]);
    let (_, pods) = shell.run("get pods -o name");
    assert_eq!(pods.lines().count(), 5, "{pods}");
    shell.file("app.yaml", DEPLOYMENT);
    shell.file("app2.yaml", &DEPLOYMENT.replace("nginx:1", "nginx:2"));
    shell.check("apply -f app.yaml", &["deployment.apps/app created"]);
    shell.check("apply -f app.yaml", &["deployment.apps/app unchanged"]);
    shell.check("rollout status deployment/app --timeout=30s", &["successfully rolled out"]);
    shell.check("apply -f app2.yaml", &["deployment.apps/app configured"]);
    shell.check("rollout status deployment/app --timeout=30s", &["successfully rolled out"]);
    shell.check("get pods -l app=app -o yaml", &["image: nginx:2"]);
    shell.check("rollout undo deployment/app", &["rolled back"]);
    shell.check("rollout status deployment/app --timeout=30s", &["successfully rolled out"]);
    shell.check("rollout history deployment/app", &["REVISION", "3"]);
    shell.check("describe deployment app", &["Replicas:", "2 desired", "NewReplicaSet:", "(2/2 replicas created)"]);
    shell.check("describe deployment web", &["ScalingReplicaSet", "Scaled up replica set web-", "from 0 to 3"]);
    shell.check("describe replicasets -l app=web", &["SuccessfulCreate", "replicaset-controller", "Created pod: web-"]);
    shell.check("rollout restart deployment/app", &["restarted"]);
    shell.check("rollout status deployment/app --timeout=30s", &["successfully rolled out"]);
    shell.check("set image deployment/app main=nginx:9", &["image updated"]);
    shell.check("set env deployment/app A=b", &["env updated"]);
    shell.check("set resources deployment/app --limits=cpu=200m", &["resource requirements updated"]);
    shell.check("expose deployment app --port=80", &["service/app exposed"]);
    shell.check("autoscale deployment app --min=1 --max=3 --cpu-percent=50", &["autoscaled"]);
    shell.check("get hpa", &["cpu: <unknown>/50%"]);
    shell.check("describe hpa app", &["resource cpu on pods", "<unknown> / 50%"]);
    shell.check("delete deployment web app", &["\"web\" deleted", "\"app\" deleted"]);
    shell.check("wait --for=delete pods -l app=web --timeout=30s", &[]);
    shell.check("get all", &["service/kubernetes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_changed_in_every_way() {
    let Some(shell) = Shell::open("changes").await else { return };
    shell.check("create configmap c --from-literal=a=b", &["configmap/c created"]);
    shell.refused("create configmap c --from-literal=a=b", "already exists");
    shell.check("patch configmap c -p {\"data\":{\"x\":\"old\"}}", &["configmap/c patched"]);
    shell.check("patch configmap c --type=json -p [{\"op\":\"remove\",\"path\":\"/data/a\"}]", &["patched"]);
    shell.check("get configmap c -o jsonpath={.data}", &["{\"x\":\"old\"}"]);
    shell.check("label configmap c tier=web", &["configmap/c labeled"]);
    shell.check("annotate configmap c note=hi", &["configmap/c annotated"]);
    shell.check(
        "get configmaps -l tier=web -o custom-columns=N:.metadata.name,T:.metadata.labels.tier",
        &["N     T\nc     web"],
    );
    let edit = shell.command(&["edit", "configmap", "c"]).env("KUBE_EDITOR", "sed -i 's/x: old/x: edited/'").output();
    assert!(edit.expect("kubectl runs").status.success());
    shell.check("get configmap c -o json", &["\"x\": \"edited\""]);
    shell.check("create secret generic s --from-literal=a=b", &["secret/s created"]);
    shell.check("get secret s -o jsonpath={.data.a}", &["Yg=="]);
    shell.check("delete configmap c", &["deleted"]);
    shell.refused("get configmap c", "Error from server (NotFound): configmaps \"c\" not found");
    shell.check("run p --image=nginx", &["pod/p created"]);
    shell.check("wait --for=condition=Ready pod/p --timeout=30s", &["pod/p condition met"]);
    shell.check("describe pod p", &["Name:", "Status:", "Running", "Containers:"]);
    let (_, told) = shell.run("describe pod p");
    let told: Vec<&str> = told.lines().skip_while(|line| !line.starts_with("Events:")).skip(3).collect();
    for (line, parts) in told.iter().zip([
        ["Scheduled", "default-scheduler", "Successfully assigned default/p to node-1"],
        ["Pulled", "kubelet", "Container image \"nginx\" already present on machine"],
        ["Created", "kubelet", "Created container: p"],
        ["Started", "kubelet", "Started container p"],
    ]) {
        assert!(parts.iter().all(|part| line.contains(part)), "{line:?} lacks some of {parts:?}");
    }
    assert_eq!(told.len(), 4, "{told:?}");
    shell.check("events --for pod/p", &["Scheduled", "Pod/p"]);
    shell.check("delete pod p", &["pod \"p\" deleted"]);
    shell.check("create job j --image=busybox", &["job.batch/j created"]);
    shell.check("wait --for=condition=complete job/j --timeout=30s", &["condition met"]);
    shell.check("describe job j", &["SuccessfulCreate", "Created pod: j-", "Completed", "Job completed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_many_kinds_are_created_by_name() {
    let Some(shell) = Shell::open("many kinds").await else { return };
    for (line, made) in [
        ("serviceaccount sa", "serviceaccount/sa"),
        ("role r --verb=get,list --resource=pods", "role.rbac.authorization.k8s.io/r"),
        ("rolebinding b --role=r --serviceaccount=default:sa", "rolebinding.rbac.authorization.k8s.io/b"),
        ("clusterrole cr --verb=get --resource=nodes", "clusterrole.rbac.authorization.k8s.io/cr"),
        ("clusterrolebinding cb --clusterrole=cr --user=u", "clusterrolebinding.rbac.authorization.k8s.io/cb"),
        ("quota q --hard=pods=10,cpu=4", "resourcequota/q"),
        ("poddisruptionbudget p --selector=app=x --min-available=1", "poddisruptionbudget.policy/p"),
        ("priorityclass pc --value=10", "priorityclass.scheduling.k8s.io/pc"),
        ("ingress i --rule=example.com/*=web:80", "ingress.networking.k8s.io/i"),
        ("service clusterip s --tcp=80:8080", "service/s"),
        ("service nodeport n --tcp=80", "service/n"),
        ("cronjob c --image=busybox --schedule=@daily", "cronjob.batch/c"),
        ("job j --from=cronjob/c", "job.batch/j"),
        ("secret docker-registry d --docker-username=u --docker-password=p", "secret/d"),
    ] {
        shell.check(&format!("create {line}"), &[made, "created"]);
    }
    let (_, token) = shell.run("create token sa");
    assert_eq!(token.trim().split('.').count(), 3, "{token}");
    shell.check("get quota,ingress,cronjob,pdb -o name", &["resourcequota/q", "ingress.networking.k8s.io/i"]);
    shell.check("describe quota q", &["Resource", "Used", "Hard"]);
    shell.check("get all --show-labels", &["service/s", "app=s", "cronjob.batch/c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_cordoned_and_drained() {
    let Some(shell) = Shell::open("nodes").await else { return };
    shell.check("taint nodes node-1 k=v:PreferNoSchedule", &["node/node-1 tainted"]);
    shell.check("describe node node-1", &["Taints:", "k=v:PreferNoSchedule", "Ready"]);
    shell.check("cordon node-1", &["node/node-1 cordoned"]);
    shell.check("get nodes", &["Ready,SchedulingDisabled"]);
    shell.check("run p --image=nginx", &["created"]);
    shell.check("wait --for=jsonpath={.status.conditions[0].reason}=Unschedulable pod/p --timeout=30s", &[]);
    shell.check("describe pod p", &["FailedScheduling", "1 node(s) were unschedulable"]);
    shell.check("uncordon node-1", &["node/node-1 uncordoned"]);
    shell.check("wait --for=condition=Ready pod/p --timeout=30s", &["condition met"]);
    shell.check("drain node-1 --force --timeout=30s", &["pod/p evicted", "node/node-1 drained"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_take_their_content_along() {
    let Some(shell) = Shell::open("namespaces").await else { return };
    shell.check("create namespace team", &["namespace/team created"]);
    shell.check("-n team run p --image=nginx", &["pod/p created"]);
    shell.check("-n team wait --for=condition=Ready pod/p --timeout=30s", &["condition met"]);
    shell.check("get pods -A", &["NAMESPACE", "team"]);
    shell.check("describe namespace team", &["Status:", "Active"]);
    shell.check("delete namespace team --timeout=30s", &["deleted"]);
    shell.refused("get namespace team", "not found");
    shell.check("get namespaces", &["default", "kube-system", "Active"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_resources_are_kinds_like_any_other() {
    let Some(shell) = Shell::open("custom resources").await else { return };
    shell.file("definition.yaml", DEFINITION);
    shell.file("widget.yaml", WIDGET);
    shell.check("create -f definition.yaml", &["widgets.example.com created"]);
    shell.check("wait --for=condition=Established crd/widgets.example.com --timeout=30s", &["condition met"]);
    shell.check("apply -f widget.yaml", &["widget.example.com/one created"]);
    shell.check("apply -f widget.yaml", &["widget.example.com/one unchanged"]);
    shell.file("bigger.yaml", &WIDGET.replace("size: 2", "size: 3"));
    shell.check("apply -f bigger.yaml", &["widget.example.com/one configured"]);
    let (differs, text) = shell.run("diff -f widget.yaml");
    assert!(!differs && text.contains("-  size: 3") && text.contains("+  size: 2"), "{text}");
    shell.check("replace -f widget.yaml", &["widget.example.com/one replaced"]);
    shell.check("replace --force -f widget.yaml", &["deleted", "replaced"]);
    shell.check("get wd", &["NAME", "SIZE", "one", "2"]);
    shell.file("bad.yaml", &WIDGET.replace("name: one", "name: bad").replace("size: 2", "size: -1, odd: 1"));
    shell.refused("create -f bad.yaml", "unknown field \"spec.odd\"");
    shell.refused("create --validate=false -f bad.yaml", "should be greater than or equal to 0");
    shell.check("patch wd one --subresource=status --type=merge -p {\"status\":{\"size\":2}}", &["patched"]);
    shell.check("wait wd/one --for=jsonpath={.status.size}=2 --timeout=30s", &["condition met"]);
    shell.check("get widget one -o jsonpath={.spec.color}", &["red"]);
    shell.check("scale widget one --replicas=4", &["scaled"]);
    shell.check("get widget one --subresource=scale", &["NAME   DESIRED   AVAILABLE", "one    4         2"]);
    shell.refused("patch widget one -p {}", "is not supported by example.com/v1, Kind=Widget");
    shell.check("patch widget one --type=merge -p {\"spec\":{\"color\":\"blue\"}}", &["patched"]);
    shell.refused("patch widget one --type=merge -p {\"spec\":{\"size\":-1}}", "should be greater than or equal to 0");
    shell.check("describe widget one", &["Color:", "blue", "Size:", "4"]);
    shell.check("explain widget.spec", &["KIND:       Widget", "size"]);
    shell.check("api-resources --api-group=example.com", &["widgets", "wd", "example.com/v1", "true"]);
    shell.check("delete crd widgets.example.com", &["deleted"]);
    shell.check("wait --for=delete crd/widgets.example.com --timeout=30s", &[]);
    shell.refused("get widgets", "the server");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_is_told() {
    let Some(shell) = Shell::open("discovery").await else { return };
    shell.check("api-resources", &["deployments", "deploy", "apps/v1", "Deployment"]);
    shell.check("api-versions", &["apps/v1", "batch/v1", "v1"]);
    shell.check("explain pod.spec.containers.image", &["image <string>"]);
    shell.check("version", &["Server Version: v1."]);
    shell.check("cluster-info", &["control plane", "https://127.0.0.1:"]);
    shell.check("auth can-i create pods", &["yes"]);
    shell.check("get --raw /readyz", &["ok"]);
    shell.check("get nodes", &["node-1", "Ready"]);
    shell.refused("get nothings", "the server doesn't have a resource type \"nothings\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_prints_what_happens() {
    let Some(shell) = Shell::open("watch").await else { return };
    let watch = ["get", "configmaps", "--watch", "--output-watch-events", "--field-selector=metadata.name=seen"];
    shell.check("create configmap seen", &["created"]);
    let mut child = shell.command(&watch).stdout(Stdio::piped()).spawn().expect("kubectl runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut next = |expect: &str| {
        let line = lines.next().expect("a line").expect("text");
        assert!(line.contains(expect), "{line:?} lacks {expect:?}");
    };
    next("EVENT");
    next("ADDED");
    shell.check("label configmap seen a=b", &["labeled"]);
    next("MODIFIED");
    shell.check("delete configmap seen", &["deleted"]);
    next("DELETED");
    child.kill().expect("it still watches");
    child.wait().expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_come_by_the_standard_input() {
    let Some(shell) = Shell::open("standard input").await else { return };
    assert!(Path::new(shell.playground.kubeconfig_path()).is_absolute());
    let child = shell.command(&["create", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let mut child = child.expect("kubectl runs");
    child.stdin.take().expect("a pipe").write_all(DEPLOYMENT.as_bytes()).expect("it reads");
    assert!(child.wait().expect("it ends").success());
    shell.check("rollout status deployment/app --timeout=30s", &["successfully rolled out"]);
}
