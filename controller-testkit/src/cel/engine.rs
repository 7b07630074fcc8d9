//! Reading an expression, and running it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use kube_cel::cel::common::ast::{
    CallExpr, EntryExpr, Expr, IdedEntryExpr, IdedExpr, LiteralValue, MapEntryExpr, MapExpr, operators as op,
};
use kube_cel::cel::objects::OptionalValue;
use kube_cel::cel::parser::Parser;
use kube_cel::cel::{ExecutionError, Value as Cel};
use serde_json::Value;

use super::lazy::Runner;
use super::{Bound, Budget, Failure, TYPE, Wanted, ask, known, look, optional, pairs, value};
use crate::schema::Structural;

/// The longest expression: what is longer is refused before it is read.
const LONGEST: usize = 10_000;
/// How many operators one after another an expression may have, each of which goes a level deeper.
const CHAIN: usize = 80;
/// How many brackets may be open at once.
const NESTED: usize = 32;
/// The stack for what goes deep.
const STACK: usize = 64 << 20;
/// How many levels are run on the stack at hand.
const SHALLOW: usize = 24;

/// An expression that has been read and judged.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    tree: IdedExpr,
    depth: usize,
    kind: &'static str,
}

impl Expression {
    /// Reads an expression that may name these values, of these schemas where they are known.
    ///
    /// The error is what a real server prints, or says why this one is not read here.
    pub(crate) fn compile(text: &str, wanted: Wanted, scope: &[(&str, Option<&Structural>)]) -> Result<Self, String> {
        let (chain, nested) = depth(text);
        if text.len() > LONGEST || chain > CHAIN || nested > NESTED {
            return Err(format!(
                "compilation failed: ERROR: <input>:1:1: expression is too long or too deep: at most {LONGEST} bytes, \
                 {CHAIN} operators one after another, and {NESTED} open brackets"
            ));
        }
        let mut tree = read(text).map_err(|why| {
            let why = if text.is_empty() { why.replace("<input>:1:1:", "<input>:1:0:") } else { why };
            format!("compilation failed: {why}")
        })?;
        optional::expand(&mut tree);
        pairs::expand(&mut tree);
        let found = look::judge(&tree, text, scope);
        if !found.faults.is_empty() {
            return Err(format!("compilation failed: {}", found.faults.join("\n")));
        }
        match (wanted, found.kind) {
            (Wanted::Bool, look::Kind::Other(_)) => Err("cel expression must evaluate to a bool".to_owned()),
            (Wanted::Text, look::Kind::Bool | look::Kind::Other(_)) => {
                Err("messageExpression must evaluate to a string".to_owned())
            }
            (Wanted::Bool, look::Kind::Text) => Err("cel expression must evaluate to a bool".to_owned()),
            _ => Ok(Self { tree: prepared(tree, scope), depth: found.depth, kind: found.kind.name() }),
        }
    }

    /// What it comes to, as the language calls it; empty where that can't be told.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Whether it names a value.
    pub(crate) fn names(&self, word: &str) -> bool {
        self.tree.references().has_variable(word)
    }

    /// What it may cost at most, by the bounds of its values' schemas; about what a real server reckons.
    pub(crate) fn cost(&self, scope: &[(&str, Option<&Structural>)]) -> u64 {
        look::cost(&self.tree, scope)
    }

