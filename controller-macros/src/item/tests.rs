use super::*;

fn impl_of(source: &str) -> Item {
    match parse(source.parse().expect("tokens")) {
        Target::Impl(item) => *item,
        other => panic!("{source}: {other:?}"),
    }
}

#[test]
fn an_impl_is_cut_into_members() {
    let item = impl_of(
        "#[cfg(x)] impl<T: Send, const N: usize> m::Foo<T, N> where T: Copy {
            #![allow(dead_code)]
            const A: [u8; { 1 + 1 }] = [1; 2];
            /// Docs.
            pub(crate) async fn add(&self, pod: &Pod, cx: &Context<Self>) { half. typed }
            const unsafe extern \"C\" fn odd() {}
            fn bodiless(&self);
            mac! { fn x() {} }
            mac!(x);
            type X = u8;
        }",
    );
    assert_eq!(item.attrs.len(), 1);
    assert_eq!(item.inner_attrs.len(), 1);
    let names: Vec<String> = item.methods().map(|method| method.sig.ident.to_string()).collect();
    assert_eq!(names, ["add", "odd", "bodiless"]);
    assert_eq!(item.members.len(), 7);
    assert_eq!(item.head.generics.params.len(), 2);
}

#[test]
fn a_trait_impl_keeps_its_trait() {
    let item = impl_of("unsafe impl<'a> a::Show<u8> for Foo<'a> {}");
    assert_eq!(item.head.trait_.map(|path| path.segments.len()), Some(2));
    assert_eq!(item.head.qualifiers.to_string(), "unsafe");
}

#[test]
fn what_is_no_impl_is_named() {
    let check = |source: &str, expect: &str| match parse(source.parse().expect("tokens")) {
        Target::Other { keyword, .. } => assert_eq!(keyword.to_string(), expect, "{source}"),
        other => panic!("{source}: {other:?}"),
    };
    check("#[derive(Debug)] pub(crate) struct A;", "struct");
    check("enum A { B }", "enum");
    check("pub async fn a() {}", "fn");
    check("const fn a() {}", "fn");
    check("unsafe trait A {}", "trait");
    check("mod a {}", "mod");
    check("const A: u8 = 1;", "const");
    let broken = parse("impl A { fn a(&self, pod: ) {} }".parse().expect("tokens"));
    assert!(matches!(broken, Target::Broken { head: Some(_) }), "{broken:?}");
    let broken = parse("impl".parse().expect("tokens"));
    assert!(matches!(broken, Target::Broken { head: None }), "{broken:?}");
}

#[test]
fn attributes_know_their_names() {
    let item = impl_of("#[a::b(c)] #[cfg(x)] #[cfg_attr(x, cfg(y))] #[cfg_attr(cfg, inline)] impl A {}");
    let names: Vec<(String, bool)> = item.attrs.iter().map(|attr| (attr.name(), attr.is_cfg())).collect();
    let names: Vec<(&str, bool)> = names.iter().map(|(name, cfg)| (name.as_str(), *cfg)).collect();
    assert_eq!(names, [("b", false), ("cfg", true), ("cfg_attr", true), ("cfg_attr", false)]);
}
