//! By whom a Pod and its containers are run, and what they may do on a system of one kind or the other.

use super::at::{At, Faults};
use super::texts::inner_path;
use crate::field::name;

/// The lists of a Pod's containers.
const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// What a Pod says for all of its containers.
pub(super) fn of_pod(spec: &At<'_>, f: &mut Faults) {
    let context = spec.field("securityContext");
    for field in ["fsGroup", "runAsUser", "runAsGroup"] {
        account(&context.field(field), f);
    }
    context.field("supplementalGroups").items().iter().for_each(|group| account(group, f));
    sysctls(&context.field("sysctls"), spec, f);
    f.one_of_if_set(&context.field("fsGroupChangePolicy"), &["Always", "OnRootMismatch"]);
    seccomp(&context.field("seccompProfile"), f);
    windows_options(&context.field("windowsOptions"), f);
    app_armor(&context.field("appArmorProfile"), f);
    f.one_of_if_set(&context.field("supplementalGroupsPolicy"), &["Merge", "Strict"]);
    f.one_of_if_set(&context.field("seLinuxChangePolicy"), &["MountOption", "Recursive"]);
}

/// What one container says for itself.
pub(super) fn of_container(context: &At<'_>, spec: &At<'_>, f: &mut Faults) {
    account(&context.field("runAsUser"), f);
    account(&context.field("runAsGroup"), f);
    let mount = context.field("procMount");
    f.one_of_if_set(&mount, &["Default", "Unmasked"]);
    if mount.text() == "Unmasked" && shares_users(spec) {
        f.invalid(&mount, "`hostUsers` must be false to use `Unmasked`");
    }
    seccomp(&context.field("seccompProfile"), f);
    let may_gain = context.field("allowPrivilegeEscalation");
    if may_gain.is_set() && !may_gain.is_true() {
        if context.field("privileged").is_true() {
            f.invalid(context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
        }
        for given in context.at("capabilities.add").items() {
            if given.text() == "CAP_SYS_ADMIN" {
                let why = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
                f.invalid(context, why);
            }
        }
    }
    windows_options(&context.field("windowsOptions"), f);
    app_armor(&context.field("appArmorProfile"), f);
}

/// Whether a Pod's users are those of its node.
fn shares_users(spec: &At<'_>) -> bool {
    let own = spec.field("hostUsers");
    !own.is_set() || own.is_true()
}

/// A Pod with users of its own shares little else with its node.
pub(super) fn own_users(spec: &At<'_>, f: &mut Faults) {
    if shares_users(spec) {
        return;
    }
    const WHY: &str = "when `hostUsers` is false";
    if spec.field("hostNetwork").is_true() {
        f.forbidden(&spec.field("hostNetwork"), WHY);
    }
    for (field, told) in [("hostPID", "HostPID"), ("hostIPC", "HostIPC")] {
        if spec.field(field).is_true() {
            f.forbidden(&spec.field(told), WHY);
        }
    }
    for container in containers(spec) {
        let devices = container.field("volumeDevices");
        if !devices.is_empty() {
            f.forbidden(&devices, WHY);
        }
    }
}

/// All containers of a Pod.
pub(super) fn containers<'a>(spec: &At<'a>) -> impl Iterator<Item = At<'a>> {
    LISTS.into_iter().flat_map(|list| spec.field(list).items())
}

/// The number of a user or a group.
fn account(id: &At<'_>, f: &mut Faults) {
    if id.is_set() {
        f.between(id, 0, i64::from(i32::MAX));
    }
}

fn seccomp(profile: &At<'_>, f: &mut Faults) {
    if !profile.is_set() {
        return;
    }
    let (kind, local) = (profile.field("type"), profile.field("localhostProfile"));
    match kind.text() {
        "" => f.required(&kind, "type is required when seccompProfile is set"),
        _ => drop(f.one_of(&kind, &["Localhost", "RuntimeDefault", "Unconfined"])),
    }
    match (kind.text() == "Localhost", local.is_set()) {
        (true, false) => f.required(&local, "must be set when seccomp type is Localhost"),
        (true, true) => f.follows(&local, inner_path),
        (false, true) => f.invalid(&profile.told_as(local.path), "can only be set when seccomp type is Localhost"),
        (false, false) => {}
    }
}

