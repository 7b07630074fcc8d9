//! Changing a stored object: replacing it, patching it, or one part of it.

use std::sync::Arc;

use http::StatusCode;
use serde_json::Value;

use super::create::place;
use super::present::Look;
use super::read::{is_builtin, kind_of, subject};
use super::scope::{key, table};
use super::write::Cx;
use super::{Server, amend, etcd, meta, owners, rules, scale, shape};
use crate::admission::{Change as Reviewed, Kind, Operation as Reviewing};
use crate::apply::{Managers, Operation};
use crate::catalog::Resource;
use crate::field::{FieldError, echo};
use crate::status::{ApiError, Subject};
use crate::store::{self, Object};

/// The part of an object that a write may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All but the status, where that is a part of its own.
    Main,
    Status,
    /// A namespace's `spec.finalizers`.
    Finalizers,
    /// The conditions of a certificate signing request.
    Approval,
    EphemeralContainers,
    /// The resources of a pod's containers.
    Resize,
}

/// A change to an object.
pub(crate) enum Change<'a> {
    /// The whole object as the client wants it.
    Replace(Value),
    /// Server-side apply of these fields, also against those who own them.
    Apply { wanted: Value, force: bool },
    /// From the present object to the wanted one.
    Amend(&'a dyn Fn(&Value, &mut Cx<'_>) -> Result<Value, ApiError>),
    /// The same, and who owns what then.
    Own(&'a dyn Fn(&Value, &mut Cx<'_>) -> Owned),
}

/// A changed object and its owners, or why there is none.
pub(crate) type Owned = Result<(Value, Managers), ApiError>;

/// An object's place: its resource, namespace and name.
pub(crate) type Place<'a> = (&'a Arc<Resource>, Option<&'a str>, &'a str);

impl Part {
    /// The subresource's name; empty for the object itself.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Main => "",
            Self::Status => "status",
            Self::Finalizers => "finalize",
            Self::Approval => "approval",
            Self::EphemeralContainers => "ephemeralcontainers",
            Self::Resize => "resize",
        }
    }

    /// Whether it is of the specification, whose changes are counted.
    fn is_of_spec(self) -> bool {
        matches!(self, Self::Main | Self::EphemeralContainers | Self::Resize)
    }

    /// The part behind a subresource's name; anything unknown has been refused before.
    pub(crate) fn of(subresource: Option<&str>) -> Self {
        match subresource {
            Some("status") => Self::Status,
            Some("finalize") => Self::Finalizers,
            Some("approval") => Self::Approval,
            Some("ephemeralcontainers") => Self::EphemeralContainers,
            Some("resize") => Self::Resize,
            _ => Self::Main,
        }
    }

    /// The stored object with this part of the wanted one.
    fn blend(self, resource: &Resource, old: &Value, new: Value) -> Value {
        match self {
            // A custom resource knows its own parts.
            Self::Main | Self::Status if !is_builtin(resource) => new,
            Self::Main if is_namespace(resource) => with_members(&new, old, &[&["spec", "finalizers"], &["status"]]),
            Self::Main if resource.has_status() => {
                let mut blended = new;
                let status = old.get("status").cloned();
                meta::set(meta::members(&mut blended), "status", status);
                blended
            }
            Self::Main => new,
            Self::Status => {
                // The built-in kinds let a status write carry metadata along; a deployment keeps its labels.
                let metadata: [&[&str]; 3] =
                    [&["metadata", "annotations"], &["metadata", "finalizers"], &["metadata", "labels"]];
                let kept = if resource.plural == "deployments" { 1 } else { 0 };
                let blended = with_members(old, &new, &metadata[..metadata.len() - kept]);
                with_members(&blended, &new, &[&["status"]])
            }
            Self::Finalizers => {
                let mut blended = with_members(&new, old, &[&["status"]]);
                if !has_spec_finalizers(&blended) {
                    meta::members(meta::entry(&mut blended, "spec")).remove("finalizers");
                }
                blended
            }
            Self::Approval => {
                let mut blended = with_members(&new, old, &[&["spec"]]);
                meta::set(meta::members(&mut blended), "status", old.get("status").cloned());
                with_members(&blended, &new, &[&["status", "conditions"]])
            }
            Self::EphemeralContainers => with_members(old, &new, &[&["spec", "ephemeralContainers"]]),
            Self::Resize => resized(old, new),
        }
    }
}

