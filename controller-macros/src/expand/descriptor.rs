//! The descriptor of a controller: a call for each option and each callback, and no logic.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::{LitStr, Type};

use super::local;
use crate::entry::Spanned;
use crate::item::Attr;
use crate::model::Model;
use crate::options::{Backoff, Escalation, Limit, Part, RateLimit, Schema, Shutdown};

pub(super) fn descriptor(model: &Model, object: &Type) -> TokenStream {
    let options = &model.options;
    let name = model.name().unwrap_or_else(|| String::from("controller"));
    let mut calls = Vec::new();
    let start = match (options.api_version.good().map(literal), options.kind.good().map(literal)) {
        (Some(version), Some(kind)) => quote!(__private::Descriptor::new(#name, #version, #kind)),
        (version, kind) => {
            calls.extend(version.map(|version| quote!(api_version(#version))));
            calls.extend(kind.map(|kind| quote!(kind(#kind))));
            quote!(__private::Descriptor::of_type(#name))
        }
    };
    calls.extend(options.plural.good().map(literal).map(|plural| quote!(plural(#plural))));
    if let Some(Spanned { value: Some(names), .. }) = options.namespaces.good() {
        calls.push(quote!(namespaces(&[#(#names),*])));
    }
    calls.extend(options.labels.good().map(literal).map(|labels| quote!(labels(#labels))));
    calls.extend(options.fields.good().map(literal).map(|fields| quote!(fields(#fields))));
    if let Some(when) = options.when.good() {
        let parts = when.value.iter().map(filter);
        calls.push(quote!(when(&[#(__private::Filter::#parts),*])));
    }
    if let Some(cache) = options.cache.good() {
        calls.extend(cache.metadata.good().map(|_| quote!(cache_metadata())));
        calls.extend(cache.managed_fields.good().map(|_| quote!(cache_managed_fields())));
    }

    let (always, sometimes): (Vec<_>, Vec<_>) =
        model.callbacks().partition(|(_, method)| !method.attrs.iter().any(Attr::is_cfg));
    calls.extend(always.iter().map(|(callback, _)| on(callback)));

    if let Some(delay) = options.reconcile_delay.good() {
        calls.push(match delay.value {
            Limit::Off => quote!(no_resync()),
            Limit::Millis(millis) => {
                let delay = duration(millis);
                quote!(reconcile_delay(#delay))
            }
        });
    }
    if let Some(on_start) = options.on_start.good() {
        let variant = variant(on_start.value);
        calls.push(quote!(on_start(__private::OnStart::#variant)));
    }
    if let Some(concurrency) = options.concurrency.good() {
        let workers = proc_macro2::Literal::u64_unsuffixed(concurrency.value);
        calls.push(quote!(concurrency(#workers)));
    }
    if let Some(timeout) = options.timeout.good() {
        calls.push(match timeout.value {
            Limit::Off => quote!(no_timeout()),
            Limit::Millis(millis) => {
                let limit = duration(millis);
                quote!(timeout(#limit))
            }
        });
    }
    if let Some(Backoff { min, max }) = options.backoff.good() {
        let (min, max) = (duration(min.value), duration(max.value));
        calls.push(quote!(backoff(#min, #max)));
    }
    if let Some(Escalation { panics, within }) = options.escalate.good() {
        let (panics, within) = (proc_macro2::Literal::u32_unsuffixed(*panics), duration(*within));
        calls.push(quote!(escalate(#panics, #within)));
    }
    for (setter, limit) in [("rate_limit", &options.rate_limit), ("key_rate_limit", &options.key_rate_limit)] {
        if let Some(RateLimit { runs, per, burst }) = limit.good().map(|limit| &limit.value) {
            let (setter, per) = (format_ident!("{setter}"), duration(*per));
            let [runs, burst] = [runs, burst].map(|count| proc_macro2::Literal::u32_unsuffixed(*count));
            calls.push(quote!(#setter(#runs, #per, #burst)));
        }
    }
    match options.schema.good() {
        Some(Schema::File(path)) => {
            let path = literal(path);
            calls.push(quote!(schema(::core::include_str!(#path))));
        }
        Some(Schema::Inline(text)) => calls.push(quote!(schema(#text))),
        Some(Schema::Derive(_)) | None => {}
    }
    if let Some(restart) = options.restart.good() {
        let variant = variant(restart.value);
        calls.push(quote!(restart(__private::Restart::#variant)));
    }
    if let Some(shutdown) = options.shutdown.good() {
        let shutdown = match shutdown {
            Shutdown::After(millis) => {
                let limit = duration(*millis);
                quote!(After(#limit))
            }
            Shutdown::BrutalKill => quote!(BrutalKill),
            Shutdown::Infinity => quote!(Infinity),
        };
        calls.push(quote!(shutdown(__private::Shutdown::#shutdown)));
    }
    calls.extend(options.significant.good().map(|_| quote!(significant())));
    if !model.object_is_generic() {
        calls.push(quote!(resource(__private::Probe::<#object>::RESOURCE)));
    }

    let descriptor = quote!(#start #(.#calls)*);
    if sometimes.is_empty() {
        return descriptor;
    }
    let it = local("__descriptor");
    let sometimes = sometimes.iter().map(|(callback, method)| {
        let cfg = method.attrs.iter().filter(|attr| attr.is_cfg());
        let on = on(callback);
        quote!(#(#cfg)* let #it = #it.#on;)
    });
    quote!({ let #it = #descriptor; #(#sometimes)* #it })
}

fn filter(part: &Part) -> TokenStream {
    match part {
        Part::Generation => quote!(Generation),
        Part::Label(key) => {
            let key = literal(key);
            quote!(Label(#key))
        }
        Part::Annotation(key) => {
            let key = literal(key);
            quote!(Annotation(#key))
        }
        Part::Field(pointer) => {
            let pointer = literal(pointer);
            quote!(Field(#pointer))
        }
    }
}

fn on(callback: &str) -> TokenStream {
    let callback = format_ident!("{callback}");
    quote!(on(__private::Callback::#callback))
}

/// `brutal_kill` as `BrutalKill`.
fn variant(word: &str) -> Ident {
    format_ident!("{}", crate::name::camel(word))
}

pub(super) fn literal(text: &Spanned<String>) -> LitStr {
    LitStr::new(&text.value, text.span())
}

fn duration(millis: u64) -> TokenStream {
    let (function, count) = match millis % 1_000 {
        0 => ("secs", millis / 1_000),
        _ => ("millis", millis),
    };
    let (function, count) = (format_ident!("{function}"), proc_macro2::Literal::u64_unsuffixed(count));
    quote!(__private::#function(#count))
}
