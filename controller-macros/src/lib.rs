//! The `#[controller]` attribute of `controller-core`, which re-exports it and documents it for users.
//!
//! Tokens go through the stages in this order: the option list is cut (`entry`) and read (`options`), the item is cut
//! (`item`), both make a `model`, the model is held to the rules (`check`), and comes out expanded (`expand`) or, where
//! there are mistakes (`errors`, worded in `message`), as it was written (`fallback`). No stage panics, none stops at the
//! first mistake, and the user's code always comes back.

// The stages, in the order in which the tokens meet them.
mod entry;
mod options;
mod path;
mod item;
mod callback;
mod model;
mod check;
mod expand;
mod fallback;
mod errors;
mod message;

// What the options are checked with.
mod duration;
mod hint;
mod json;
mod kinds;
mod name;
mod schema;
mod selector;

#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;
use quote::quote;

use errors::Errors;
use item::Target;
use message::Message;
use model::Model;
use options::Options;
use path::Dependency;

/// Makes a type a controller: the callbacks in the `impl` block below are called for the objects of one kind.
///
/// The options, the callbacks and what each may answer are described in `docs/attribute.md`.
#[proc_macro_attribute]
pub fn controller(options: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expansion(options.into(), item.into(), path::dependency()).0.into()
}

/// The expansion, and the mistakes in it.
fn expansion(options: TokenStream, item: TokenStream, dependency: Dependency) -> (TokenStream, Errors) {
    let mut errors = Errors::default();
    let target = item::parse(item.clone());
    let options = Options::parse(options, &mut errors);
    let (root, obstacle) = path::root(options.root.good(), dependency);
    if let Some(message) = obstacle.filter(|_| options.root.is_absent()) {
        errors.push(TokenStream::new(), message);
    }
    let expansion = match target {
        Target::Impl(item) => {
            let model = Model::new(root, options, *item);
            check::check(&model, &mut errors);
            match &model.object {
                // Of a block that is `unsafe` the compiler has something to say, and would say it of both impls.
                Some(object) if errors.is_empty() && model.item.head.qualifiers.is_empty() => {
                    expand::expand(&model, object, errors.hints())
                }
                // Without an object and without a mistake, the compiler has something to say about the signatures.
                _ => fallback::of_model(&model),
            }
        }
        Target::Other { keyword, type_name } => {
            let word = match keyword.to_string().as_str() {
                word @ ("enum" | "extern") => format!("an `{word}`"),
                word => format!("a `{word}`"),
            };
            errors.push(&keyword, Message::NotAnImpl { word });
            let impls = type_name.map(|name| fallback::of_type(&root, &name));
            quote!(#item #impls)
        }
        // The compiler has said what is wrong with the item; what the options say waits until that is mended.
        Target::Broken { head } => {
            errors = Errors::default();
            if syn::parse2::<syn::Item>(item.clone()).is_ok() {
                errors.push(TokenStream::new(), Message::OnAMacro {});
            }
            let impls = head.map(|head| fallback::of_head(&root, &head));
            quote!(#item #impls)
        }
    };
    (quote!(#errors #expansion), errors)
}