fn app_armor(profile: &At<'_>, f: &mut Faults) {
    if !profile.is_set() {
        return;
    }
    let (kind, local) = (profile.field("type"), profile.field("localhostProfile"));
    let missing = "must be set when AppArmor type is Localhost";
    match kind.text() {
        "Localhost" if !local.is_set() => f.required(&local, missing),
        "Localhost" => {
            match local.text().trim() {
                bare if bare != local.text() => f.invalid(&local, "must not be padded with whitespace"),
                "" => f.required(&local, missing),
                _ => {}
            }
            if local.text().len() > 4095 {
                f.too_long(&local, 4095);
            }
        }
        "RuntimeDefault" | "Unconfined" if local.is_set() => {
            f.invalid(&local, "can only be set when AppArmor type is Localhost");
        }
        "RuntimeDefault" | "Unconfined" => {}
        "" => f.required(&kind, "type is required when appArmorProfile is set"),
        _ => drop(f.one_of(&kind, &["Localhost", "RuntimeDefault", "Unconfined"])),
    }
}

fn sysctls(all: &At<'_>, spec: &At<'_>, f: &mut Faults) {
    let mut names: Vec<&str> = Vec::new();
    for sysctl in all.items() {
        let name = sysctl.field("name");
        if f.needs(&name) {
            if !is_sysctl(name.text()) {
                let why = "must have at most 253 characters and match regex \
                           ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
                f.invalid(&name, why);
            } else if names.contains(&name.text()) {
                f.duplicate(&name, name.text());
            }
        }
        names.push(name.text());
        let plain = name.text().replace('/', ".");
        let of = |spaces: &[&str]| spaces.iter().any(|space| plain.starts_with(space));
        if spec.field("hostNetwork").is_true() && of(&["net."]) {
            f.invalid(&name, "may not be specified when 'hostNetwork' is true");
        } else if spec.field("hostIPC").is_true() && of(&["kernel.sem", "kernel.shm", "kernel.msg", "fs.mqueue."]) {
            f.invalid(&name, "may not be specified when 'hostIPC' is true");
        }
    }
}

fn is_sysctl(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_part = |part: &str| {
        part.starts_with(plain) && part.ends_with(plain) && part.chars().all(|c| plain(c) || matches!(c, '-' | '_'))
    };
    name.len() <= 253 && name.split(['.', '/']).all(is_part)
}

fn windows_options(options: &At<'_>, f: &mut Faults) {
    let (name, spec) = (options.field("gmsaCredentialSpecName"), options.field("gmsaCredentialSpec"));
    if name.is_set() {
        f.follows(&name, name::dns1123_subdomain);
    }
    match spec.text().len() {
        _ if !spec.is_set() => {}
        0 => f.invalid(&spec, "gmsaCredentialSpec cannot be an empty string"),
        65_537.. => f.invalid(&spec, "gmsaCredentialSpec size must be under 64 KiB"),
        _ => {}
    }
    let user = options.field("runAsUserName");
    if user.is_set() {
        user_name(user.text()).into_iter().for_each(|wrong| f.invalid(&user, format!("runAsUserName{wrong}")));
    }
}

