//! The `authorizer` of an expression: functions that put a question together, and its answer.
//!
//! After <https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/cel/library/authz.go>.

use std::sync::Arc;

use kube_cel::cel::extractors::{Arguments, This};
use kube_cel::cel::objects::Opaque;
use kube_cel::cel::{Context, ExecutionError, ResolveResult, Value as Cel};

use super::authority::{Authority, Known, Question};
use crate::auth::{Ask, Decision};

/// What ends a run that asks what is not known yet.
pub(super) const OPEN: &str = "a question is to be decided first";

/// How far a question has got.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// It says who is meant.
    Begun,
    Group,
    /// It can be asked.
    Whole,
    Answered(Decision),
}

/// A question that an expression puts together.
#[derive(Clone, Debug)]
struct Asking {
    stage: Stage,
    question: Question,
    known: Arc<Known>,
}

impl PartialEq for Asking {
    fn eq(&self, other: &Self) -> bool {
        (&self.stage, &self.question) == (&other.stage, &other.question)
    }
}

impl Eq for Asking {}

impl Opaque for Asking {
    fn runtime_type_name(&self) -> &str {
        match self.stage {
            Stage::Begun => "kubernetes.authorization.Authorizer",
            Stage::Group => "kubernetes.authorization.GroupCheck",
            Stage::Whole if self.question.ask.path.is_empty() => "kubernetes.authorization.ResourceCheck",
            Stage::Whole => "kubernetes.authorization.PathCheck",
            Stage::Answered(_) => "kubernetes.authorization.Decision",
        }
    }
}

/// What `authorizer` stands for.
pub(super) fn authorizer(authority: &Authority<'_>) -> Cel {
    value(Asking { stage: Stage::Begun, question: Question::default(), known: authority.known() })
}

/// What `authorizer.requestResource` stands for.
pub(super) fn of_request(authority: &Authority<'_>) -> Cel {
    let question = Question { account: None, ask: authority.request().clone() };
    value(Asking { stage: Stage::Whole, question, known: authority.known() })
}

fn value(asking: Asking) -> Cel {
    Cel::Opaque(Arc::new(asking))
}

/// The functions that questions have.
pub(super) fn register(base: &mut Context<'_>) {
    fn on(this: &Cel, stage: &Stage) -> Result<Asking, ExecutionError> {
        match this {
            Cel::Opaque(opaque) => match opaque.downcast_ref::<Asking>() {
                Some(asking) if asking.stage == *stage => Ok(asking.clone()),
                _ => Err(ExecutionError::NoSuchOverload),
            },
            _ => Err(ExecutionError::NoSuchOverload),
        }
    }
    fn words<const N: usize>(args: &[Cel]) -> Result<[String; N], ExecutionError> {
        let words = args.iter().map(|arg| match arg {
            Cel::String(text) => Ok(text.to_string()),
            _ => Err(ExecutionError::NoSuchOverload),
        });
        let words: Vec<String> = words.collect::<Result<_, _>>()?;
        words.try_into().map_err(|_| ExecutionError::NoSuchOverload)
    }
    base.add_function("serviceAccount", |This(this): This<Cel>, Arguments(args): Arguments| -> ResolveResult {
        let mut asking = on(&this, &Stage::Begun)?;
        let [namespace, name] = words(&args)?;
        asking.question.account = Some((namespace, name));
        Ok(value(asking))
    });
    base.add_function("path", |This(this): This<Cel>, Arguments(args): Arguments| -> ResolveResult {
        let mut asking = on(&this, &Stage::Begun)?;
        let [path] = words(&args)?;
        if path.is_empty() {
            return Err(ExecutionError::function_error("path", "path must not be empty"));
        }
        asking.question.ask.path = path;
        asking.stage = Stage::Whole;
        Ok(value(asking))
    });
    base.add_function("group", |This(this): This<Cel>, Arguments(args): Arguments| -> ResolveResult {
        let mut asking = on(&this, &Stage::Begun)?;
        [asking.question.ask.group] = words(&args)?;
        asking.stage = Stage::Group;
        Ok(value(asking))
    });
    base.add_function("resource", |This(this): This<Cel>, Arguments(args): Arguments| -> ResolveResult {
        let mut asking = on(&this, &Stage::Group)?;
        [asking.question.ask.resource] = words(&args)?;
        asking.stage = Stage::Whole;
        Ok(value(asking))
    });
    type Place = fn(&mut Ask) -> &mut String;
    let places: [(&str, Place); 3] = [
        ("subresource", |ask| &mut ask.subresource),
        ("namespace", |ask| &mut ask.namespace),
        ("name", |ask| &mut ask.name),
    ];
    for (name, place) in places {
        base.add_function(name, move |This(this): This<Cel>, Arguments(args): Arguments| -> ResolveResult {
            let mut asking = on(&this, &Stage::Whole)?;
            let [word] = words(&args)?;
            *place(&mut asking.question.ask) = word;
            Ok(value(asking))
        });
    }
    for name in ["fieldSelector", "labelSelector"] {
        // Roles know nothing of selectors.
        base.add_function(name, |This(this): This<Cel>, Arguments(args): Arguments| -> ResolveResult {
            let _: [String; 1] = words(&args)?;
            on(&this, &Stage::Whole).map(value)
        });
    }
    base.add_function("check", |This(this): This<Cel>, Arguments(args): Arguments| -> ResolveResult {
        let mut asking = on(&this, &Stage::Whole)?;
        [asking.question.ask.verb] = words(&args)?;
        match asking.known.decision(&asking.question) {
            Some(decision) => asking.stage = Stage::Answered(decision),
            None => return Err(ExecutionError::function_error("check", OPEN)),
        }
        Ok(value(asking))
    });
    type Told = fn(&Decision) -> Cel;
    let tellings: [(&str, Told); 4] = [
        ("allowed", |decision| Cel::Bool(decision.allowed)),
        ("reason", |decision| Cel::String(Arc::new(decision.reason.clone()))),
        // Whoever decides by roles always comes to a decision.
        ("errored", |_| Cel::Bool(false)),
        ("error", |_| Cel::String(Arc::default())),
    ];
    for (name, tell) in tellings {
        base.add_function(name, move |This(this): This<Cel>| -> ResolveResult {
            match &this {
                Cel::Opaque(opaque) => match opaque.downcast_ref::<Asking>().map(|asking| &asking.stage) {
                    Some(Stage::Answered(decision)) => Ok(tell(decision)),
                    _ => Err(ExecutionError::NoSuchOverload),
                },
                _ => Err(ExecutionError::NoSuchOverload),
            }
        });
    }
}
