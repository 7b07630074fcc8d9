//! What there may be: fields and items that are asked for with a `?`, and `optMap` and `optFlatMap`, which give the value
//! that there may be a name.
//!
//! The language reads them as calls and does not answer them as a real server does, so they are written out before
//! anybody looks at them. The macros become loops over what there is, of one turn or none. As the language keeps no
//! optional in a name, what such a loop has found is a list until its end. A call of theirs that binds no name stays what
//! it is.

use std::sync::Arc;

use kube_cel::cel::common::ast::{
    CallExpr, ComprehensionExpr, Expr, IdedExpr, ListExpr, LiteralValue, operators as op,
};
use kube_cel::cel::extractors::This;
use kube_cel::cel::objects::{KeyRef, OptionalValue};
use kube_cel::cel::{Context, ExecutionError, ResolveResult, Value as Cel};

use super::look;

/// Their names.
pub(super) const MACROS: [&str; 2] = ["optMap", "optFlatMap"];

/// What such a loop has found.
pub(super) const FOUND: &str = "@found";

/// Makes a list of what there may be.
const LISTED: &str = "@listed";

/// Makes of a list what there may be.
const FIRST: &str = "@first";

/// Looks for a field or an item, in what is there or may be.
pub(super) const LOOKED_UP: &str = "@looked_up";

/// Writes out what there may be, wherever it is asked for.
pub(super) fn expand(tree: &mut IdedExpr) {
    look::each_below_mut(tree, &mut expand);
    look_up(tree);
    bind(tree);
}

/// What comes after a `?` is asked for as it is.
fn look_up(tree: &mut IdedExpr) {
    let id = tree.id;
    match &mut tree.expr {
        Expr::Call(call) if matches!(call.func_name.as_str(), op::OPT_SELECT | op::OPT_INDEX) => {
            LOOKED_UP.clone_into(&mut call.func_name);
        }
        Expr::Call(call) if call.func_name == op::INDEX && call.args.first().is_some_and(may_be) => {
            LOOKED_UP.clone_into(&mut call.func_name);
        }
        Expr::Select(select) if may_be(&select.operand) => {
            let field = LiteralValue::String(select.field.as_str().into());
            let args = vec![std::mem::take(&mut *select.operand), IdedExpr { id, expr: Expr::Literal(field) }];
            let found = Expr::Call(CallExpr { func_name: LOOKED_UP.to_owned(), target: None, args });
            tree.expr = if select.test {
                let target = Some(Box::new(IdedExpr { id, expr: found }));
                Expr::Call(CallExpr { func_name: "hasValue".to_owned(), target, args: Vec::new() })
            } else {
                found
            };
        }
        _ => {}
    }
}

/// The field that is looked up, and in what.
pub(super) fn field(call: &CallExpr) -> Option<(&IdedExpr, &str)> {
    match call.args.as_slice() {
        [operand, IdedExpr { expr: Expr::Literal(LiteralValue::String(field)), .. }] if call.func_name == LOOKED_UP => {
            Some((operand, field.inner()))
        }
        _ => None,
    }
}

/// Whether it comes to what there may be, as far as its words tell.
pub(super) fn may_be(tree: &IdedExpr) -> bool {
    match &tree.expr {
        Expr::Call(call) => {
            let of_optional = matches!(
                call.target.as_deref(),
                Some(IdedExpr { expr: Expr::Ident(space), .. }) if space == "optional"
            );
            of_optional || call.func_name == LOOKED_UP
        }
        Expr::Comprehension(comprehension) => comprehension.accu_var == FOUND,
        _ => false,
    }
}

/// Writes a macro out.
fn bind(tree: &mut IdedExpr) {
    let id = tree.id;
    let Expr::Call(call) = &mut tree.expr else { return };
    let [IdedExpr { expr: Expr::Ident(name), .. }, mapped] = call.args.as_mut_slice() else { return };
    if call.target.is_none() || !MACROS.contains(&call.func_name.as_str()) {
        return;
    }
    let part = |expr: Expr| IdedExpr { id, expr };
    let list = |elements: Vec<IdedExpr>| part(Expr::List(ListExpr::new(elements)));
    let call_of = |name: &str, of: IdedExpr| {
        part(Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args: vec![of] }))
    };
    let (name, mapped) = (std::mem::take(name), std::mem::take(mapped));
    let called = call.target.take().map(|target| *target).unwrap_or_default();
    let comprehension = ComprehensionExpr {
        iter_range: call_of(LISTED, called),
        iter_var: name,
        iter_var2: None,
        accu_var: FOUND.to_owned(),
        accu_init: list(Vec::new()),
        loop_cond: part(Expr::Literal(LiteralValue::Boolean(true.into()))),
        loop_step: if call.func_name == "optMap" { list(vec![mapped]) } else { call_of(LISTED, mapped) },
        result: call_of(FIRST, part(Expr::Ident(FOUND.to_owned()))),
    };
    tree.expr = Expr::Comprehension(Box::new(comprehension));
}

/// Makes known what is called in their place.
pub(super) fn add_to(base: &mut Context<'_>) {
    base.add_function(LOOKED_UP, |This(value): This<Cel>, at: Cel| -> ResolveResult {
        let found = match <&OptionalValue>::try_from(&value) {
            Ok(there) => there.value().map_or(Ok(None), |value| item(value, &at))?,
            Err(_) => item(&value, &at)?,
        };
        Ok(Cel::Opaque(Arc::new(found.map_or_else(OptionalValue::none, OptionalValue::of))))
    });
    base.add_function(LISTED, |This(value): This<Cel>| -> ResolveResult {
        let value = <&OptionalValue>::try_from(&value)?.value();
        Ok(Cel::List(Arc::new(value.cloned().into_iter().collect())))
    });
    base.add_function(FIRST, |This(list): This<Cel>| -> ResolveResult {
        let Cel::List(items) = &list else { return Err(ExecutionError::NoSuchOverload) };
        Ok(Cel::Opaque(Arc::new(items.first().cloned().map_or_else(OptionalValue::none, OptionalValue::of))))
    });
}

fn item(value: &Cel, at: &Cel) -> Result<Option<Cel>, ExecutionError> {
    match (value, at) {
        (Cel::List(items), Cel::Int(at)) => Ok(usize::try_from(*at).ok().and_then(|at| items.get(at)).cloned()),
        (Cel::Map(map), at) => {
            let key = KeyRef::try_from(at).map_err(|_| ExecutionError::NoSuchOverload)?;
            Ok(map.get(&key).cloned())
        }
        _ => Err(ExecutionError::NoSuchOverload),
    }
}