/// What is wrong with the name of a user, which may stand after a domain.
fn user_name(text: &str) -> Vec<&'static str> {
    let parts: Vec<&str> = text.split('\\').collect();
    let (domain, user) = match parts.as_slice() {
        _ if text.is_empty() => return vec![" cannot be an empty string"],
        _ if text.contains(|c: char| c.is_ascii_control()) => return vec![" cannot contain control characters"],
        [user] => (None, *user),
        [domain, user] => (Some(*domain), *user),
        _ => return vec![" cannot contain more than one backslash"],
    };
    let is_label = |label: &str| {
        let label = label.to_ascii_lowercase();
        name::dns1123_label(&label).is_empty()
    };
    let is_short = |domain: &str| {
        let count = domain.chars().count();
        (1..=15).contains(&count)
            && !domain.starts_with('.')
            && !domain.contains(['\\', '/', ':', '*', '?', '"', '<', '>', '|'])
    };
    let mut wrong = Vec::new();
    let fails = |holds: bool, why: &'static str| holds.then_some(why);
    wrong.extend(fails(
        domain.is_some_and(|domain| domain.len() >= 256),
        "'s Domain length must be under 256 characters",
    ));
    wrong.extend(fails(
        domain.is_some_and(|domain| !is_short(domain) && !domain.split('.').all(is_label)),
        "'s Domain doesn't match the NetBios nor the DNS format",
    ));
    wrong.extend(fails(user.is_empty(), "'s User cannot be empty"));
    wrong.extend(fails(user.len() > 104, "'s User length must not be longer than 104 characters"));
    let is_blank = !user.is_empty() && user.chars().all(|c| matches!(c, '.' | ' '));
    wrong.extend(fails(is_blank, "'s User cannot contain only periods or spaces"));
    let odd = ['"', '/', '\\', ':', ';', '|', '=', ',', '+', '*', '?', '<', '>', '@', '[', ']'];
    wrong.extend(fails(user.contains(odd), "'s User cannot contain the following characters: \"/\\:;|=,+*?<>@[]"));
    wrong
}

/// Where one container of a Pod runs as its node does, all do.
pub(super) fn host_processes(spec: &At<'_>, f: &mut Faults) {
    const PLACE: &str = "securityContext.windowsOptions.hostProcess";
    let whole = spec.at(PLACE);
    let (mut count, mut all) = (0, 0);
    for container in containers(spec) {
        let own = container.at(PLACE);
        if whole.is_set() && own.is_set() && whole.value != own.value {
            let why = format!("pod hostProcess value must be identical if both are specified, was {}", whole.value);
            f.invalid(&own, why);
        }
        all += 1;
        count += usize::from(own.is_true() || !own.is_set() && whole.is_true());
    }
    if count == 0 {
        return;
    }
    if count != all {
        let why = "If pod contains any hostProcess containers then all containers must be HostProcess containers";
        f.invalid_as(spec, "", why);
    }
    let network = spec.field("hostNetwork");
    if !network.is_true() {
        f.invalid_as(&network, &false, "hostNetwork must be true if pod contains any hostProcess containers");
    }
}

/// The system that a Pod is for, and what is not there on it.
pub(super) fn system(spec: &At<'_>, f: &mut Faults) {
    let (os, name) = (spec.field("os"), spec.at("os.name"));
    if !os.is_set() || !f.needs(&name) || !f.one_of(&name.told_as(os.path), &["linux", "windows"]) {
        return;
    }
    let whole = spec.field("securityContext");
    if name.text() == "linux" {
        for context in std::iter::once(whole).chain(containers(spec).map(|one| one.field("securityContext"))) {
            if context.field("windowsOptions").is_set() {
                f.forbidden(&context.field("windowsOptions"), "windows options cannot be set for a linux pod");
            }
        }
        return;
    }
    const WHY: &str = "cannot be set for a windows pod";
    let mut refuse = |at: &At<'_>, fields: &[&str]| {
        for field in fields.iter().map(|field| at.field(field)).filter(|field| field.is_set()) {
            f.forbidden(&field, WHY);
        }
    };
    refuse(
        &whole,
        &[
            "appArmorProfile",
            "seLinuxOptions",
            "seccompProfile",
            "fsGroup",
            "fsGroupChangePolicy",
            "sysctls",
            "runAsUser",
            "runAsGroup",
            "supplementalGroups",
            "supplementalGroupsPolicy",
            "seLinuxChangePolicy",
        ],
    );
    refuse(spec, &["hostUsers", "hostPID", "hostIPC", "shareProcessNamespace"]);
    for container in containers(spec) {
        refuse(
            &container.field("securityContext"),
            &[
                "appArmorProfile",
                "seLinuxOptions",
                "seccompProfile",
                "capabilities",
                "readOnlyRootFilesystem",
                "privileged",
                "allowPrivilegeEscalation",
                "procMount",
                "runAsUser",
                "runAsGroup",
            ],
        );
    }
}
