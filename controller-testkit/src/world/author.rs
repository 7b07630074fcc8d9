//! As whom the world writes: each of its controllers has the account that it has in a real cluster.

use std::sync::Arc;

use crate::auth::{Caller, User};

use super::furniture::NODE;
use super::queue::Work;

const SPACE: &str = "kube-system";

/// Whose a write is that a work comes to.
pub(super) fn of(work: &Work, path: &str) -> Caller {
    let account = match work {
        // The storage does these by itself, and nobody is asked.
        Work::Definition(_) | Work::Expire(_) => return Caller::Inside,
        // A user's own doing, who may do everything.
        Work::Stage(_) => return Caller::Controller(User::insider()),
        Work::Pod(_) => return Caller::Controller(Arc::new(node_or_scheduler(path).arrived())),
        Work::Collect(_) | Work::Release(_) => "generic-garbage-collector",
        Work::Namespace(_) => "namespace-controller",
        Work::Furnish(_) if path.ends_with("/serviceaccounts") => "service-account-controller",
        Work::Furnish(_) => "root-ca-cert-publisher",
        Work::Roles => "clusterrole-aggregation-controller",
        Work::Unprotect(_) if path.contains("/persistentvolumes/") => "pv-protection-controller",
        Work::Unprotect(_) => "pvc-protection-controller",
        Work::ReplicaSet(_) => "replicaset-controller",
        Work::ReplicationController(_) => "replication-controller",
        Work::Deployment(_) => "deployment-controller",
        Work::StatefulSet(_) => "statefulset-controller",
        Work::DaemonSet(_) => "daemon-set-controller",
        Work::Job(_) => "job-controller",
        Work::CronJob(_) => "cronjob-controller",
        Work::Budget(_) => "disruption-controller",
        Work::Quota(_) => "resourcequota-controller",
        Work::Claim(_) | Work::Volume(_) => "persistent-volume-binder",
        Work::Service(_) if path.contains("/endpointslices") => "endpointslice-controller",
        Work::Service(_) => "endpoint-controller",
    };
    Caller::Controller(Arc::new(User::service_account(SPACE, account).arrived()))
}

/// A pod is bound by the scheduler, and led through its life by its node.
fn node_or_scheduler(path: &str) -> User {
    match path.ends_with("/binding") {
        true => User::new("system:kube-scheduler"),
        false => User::new(format!("system:node:{NODE}")).group("system:nodes"),
    }
}