    pub(super) fn tree(&self) -> &IdedExpr {
        &self.tree
    }

    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Runs it, which takes from the budget.
    pub(crate) fn run(&self, names: &[(&str, Bound<'_>)], budget: &mut Budget) -> Result<Value, Failure> {
        loop {
            let done = self.run_once(names, budget);
            let answered = names.iter().any(|(_, bound)| matches!(bound, Bound::Authorizer(who) if who.answer()));
            if !answered {
                return done;
            }
            for (_, bound) in names {
                if let Bound::Variables(variables) = bound {
                    variables.forget_failures();
                }
            }
        }
    }

    fn run_once(&self, names: &[(&str, Bound<'_>)], budget: &mut Budget) -> Result<Value, Failure> {
        let Some(left) = budget.0.checked_sub(1) else { return Err(Failure::Spent) };
        let overflow = || Failure::Fault("integer overflow".to_owned());
        let depths = names.iter().map(|(_, bound)| match bound {
            Bound::Variables(variables) => variables.depth(),
            _ => 0,
        });
        // The language's own functions may overflow, as dates do: that is the expression's failure alone.
        let (done, left) = match self.depth + depths.sum::<usize>() > SHALLOW {
            true => aside(|| self.evaluate(names, left)).unwrap_or_else(|| (Err(overflow()), 0)),
            false => {
                let done = catch_unwind(AssertUnwindSafe(|| self.evaluate(names, left)));
                done.unwrap_or_else(|_| (Err(overflow()), 0))
            }
        };
        budget.0 = left;
        done
    }

    fn evaluate(&self, names: &[(&str, Bound<'_>)], steps: u64) -> (Result<Value, Failure>, u64) {
        let base = known::base();
        let (mut values, mut variables) = (Vec::new(), None);
        for (name, bound) in names {
            let value = match bound {
                Bound::Value(value, schema) => value::to_cel(value, *schema, base),
                Bound::Optional(value, schema) => Cel::Opaque(Arc::new(match value {
                    Some(value) => OptionalValue::of(value::to_cel(value, *schema, base)),
                    None => OptionalValue::none(),
                })),
                Bound::Authorizer(authority) => {
                    values.push((format!("{name}.requestResource"), ask::of_request(authority)));
                    ask::authorizer(authority)
                }
                Bound::Variables(all) => {
                    variables = Some(*all);
                    continue;
                }
            };
            values.push(((*name).to_owned(), value));
        }
        known::STEPS.set(steps);
        let done = match (Runner { values: &values, variables, upto: usize::MAX }).run(&self.tree) {
            Ok(value) => value::to_json(&value).ok_or_else(|| Failure::Fault("it comes to what is no JSON".to_owned())),
            Err(failure) => Err(failure),
        };
        (done, known::STEPS.get())
    }
}

/// Does something on a large stack of its own; none if it fails. It is a function like any other: nothing else goes on
/// while it runs.
fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|threads| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(threads, work);
        thread.ok()?.join().ok()
    })
}

/// Reads a text, each bracket of which costs the reader a great piece of its stack.
pub(super) fn read(text: &str) -> Result<IdedExpr, String> {
    let read = aside(|| {
        let read = Parser::new().enable_optional_syntax(true).parse(text);
        read.map_err(|errors| {
            let told = errors.errors.iter().map(|error| error.to_string().replace("\n| ", "\n | "));
            told.collect::<Vec<_>>().join("\n")
        })
    });
    // The reader itself may fail on what nobody would write.
    read.unwrap_or_else(|| Err("ERROR: <input>:1:1: the expression can't be read".to_owned()))
}

/// An error in the words of the real one.
pub(super) fn failure(error: &ExecutionError) -> Failure {
    Failure::Fault(match error {
        ExecutionError::FunctionError { message, .. } if message == known::SPENT => return Failure::Spent,
        ExecutionError::FunctionError { function, .. } if function == "quantity" => {
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'".to_owned()
        }
        ExecutionError::FunctionError { function, message } => {
            match (function.as_str(), message.contains("overflow")) {
                ("int" | "uint" | "double", false) => format!("type conversion error from 'string' to '{function}'"),
                ("timestamp", _) => "type conversion error from 'string' to 'google.protobuf.Timestamp'".to_owned(),
                ("duration", _) => "type conversion error from 'string' to 'google.protobuf.Duration'".to_owned(),
                _ => message.clone(),
            }
        }
        ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
        ExecutionError::DivisionByZero(_) => "division by zero".to_owned(),
        ExecutionError::RemainderByZero(_) => "modulus by zero".to_owned(),
        ExecutionError::Overflow(..) => "integer overflow".to_owned(),
        ExecutionError::IndexOutOfBounds(Cel::Int(index)) => format!("index out of bounds: {index}"),
        ExecutionError::IndexOutOfBounds(_) => "index out of bounds".to_owned(),
        ExecutionError::UndeclaredReference(name) => format!("no such attribute: {name}"),
        _ => "no such overload".to_owned(),
    })
}

/// The tree as it runs: with a counter in each loop, a name of its own for what is made only when it is asked for, and
/// maps for the objects that a mutation makes.
fn prepared(mut tree: IdedExpr, scope: &[(&str, Option<&Structural>)]) -> IdedExpr {
    let has = |name: &str| scope.iter().any(|(known, _)| *known == name);
    prepare(&mut tree, has("variables"), has("authorizer"));
    tree
}

/// Functions of one value, which may stand before them too.
const OF_ONE: [&str; 8] = ["bool", "double", "dyn", "int", "size", "string", "type", "uint"];

fn prepare(tree: &mut IdedExpr, variables: bool, authorizer: bool) {
    match &mut tree.expr {
        Expr::Select(select) => {
            let owner = match &select.operand.expr {
                Expr::Ident(owner) => owner.as_str(),
                _ => "",
            };
            let is_lazy = variables && owner == "variables";
            if is_lazy && select.test {
                // A variable is there, whatever it comes to.
                tree.expr = Expr::Literal(LiteralValue::Boolean(true.into()));
            } else if is_lazy || authorizer && (owner, select.field.as_str()) == ("authorizer", "requestResource") {
                tree.expr = Expr::Ident(format!("{owner}.{}", select.field));
            }
        }
        Expr::Struct(made) => {
            for entry in &mut made.entries {
                if let EntryExpr::StructField(field) = &mut entry.expr {
                    let key = Expr::Literal(LiteralValue::String(field.field.as_str().into()));
                    entry.expr = EntryExpr::MapEntry(MapEntryExpr {
                        key: IdedExpr { id: entry.id, expr: key },
                        value: std::mem::take(&mut field.value),
                        optional: field.optional,
                    });
                }
            }
            let mut entries = std::mem::take(&mut made.entries);
            if made.type_name.starts_with("Object") {
                let text = |text: &str| Expr::Literal(LiteralValue::String(text.into()));
                entries.push(IdedEntryExpr {
                    id: tree.id,
                    expr: EntryExpr::MapEntry(MapEntryExpr {
                        key: IdedExpr { id: tree.id, expr: text(TYPE) },
                        value: IdedExpr { id: tree.id, expr: text(&made.type_name) },
                        optional: false,
                    }),
                });
            }
            tree.expr = Expr::Map(MapExpr { entries });
        }
        _ => {}
    }
    look::each_below_mut(tree, &mut |part| prepare(part, variables, authorizer));
    match &mut tree.expr {
        // The language's own comparison takes no value that may be missing for another.
        Expr::Call(call)
            if matches!(call.func_name.as_str(), op::EQUALS | op::NOT_EQUALS)
                && call.args.iter().any(optional::may_be) =>
        {
            let name = if call.func_name == op::EQUALS { known::SAME } else { known::OTHER };
            call.func_name = name.to_owned();
        }
        // What goes wrong in the argument of a function is lost, unless it stands before the function.
        Expr::Call(call)
            if call.target.is_none() && OF_ONE.contains(&call.func_name.as_str()) && !call.args.is_empty() =>
        {
            call.target = Some(Box::new(call.args.remove(0)));
        }
        _ => {}
    }
    if let Expr::Comprehension(comprehension) = &mut tree.expr {
        let id = comprehension.loop_cond.id;
        let go_on = std::mem::take(&mut comprehension.loop_cond);
        let call = CallExpr { func_name: known::STEP.to_owned(), target: None, args: vec![go_on] };
        comprehension.loop_cond = IdedExpr { id, expr: Expr::Call(call) };
    }
}

/// How many operators stand one after another at most, so that each takes the ones before it as its left side, and
/// how many brackets are open at once.
fn depth(text: &str) -> (usize, usize) {
    let (mut chains, mut longest, mut nested, mut quote) = (vec![0usize], 0, 0, None::<char>);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(_), '\\') => drop(chars.next()),
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => {
                // What is in brackets is deeper than what is before them.
                let outer = chains.last().copied().unwrap_or_default();
                chains.push(outer + 1);
            }
            (None, ')' | ']' | '}') if chains.len() > 1 => {
                // A call or an index is one more to the left of what follows.
                chains.pop();
                if let Some(chain) = chains.last_mut() {
                    *chain += 1;
                }
            }
            (None, '&' | '|') if chars.peek() == Some(&c) => {
                // Conditions are kept in balance: each starts anew.
                chars.next();
                let outer = chains.len().checked_sub(2).and_then(|at| chains.get(at)).copied().unwrap_or_default();
                if let Some(chain) = chains.last_mut() {
                    *chain = outer + 1;
                }
            }
            (None, '.' | '+' | '-' | '*' | '/' | '%' | '<' | '>' | '=' | '!' | '?' | ':' | ',') => {
                if let Some(chain) = chains.last_mut().filter(|_| c != ',') {
                    *chain += 1;
                }
            }
            _ => {}
        }
        longest = longest.max(chains.last().copied().unwrap_or_default());
        nested = nested.max(chains.len() - 1);
    }
    (longest, nested)
}
