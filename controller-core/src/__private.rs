//! Only what expansions of the attribute name. Nothing here is for users, and all of it may change.

use std::marker::PhantomData;
use std::time::Duration;

use kube::core::PartialObjectMeta;

pub use crate::context::{Reads, Writes, WrittenBy};
pub use crate::controller::{Declare, Described};
pub use crate::descriptor::{Callback, Content, Descriptor, Filter, OnStart, ResourceFacts};
pub use crate::erased::AnyController;
pub use crate::supervisor::{Restart, Shutdown};
pub use k8s_openapi;

/// Seconds, as the attribute counts them.
#[must_use]
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Milliseconds, as the attribute counts them.
#[must_use]
pub const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Asks an object type what it knows of its kind, without demanding that it knows anything.
///
/// An inherent constant under a bound hides the trait's constant of the same name where the bound holds.
#[derive(Debug)]
pub struct Probe<T>(PhantomData<T>);

/// The answers of a type that is no resource.
pub trait ProbeFallback {
    /// apiVersion and kind, where they are constants.
    const GVK: Option<(&'static str, &'static str)> = None;
    /// What `kube::Resource` says.
    const RESOURCE: Option<fn() -> ResourceFacts> = None;
    /// Whether it is kube's type for the metadata of a kind.
    const CONTENT: Content = Content::Whole;
}

impl<T> ProbeFallback for Probe<T> {}

impl<T: k8s_openapi::Resource> Probe<T> {
    /// k8s-openapi's types have both as constants.
    pub const GVK: Option<(&'static str, &'static str)> = Some((T::API_VERSION, T::KIND));
}

impl<T: kube::Resource<DynamicType = (), Scope: 'static>> Probe<T> {
    /// kube's types answer at run time.
    pub const RESOURCE: Option<fn() -> ResourceFacts> = Some(ResourceFacts::of::<T>);
}

impl<K> Probe<PartialObjectMeta<K>> {
    /// Only the metadata of a kind.
    pub const CONTENT: Content = Content::Metadata;
}

/// Stops the compiler where `cache(metadata)` leaves nothing of the object's type.
///
/// # Panics
/// While compiling, where the type is a whole resource.
#[track_caller]
pub const fn is_metadata(content: Content, resource: Option<fn() -> ResourceFacts>) {
    assert!(
        matches!(content, Content::Metadata) || resource.is_none(),
        "`cache(metadata)` keeps no spec and no status: let the callbacks take `&PartialObjectMeta<..>` of this type, or a struct of the metadata wanted"
    );
}

/// A type that says its own apiVersion and kind, so that the attribute need not.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say its apiVersion and kind",
    label = "not a Kubernetes resource type",
    note = "write both: `#[controller(api_version = \"v1\", kind = \"Pod\")]`"
)]
pub trait IsResource {}

#[diagnostic::do_not_recommend]
impl<T: kube::Resource<DynamicType = ()>> IsResource for T {}

/// Compiles for a type that says its own apiVersion and kind.
pub const fn is_resource<T: IsResource>() {}

/// Stops the compiler where `kind` is not the object type's.
///
/// # Panics
/// While compiling, where they differ.
#[track_caller]
pub const fn same_kind(written: &str, of_type: Option<(&str, &str)>) {
    if let Some((_, kind)) = of_type
        && !same(written, kind)
    {
        differ("kind", written, kind);
    }
}

/// Stops the compiler where `api_version` is not the object type's.
///
/// # Panics
/// While compiling, where they differ.
#[track_caller]
pub const fn same_version(written: &str, of_type: Option<(&str, &str)>) {
    if let Some((version, _)) = of_type
        && !same(written, version)
    {
        differ("api_version", written, version);
    }
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// A const panic takes one text and no arguments, so the text is put together in an array.
#[track_caller]
const fn differ(option: &str, written: &str, of_type: &str) -> ! {
    // The same words as where an operator starts: see `KindError`.
    let says = "\"` but the resource type says \"";
    let parts = ["`", option, " = \"", written, says, of_type, "\"; write that, or change the object type"];
    let mut text = [b' '; 512];
    let mut end = 0;
    let mut part = 0;
    while part < parts.len() {
        let bytes = parts[part].as_bytes();
        let mut i = 0;
        while i < bytes.len() && end < text.len() {
            text[end] = bytes[i];
            end += 1;
            i += 1;
        }
        part += 1;
    }
    let (text, _) = text.split_at(end);
    match std::str::from_utf8(text) {
        Ok(text) => panic!("{}", text),
        Err(_) => panic!("the attribute and the resource type differ"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::{Node, Pod};

    #[derive(Debug)]
    struct Projection;

    #[test]
    fn a_probe_knows_resources_and_lets_everything_else_pass() {
        assert_eq!(Probe::<Pod>::GVK, Some(("v1", "Pod")));
        assert_eq!(Probe::<Projection>::GVK, None);
        assert!(Probe::<Projection>::RESOURCE.is_none());
        let facts = Probe::<Node>::RESOURCE.map(|facts| facts());
        let expect = ResourceFacts {
            api_version: "v1".into(),
            kind: "Node".into(),
            plural: "nodes".into(),
            namespaced: Some(false),
        };
        assert_eq!(facts, Some(expect));
    }

    #[test]
    fn agreeing_strings_pass() {
        const { same_kind("Pod", Probe::<Pod>::GVK) };
        const { same_version("v9", Probe::<Projection>::GVK) };
    }
}
