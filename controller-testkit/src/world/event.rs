//! Events: what the cluster's own controllers tell of their work, for `kubectl describe` and `kubectl events`.
//!
//! What each controller tells stands here as data; who writes it fills in the names. An event that the server refuses,
//! as in a namespace that is being deleted, is one that nobody reads.

use serde_json::{Value, json};

use super::hand::{Hand, kind};
use super::object;
use super::stage::Told;

/// How grave an event is.
#[derive(Clone, Copy, Debug)]
enum Grade {
    Normal,
    Warning,
}

impl Grade {
    fn name(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// Something that a controller tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling {
    by: &'static str,
    grade: Grade,
    reason: &'static str,
    /// The message, with names in braces where those of the matter go.
    text: &'static str,
}

/// What the controllers tell.
pub(super) mod telling {
    use super::{Grade, Telling};

    macro_rules! tellings {
        ($($name:ident: $grade:ident $by:literal $reason:literal $text:literal;)*) => {
            $(pub(in crate::world) const $name: Telling =
                Telling { by: $by, grade: Grade::$grade, reason: $reason, text: $text };)*
        };
    }
    tellings! {
        POD_BOUND: Normal "default-scheduler" "Scheduled" "Successfully assigned {namespace}/{name} to {node}";
        POD_HOMELESS: Warning "default-scheduler" "FailedScheduling" "{why}";
        VOLUME_MISSING: Warning "kubelet" "FailedMount" "{why}";
        IMAGE_THERE: Normal "kubelet" "Pulled" "Container image \"{image}\" already present on machine";
        CONTAINER_MADE: Normal "kubelet" "Created" "Created container: {container}";
        CONTAINER_LACKS: Warning "kubelet" "Failed" "Error: {why}";
        CONTAINER_STARTED: Normal "kubelet" "Started" "Started container {container}";
        CONTAINER_STOPPED: Normal "kubelet" "Killing" "Stopping container {container}";
        SET_MADE_POD: Normal "replicaset-controller" "SuccessfulCreate" "Created pod: {made}";
        SET_MADE_NO_POD: Warning "replicaset-controller" "FailedCreate" "Error creating: {why}";
        SET_DELETED_POD: Normal "replicaset-controller" "SuccessfulDelete" "Deleted pod: {pod}";
        CONTROLLER_MADE_POD: Normal "replication-controller" "SuccessfulCreate" "Created pod: {made}";
        CONTROLLER_MADE_NO_POD: Warning "replication-controller" "FailedCreate" "Error creating: {why}";
        CONTROLLER_DELETED_POD: Normal "replication-controller" "SuccessfulDelete" "Deleted pod: {pod}";
        DAEMON_MADE_POD: Normal "daemonset-controller" "SuccessfulCreate" "Created pod: {made}";
        DAEMON_MADE_NO_POD: Warning "daemonset-controller" "FailedCreate" "Error creating: {why}";
        DAEMON_POD_FAILED: Warning "daemonset-controller" "FailedDaemonPod"
            "Found failed daemon pod {namespace}/{pod} on node {node}, will try to kill it";
        DAEMON_POD_SUCCEEDED: Normal "daemonset-controller" "SucceededDaemonPod"
            "Found succeeded daemon pod {namespace}/{pod} on node {node}, will try to delete it";
        DAEMON_DELETED_POD: Normal "daemonset-controller" "SuccessfulDelete" "Deleted pod: {pod}";
        JOB_MADE_POD: Normal "job-controller" "SuccessfulCreate" "Created pod: {made}";
        JOB_MADE_NO_POD: Warning "job-controller" "FailedCreate" "Error creating: {why}";
        JOB_DELETED_POD: Normal "job-controller" "SuccessfulDelete" "Deleted pod: {pod}";
        JOB_COMPLETE: Normal "job-controller" "Completed" "Job completed";
        JOB_FAILED: Warning "job-controller" "BackoffLimitExceeded" "Job has reached the specified backoff limit";
        JOB_SUSPENDED: Normal "job-controller" "Suspended" "Job suspended";
        JOB_RESUMED: Normal "job-controller" "Resumed" "Job resumed";
        STATEFUL_MADE_POD: Normal "statefulset-controller" "SuccessfulCreate"
            "Create Pod {made} in StatefulSet {name} successful";
        STATEFUL_MADE_NO_POD: Warning "statefulset-controller" "FailedCreate"
            "Create Pod {pod} in StatefulSet {name} failed error: {why}";
        STATEFUL_DELETED_POD: Normal "statefulset-controller" "SuccessfulDelete"
            "Delete Pod {pod} in StatefulSet {name} successful";
        STATEFUL_MADE_CLAIM: Normal "statefulset-controller" "SuccessfulCreate"
            "Create Claim {made} Pod {pod} in StatefulSet {name} success";
        STATEFUL_MADE_NO_CLAIM: Warning "statefulset-controller" "FailedCreate"
            "Create Claim {claim} for Pod {pod} in StatefulSet {name} failed error: {why}";
        MADE_NO_SET: Warning "deployment-controller" "ReplicaSetCreateError"
            "Failed to create new replica set \"{set}\": {why}";
        BUDGET_OF_NONE: Normal "controllermanager" "NoPods" "No matching pods found";
        BUDGET_UNKNOWN: Warning "controllermanager" "CalculateExpectedPodCountFailed"
            "Failed to calculate the number of expected pods: {why}";
        CLAIM_WAITS: Normal "persistentvolume-controller" "WaitForFirstConsumer"
            "waiting for first consumer to be created before binding";
        CLAIM_HAS_NO_VOLUME: Normal "persistentvolume-controller" "FailedBinding"
            "no persistent volumes available for this claim and no storage class is set";
        CLAIM_MADE_VOLUME: Normal "persistentvolume-controller" "ProvisioningSucceeded"
            "Successfully provisioned volume {volume}";
        CRON_MADE_JOB: Normal "cronjob-controller" "SuccessfulCreate" "Created job {made}";
        CRON_MADE_NO_JOB: Warning "cronjob-controller" "FailedCreate" "Error creating job: {why}";
        CRON_DELETED_JOB: Normal "cronjob-controller" "SuccessfulDelete" "Deleted job {job}";
        CRON_SAW_JOB: Normal "cronjob-controller" "SawCompletedJob" "Saw completed job: {job}, condition: {condition}";
        CRON_MISSES_JOB: Normal "cronjob-controller" "MissingJob" "Active job went missing: {job}";
        CRON_NEVER: Warning "cronjob-controller" "InvalidSchedule"
            "invalid schedule: {schedule} : time difference between two schedules is less than 1 second";
        CRON_MISSED_MANY: Warning "cronjob-controller" "TooManyMissedTimes"
            "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
        CRON_STILL_AT_WORK: Normal "cronjob-controller" "JobAlreadyActive"
            "Not starting job because prior execution is running and concurrency policy is Forbid";
        SCALED_UP: Normal "deployment-controller" "ScalingReplicaSet" "Scaled up replica set {set} from {from} to {to}";
        SCALED_DOWN: Normal "deployment-controller" "ScalingReplicaSet"
            "Scaled down replica set {set} from {from} to {to}";
    }
}

/// The names that a message is about, besides the object's own.
pub(super) type Names<'a> = &'a [(&'static str, &'a str)];

/// Names of objects are no longer than this.
const LONGEST_NAME: usize = 253;

impl Telling {
    fn message(&self, about: &Value, names: Names<'_>) -> String {
        let own = [("name", object::name(about)), ("namespace", object::text(about, "/metadata/namespace"))];
        let fill = |text: String, (name, value): &(&str, &str)| text.replace(&format!("{{{name}}}"), value);
        own.iter().chain(names).fold(self.text.to_owned(), fill)
    }
}

impl Hand<'_> {
    /// Leaves an event about an object.
    pub(super) fn tell(&mut self, telling: &Telling, about: &Value, names: Names<'_>) {
        self.tell_of_part(telling, about, "", names);
    }

