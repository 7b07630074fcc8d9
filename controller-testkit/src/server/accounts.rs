//! Under which service account a pod runs, and what it is given for that: where the cluster's own controllers are at
//! work, as a real cluster's admission has it. A bare server, which has nobody to make accounts, asks for none.
//!
//! The account `default` is on its way wherever it is not there yet.

use serde_json::{Value, json};

use super::admit::refused;
use super::scope::key;
use super::{Server, meta, secrets};
use crate::admission::Change;
use crate::status::ApiError;

/// Whether pods need the account that they name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Accounts {
    #[default]
    Unasked,
    Needed,
}

const DEFAULT: &str = "default";
/// Where a container finds its token.
const MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const VOLUME: &str = "kube-api-access-";
/// A pod with this annotation is the kubelet's own.
const MIRROR: &str = "kubernetes.io/config.mirror";

impl Server {
    /// From now on, pods need the account that they name.
    pub(crate) fn ask_for_accounts(&mut self) {
        self.accounts = Accounts::Needed;
    }

    /// Completes a new pod with what its account gives it, or refuses it.
    pub(super) fn run_as(
        &self,
        namespace: Option<&str>,
        pod: &mut Value,
        rng: &mut fastrand::Rng,
    ) -> Result<(), ApiError> {
        let is_there =
            |name: &str| self.store.get("/serviceaccounts", &key(namespace, name)).map(|found| found.value());
        let is_mirror = pod.pointer("/metadata/annotations").is_some_and(|all| all.get(MIRROR).is_some());
        let needed = self.accounts == Accounts::Needed;
        if let Some(why) = secrets::beyond_mirror(pod).filter(|_| needed && is_mirror) {
            return Err(refused(pod, why));
        }
        if is_mirror || !needed && is_there(DEFAULT).is_none() {
            return Ok(());
        }
        let spec = meta::members(meta::entry(pod, "spec"));
        for name in ["serviceAccountName", "serviceAccount"] {
            spec.entry(name).or_insert_with(|| DEFAULT.into());
        }
        if !needed {
            return Ok(());
        }
        let name = spec.get("serviceAccountName").and_then(Value::as_str).unwrap_or(DEFAULT).to_owned();
        let account = match is_there(&name) {
            Some(account) => Value::clone(&account),
            None if name == DEFAULT => Value::Null,
            None => {
                let place = key(namespace, &name);
                let why = format!("error looking up service account {place}: serviceaccount {name:?} not found");
                return Err(refused(pod, &why));
            }
        };
        let wish = |of: Option<&Value>| of?.get("automountServiceAccountToken")?.as_bool();
        if wish(pod.get("spec")).or(wish(Some(&account))).unwrap_or(true) {
            mount(pod, rng);
        }
        let spec = meta::members(meta::entry(pod, "spec"));
        let has_own = spec.get("imagePullSecrets").and_then(Value::as_array).is_some_and(|own| !own.is_empty());
        if let Some(secrets) = account.get("imagePullSecrets").filter(|_| !has_own) {
            spec.insert("imagePullSecrets".into(), secrets.clone());
        }
        match secrets::beyond_account(&account, pod) {
            Some(why) => Err(refused(pod, &why)),
            None => Ok(()),
        }
    }

    /// Refuses containers that are added to a pod and refer to what its account does not let it have.
    pub(super) fn keep_secrets(&self, change: &Change<'_>) -> Result<(), ApiError> {
        let is_meant = change.resource.group.is_empty()
            && change.resource.plural == "pods"
            && change.part == "ephemeralcontainers"
            && self.accounts == Accounts::Needed;
        let Some(pod) = change.new.filter(|_| is_meant) else { return Ok(()) };
        let name = pod.pointer("/spec/serviceAccountName").and_then(Value::as_str).unwrap_or_default();
        let account = self.store.get("/serviceaccounts", &key(Some(change.namespace), name));
        // A real server takes it for a failure of its own.
        match account.and_then(|account| secrets::beyond_account_added(&account.value(), pod)) {
            Some(why) => Err(ApiError::unforeseen(why)),
            None => Ok(()),
        }
    }
}

/// Gives each container a token, unless something else is mounted in its place.
fn mount(pod: &mut Value, rng: &mut fastrand::Rng) {
    let volumes = pod.pointer("/spec/volumes").and_then(Value::as_array).into_iter().flatten();
    let mut names = volumes.filter_map(|volume| volume.get("name")?.as_str());
    let present = names.find(|name| name.starts_with(VOLUME)).map(str::to_owned);
    let is_present = present.is_some();
    let name = present.unwrap_or_else(|| meta::generated(VOLUME, rng));
    let mut is_used = false;
    for list in ["/spec/initContainers", "/spec/containers"] {
        for container in pod.pointer_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let mounts = meta::members(container).entry("volumeMounts").or_insert_with(|| json!([]));
            let Some(mounts) = mounts.as_array_mut() else { continue };
            if mounts.iter().all(|mount| mount.get("mountPath").is_none_or(|path| path != MOUNT)) {
                mounts.push(json!({"name": name, "readOnly": true, "mountPath": MOUNT}));
                is_used = true;
            }
        }
    }
    if !is_used || is_present {
        return;
    }
    let volumes = meta::members(meta::entry(pod, "spec")).entry("volumes").or_insert_with(|| json!([]));
    if let Some(volumes) = volumes.as_array_mut() {
        let namespace = json!({"apiVersion": "v1", "fieldPath": "metadata.namespace"});
        let sources = json!([
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": namespace}]}},
        ]);
        volumes.push(json!({"name": name, "projected": {"sources": sources, "defaultMode": 420}}));
    }
}