/// A pod with what the containers of another one need, if they are the same containers.
fn resized(old: &Value, new: Value) -> Value {
    let mut resized = with_members(old, &new, &[&["spec", "resources"]]);
    for list in ["containers", "initContainers"] {
        let pointer = format!("/spec/{list}");
        let wanted = new.pointer(&pointer).and_then(Value::as_array).cloned().unwrap_or_default();
        let Some(Value::Array(present)) = resized.pointer_mut(&pointer) else { continue };
        let name = |container: &Value| container.get("name").cloned();
        if wanted.len() != present.len() || wanted.iter().zip(present.iter()).any(|(a, b)| name(a) != name(b)) {
            return with_members(old, &new, &[&["spec", "containers"], &["spec", "initContainers"]]);
        }
        for (present, wanted) in present.iter_mut().zip(&wanted) {
            for member in ["resources", "resizePolicy"] {
                meta::set(meta::members(present), member, wanted.get(member).cloned());
            }
        }
    }
    resized
}

/// A copy of `old` with some members taken from `new`, or left out where `new` has none.
fn with_members(old: &Value, new: &Value, paths: &[&[&str]]) -> Value {
    let mut blended = old.clone();
    for path in paths {
        let Some((last, parents)) = path.split_last() else { continue };
        let value = path.iter().try_fold(new, |value, member| value.get(member)).cloned();
        let parent = parents.iter().fold(&mut blended, |value, member| meta::entry(value, member));
        meta::set(meta::members(parent), last, value);
    }
    blended
}

