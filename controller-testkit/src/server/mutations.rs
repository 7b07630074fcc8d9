//! What policies make of an object before it is stored.

use std::sync::Arc;

use serde_json::Value;

use super::policies::{Misfit, Shelf, Turn, as_shown, named};
use super::read::subject;
use super::write::Cx;
use super::{Server, convert, shape};
use crate::admission::{Change, Mutation, kind_of_part};
use crate::apply::Node;
use crate::catalog::{Resource, api_version};
use crate::cel;
use crate::kinds;
use crate::status::ApiError;

pub(super) const POLICIES: &str = "admissionregistration.k8s.io/mutatingadmissionpolicies";
const BINDINGS: &str = "admissionregistration.k8s.io/mutatingadmissionpolicybindings";

/// What came of all of them.
#[derive(Default)]
pub(super) struct Remade {
    pub(super) object: Option<Value>,
    /// Whether any policy has done anything.
    pub(super) is_changed: bool,
    /// Those that want to see again what others have changed.
    pub(super) again: Vec<String>,
}

/// What stands against a change.
struct Objection {
    message: String,
    reason: &'static str,
}

impl Turn<'_, Mutation> {
    fn key(&self) -> String {
        let params = ["namespace", "name"].map(|member| super::meta::text(&self.params, member));
        format!("{} {} {}", self.name, self.binding, params.join("/"))
    }

    fn objection(&self, why: &str) -> Objection {
        Objection { message: denied(self.name, Some(self.binding), why), reason: "Invalid" }
    }
}

fn denied(policy: &str, binding: Option<&str>, why: &str) -> String {
    match binding {
        Some(binding) => format!("policy '{policy}' with binding '{binding}' denied request: {why}"),
        None => format!("policy {policy:?} denied request: {why}"),
    }
}

impl Server {
    /// The new object as the policies leave it; the second time only these are asked.
    pub(super) fn remake(
        &self,
        change: &Change<'_>,
        only: Option<&[String]>,
        cx: &mut Cx<'_>,
    ) -> Result<Remade, ApiError> {
        let mut remade = Remade { object: change.new.cloned(), ..Remade::default() };
        if !cel::IS_THERE || remade.object.is_none() {
            return Ok(remade);
        }
        let (mut turns, mut objections) = (Vec::new(), Vec::new());
        for meant in self.meant(change, [POLICIES, BINDINGS], |name, stored| self.shelf.mutation(name, stored)) {
            match meant {
                Ok(turn) => turns.push(turn),
                Err(misfit) if misfit.policy.ignores_failures() => {}
                Err(Misfit { name, binding, why, .. }) => {
                    objections.push(Objection { message: denied(name, binding, &why), reason: "Forbidden" });
                }
            }
        }
        for turn in turns {
            if only.is_some_and(|only| !only.contains(&turn.key())) {
                continue;
            }
            let now = Change { new: remade.object.as_ref(), ..*change };
            match self.about(&now, turn.shown, &turn.params, cx, |names| turn.policy.minds(names)) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(_) if turn.policy.ignores_failures() => continue,
                Err(why) => {
                    objections.push(turn.objection(&why));
                    continue;
                }
            }
            for at in 0..turn.policy.steps() {
                let now = Change { new: remade.object.as_ref(), ..*change };
                let object = as_shown(change, turn.shown, now.new).unwrap_or_default();
                let node = node_of(change, turn.shown);
                let made =
                    self.about(&now, turn.shown, &turn.params, cx, |names| turn.policy.step(at, &object, node, names));
                match made {
                    Ok(made) => {
                        remade.object = Some(taken(change, turn.shown, made)?);
                        remade.is_changed = true;
                    }
                    Err(_) if turn.policy.ignores_failures() => {}
                    Err(why) => objections.push(turn.objection(&why)),
                }
            }
            if turn.policy.comes_again() {
                remade.again.push(turn.key());
            }
        }
        match objections.split_first() {
            None => Ok(remade),
            Some((first, others)) => {
                let mut error = ApiError::forbidden(subject(change.resource), named(change), "");
                (error.message, error.reason) = (first.message.clone(), first.reason);
                Err([first].into_iter().chain(others).fold(error, |error, objection| {
                    error.with_cause(serde_json::json!({ "message": objection.message }))
                }))
            }
        }
    }
}

impl Shelf {
    fn mutation(&self, name: &str, stored: &crate::store::Object) -> Arc<Mutation> {
        Self::read(&self.mutations, name, stored, Mutation::read)
    }
}

/// The type of the objects that are changed; an error names what has none.
fn node_of<'a>(change: &Change<'_>, shown: &'a Resource) -> Result<Node<'a>, String> {
    match kind_of_part(change) {
        None => Ok(Node::of(shown)),
        // A real server finds no type for it in the documents that it reads.
        Some([group, version, kind @ "Scale"]) => Err(format!("{}, Kind={kind}", api_version(group, version))),
        Some([group, version, kind]) => {
            let ty = kinds::of_kind(group, version, kind);
            ty.map(Node::Struct).ok_or_else(|| format!("{}, Kind={kind}", api_version(group, version)))
        }
    }
}

/// What a policy has made, as an object of the resource.
fn taken(change: &Change<'_>, shown: &Resource, mut made: Value) -> Result<Value, ApiError> {
    let unknown = match kind_of_part(change) {
        Some([group, version, kind]) => match kinds::of_kind(group, version, kind) {
            Some(ty) => kinds::check(ty, &made).map_err(ApiError::internal)?,
            None => Vec::new(),
        },
        None => shape::decode(shown, &mut made).map_err(ApiError::internal)?,
    };
    if let ([_, ..], crate::catalog::Shape::Builtin(_)) = (unknown.as_slice(), &shown.shape) {
        let faults: Vec<String> = unknown.iter().map(super::body::unknown_field).collect();
        return Err(ApiError::internal(format!("strict decoding error: {}", faults.join(", "))));
    }
    if shown.version != change.resource.version && kind_of_part(change).is_none() {
        made = convert::to_version(change.resource, &made);
    }
    Ok(made)
}
