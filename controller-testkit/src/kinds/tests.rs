use super::*;
use crate::catalog::{Catalog, Shape};

#[test]
fn every_line_of_the_types_is_understood() {
    let lines = include_str!("types.txt").lines();
    let fields = lines.clone().filter(|line| line.starts_with(' ') && !line.starts_with(" ~ ")).count();
    let own = types().iter().map(|ty| ty.fields.len()).sum::<usize>();
    assert!(own >= fields, "{own} fields of {fields} lines");
    assert_eq!(types().len(), lines.filter(|line| line.starts_with("type ")).count());
}

#[test]
fn every_built_in_resource_has_its_type() {
    let catalog = Catalog::builtin();
    assert!(catalog.iter().count() > 90);
    for resource in catalog.iter() {
        let Shape::Builtin(ty) = &resource.shape else { panic!("{} is not built in", resource.plural) };
        assert!(
            ty.kinds.contains(&(&resource.group, &resource.version, &resource.kind)),
            "{}: {:?}",
            resource.plural,
            ty.kinds
        );
        assert!(ty.field("metadata").is_some(), "{}", ty.name);
    }
}

#[test]
fn bodies_of_subresources_have_types() {
    for (group, version, kind) in [
        ("autoscaling", "v1", "Scale"),
        ("policy", "v1", "Eviction"),
        ("", "v1", "Binding"),
        ("", "v1", "DeleteOptions"),
        ("", "v1", "Status"),
        ("authentication.k8s.io", "v1", "TokenRequest"),
        ("authentication.k8s.io", "v1", "TokenReview"),
        ("authorization.k8s.io", "v1", "SelfSubjectAccessReview"),
    ] {
        assert!(of_kind(group, version, kind).is_some(), "{kind}");
    }
}

#[test]
fn embedded_fields_stand_beside_the_others_in_json_and_apart_in_protobuf() {
    let volume = named("io.k8s.api.core.v1.Volume").expect("a type of the table");
    let field = volume.field("configMap").expect("a volume's source");
    assert!(field.pointer && field.omit_empty);
    assert!(matches!(volume.wire.get(&2), Some(Wire::Embedded(id)) if id.get().name.ends_with("VolumeSource")));
    assert_eq!(volume.field("name").map(|field| field.required), Some(true));
}

#[test]
fn merge_keys_and_list_types_are_known() {
    let container = named("io.k8s.api.core.v1.Container").expect("a type of the table");
    let ports = container.field("ports").expect("a container's ports");
    assert_eq!(ports.list, Some(ListType::Map));
    assert_eq!(ports.keys, ["containerPort", "protocol"]);
    assert_eq!((ports.merges, ports.merge_key), (true, Some("containerPort")));
    let limits = named("io.k8s.api.core.v1.ResourceRequirements").and_then(|ty| ty.field("limits")).expect("limits");
    assert_eq!(limits.form, Form::Map(Box::new(Form::Quantity)));
}