impl Server {
    /// Changes an object; 201 tells that it was created instead.
    pub(crate) fn update(
        &mut self,
        (resource, namespace, name): Place<'_>,
        part: Part,
        change: Change<'_>,
        cx: &mut Cx<'_>,
    ) -> Result<(Arc<Object>, StatusCode), ApiError> {
        if let Change::Replace(object) = &change {
            check_name(object, name)?;
        }
        let table = table(resource);
        let key = key(namespace, name);
        // Whoever watches wants to know next what it was like before.
        let Some(stored) = self.store.warmed(&table, &key) else {
            return match change {
                Change::Replace(mut object) if resource.create_on_update && part == Part::Main => {
                    meta::of(&mut object).remove("resourceVersion");
                    self.may_create((resource, namespace, name), &cx.user)?;
                    Ok((self.create(resource, namespace, object, cx)?, StatusCode::CREATED))
                }
                Change::Apply { wanted, force } if part == Part::Main => {
                    let object = self.apply_new(resource, name, &wanted, force, cx)?;
                    let given = meta::text(&wanted, "resourceVersion");
                    if !given.is_empty() && given.parse::<u64>().is_err() {
                        return Err(no_version(given));
                    }
                    self.may_create((resource, namespace, name), &cx.user)?;
                    Ok((self.create(resource, namespace, object, cx)?, StatusCode::CREATED))
                }
                _ => Err(ApiError::not_found(subject(resource), name)),
            };
        };
        let converted = Look::plain(self.catalog.generation()).converted(resource, &stored);
        let old = converted.map_or_else(|| stored.value(), Arc::new);
        let record = if matches!(change, Change::Apply { .. }) { etcd::Owners::Needed } else { etcd::Owners::Spared };
        let (mut new, replaced, applied) = match change {
            Change::Replace(object) => (object, true, None),
            Change::Amend(amend) => (amend(&old, cx)?, false, None),
            Change::Apply { wanted, force } => {
                let (new, managers) = amend::apply_to(resource, part, &old, &wanted, force, cx)?;
                (new, false, Some(managers))
            }
            Change::Own(own) => {
                let (new, managers) = own(&old, cx)?;
                (new, false, Some(managers))
            }
        };
        if part == Part::Status && resource.plural == "pods" {
            // A pod's status says nothing of its end.
            meta::of(&mut new).remove("deletionTimestamp");
        }
        check_name(&new, name)?;
        place(&mut new, namespace)?;
        if replaced {
            rules::single_owners(&mut new, rules::Found::Sent, &mut cx.warnings);
        }
        let uid = meta::text(&new, "uid");
        if replaced && !uid.is_empty() && uid != meta::text(&old, "uid") {
            // Only what is stored is known to etcd, by its prefix.
            let registry = if cx.dry_run { "" } else { "/registry" };
            let why = format!(
                "StorageError: invalid object, Code: 4, Key: {registry}/{}/{key}, ResourceVersion: 0, \
                 AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                prefix(resource),
                meta::text(&old, "uid")
            );
            return Err(ApiError::conflict(subject(resource), name, &why));
        }
        check_version(resource, name, &new, &stored, replaced)?;
        let through = cx.through.unwrap_or(part.name());
        // Who changes a scale is asked about the scale.
        let of_scale = |object: &Value| (through == "scale").then(|| scale::for_patch(resource, object)).transpose();
        let old_scale = of_scale(&old)?;
        let change = Reviewed {
            operation: Reviewing::Update,
            resource,
            part: through,
            namespace: namespace.unwrap_or_default(),
            name,
            new: None,
            old: Some(old_scale.as_ref().unwrap_or(&old)),
        };
        let mut managers = applied.unwrap_or_else(|| {
            let before = owners::before(through, &old, &new);
            if before.0.is_empty() {
                // Of an object that nobody owns anything of, no record is begun but by an apply.
                return before;
            }
            let writer = cx.writer(resource, part, Operation::Update);
            owners::after_update(resource, &old, &new, before, &writer)
        });
        // Who owns the same as before has done so since before.
        let before = Managers::of(&old);
        if managers.own_the_same(&before) {
            managers = before;
        }
        if part == Part::Resize {
            self.fill_from_ranges(namespace, &mut new);
        }
        let seen = Reviewed { new: Some(&new), ..change };
        if self.asks(Kind::Mutating, &seen, cx) {
            if let Some(shown) = of_scale(&new)? {
                if let Some(mutated) = self.mutate(&Reviewed { new: Some(&shown), ..change }, cx)? {
                    scale::put(resource, &mut new, &mutated)?;
                }
            } else {
                let mut shown = new.clone();
                if part == Part::Main {
                    shape::complete(resource, &mut shown);
                }
                managers.put(&mut shown);
                if let Some(mutated) = self.mutate(&Reviewed { new: Some(&shown), ..change }, cx)? {
                    new = mutated;
                    check_name(&new, name)?;
                    managers = owners::after_webhooks(&mut new, &managers, &mut cx.warnings);
                }
            }
        }
        self.no_escalation(resource, namespace, &new, Some(&old), &cx.user)?;
        rules::tidy(&mut new, rules::Found::Made, &mut cx.warnings);
        let immutable = rules::carry_over(&mut new, &old);
        let mut new = part.blend(resource, &old, new);
        let mut faults = rules::base_faults(&new);
        faults.extend(immutable);
        if !shape::judges_metadata(resource) {
            faults.extend(rules::faults(&resource.group, &new));
        }
        let told = cx.warnings.len();
        faults.extend(shape::settle_changed(resource, part, &mut new, &old, cx.now, &mut cx.warnings));
        if part.is_of_spec() && counts_here(resource) && moves_generation(resource, &old, &new) {
            meta::of(&mut new).insert("generation".into(), meta::generation(&old).wrapping_add(1).into());
        }
        if !is_builtin(resource) {
            // What is wrong with metadata in itself is told before what was not to change, and that before the rest.
            faults.sort_by_key(|fault| match rules::told_again(fault) {
                _ if fault.field == "metadata.generateName" => 0,
                2 => 1,
                1 => 2,
                _ => 3,
            });
        }
        if !faults.is_empty() {
            let refusal = ApiError::invalid(kind_of(resource), name, &faults);
            // What is wrong with the metadata of a custom resource is found by its kind too, once or twice more.
            let custom = faults.iter().filter(|_| !is_builtin(resource));
            let again = custom.flat_map(|fault| std::iter::repeat_n(fault, rules::told_again(fault)));
            return Err(again.fold(refusal, |refusal, fault| refusal.with_cause(fault.to_cause())));
        }
        if part == Part::Main {
            let unmet = self.allot(resource, &mut new, Some(&old), cx.dry_run);
            // What a service can't have is found before anything is said of it.
            unmet.inspect_err(|_| cx.warnings.truncate(told))?;
        }
        shape::tidy(resource, &mut new);
        if !cx.dry_run {
            // It is not stored.
            meta::of(&mut new).remove("selfLink");
        }
        managers.put(&mut new);
        let new_scale = of_scale(&new)?;
        self.approve(&Reviewed { new: Some(new_scale.as_ref().unwrap_or(&new)), ..change }, cx)?;
        // An object of a changed definition may be kept otherwise than it would be now: then even no change is written.
        if new == *old && shape::is_kept_so(resource, &new, &stored) {
            return Ok((stored, StatusCode::OK));
        }
        let kept = shape::stored(resource, new.clone());
        self.settled(resource, &kept, cx)?;
        let released = is_released(resource, &new);
        if cx.dry_run || released {
            let shown = Object::new(new.clone(), stored.rv, store::Change::Modified, self.catalog.generation());
            if !cx.dry_run {
                self.store.delete_as(&table, &key, kept);
                self.release(resource, &new, &Value::Null);
                self.after_write(resource, name, cx.now, cx.rng);
            }
            return Ok((Arc::new(shown), StatusCode::OK));
        }
        let kept = etcd::fitted(resource, &key, kept, Some(stored.rv), record)?;
        self.allocate(resource, &new, cx.now, cx.rng);
        let changed = self.store.put(&table, &key, kept, self.catalog.generation());
        self.release(resource, &old, &new);
        self.after_write(resource, name, cx.now, cx.rng);
        Ok((changed, StatusCode::OK))
    }
}

