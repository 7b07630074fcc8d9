//! The checks: at which level and since which minor version of Kubernetes, which pods are spared, and what is looked at.
//!
//! They stand in the order in which a real server tells what breaks them: those of the lower level first, each by name.

use serde_json::Value;

use super::pod::{Pod, context, quoted};
use super::standard::{Level, Standard, Version};
use super::{Breach, check};

/// One check.
pub(super) struct Check {
    name: &'static str,
    level: Level,
    since: i64,
    /// The minor version that has another check instead, if one has.
    before: Option<i64>,
    spared: Spared,
    /// The check of the lower level that says less than this one, and is left out beside it.
    instead_of: &'static str,
    look: Look,
}

/// The pods that are not looked at, and since which minor version.
#[derive(Clone, Copy)]
enum Spared {
    None,
    /// They can't say what is asked for.
    Windows(i64),
    /// Whose root is nobody on the node.
    OfUsersOfTheirOwn(i64),
}

/// What is looked at.
enum Look {
    /// What the security contexts of the pod and of its containers set a member to.
    Set(Setting),
    /// The same, and that it is set for each container, by itself or by the pod.
    Need(Setting, &'static str),
    Other(fn(&Pod<'_>, Version) -> Option<Breach>),
}

/// A member of the security contexts, what it may be, and what is said where it is something else.
struct Setting {
    member: &'static str,
    may_be: fn(&Value) -> bool,
    reason: &'static str,
    /// What nobody must; the values that somebody has come after it.
    must_not: &'static str,
}

const fn baseline(name: &'static str, since: i64, look: Look) -> Check {
    Check { name, level: Level::Baseline, since, before: None, spared: Spared::None, instead_of: "", look }
}

const fn restricted(name: &'static str, since: i64, look: Look) -> Check {
    Check { name, level: Level::Restricted, since, before: None, spared: Spared::None, instead_of: "", look }
}

const fn set(
    reason: &'static str,
    member: &'static str,
    may_be: fn(&Value) -> bool,
    must_not: &'static str,
) -> Setting {
    Setting { member, may_be, reason, must_not }
}

impl Check {
    const fn before(self, before: i64) -> Self {
        Self { before: Some(before), ..self }
    }

    const fn spares(self, spared: Spared) -> Self {
        Self { spared, ..self }
    }

    const fn instead_of(self, instead_of: &'static str) -> Self {
        Self { instead_of, ..self }
    }
}

fn is_false(value: &Value) -> bool {
    value == &Value::Bool(false)
}

fn is_true(value: &Value) -> bool {
    value == &Value::Bool(true)
}

fn is_default(value: &Value) -> bool {
    value == "Default"
}

fn is_confined(value: &Value) -> bool {
    value == "RuntimeDefault" || value == "Localhost"
}

fn is_no_root(value: &Value) -> bool {
    value != 0
}

static CHECKS: [Check; 20] = [
    baseline("appArmorProfile", 0, Look::Other(check::armour)),
    baseline("capabilities_baseline", 0, Look::Other(check::added_capabilities)),
    baseline("hostNamespaces", 0, Look::Other(check::host_namespaces)),
    baseline("hostPathVolumes", 0, Look::Other(check::host_paths)),
    baseline("hostPorts", 0, Look::Other(check::host_ports)),
    baseline("hostProbesAndHostLifecycle", 34, Look::Other(check::other_hosts)),
    baseline(
        "privileged",
        0,
        Look::Set(set("privileged", "/privileged", is_false, "must not set securityContext.privileged=true")),
    ),
    baseline("procMount", 0, Look::Set(PROC_MOUNT)).spares(Spared::OfUsersOfTheirOwn(35)),
    baseline("seLinuxOptions", 0, Look::Other(check::linux_options)),
    baseline("seccompProfile_baseline", 0, Look::Other(check::old_seccomp)).before(19),
    baseline("seccompProfile_baseline", 19, Look::Set(SECCOMP)),
    baseline("sysctls", 0, Look::Other(check::sysctls)),
    baseline(
        "windowsHostProcess",
        0,
        Look::Set(set(
            "hostProcess",
            "/windowsOptions/hostProcess",
            is_false,
            "must not set securityContext.windowsOptions.hostProcess=true",
        )),
    ),
    restricted("allowPrivilegeEscalation", 8, Look::Other(check::escalation)).spares(Spared::Windows(25)),
    restricted("capabilities_restricted", 22, Look::Other(check::capabilities))
        .spares(Spared::Windows(25))
        .instead_of("capabilities_baseline"),
    restricted("procMount_restricted", 35, Look::Set(PROC_MOUNT)).instead_of("procMount"),
    restricted("restrictedVolumes", 0, Look::Other(check::volumes)).instead_of("hostPathVolumes"),
    restricted(
        "runAsNonRoot",
        0,
        Look::Need(
            set("runAsNonRoot != true", "/runAsNonRoot", is_true, "must not set securityContext.runAsNonRoot=false"),
            "must set securityContext.runAsNonRoot=true",
        ),
    )
    .spares(Spared::OfUsersOfTheirOwn(35)),
    restricted("runAsUser", 23, Look::Set(set("runAsUser=0", "/runAsUser", is_no_root, "must not set runAsUser=0")))
        .spares(Spared::OfUsersOfTheirOwn(35)),
    restricted(
        "seccompProfile_restricted",
        19,
        Look::Need(SECCOMP, "must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\""),
    )
    .spares(Spared::Windows(25))
    .instead_of("seccompProfile_baseline"),
];

const PROC_MOUNT: Setting = set("procMount", "/procMount", is_default, "must not set securityContext.procMount to");
const SECCOMP: Setting =
    set("seccompProfile", "/seccompProfile/type", is_confined, "must not set securityContext.seccompProfile.type to");

/// The checks of a standard.
pub(super) fn checks(standard: Standard) -> impl Iterator<Item = &'static Check> {
    let of_it = move || CHECKS.iter().filter(move |check| check.is_of(standard));
    of_it().filter(move |check| of_it().all(|other| other.instead_of != check.name))
}

impl Check {
    fn is_of(&self, standard: Standard) -> bool {
        let version = standard.version;
        let is_over = self.before.is_some_and(|before| version.is_since(before));
        self.level <= standard.level && version.is_since(self.since) && !is_over
    }

    /// What of a pod breaks it.
    pub(super) fn find(&self, pod: &Pod<'_>, standard: Standard) -> Option<Breach> {
        let is_spared = match self.spared {
            Spared::None => false,
            Spared::Windows(since) => standard.version.is_since(since) && pod.is_for_windows(),
            Spared::OfUsersOfTheirOwn(since) => standard.version.is_since(since) && pod.has_users_of_its_own(),
        };
        match &self.look {
            _ if is_spared => None,
            Look::Set(setting) => setting.broken_by(pod),
            Look::Need(setting, must) => setting.broken_by(pod).or_else(|| setting.missed_by(pod, must)),
            Look::Other(look) => look(pod, standard.version),
        }
    }
}

impl Setting {
    fn broken_by(&self, pod: &Pod<'_>) -> Option<Breach> {
        let found = pod.setters(self.member, self.may_be);
        if found.is_nothing() {
            return None;
        }
        let values = if found.values.is_empty() { String::new() } else { format!(" {}", quoted(&found.values)) };
        Some(Breach { reason: self.reason, detail: format!("{} {}{values}", found.who(), self.must_not) })
    }

    fn missed_by(&self, pod: &Pod<'_>, must: &str) -> Option<Breach> {
        if pod.has(self.member) {
            return None;
        }
        let found = pod.those(|container| context(container, self.member).is_none());
        let detail = || format!("pod or {} {must}", found.containers_told());
        (!found.is_nothing()).then(|| Breach { reason: self.reason, detail: detail() })
    }
}