    /// Leaves an event about a part of an object, such as one of a pod's containers.
    pub(super) fn tell_of_part(&mut self, telling: &Telling, about: &Value, part: &str, names: Names<'_>) {
        let told = [telling.grade.name(), telling.reason, &telling.message(about, names)];
        self.leave(about, part, telling.by, told);
    }

    /// Leaves an event whose reason and message are those of a condition.
    pub(super) fn tell_because(&mut self, telling: &Telling, about: &Value, reason: &str, message: &str) {
        self.leave(about, "", telling.by, [telling.grade.name(), reason, message]);
    }

    /// Leaves the event of a user's stage.
    pub(super) fn tell_as(&mut self, told: &Told, about: &Value) {
        self.leave(about, "", "controller-testkit", [&told.kind, &told.reason, &told.message]);
    }

    fn leave(&mut self, about: &Value, part: &str, by: &str, [grade, reason, message]: [&str; 3]) {
        let namespace = match object::text(about, "/metadata/namespace") {
            "" => "default",
            namespace => namespace,
        };
        let now = object::time(self.now());
        // Lists are in the order of names: with the time and the number of the write in it, that is the order of events.
        let writes = self.server().current_rv() + self.events.len() as u64;
        let serial = self.now().as_nanosecond().saturating_add(i128::from(writes));
        let suffix = format!(".{serial:x}");
        let mut name = object::name(about).to_owned();
        while name.len() + suffix.len() > LONGEST_NAME {
            name.pop();
        }
        let mut subject = json!({
            "apiVersion": about.get("apiVersion"),
            "kind": about.get("kind"),
            "namespace": object::text(about, "/metadata/namespace"),
            "name": object::name(about),
            "uid": object::uid(about),
            "resourceVersion": object::text(about, "/metadata/resourceVersion"),
        });
        if !part.is_empty() {
            subject["fieldPath"] = json!(part);
        }
        let event = json!({
            "metadata": {"name": format!("{name}{suffix}"), "namespace": namespace},
            "involvedObject": subject,
            "type": grade,
            "reason": reason,
            "message": message,
            "source": {"component": by},
            "reportingComponent": by,
            "reportingInstance": "",
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        });
        self.create(&kind::EVENTS, namespace, &event);
    }
}
