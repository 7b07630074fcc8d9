//! What every expression may name: functions and types, with limits on those that could make much of little.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};

use kube_cel::KubeCelExt;
use kube_cel::cel::extractors::{Arguments, This};
use kube_cel::cel::objects::OptionalValue;
use kube_cel::cel::{Context, ExecutionError, Program, ResolveResult, Value as Cel};

use super::{ask, optional, pairs};

/// The function that counts the turns of loops.
pub(super) const STEP: &str = "@step";
/// Functions that compare values which may be missing.
pub(super) const SAME: &str = "@same";
pub(super) const OTHER: &str = "@other";
/// What ends a run that has no steps left.
pub(super) const SPENT: &str = "the budget is used up";
/// The longest list that a function makes of a number.
const RANGE: i64 = 10_000;

thread_local! {
    /// The steps that the expression which runs on this thread has left.
    pub(super) static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// Functions by name, without the operators; methods and plain ones alike.
pub(super) const FUNCTIONS: &[&str] = &[
    "add",
    "all",
    "asApproximateFloat",
    "asInteger",
    "base64.decode",
    "base64.encode",
    "bool",
    "bytes",
    "charAt",
    "cidr",
    "compareTo",
    "contains",
    "containsCIDR",
    "containsIP",
    "distinct",
    "double",
    "duration",
    "dyn",
    "endsWith",
    "exists",
    "exists_one",
    "family",
    "filter",
    "find",
    "findAll",
    "first",
    "flatten",
    "format",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getEscapedPath",
    "getFullYear",
    "getHost",
    "getHostname",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getPort",
    "getQuery",
    "getScheme",
    "getSeconds",
    "has",
    "hasValue",
    "indexOf",
    "int",
    "ip",
    "isCIDR",
    "isCanonical",
    "isGlobalUnicast",
    "isGreaterThan",
    "isIP",
    "isInteger",
    "isLessThan",
    "isLinkLocalMulticast",
    "isLinkLocalUnicast",
    "isLoopback",
    "isQuantity",
    "isSemver",
    "isSorted",
    "isURL",
    "isUnspecified",
    "join",
    "last",
    "lastIndexOf",
    "lowerAscii",
    "major",
    "map",
    "masked",
    "matches",
    "max",
    "min",
    "minor",
    "or",
    "orValue",
    "patch",
    "prefixLength",
    "quantity",
    "replace",
    "reverse",
    "semver",
    "sign",
    "size",
    "slice",
    "sort",
    "split",
    "startsWith",
    "string",
    "sub",
    "substring",
    "sum",
    "timestamp",
    "trim",
    "type",
    "uint",
    "upperAscii",
    "url",
    "validate",
    "value",
];
/// Names before whose functions stands a dot and that are no values.
pub(super) const SPACES: &[&str] =
    &["sets", "math", "lists", "strings", "format", "optional", "base64", "jsonpatch", "ip"];
/// Functions of what an `authorizer` leads to, where there is one.
pub(super) const AUTHORIZER: &[&str] = &[
    "allowed",
    "check",
    "error",
    "errored",
    "fieldSelector",
    "group",
    "labelSelector",
    "name",
    "namespace",
    "path",
    "reason",
    "resource",
    "serviceAccount",
    "subresource",
];
/// Types as values, which `type()` answers.
pub(super) const TYPES: &[&str] =
    &["bool", "bytes", "double", "duration", "int", "list", "map", "null_type", "string", "timestamp", "type", "uint"];

/// What is there before any name is bound.
pub(super) fn base() -> &'static Context<'static> {
    static BASE: OnceLock<Context<'static>> = OnceLock::new();
    BASE.get_or_init(|| {
        let mut base = Context::default().with_all();
        base.add_function(STEP, step);
        optional::add_to(&mut base);
        base.add_function("type", |This(value): This<Cel>| -> ResolveResult {
            Ok(Cel::String(Arc::new(type_of(&value))))
        });
        base.add_function("dyn", |This(value): This<Cel>| -> ResolveResult { Ok(value) });
        base.add_function("bool", to_bool);
        base.add_function("string", to_text);
        base.add_function(pairs::KEYS, pairs::keys);
        base.add_function(SAME, |Arguments(args): Arguments| -> ResolveResult { Ok(Cel::Bool(is_same(&args))) });
        base.add_function(OTHER, |Arguments(args): Arguments| -> ResolveResult { Ok(Cel::Bool(!is_same(&args))) });
        base.add_function("lists.range", range);
        ask::register(&mut base);
        for name in TYPES {
            base.add_variable_from_value(*name, Cel::String(Arc::new(format!("type {name}"))));
        }
        base
    })
}

fn type_of(value: &Cel) -> String {
    let name = match value {
        Cel::Float(_) => "double",
        Cel::Null => "null_type",
        other => return format!("type {}", other.type_of()),
    };
    format!("type {name}")
}

fn to_bool(This(value): This<Cel>) -> ResolveResult {
    match &value {
        Cel::Bool(_) => Ok(value),
        Cel::String(text) if matches!(text.as_str(), "true" | "True" | "TRUE" | "t" | "1") => Ok(Cel::Bool(true)),
        Cel::String(text) if matches!(text.as_str(), "false" | "False" | "FALSE" | "f" | "0") => Ok(Cel::Bool(false)),
        _ => Err(ExecutionError::NoSuchOverload),
    }
}

fn is_same(args: &[Cel]) -> bool {
    let optional = |value: &Cel| match value {
        Cel::Opaque(opaque) => opaque.downcast_ref::<OptionalValue>().map(|optional| optional.value().cloned()),
        _ => None,
    };
    match args {
        [one, other] => optional(one) == optional(other) && (optional(one).is_some() || one == other),
        _ => false,
    }
}

/// A flag is a text too, beside what the language's own function makes texts of.
fn to_text(This(value): This<Cel>) -> ResolveResult {
    static PLAIN: OnceLock<Context<'static>> = OnceLock::new();
    static PROGRAM: OnceLock<Option<Program>> = OnceLock::new();
    if let Cel::Bool(flag) = value {
        return Ok(Cel::String(Arc::new(flag.to_string())));
    }
    let program = PROGRAM.get_or_init(|| Program::compile("string(value)").ok());
    let mut scope = PLAIN.get_or_init(|| Context::default().with_all()).new_inner_scope();
    scope.add_variable_from_value("value", value);
    program.as_ref().map_or(Err(ExecutionError::NoSuchOverload), |program| program.execute(&scope))
}

fn range(Arguments(args): Arguments) -> ResolveResult {
    let Some(Cel::Int(count)) = args.first().cloned() else { return Err(ExecutionError::NoSuchOverload) };
    if count > RANGE {
        return Err(ExecutionError::function_error("lists.range", SPENT));
    }
    Ok(Cel::List(Arc::new((0..count).map(Cel::Int).collect())))
}

fn step(This(go_on): This<Cel>) -> ResolveResult {
    STEPS.with(|steps| match steps.get().checked_sub(1) {
        Some(left) => {
            steps.set(left);
            Ok(go_on)
        }
        None => Err(ExecutionError::function_error(STEP, SPENT)),
    })
}

/// Makes a value of a text, as a function of the language does.
pub(super) fn convert(function: &'static str, text: &str, base: &Context<'_>) -> Option<Cel> {
    static TIMESTAMP: OnceLock<Option<Program>> = OnceLock::new();
    static DURATION: OnceLock<Option<Program>> = OnceLock::new();
    static BYTES: OnceLock<Option<Program>> = OnceLock::new();
    let (program, source) = match function {
        "timestamp" => (&TIMESTAMP, "timestamp(text)"),
        "duration" => (&DURATION, "duration(text)"),
        _ => (&BYTES, "base64.decode(text)"),
    };
    let program = program.get_or_init(|| Program::compile(source).ok()).as_ref()?;
    let mut scope = base.new_inner_scope();
    scope.add_variable_from_value("text", Cel::String(Arc::new(text.to_owned())));
    program.execute(&scope).ok()
}
