//! Changing a stored object: replacing it, patching it, or one part of it.

use std::sync::Arc;

use http::StatusCode;
use serde_json::Value;

use super::create::place as set_namespace;
use super::part::Part;
use super::present::Look;
use super::read::{is_builtin, kind_of, subject};
use super::scope::{key, table};
use super::write::Cx;
use super::{Server, amend, etcd, generation, meta, owners, rules, scale, shape};
use crate::admission::{Change as Reviewed, Kind, Operation as Reviewing};
use crate::apply::{Managers, Operation};
use crate::catalog::Resource;
use crate::field::{FieldError, echo};
use crate::status::{ApiError, Subject};
use crate::store::{self, Object};

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

impl Server {
    /// Changes an object; 201 tells that it was created instead.
    pub(crate) fn update(
        &mut self,
        place: Place<'_>,
        part: Part,
        change: Change<'_>,
        cx: &mut Cx<'_>,
    ) -> Result<(Arc<Object>, StatusCode), ApiError> {
        let (resource, namespace, name) = place;
        if let Change::Replace(object) = &change {
            check_name(object, name)?;
        }
        let table = table(resource);
        let key = key(namespace, name);
        // Whoever watches wants to know next what it was like before.
        let Some(stored) = self.store.warmed(&table, &key) else {
            return Ok((self.create_instead(place, part, change, cx)?, StatusCode::CREATED));
        };
        let converted = Look::plain(self.catalog.generation()).converted(resource, &stored);
        let old = converted.map_or_else(|| stored.value(), Arc::new);
        let record = if matches!(change, Change::Apply { .. }) { etcd::Owners::Needed } else { etcd::Owners::Spared };
        let replaced = matches!(change, Change::Replace(_));
        let (mut new, applied) = wanted(resource, part, &old, change, cx)?;
        check_name(&new, name)?;
        set_namespace(&mut new, namespace)?;
        if replaced {
            check_uid(place, &new, &old, cx)?;
        }
        check_version(resource, name, &new, &stored, replaced)?;
        let through = cx.through.unwrap_or(part.name());
        let old_scale = seen_as_scale(through, resource, &old)?;
        let change = Reviewed {
            operation: Reviewing::Update,
            resource,
            part: through,
            namespace: namespace.unwrap_or_default(),
            name,
            new: None,
            old: Some(old_scale.as_ref().unwrap_or(&old)),
        };
        let managers = applied.unwrap_or_else(|| written(resource, part, &old, &new, cx));
        // Who owns the same as before has done so since before.
        let before = Managers::of(&old);
        let mut managers = if managers.own_the_same(&before) { before } else { managers };
        if part == Part::Resize {
            self.fill_from_ranges(namespace, &mut new);
        }
        self.mutate_changed(&change, part, &mut new, &mut managers, cx)?;
        self.no_escalation(resource, namespace, &new, Some(&old), &cx.user)?;
        rules::tidy(&mut new, &mut cx.warnings);
        let told = cx.warnings.len();
        let mut new = settled(resource, part, name, &old, new, cx)?;
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
        let new_scale = seen_as_scale(through, resource, &new)?;
        let change = Reviewed { new: Some(new_scale.as_ref().unwrap_or(&new)), ..change };
        self.approve(&change, cx)?;
        self.charge(&change, cx)?;
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

    /// What is not there is created by applying it, and of some kinds by replacing it.
    fn create_instead(
        &mut self,
        place: Place<'_>,
        part: Part,
        change: Change<'_>,
        cx: &mut Cx<'_>,
    ) -> Result<Arc<Object>, ApiError> {
        let (resource, namespace, name) = place;
        let object = match change {
            Change::Replace(mut object) if resource.create_on_update && part == Part::Main => {
                meta::of(&mut object).remove("resourceVersion");
                object
            }
            Change::Apply { wanted, force } if part == Part::Main => {
                let object = self.apply_new(resource, name, &wanted, force, cx)?;
                let given = meta::text(&wanted, "resourceVersion");
                if !given.is_empty() && given.parse::<u64>().is_err() {
                    return Err(no_version(given));
                }
                object
            }
            _ => return Err(ApiError::not_found(subject(resource), name)),
        };
        self.may_create(place, &cx.user)?;
        self.create(resource, namespace, object, cx)
    }

    /// Asks those who may change what is written, and who owns it then.
    fn mutate_changed(
        &mut self,
        change: &Reviewed<'_>,
        part: Part,
        new: &mut Value,
        managers: &mut Managers,
        cx: &mut Cx<'_>,
    ) -> Result<(), ApiError> {
        let resource = change.resource;
        if !self.asks(Kind::Mutating, &Reviewed { new: Some(new), ..*change }, cx) {
            return Ok(());
        }
        if let Some(shown) = seen_as_scale(change.part, resource, new)? {
            let mutated = self.mutate(&Reviewed { new: Some(&shown), ..*change }, cx)?;
            return mutated.map_or(Ok(()), |mutated| scale::put(resource, new, &mutated));
        }
        let mut shown = new.clone();
        if part == Part::Main {
            shape::complete(resource, &mut shown);
        }
        managers.put(&mut shown);
        if let Some(mutated) = self.mutate(&Reviewed { new: Some(&shown), ..*change }, cx)? {
            *new = mutated;
            check_name(new, change.name)?;
            *managers = owners::after_webhooks(new, managers, &mut cx.warnings);
        }
        Ok(())
    }
}

/// The object as the change wants it, and who owns what of it, where the change says so itself.
fn wanted(
    resource: &Resource,
    part: Part,
    old: &Value,
    change: Change<'_>,
    cx: &mut Cx<'_>,
) -> Result<(Value, Option<Managers>), ApiError> {
    let (mut new, managers) = match change {
        Change::Replace(object) => (object, None),
        Change::Amend(amend) => (amend(old, cx)?, None),
        Change::Apply { wanted, force } => {
            let (new, managers) = amend::apply_to(resource, part, old, &wanted, force, cx)?;
            (new, Some(managers))
        }
        Change::Own(own) => {
            let (new, managers) = own(old, cx)?;
            (new, Some(managers))
        }
    };
    if part == Part::Status && resource.plural == "pods" {
        // A pod's status says nothing of its end.
        meta::of(&mut new).remove("deletionTimestamp");
    }
    Ok((new, managers))
}

/// Who owns what after a write that is no apply.
fn written(resource: &Resource, part: Part, old: &Value, new: &Value, cx: &Cx<'_>) -> Managers {
    let before = owners::before(cx.through.unwrap_or(part.name()), old, new);
    if before.0.is_empty() {
        // Of an object that nobody owns anything of, no record is begun but by an apply.
        return before;
    }
    owners::after_update(resource, old, new, before, &cx.writer(resource, part, Operation::Update))
}

/// Who changes a scale is asked about the scale.
fn seen_as_scale(through: &str, resource: &Resource, object: &Value) -> Result<Option<Value>, ApiError> {
    (through == "scale").then(|| scale::for_patch(resource, object)).transpose()
}

/// The changed object as its kind makes it, with what this part keeps of the old one, unless that has faults.
fn settled(
    resource: &Resource,
    part: Part,
    name: &str,
    old: &Value,
    mut new: Value,
    cx: &mut Cx<'_>,
) -> Result<Value, ApiError> {
    let immutable = rules::carry_over(&mut new, old);
    let mut new = part.blend(resource, old, new);
    let mut faults = rules::base_faults(&new);
    faults.extend(immutable);
    if !shape::judges_metadata(resource) {
        faults.extend(rules::faults(&resource.group, &new));
    }
    faults.extend(shape::settle_changed(resource, part, &mut new, old, cx.now, &mut cx.warnings));
    generation::count(resource, part, old, &mut new);
    if faults.is_empty() {
        return Ok(new);
    }
    if is_builtin(resource) {
        return Err(ApiError::invalid(kind_of(resource), name, &faults));
    }
    // What is wrong with metadata in itself is told before what was not to change, and that before the rest.
    faults.sort_by_key(|fault| match rules::told_again(fault) {
        _ if fault.field == "metadata.generateName" => 0,
        2 => 1,
        1 => 2,
        _ => 3,
    });
    let refusal = ApiError::invalid(kind_of(resource), name, &faults);
    // What is wrong with the metadata of a custom resource is found by its kind too, once or twice more.
    let again = faults.iter().flat_map(|fault| std::iter::repeat_n(fault, rules::told_again(fault)));
    Err(again.fold(refusal, |refusal, fault| refusal.with_cause(fault.to_cause())))
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

/// Who replaces an object by one with another uid means one that is not there.
fn check_uid((resource, namespace, name): Place<'_>, new: &Value, old: &Value, cx: &Cx<'_>) -> Result<(), ApiError> {
    let (given, present) = (meta::text(new, "uid"), meta::text(old, "uid"));
    if given.is_empty() || given == present {
        return Ok(());
    }
    // Only what is stored is known to etcd, by its prefix.
    let registry = if cx.dry_run { "" } else { "/registry" };
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: {registry}/{}/{}, ResourceVersion: 0, AdditionalErrorMsg: \
         Precondition failed: UID in precondition: {given}, UID in object meta: {present}",
        prefix(resource),
        key(namespace, name),
    );
    Err(ApiError::conflict(subject(resource), name, &why))
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
