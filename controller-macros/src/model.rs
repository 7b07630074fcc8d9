//! What the attribute knows once everything is read: the options, the item, and which of its methods are callbacks.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{FnArg, Type};

use crate::callback::{Role, is_context, role};
use crate::item::{Item, Member, Method, ungroup};
use crate::name;
use crate::options::Options;

/// A controller as it was written, right or wrong.
#[derive(Debug)]
pub(crate) struct Model {
    /// The path of the runtime.
    pub(crate) root: TokenStream,
    pub(crate) options: Options,
    pub(crate) item: Item,
    /// What each method is, in their order.
    pub(crate) roles: Vec<Role>,
    /// The type of the objects, where a callback names one.
    pub(crate) object: Option<Type>,
}

impl Model {
    pub(crate) fn new(root: TokenStream, options: Options, item: Item) -> Model {
        let roles: Vec<Role> = item.methods().map(role).collect();
        let mut model = Model { root, options, item, roles, object: None };
        // A callback that may be compiled away gives the type only where no other does.
        let always = model.callbacks().find_map(|(_, method)| {
            object_type(method).filter(|_| !method.attrs.iter().any(crate::item::Attr::is_cfg))
        });
        model.object = always.or_else(|| model.callbacks().find_map(|(_, method)| object_type(method)));
        model
    }

    /// The methods that are callbacks, each with its name in the descriptor.
    pub(crate) fn callbacks(&self) -> impl Iterator<Item = (&'static str, &Method)> {
        self.roles.iter().zip(self.item.methods()).filter_map(|(role, method)| match role {
            Role::Callback(callback) => Some((*callback, method)),
            Role::Planned | Role::Misspelt(_) | Role::Helper => None,
        })
    }

    pub(crate) fn has(&self, callback: &str) -> bool {
        self.callbacks().any(|(name, _)| name == callback)
    }

    /// The members that are no callbacks, which stay where they are.
    pub(crate) fn others(&self) -> Vec<&Member> {
        let mut roles = self.roles.iter();
        let mut others = Vec::new();
        for member in &self.item.members {
            match member {
                Member::Method(_) if matches!(roles.next(), Some(Role::Callback(_))) => {}
                other => others.push(other),
            }
        }
        others
    }

    /// The controller's name: the one given, else the type's. None where the type's can't be made into one.
    pub(crate) fn name(&self) -> Option<String> {
        let given = self.options.name.good().map(|name| name.value.clone());
        given.or_else(|| name::kebab(&type_name(&self.item.head.self_ty)?))
    }
}

/// The last segment of a type's path.
pub(crate) fn type_name(ty: &Type) -> Option<String> {
    match ungroup(ty.clone()) {
        Type::Path(path) => {
            let name = path.path.segments.last()?.ident.to_string();
            Some(name.strip_prefix("r#").unwrap_or(&name).to_owned())
        }
        _ => None,
    }
}

/// The arguments of a method after its receiver.
pub(crate) fn arguments(method: &Method) -> Vec<&syn::PatType> {
    let typed = method.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    typed.collect()
}

/// The type of the object that a callback takes, seen through a misplaced `mut` or a missing `&`.
pub(crate) fn object_type(method: &Method) -> Option<Type> {
    let first = ungroup((*arguments(method).first()?.ty).clone());
    let object = match first {
        Type::Reference(reference) => unwrapped(ungroup(*reference.elem)),
        owned => unwrapped(owned),
    };
    (!is_context(&object) && can_be_decoded(&object) && !borrows(&object)).then_some(object)
}

/// Whether a type is one to which an object can be decoded, by its form: it has a size, and a name.
pub(crate) fn can_be_decoded(object: &Type) -> bool {
    match object {
        // These have a size, and no object is one.
        Type::Path(path) => path.path.segments.last().is_none_or(|last| {
            !path.path.is_ident("str") && !["Option", "String", "Vec"].iter().any(|name| last.ident == name)
        }),
        Type::Tuple(_) | Type::Array(_) | Type::Macro(_) | Type::Verbatim(_) => true,
        _ => false,
    }
}

/// Whether a type has a lifetime in it, other than `'static`.
pub(crate) fn borrows(ty: &Type) -> bool {
    fn any(tokens: TokenStream) -> bool {
        let mut after_quote = false;
        tokens.into_iter().any(|token| match token {
            TokenTree::Group(group) => any(group.stream()),
            TokenTree::Ident(name) => std::mem::take(&mut after_quote) && name != "static",
            TokenTree::Punct(punct) => {
                after_quote = punct.as_char() == '\'';
                false
            }
            TokenTree::Literal(_) => false,
        })
    }
    any(ty.to_token_stream())
}

/// Whether a type is an `Arc`, a `Box` or an `Rc` of another.
pub(crate) fn is_smart(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    let Some(last) = path.path.segments.last() else { return false };
    !last.arguments.is_none() && ["Arc", "Box", "Rc"].iter().any(|smart| last.ident == smart)
}

/// What is in the `Arc` or `Box` that is not needed.
pub(crate) fn unwrapped(ty: Type) -> Type {
    if !is_smart(&ty) {
        return ty;
    }
    let Type::Path(path) = &ty else { return ty };
    let Some(last) = path.path.segments.last() else { return ty };
    match &last.arguments {
        syn::PathArguments::AngleBracketed(list) => match list.args.first() {
            Some(syn::GenericArgument::Type(inner)) => ungroup(inner.clone()),
            _ => ty,
        },
        _ => ty,
    }
}