/// Whether the server counts the generations of a kind, and not the kind itself.
fn counts_here(resource: &Resource) -> bool {
    resource.manages_generation && !shape::counts_generation(resource)
}

/// Whether nothing holds back an object that is to be deleted.
pub(crate) fn is_released(resource: &Resource, object: &Value) -> bool {
    let grace = meta::member(object, "deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0);
    meta::is_deleting(object)
        && grace == 0
        && meta::finalizers(object).is_empty()
        && !(is_namespace(resource) && has_spec_finalizers(object))
}

pub(crate) fn is_namespace(resource: &Resource) -> bool {
    resource.group.is_empty() && resource.plural == "namespaces"
}

pub(crate) fn has_spec_finalizers(namespace: &Value) -> bool {
    let finalizers = namespace.get("spec").and_then(|spec| spec.get("finalizers")).and_then(Value::as_array);
    finalizers.is_some_and(|finalizers| !finalizers.is_empty())
}

/// The name in the body must be that of the path.
pub(super) fn check_name(object: &Value, name: &str) -> Result<(), ApiError> {
    match meta::name(object) {
        "" => Err(ApiError::bad_request(format!(
            "the name of the object ({name} based on URL) was undeterminable: name must be provided"
        ))),
        claimed if claimed == name => Ok(()),
        claimed => Err(ApiError::bad_request(format!(
            "the name of the object ({claimed}) does not match the name on the URL ({name})"
        ))),
    }
}

/// Below which prefix a real server stores the objects of a resource.
fn prefix(resource: &Resource) -> String {
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "replicationcontrollers") => "controllers".to_owned(),
        ("", "endpoints") => "services/endpoints".to_owned(),
        ("", "nodes") => "minions".to_owned(),
        ("", "services") => "services/specs".to_owned(),
        ("networking.k8s.io", "ingresses") => "ingress".to_owned(),
        (group @ ("apiextensions.k8s.io" | "apiregistration.k8s.io"), plural) => format!("{group}/{plural}"),
        (_, plural) if is_builtin(resource) => plural.to_owned(),
        (group, plural) => format!("{group}/{plural}"),
    }
}

fn no_version(given: &str) -> ApiError {
    ApiError::unforeseen(format!("strconv.ParseUint: parsing {}: invalid syntax", echo::quote(given)))
}

/// The optimistic lock: a version that is given must be the stored one.
fn check_version(
    resource: &Resource,
    name: &str,
    new: &Value,
    stored: &Object,
    must_be_given: bool,
) -> Result<(), ApiError> {
    let given = meta::text(new, "resourceVersion");
    // A patch that gives none is of whatever version is there.
    let is_missing = given == "0" || given.is_empty() && must_be_given;
    match given {
        _ if is_missing && !resource.unconditional_update => {
            let fault = FieldError::invalid("metadata.resourceVersion", &0, "must be specified for an update");
            let subject = Subject { group: &resource.group, resource: &resource.plural };
            Err(ApiError::invalid(subject, name, &[fault]))
        }
        "" | "0" => Ok(()),
        given => match given.parse::<u64>() {
            Err(_) => Err(no_version(given)),
            Ok(rv) if rv == stored.rv => Ok(()),
            Ok(_) => Err(ApiError::stale(subject(resource), name)),
        },
    }
}

/// Whether a change is one of the specification: anything but metadata and status. Deployments count their
/// annotations too.
fn moves_generation(resource: &Resource, old: &Value, new: &Value) -> bool {
    let annotations = |object: &Value| meta::member(object, "annotations").cloned();
    if resource.group == "apps" && resource.plural == "deployments" && annotations(old) != annotations(new) {
        return true;
    }
    let labels = |object: &Value| meta::member(object, "labels").cloned();
    if resource.plural == "endpointslices" && labels(old) != labels(new) {
        return true;
    }
    // A class's generation is that of its making.
    if resource.plural == "priorityclasses" {
        return false;
    }
    let counted = |member: &str| {
        let apart =
            matches!(member, "metadata" | "kind" | "apiVersion") || (member == "status" && resource.has_status());
        !apart
    };
    let spec = |object: &Value| -> Option<Vec<(String, Value)>> {
        let members = object.as_object()?.iter().filter(|(member, _)| counted(member));
        Some(members.map(|(member, value)| (member.clone(), value.clone())).collect())
    };
    spec(old) != spec(new)
}
