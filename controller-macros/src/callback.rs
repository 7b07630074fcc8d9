//! The table of callbacks, and which of them a method is.

use syn::{FnArg, Type};

use crate::hint;
use crate::item::{Method, ungroup};
use crate::model::{is_smart, unwrapped};

/// The callbacks that can be written, and their names in the descriptor.
pub(crate) const CALLBACKS: [(&str, &str); 4] =
    [("add", "Add"), ("modify", "Modify"), ("delete", "Delete"), ("reconcile", "Reconcile")];

/// Callbacks whose runtime is not there yet.
pub(crate) const PLANNED: [&str; 4] = ["finalize", "children", "validate", "mutate"];

/// What other tools call our callbacks. A word of everyday use is taken for one only where its method has the
/// arguments of a callback.
const FOREIGN: [(&str, &str); 22] = [
    ("added", "add"),
    ("create", "add"),
    ("created", "add"),
    ("insert", "add"),
    ("modified", "modify"),
    ("update", "modify"),
    ("updated", "modify"),
    ("change", "modify"),
    ("changed", "modify"),
    ("deleted", "delete"),
    ("remove", "delete"),
    ("removed", "delete"),
    ("destroy", "delete"),
    ("reconciled", "reconcile"),
    ("reconciler", "reconcile"),
    ("sync", "reconcile"),
    ("resync", "reconcile"),
    ("cleanup", "finalize"),
    ("finalized", "finalize"),
    ("finalizer", "finalize"),
    ("validated", "validate"),
    ("mutated", "mutate"),
];

/// What a method is to the attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A callback, by its name in the descriptor.
    Callback(&'static str),
    /// A callback of a later version.
    Planned,
    /// Probably meant to be this callback.
    Misspelt(&'static str),
    /// Anything else.
    Helper,
}

/// Decides what a method is. A misspelt callback is one that is `async`: helpers may be named as they like.
pub(crate) fn role(method: &Method) -> Role {
    let name = method.sig.ident.to_string();
    let name = name.strip_prefix("r#").unwrap_or(&name);
    if let Some((_, callback)) = CALLBACKS.iter().find(|(known, _)| *known == name) {
        return Role::Callback(callback);
    }
    if PLANNED.contains(&name) {
        return Role::Planned;
    }
    if method.sig.asyncness.is_none() {
        return Role::Helper;
    }
    match slip(name).or_else(|| foreign(name).filter(|_| has_callback_arguments(method))) {
        Some(meant) => Role::Misspelt(meant),
        None => Role::Helper,
    }
}

fn known() -> impl Iterator<Item = &'static str> + Clone {
    CALLBACKS.iter().map(|(name, _)| *name).chain(PLANNED)
}

/// The callback that a slip of the fingers, or a habit of other tools, made into this name.
fn slip(name: &str) -> Option<&'static str> {
    let meant = hint::nearest(name, known());
    // `notify` is no slip for `modify`: two changes are believed where the first letter is right.
    let near = meant.filter(|meant| name.starts_with(&meant[..1]) || hint::is_one_change(name, meant));
    let bare = name.strip_prefix("on_").unwrap_or(name);
    near.or_else(|| known().find(|known| *known == bare))
        .or_else(|| ["added", "modified", "deleted", "reconciled"].contains(&bare).then(|| foreign(bare)).flatten())
}

fn foreign(name: &str) -> Option<&'static str> {
    let bare = ["on_", "handle_", "when_"].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    let known = known().find(|known| *known == bare && bare != name);
    known.or_else(|| FOREIGN.iter().find(|(word, _)| *word == bare).map(|(_, meant)| *meant))
}

/// `(&self, obj: &_, cx: &Context<_>)`
fn has_callback_arguments(method: &Method) -> bool {
    let mut types = method.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(&*typed.ty),
        FnArg::Receiver(_) => None,
    });
    let (first, second, third) = (types.next(), types.next(), types.next());
    first.is_some() && second.is_some_and(is_context) && third.is_none()
}

/// Whether a type is `Context<_>` or a reference to one, by its name.
pub(crate) fn is_context(ty: &Type) -> bool {
    match ungroup(ty.clone()) {
        Type::Reference(reference) => is_context(&reference.elem),
        smart if is_smart(&smart) => is_context(&unwrapped(smart)),
        Type::Path(path) => path.path.segments.last().is_some_and(|segment| segment.ident == "Context"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::{Target, parse};

    fn role_of(source: &str) -> Role {
        match parse(format!("impl A {{ {source} }}").parse().expect("tokens")) {
            Target::Impl(item) => role(item.methods().next().expect("a method")),
            other => panic!("{source}: {other:?}"),
        }
    }

    #[test]
    fn near_misses_are_callbacks_where_they_are_async() {
        let check =
            |name: &str, expect: Role| assert_eq!(role_of(&format!("async fn {name}(&self) {{}}")), expect, "{name}");
        check("add", Role::Callback("Add"));
        check("r#delete", Role::Callback("Delete"));
        check("validate", Role::Planned);
        for (name, meant) in [
            ("on_add", "add"),
            ("added", "add"),
            ("ad", "add"),
            ("reconcil", "reconcile"),
            ("recnocile", "reconcile"),
            ("reconcile_", "reconcile"),
            ("Reconcile", "reconcile"),
            ("deleted", "delete"),
            ("on_delete", "delete"),
            ("modifed", "modify"),
            ("modified", "modify"),
            ("on_modified", "modify"),
            ("finalise", "finalize"),
        ] {
            check(name, Role::Misspelt(meant));
        }
        for name in ["notify", "create", "update", "handle_add", "read", "load", "reconcile_inner", "select"] {
            check(name, Role::Helper);
        }
        assert_eq!(role_of("fn reconcil(&self) {}"), Role::Helper);
    }

    #[test]
    fn everyday_words_are_callbacks_where_they_look_like_one() {
        for (name, meant) in [("create", "add"), ("updated", "modify"), ("handle_add", "add"), ("on_remove", "delete")]
        {
            let source = format!("async fn {name}(&self, pod: &Pod, cx: &Context<Self>) {{}}");
            assert_eq!(role_of(&source), Role::Misspelt(meant), "{name}");
        }
        assert_eq!(role_of("async fn create(&self, pod: &Pod, name: &str) {}"), Role::Helper);
        assert_eq!(role_of("async fn notify(&self, pod: &Pod, cx: &Context<Self>) {}"), Role::Helper);
    }
}
