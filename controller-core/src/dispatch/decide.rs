//! Owns what an event means: from what happened, what the callbacks know, and which of them are written, to a plan.
//!
//! All branching on the cluster's state is here; below it things are only done.

use crate::descriptor::{Callback, Callbacks, OnStart};
use crate::outcome::Action;
use crate::queue::{After, History, Next, Plan, Standing};

/// Which callback is called for what. `add` and `modify` go to `reconcile` where they are not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Routes {
    start: Option<Callback>,
    add: Option<Callback>,
    modify: Option<Callback>,
    delete: Option<Callback>,
    reconcile: Option<Callback>,
}

impl Routes {
    pub(crate) fn of(written: Callbacks, at_start: OnStart) -> Self {
        let of = |callback| Some(callback).filter(|callback| written.has(*callback));
        let reconcile = of(Callback::Reconcile);
        let add = of(Callback::Add).or(reconcile);
        Self {
            start: match at_start {
                OnStart::Add => add,
                OnStart::Reconcile => reconcile,
                OnStart::Skip => None,
            },
            add,
            modify: of(Callback::Modify).or(reconcile),
            delete: of(Callback::Delete),
            reconcile,
        }
    }
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happened {
    /// It was there when the controller started.
    Found,
    /// It appeared or changed.
    Seen,
    /// It changed, in nothing that the controller asked to be told of.
    Noise,
    /// It says no longer that it is paused.
    Resumed,
    /// It is gone.
    Gone,
    /// Nothing, but a run is asked for.
    Asked,
}

/// What is to be done about it.
pub(crate) fn decide(happened: Happened, history: History, routes: &Routes) -> Plan {
    match unless_paused(happened, history, routes) {
        Plan::Run { standing, .. } if history.paused => Plan::Keep { standing },
        Plan::AfterAdd if history.paused => Plan::Keep { standing: history.standing },
        Plan::Run { callback, standing } if happened == Happened::Resumed => Plan::Resume { callback, standing },
        plan => plan,
    }
}

fn unless_paused(happened: Happened, history: History, routes: &Routes) -> Plan {
    let run = |callback: Option<Callback>, standing| callback.map(|callback| Plan::Run { callback, standing });
    // What no callback saw is tried again with every change: it may be the one that mends it.
    let unheard = history.unheard || history.standing == Standing::Absent;
    let happened = match happened {
        Happened::Noise if unheard => Happened::Seen,
        // Whatever it changed in: nobody was told of what came before.
        Happened::Resumed => Happened::Seen,
        happened => happened,
    };
    match (happened, history.standing) {
        (Happened::Noise, Standing::Known) if routes.modify.is_none() => Plan::Note { standing: Standing::Known },
        (Happened::Noise | Happened::Resumed, _) => Plan::Refresh,
        (Happened::Found, Standing::Absent) => {
            // An object to be added has not been heard of; one to be reconciled may be known from an earlier life
            // of this controller, so that its delete is delivered even if it goes before its turn.
            let added = routes.start.is_some() && routes.start == routes.add && routes.start != routes.reconcile;
            let standing = if added { Standing::New } else { Standing::Found };
            run(routes.start, standing).unwrap_or(Plan::Note { standing: Standing::Known })
        }
        (Happened::Seen, Standing::Absent) => {
            run(routes.add, Standing::New).unwrap_or(Plan::Note { standing: Standing::Known })
        }
        (Happened::Asked, Standing::Absent) | (Happened::Gone, Standing::Absent) => Plan::Ignore,

        // Whatever comes before the first run collapses into it.
        (Happened::Found | Happened::Seen | Happened::Asked, Standing::Found) => {
            run(routes.start, Standing::Found).unwrap_or(Plan::Ignore)
        }
        (Happened::Found | Happened::Seen | Happened::Asked, Standing::New) => {
            run(routes.add, Standing::New).unwrap_or(Plan::Ignore)
        }
        (Happened::Found | Happened::Seen | Happened::Asked, Standing::Adding) if history.running => Plan::AfterAdd,
        (Happened::Found | Happened::Seen | Happened::Asked, Standing::Adding) => {
            run(routes.add, Standing::Adding).unwrap_or(Plan::Ignore)
        }
        (Happened::Found | Happened::Seen, Standing::Known) => {
            run(routes.modify, Standing::Known).unwrap_or(Plan::Note { standing: Standing::Known })
        }
        (Happened::Asked, Standing::Known) => run(routes.reconcile, Standing::Known).unwrap_or(Plan::Ignore),

        // An add that never started is dropped with its object.
        (Happened::Gone, Standing::New) => Plan::Forget,
        (Happened::Gone, Standing::Found | Standing::Adding | Standing::Known) => {
            routes.delete.map_or(Plan::Forget, |_| Plan::Delete)
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The callback answered.
    Did(Action),
    /// It failed in a way that may pass: an error, a panic, a timeout. With a time where the error gave one.
    Failed(Option<std::time::Duration>),
    /// It failed until the object changes.
    Refused,
    /// The object is invalid: no callback saw it.
    Unreached,
}

/// What follows from a run of `callback` on an object whose standing was `from` before it.
pub(crate) fn follow(verdict: Verdict, callback: Callback, from: Standing, routes: &Routes) -> After {
    let adding = matches!(from, Standing::New | Standing::Adding);
    let added = |standing| if adding { standing } else { Standing::Known };
    match verdict {
        Verdict::Did(action) => After {
            standing: Standing::Known,
            accepted: true,
            reached: true,
            next: match action {
                Action::Done => Next::Tick,
                Action::Requeue(wait) => Next::Requeue(requeued(callback, routes), wait),
                Action::AwaitChange => Next::Await,
            },
        },
        Verdict::Failed(wait) => {
            After { standing: added(Standing::Adding), accepted: false, reached: true, next: Next::Retry(wait) }
        }
        // It will not be delivered again, so it counts as delivered.
        Verdict::Refused => {
            After { standing: added(Standing::Adding), accepted: true, reached: true, next: Next::Await }
        }
        Verdict::Unreached => After { standing: from, accepted: false, reached: false, next: Next::Await },
    }
}

/// A requeue goes to `reconcile`; where that is not written, to the callback that asked.
fn requeued(callback: Callback, routes: &Routes) -> Callback {
    if callback == Callback::Delete { callback } else { routes.reconcile.unwrap_or(callback) }
}

#[cfg(test)]
mod tests;
