//! Loops over the keys and values of a map, or the places and items of a list, which the language's reader does not know:
//! each becomes loops with one variable.

use std::sync::Arc;

use kube_cel::cel::common::ast::{CallExpr, Expr, IdedExpr};
use kube_cel::cel::extractors::Arguments;
use kube_cel::cel::objects::Key;
use kube_cel::cel::{ExecutionError, ResolveResult, Value as Cel};

use super::{engine, look};

/// The function that tells what a loop goes over.
pub(super) const KEYS: &str = "__keys";

/// Rewrites all such loops of a tree.
pub(super) fn expand(tree: &mut IdedExpr) {
    look::each_below_mut(tree, &mut expand);
    let Expr::Call(call) = &mut tree.expr else { return };
    let Some(template) = template(call) else { return };
    let Ok(mut made) = engine::read(&template) else { return };
    let mut parts = std::mem::take(&mut call.args);
    let body = parts.pop();
    let chosen = parts.get_mut(2).map(std::mem::take);
    let places = [("__all", call.target.take().map(|target| *target)), ("__body", body), ("__chosen", chosen)];
    for (name, part) in places {
        if let Some(part) = part {
            fill(&mut made, name, &mut Some(part));
        }
    }
    *tree = made;
}

/// The loops with one variable, in which the parts of the call have names.
fn template(call: &CallExpr) -> Option<String> {
    call.target.as_ref()?;
    let (key, value) = match call.args.as_slice() {
        [IdedExpr { expr: Expr::Ident(key), .. }, IdedExpr { expr: Expr::Ident(value), .. }, _]
        | [IdedExpr { expr: Expr::Ident(key), .. }, IdedExpr { expr: Expr::Ident(value), .. }, _, _] => (key, value),
        _ => return None,
    };
    let all = |outer: &str, middle: &str, inner: &str| {
        format!("[__all].{outer}(__of, {KEYS}(__of).{middle}({key}, [__of[{key}]].{inner}({value}, __body)))")
    };
    Some(match (call.func_name.as_str(), call.args.len()) {
        ("all", 3) => all("all", "all", "all"),
        ("exists", 3) => all("exists", "exists", "exists"),
        ("exists_one" | "existsOne", 3) => all("exists", "exists_one", "exists"),
        ("transformList", 3) => {
            format!("[__all].map(__of, {KEYS}(__of).map({key}, [__of[{key}]].map({value}, __body)[0]))[0]")
        }
        ("transformList", 4) => format!(
            "[__all].map(__of, {KEYS}(__of).map({key}, [__of[{key}]].exists({value}, __chosen), \
             [__of[{key}]].map({value}, __body)[0]))[0]"
        ),
        _ => return None,
    })
}

/// Puts a part where its name stands.
fn fill(tree: &mut IdedExpr, name: &str, part: &mut Option<IdedExpr>) {
    if matches!(&tree.expr, Expr::Ident(found) if found == name)
        && let Some(part) = part.take()
    {
        *tree = part;
        return;
    }
    if part.is_some() {
        look::each_below_mut(tree, &mut |below| fill(below, name, part));
    }
}

/// The keys of a map, in their order, or the places of a list.
pub(super) fn keys(Arguments(args): Arguments) -> ResolveResult {
    let keys = match args.as_slice() {
        [Cel::List(items)] => (0..items.len()).filter_map(|at| i64::try_from(at).ok()).map(Cel::Int).collect(),
        [Cel::Map(map)] => {
            let mut keys: Vec<&Key> = map.map.keys().collect();
            keys.sort();
            keys.into_iter().map(|key| Cel::from(key.clone())).collect::<Vec<_>>()
        }
        _ => return Err(ExecutionError::NoSuchOverload),
    };
    Ok(Cel::List(Arc::new(keys)))
}
