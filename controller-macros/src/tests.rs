//! The attribute as a whole, in process: expansions as snapshots, and what no input may do.

mod cases;
mod documents;
mod errors;
mod mutation;
mod snapshots;
mod table;
mod typing;

use proc_macro2::TokenStream;

use crate::errors::Errors;
use crate::path::Dependency;

/// The expansion of an attribute on an item, and the mistakes in them.
fn expand(options: &str, item: &str) -> (TokenStream, Errors) {
    let tokens = |source: &str| source.parse::<TokenStream>().expect("the case has tokens");
    crate::expansion(tokens(options), tokens(item), Dependency::Named)
}

/// An expansion as code.
fn print(expansion: TokenStream) -> String {
    let file = syn::parse2(expansion).expect("an expansion is items");
    prettyplease::unparse(&file)
}
