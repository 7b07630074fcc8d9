//! Where the expansion finds the runtime: `::controller_core`, or what `crate = ..` says.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};

use crate::message::Message;

/// The runtime crate's name in a manifest.
const PACKAGE: &str = "controller-core";

/// What a manifest says about the runtime crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dependency {
    /// Under its own name, or there is nothing to say.
    Named,
    /// Under another name.
    Renamed(String),
    /// Not at all.
    Missing,
}

/// The path of the runtime, and what stands in the way of it where `crate` is not given.
pub(crate) fn root(given: Option<&syn::Path>, dependency: Dependency) -> (TokenStream, Option<Message>) {
    if let Some(path) = given {
        return (path.to_token_stream(), None);
    }
    match dependency {
        Dependency::Named => (quote!(::controller_core), None),
        Dependency::Renamed(renamed) => {
            let name = format_ident!("{}", renamed.replace('-', "_"));
            (quote!(::#name), Some(Message::RenamedCrate { renamed: name.to_string() }))
        }
        Dependency::Missing => (quote!(::controller_core), Some(Message::MissingCrate {})),
    }
}

/// Looks the runtime up in the manifest of the crate that is being compiled. A build without a manifest says nothing.
pub(crate) fn dependency() -> Dependency {
    let manifest = std::env::var_os("CARGO_MANIFEST_PATH")
        .or_else(|| {
            std::env::var_os("CARGO_MANIFEST_DIR").map(|folder| std::path::Path::new(&folder).join("Cargo.toml").into())
        })
        .and_then(|path| std::fs::read_to_string(path).ok());
    manifest.map_or(Dependency::Named, |text| in_manifest(&text))
}

/// Looks the runtime up in a manifest. This reads lines, not TOML: when in doubt the compiler has the last word.
pub(crate) fn in_manifest(text: &str) -> Dependency {
    let mut section = "";
    let mut renamed = None;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_matches(['[', ']']);
            if section.rsplit('.').next().is_some_and(is_package) {
                return Dependency::Named;
            }
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim(), value.trim());
        let names_package = |text: &str| text.trim_matches(['"', '\'']) == PACKAGE;
        if section.ends_with("dependencies") {
            if is_package(key.split('.').next().unwrap_or(key)) {
                return Dependency::Named;
            }
            let package = value.split(['{', ',', '}']).filter_map(|part| part.split_once('='));
            if package.clone().any(|(key, value)| key.trim() == "package" && names_package(value.trim())) {
                renamed = Some(key.trim_matches('"').to_owned());
            }
        } else if section.contains("dependencies.") && key == "package" && names_package(value) {
            renamed = section.rsplit('.').next().map(str::to_owned);
        } else if section == "package" && key == "name" && names_package(value) {
            return Dependency::Named;
        }
    }
    renamed.map_or(Dependency::Missing, Dependency::Renamed)
}

fn is_package(name: &str) -> bool {
    name.trim_matches('"').replace('_', "-") == PACKAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests() {
        let check = |text: &str, expect: Dependency| assert_eq!(in_manifest(text), expect, "{text}");
        check("[dependencies]\ncontroller-core = \"0.1\"", Dependency::Named);
        check("[dependencies]\ncontroller-core.workspace = true", Dependency::Named);
        check("[dev-dependencies]\ncontroller_core = { path = \"..\" }", Dependency::Named);
        check("[target.'cfg(unix)'.dependencies.controller-core]\nversion = \"1\"", Dependency::Named);
        check("[package]\nname = \"controller-core\"", Dependency::Named);
        let renamed = Dependency::Renamed("sdk".into());
        check("[dependencies]\nsdk = { version = \"1\", package = \"controller-core\" }", renamed.clone());
        check("[dependencies.sdk]\npackage = \"controller-core\"\nversion = \"1\"", renamed);
        check("[dependencies]\nkube = \"5\"\n# controller-core = \"1\"", Dependency::Missing);
        check("[features]\na = [\"controller-core/derive\"]", Dependency::Missing);
        check(include_str!("../../tests/renamed/Cargo.toml"), Dependency::Renamed("sdk".into()));
        check(include_str!("../../tests/Cargo.toml"), Dependency::Named);
    }

    #[test]
    fn the_root_follows_the_name() {
        let check = |given: Option<&str>, dependency, expect: &str, told: bool| {
            let given = given.map(|path| syn::parse_str(path).expect("a path"));
            let (root, message) = root(given.as_ref(), dependency);
            assert_eq!((crate::errors::written(root).as_str(), message.is_some()), (expect, told));
        };
        check(None, Dependency::Named, "::controller_core", false);
        check(None, Dependency::Renamed("my-sdk".into()), "::my_sdk", true);
        check(None, Dependency::Missing, "::controller_core", true);
        check(Some("crate::sdk"), Dependency::Missing, "crate::sdk", false);
    }
}
