//! Owns the order of one run, and what follows from how it ended.
//!
//! One run is: the version is checked against the schema, decoded, given to the callback, the events that it left
//! are written, and the queue is told. A `delete` whose last version can't be given to the callback is given the
//! version that the callback accepted last, so that what was added is not left behind.

use std::sync::Arc;
use std::time::Duration;

use super::decide::Verdict;
use crate::context::Event;
use crate::descriptor::Callback;
use crate::error::{Class, Failure};
use crate::outcome::Action;
use crate::schema::Report;

/// How the try to run a callback ended.
#[derive(Debug)]
pub(super) enum Ended {
    Answered(Result<Action, Failure>),
    Panicked(String),
    TimedOut(Duration),
    /// The object breaks the schema.
    Invalid(Arc<Report>),
    /// The object does not decode into the object type.
    Undecodable(String),
}

/// `controller_runtime_reconcile_total`'s label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tally {
    Success,
    RequeueAfter,
    Error,
    /// An error that is not retried until the object changes.
    Terminal,
}

/// What follows from a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conclusion {
    pub(super) verdict: Verdict,
    pub(super) tally: Tally,
    /// What is logged, where the run did not go well.
    pub(super) complaint: Option<String>,
    /// What the object itself is told of, once for each of its versions.
    pub(super) warning: Option<Event>,
}

/// The versions to try in order: a `delete` falls back on the one that was accepted.
pub(super) fn versions<T>(callback: Callback, object: T, accepted: Option<T>) -> impl Iterator<Item = T> {
    let fallback = accepted.filter(|_| callback == Callback::Delete);
    std::iter::once(object).chain(fallback)
}

/// Whether the callback saw the object.
pub(super) fn reached(ended: &Ended) -> bool {
    !matches!(ended, Ended::Invalid(_) | Ended::Undecodable(_))
}

/// What follows from how a run ended.
pub(super) fn conclude(ended: &Ended) -> Conclusion {
    match ended {
        Ended::Answered(Ok(action)) => Conclusion {
            verdict: Verdict::Did(*action),
            tally: if matches!(action, Action::Requeue(_)) { Tally::RequeueAfter } else { Tally::Success },
            complaint: None,
            warning: None,
        },
        Ended::Answered(Err(failure)) => failed(failure),
        Ended::Panicked(report) => Conclusion {
            verdict: Verdict::Failed(None),
            tally: Tally::Error,
            complaint: Some(format!("panicked: {report}")),
            warning: None,
        },
        Ended::TimedOut(limit) => Conclusion {
            verdict: Verdict::Failed(None),
            tally: Tally::Error,
            complaint: Some(format!("did not end within its timeout of {limit:?}: its future was dropped")),
            warning: None,
        },
        Ended::Invalid(report) => invalid(format!("the object breaks the schema: {report}")),
        Ended::Undecodable(error) => invalid(format!("the object does not decode into the object type: {error}")),
    }
}

fn invalid(text: String) -> Conclusion {
    Conclusion {
        verdict: Verdict::Unreached,
        tally: Tally::Terminal,
        warning: Some(Event::warning("Invalid", &text).action("Validate")),
        complaint: Some(text),
    }
}

fn failed(failure: &Failure) -> Conclusion {
    let chain = failure.chain();
    let (verdict, tally, warning) = match failure.class() {
        Class::Temporary { after } => (Verdict::Failed(after), Tally::Error, None),
        Class::Permanent => (Verdict::Refused, Tally::Terminal, None),
        Class::Invalid { .. } => {
            (Verdict::Refused, Tally::Terminal, Some(Event::warning("Invalid", &chain).action("Validate")))
        }
    };
    Conclusion { verdict, tally, complaint: Some(format!("failed: {chain}")), warning }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[track_caller]
    fn check(ended: Ended, verdict: Verdict, tally: Tally, complaint: Option<&str>, warns: bool) {
        let conclusion = conclude(&ended);
        assert_eq!((conclusion.verdict, conclusion.tally), (verdict, tally));
        assert_eq!(conclusion.complaint.as_deref(), complaint);
        assert_eq!(conclusion.warning.is_some_and(|event| event.reason() == "Invalid"), warns);
    }

    #[test]
    fn what_follows_from_each_end() {
        let wait = Duration::from_secs(3);
        let answered = |answer| Ended::Answered(answer);
        let did = |action| (Verdict::Did(action), Tally::Success);
        for action in [Action::Done, Action::AwaitChange] {
            let (verdict, tally) = did(action);
            check(answered(Ok(action)), verdict, tally, None, false);
        }
        let requeue = Action::Requeue(wait);
        check(answered(Ok(requeue)), Verdict::Did(requeue), Tally::RequeueAfter, None, false);
        check(answered(Err("x".into())), Verdict::Failed(None), Tally::Error, Some("failed: x"), false);
        let after = Error::temporary("x").after(wait);
        check(answered(Err(after.into())), Verdict::Failed(Some(wait)), Tally::Error, Some("failed: x"), false);
        let permanent = Error::permanent("x").into();
        check(answered(Err(permanent)), Verdict::Refused, Tally::Terminal, Some("failed: x"), false);
        let invalid = Error::invalid("/spec", "x").into();
        check(answered(Err(invalid)), Verdict::Refused, Tally::Terminal, Some("failed: /spec: x"), true);
        check(Ended::Panicked("boom".into()), Verdict::Failed(None), Tally::Error, Some("panicked: boom"), false);
        let late = Some("did not end within its timeout of 3s: its future was dropped");
        check(Ended::TimedOut(wait), Verdict::Failed(None), Tally::Error, late, false);
        let undecodable = Some("the object does not decode into the object type: x");
        check(Ended::Undecodable("x".into()), Verdict::Unreached, Tally::Terminal, undecodable, true);
    }

    #[test]
    fn only_a_delete_falls_back_on_the_version_that_was_accepted() {
        assert_eq!(versions(Callback::Delete, 2, Some(1)).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(versions(Callback::Modify, 2, Some(1)).collect::<Vec<_>>(), [2]);
        assert_eq!(versions(Callback::Delete, 2, None).collect::<Vec<_>>(), [2]);
    }
}
