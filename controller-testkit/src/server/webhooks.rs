//! Asking policies and webhooks about a change before it is stored: first those that may alter it, then those that may
//! refuse it, and policies before webhooks.

use serde_json::{Map, Value};

use super::mutations::Remade;
use super::policies::{as_shown, is_policy, what_is_asked};
use super::read::subject;
use super::write::Cx;
use super::{Server, convert, meta, mutations, shape};
use crate::admission::{Change, Hook, Kind, Verdict, kind_of_part, review, verdict};
use crate::catalog::{Resource, Shape};
use crate::cel::{Authority, Question};
use crate::patch::JsonPatch;
use crate::status::ApiError;
use crate::store::Range;

/// What one webhook had to say.
enum Said {
    Nothing,
    Patched(Value),
}

impl Server {
    /// The new object as the mutating policies and webhooks leave it; none if there are none.
    pub(super) fn mutate(&self, change: &Change<'_>, cx: &mut Cx<'_>) -> Result<Option<Value>, ApiError> {
        if !self.asks(Kind::Mutating, change, cx) {
            return Ok(None);
        }
        let by_policies = !is_policy(change);
        let remake = |object: &Option<Value>, only: Option<&[String]>, cx: &mut Cx<'_>| match by_policies {
            true => self.remake(&Change { new: object.as_ref(), ..*change }, only, cx),
            false => Ok(Remade { object: object.clone(), ..Remade::default() }),
        };
        let first = remake(&change.new.cloned(), None, cx)?;
        let mut object = first.object;
        let hooks = self.hooks(Kind::Mutating, change);
        // Those that want to be asked again once others have changed what they saw.
        let mut again = Vec::new();
        let mut is_changed = first.is_changed;
        for (at, hook) in hooks.iter().enumerate() {
            let now = Change { new: object.as_ref(), ..*change };
            if let Said::Patched(patched) = self.ask(Kind::Mutating, *hook, &now, cx)? {
                if object.as_ref() != Some(&patched) {
                    again = (0..at).filter(|before| hooks[*before].can_be_reinvoked()).collect();
                    is_changed = true;
                }
                object = Some(patched);
            }
        }
        if is_changed && !first.again.is_empty() {
            let second = remake(&object, Some(&first.again), cx)?;
            if second.object != object {
                again = (0..hooks.len()).filter(|at| hooks[*at].can_be_reinvoked()).collect();
            }
            object = second.object;
        }
        for at in again {
            let now = Change { new: object.as_ref(), ..*change };
            if let Said::Patched(patched) = self.ask(Kind::Mutating, hooks[at], &now, cx)? {
                object = Some(patched);
            }
        }
        Ok(object)
    }

    /// Asks what the server itself refuses, and the validating policies and webhooks, any of which may refuse the change.
    pub(super) fn approve(&self, change: &Change<'_>, cx: &mut Cx<'_>) -> Result<(), ApiError> {
        self.admit(change, cx)?;
        self.judge(change, cx)?;
        if !self.asks(Kind::Validating, change, cx) {
            return Ok(());
        }
        for hook in self.hooks(Kind::Validating, change) {
            self.ask(Kind::Validating, hook, change, cx)?;
        }
        Ok(())
    }

    /// Whether anybody is to be asked.
    pub(super) fn asks(&self, kind: Kind, change: &Change<'_>, cx: &Cx<'_>) -> bool {
        let any = |table: &str| self.store.scan(table, Range { prefix: "", from: "" }).next().is_some();
        let by_policies = kind == Kind::Mutating && !is_policy(change) && any(mutations::POLICIES);
        cx.calls.is_some() && (by_policies || any(kind.table()))
    }

    /// The webhooks that may be asked: never about webhooks, which could lock everyone out.
    fn hooks(&self, kind: Kind, change: &Change<'_>) -> Vec<Hook<'_>> {
        if change.resource.group == "admissionregistration.k8s.io" {
            return Vec::new();
        }
        let all = self.store.scan(kind.table(), Range { prefix: "", from: "" });
        all.flat_map(|(_, configuration)| Hook::all(configuration.kept_value())).collect()
    }

    fn ask(&self, kind: Kind, hook: Hook<'_>, change: &Change<'_>, cx: &mut Cx<'_>) -> Result<Said, ApiError> {
        let Some(shown) = hook.reach().wants(change, &self.catalog) else { return Ok(Said::Nothing) };
        let labels = self.labels_of_namespace(change);
        if !hook.reach().selects(change, labels.as_ref()) {
            return Ok(Said::Nothing);
        }
        let parts = (as_shown(change, shown, change.new), as_shown(change, shown, change.old));
        let uid = meta::uid(cx.rng);
        let asked = review(change, shown, parts, &cx.user, &uid, (cx.dry_run, &cx.options));
        let decide = |question: &Question| self.decide(question, &cx.user);
        let authority = Authority::new(what_is_asked(change), &decide);
        match hook.conditions_hold(asked.get("request").unwrap_or(&Value::Null), &authority) {
            Ok(true) => {}
            Ok(false) => return Ok(Said::Nothing),
            Err(_) if hook.ignores_failures() => return Ok(Said::Nothing),
            Err(why) => return Err(ApiError::forbidden(subject(change.resource), change.name, &why)),
        }
        if cx.dry_run && !hook.is_free_of_effects() {
            let why = format!("admission webhook {:?} does not support dry run", hook.name());
            return Err(ApiError::bad_request(why));
        }
        let call = hook.call(asked.clone());
        let Some(calls) = &mut cx.calls else { return Ok(Said::Nothing) };
        let Some(reply) = calls.reply(call) else { return Err(ApiError::internal("a webhook is to be called first")) };
        let failed = |why: &str| match hook.ignores_failures() {
            true => Ok(Said::Nothing),
            false => Err(ApiError::internal(format!("failed calling webhook {:?}: {why}", hook.name()))),
        };
        match verdict(kind, &asked, &reply) {
            Verdict::Failed(why) => failed(&why),
            Verdict::Denied { status, warnings } => {
                cx.warnings.extend(warnings);
                Err(ApiError::denied(hook.name(), &status))
            }
            Verdict::Allowed { patch, warnings } => {
                cx.warnings.extend(warnings);
                let Some(patch) = patch else { return Ok(Said::Nothing) };
                let Some(object) = asked.pointer("/request/object").filter(|object| !object.is_null()) else {
                    return Err(ApiError::internal(format!(
                        "admission webhook {:?} attempted to modify the object, which is not supported for this \
                         operation",
                        hook.name()
                    )));
                };
                let Ok(patch) = JsonPatch::parse(&patch) else {
                    return failed("received undecodable patch in webhook response");
                };
                let mut patched = patch.apply(object).map_err(|error| ApiError::internal(error.to_string()))?;
                if kind_of_part(change).is_some() {
                    return Ok(Said::Patched(patched));
                }
                if shown.version != change.resource.version {
                    patched = convert::to_version(change.resource, &patched);
                }
                shape::decode(change.resource, &mut patched).map_err(ApiError::internal)?;
                Ok(Said::Patched(patched))
            }
        }
    }

    /// Holds back a stored object that is not known in all versions of its resource yet.
    pub(super) fn settled(&self, resource: &Resource, stored: &Value, cx: &Cx<'_>) -> Result<(), ApiError> {
        match &resource.shape {
            Shape::Custom(version) if cx.calls.is_some() && !version.is_known_in_all(stored) => {
                Err(ApiError::internal("a webhook is to be called first"))
            }
            _ => Ok(()),
        }
    }

    /// The labels by which a namespace is selected: those of the namespace that the object is in, or is.
    pub(super) fn labels_of_namespace(&self, change: &Change<'_>) -> Option<Map<String, Value>> {
        let labels = |object: &Value| meta::labels(object).cloned();
        if change.is_of_namespaces() {
            return change.new.or(change.old).and_then(labels);
        }
        self.store.get("/namespaces", change.namespace)?.labels()
    }
}
