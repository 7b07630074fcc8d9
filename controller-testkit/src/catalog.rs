//! What the server serves: every built-in resource, and those that custom resource definitions add.
//!
//! The catalog is pure data. The built-in part comes from [`kinds::RESOURCES`]; the custom part is set by whoever
//! establishes a CustomResourceDefinition. Routing, discovery, OpenAPI and printing read it. It refuses nothing: name
//! conflicts are the business of the room that checks definitions.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::{crd, kinds};

#[cfg(test)]
mod tests;

/// The verbs of the API, for turning words into `&'static str`.
const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// One resource of one version, such as `deployments` of `apps/v1`.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    /// Empty for the core group.
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) list_kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    /// In the order in which the real server lists them.
    pub(crate) verbs: Vec<&'static str>,
    pub(crate) storage_version_hash: Option<String>,
    pub(crate) subresources: Vec<Subresource>,
    /// Which store its objects live in: shared by the versions of one resource, and by both kinds of events.
    pub(crate) storage: Storage,
    /// Whether the server counts changes of the specification in `metadata.generation`.
    pub(crate) manages_generation: bool,
    /// Whether an update may leave out the resourceVersion.
    pub(crate) unconditional_update: bool,
    /// Whether a PUT on a missing object creates it.
    pub(crate) create_on_update: bool,
    pub(crate) shape: Shape,
}

/// A path below an object, such as `status` or `scale`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subresource {
    pub(crate) name: String,
    /// The group, version and kind of the body, which for `scale` or `eviction` is another than the resource's.
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) verbs: Vec<&'static str>,
}

/// The identity under which objects are stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Storage {
    pub(crate) group: String,
    pub(crate) plural: String,
}

/// Where the facts about a resource's objects come from.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// A Go type of Kubernetes itself.
    Builtin(&'static kinds::Type),
    /// A version of a CustomResourceDefinition.
    Custom(Arc<crd::Version>),
}

impl Resource {
    /// `v1` or `apps/v1`, as in `apiVersion`.
    pub(crate) fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }

    /// The subresource of that name.
    pub(crate) fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|subresource| subresource.name == name)
    }

    /// Whether `/status` is written apart from the rest of the object.
    pub(crate) fn has_status(&self) -> bool {
        self.subresource("status").is_some()
    }

    /// What converts its objects, where a webhook does.
    pub(crate) fn converter(&self) -> Option<&Arc<crd::Converter>> {
        match &self.shape {
            Shape::Custom(version) => version.converter.as_ref(),
            Shape::Builtin(_) => None,
        }
    }

    /// Whether the resource can be stored and read back: reviews and bindings only answer a POST.
    pub(crate) fn is_stored(&self) -> bool {
        self.verbs.contains(&"get")
    }
}

/// `v1` for the core group's v1, else `group/version`.
pub(crate) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// The parts of an `apiVersion`: the group (empty for core) and the version.
pub(crate) fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// A group as discovery lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// The preferred version first.
    pub(crate) versions: Vec<String>,
}

/// A resource's place: group, version, plural.
type Place = (String, String, String);

/// Everything that is served at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Catalog {
    resources: BTreeMap<Place, Arc<Resource>>,
    /// From group, version and kind to the place.
    kinds: BTreeMap<Place, Place>,
    groups: Vec<Group>,
    /// By the name of the definition: the places that it serves.
    custom: BTreeMap<String, Vec<Place>>,
    /// By the name of the definition: what of it makes its resources what they are.
    defined: BTreeMap<String, Value>,
    generation: u64,
}

impl Catalog {
    /// The catalog of a server without custom resources.
    pub(crate) fn builtin() -> Self {
        static BUILTIN: OnceLock<Catalog> = OnceLock::new();
        BUILTIN.get_or_init(Self::parse).clone()
    }

    /// The resource at `/apis/GROUP/VERSION/PLURAL`; the core group is the empty one.
    pub(crate) fn get(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.resources.get(&place(group, version, plural))
    }

    /// The resource whose objects have that kind.
    pub(crate) fn by_kind(&self, group: &str, version: &str, kind: &str) -> Option<&Arc<Resource>> {
        self.resources.get(self.kinds.get(&place(group, version, kind))?)
    }

    /// The groups in discovery's order: the built-in ones as the real server ranks them, then the custom ones by name.
    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The group of that name.
    pub(crate) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// Whether the group serves that version.
    pub(crate) fn serves(&self, group: &str, version: &str) -> bool {
        self.group(group).is_some_and(|group| group.versions.iter().any(|served| served == version))
    }

    /// The resources of one group and version, in the order of their names.
    pub(crate) fn resources<'a>(&'a self, group: &'a str, version: &'a str) -> impl Iterator<Item = &'a Arc<Resource>> {
        self.resources
            .range(place(group, version, "")..)
            .take_while(move |((of_group, of_version, _), _)| of_group == group && of_version == version)
            .map(|(_, resource)| resource)
    }

    /// Every resource of every version.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.resources.values()
    }

    /// What converts the objects of a definition.
    pub(crate) fn converter(&self, crd: &str) -> Option<Arc<crd::Converter>> {
        self.custom.get(crd)?.iter().find_map(|place| self.resources.get(place)?.converter().cloned())
    }

    /// Serves the resources of a definition (one for each served version) in place of what it served before.
    pub(crate) fn set_custom(&mut self, crd: &str, resources: Vec<Resource>, defined: Value) {
        self.forget(crd);
        self.defined.insert(crd.to_owned(), defined);
        let mut places = Vec::new();
        for resource in resources {
            let at = place(&resource.group, &resource.version, &resource.plural);
            self.kinds.insert(place(&resource.group, &resource.version, &resource.kind), at.clone());
            self.resources.insert(at.clone(), Arc::new(resource));
            places.push(at);
        }
        self.custom.insert(crd.to_owned(), places);
        self.rank_groups();
        self.generation += 1;
    }

    /// Whether the resources of a definition are served as this makes them.
    pub(crate) fn is_defined_so(&self, crd: &str, defined: &Value) -> bool {
        self.defined.get(crd) == Some(defined)
    }

    /// Whether a resource is still served as it was when it was looked up.
    pub(crate) fn still_serves(&self, resource: &Arc<Resource>) -> bool {
        let served = self.get(&resource.group, &resource.version, &resource.plural);
        served.is_some_and(|served| Arc::ptr_eq(served, resource))
    }

    /// Serves a definition's resources no longer.
    pub(crate) fn remove_custom(&mut self, crd: &str) {
        if self.forget(crd) {
            self.rank_groups();
            self.generation += 1;
        }
    }

    /// A number that changes whenever anything in the catalog does: the key for caches of derived documents.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    fn forget(&mut self, crd: &str) -> bool {
        self.defined.remove(crd);
        let Some(places) = self.custom.remove(crd) else {
            return false;
        };
        for at in places {
            self.resources.remove(&at);
            self.kinds.retain(|_, place| *place != at);
        }
        true
    }

    /// Lists the groups anew: the built-in ones keep their order, custom versions and groups follow.
    fn rank_groups(&mut self) {
        let mut groups = Self::builtin_groups();
        let mut custom: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (group, version, _) in self.custom.values().flatten() {
            let versions = custom.entry(group).or_default();
            if !versions.contains(&version.as_str()) {
                versions.push(version);
            }
        }
        for (name, mut versions) in custom {
            versions.sort_by(|one, other| compare_versions(one, other));
            let at = groups.iter().position(|group| group.name == name).unwrap_or_else(|| {
                groups.push(Group { name: name.to_owned(), versions: Vec::new() });
                groups.len() - 1
            });
            for version in versions {
                if !groups[at].versions.iter().any(|served| served == version) {
                    groups[at].versions.push(version.to_owned());
                }
            }
        }
        self.groups = groups;
    }

    fn builtin_groups() -> Vec<Group> {
        static GROUPS: OnceLock<Vec<Group>> = OnceLock::new();
        GROUPS
            .get_or_init(|| {
                kinds::RESOURCES
                    .lines()
                    .filter_map(|line| line.strip_prefix("group "))
                    .filter_map(|rest| rest.split_once(' '))
                    .map(|(name, versions)| Group { name: core(name), versions: words(versions) })
                    .filter_map(|mut group| {
                        group.versions.retain(|version| is_on(version));
                        (!group.versions.is_empty()).then_some(group)
                    })
                    .collect()
            })
            .clone()
    }

    fn parse() -> Self {
        let mut resources: Vec<Resource> = Vec::new();
        for line in kinds::RESOURCES.lines() {
            let mut parts = line.split(' ');
            match parts.next() {
                Some("resource") => resources.extend(parse_resource(parts)),
                Some("sub") => {
                    if let Some(resource) = resources.last_mut() {
                        resource.subresources.extend(parse_subresource(parts));
                    }
                }
                _ => {}
            }
        }
        let mut catalog = Catalog {
            resources: BTreeMap::new(),
            kinds: BTreeMap::new(),
            groups: Self::builtin_groups(),
            custom: BTreeMap::new(),
            defined: BTreeMap::new(),
            generation: 0,
        };
        for resource in resources.into_iter().filter(|resource| is_on(&resource.version)) {
            let at = place(&resource.group, &resource.version, &resource.plural);
            catalog.kinds.insert(place(&resource.group, &resource.version, &resource.kind), at.clone());
            catalog.resources.insert(at, Arc::new(resource));
        }
        catalog
    }
}

/// Whether a built-in version is served by a server that nobody has told to serve more: alpha and beta are off.
fn is_on(version: &str) -> bool {
    rank_version(version).is_some_and(|(stability, ..)| stability == 2)
}

/// Orders versions as Kubernetes prefers them: v2, v1, v1beta2, v1beta1, v1alpha1, then other words by name.
pub(crate) fn compare_versions(one: &str, other: &str) -> Ordering {
    let rank = |version: &str| rank_version(version).map(|rank| Reverse(Some(rank))).unwrap_or(Reverse(None));
    rank(one).cmp(&rank(other)).then_with(|| one.cmp(other))
}

/// How stable a version is (2 stable, 1 beta, 0 alpha), its number and the number of its beta or alpha.
fn rank_version(version: &str) -> Option<(u8, u32, u32)> {
    let rest = version.strip_prefix('v')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (major, rest) = rest.split_at(digits);
    let major = major.parse().ok()?;
    let (stability, minor) = match rest {
        "" => return Some((2, major, 0)),
        _ => rest
            .strip_prefix("beta")
            .map(|minor| (1, minor))
            .or_else(|| rest.strip_prefix("alpha").map(|minor| (0, minor)))?,
    };
    if !minor.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((stability, major, minor.parse().ok()?))
}

fn place(group: &str, version: &str, name: &str) -> Place {
    (group.to_owned(), version.to_owned(), name.to_owned())
}

/// The table writes the core group as `-`, since its columns are split at blanks.
fn core(group: &str) -> String {
    if group == "-" { String::new() } else { group.to_owned() }
}

fn words(list: &str) -> Vec<String> {
    list.split(',').map(str::to_owned).collect()
}

fn verbs(list: &str) -> Vec<&'static str> {
    list.split(',').filter_map(|word| VERBS.into_iter().find(|verb| *verb == word)).collect()
}

fn parse_resource<'a>(mut parts: impl Iterator<Item = &'a str>) -> Option<Resource> {
    let (group, version) = split_api_version(parts.next()?);
    let (plural, singular, kind) = (parts.next()?, parts.next()?, parts.next()?);
    let namespaced = parts.next()? == "Namespaced";
    let mut resource = Resource {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
        list_kind: format!("{kind}List"),
        plural: plural.to_owned(),
        singular: singular.to_owned(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced,
        verbs: verbs(parts.next()?),
        storage_version_hash: None,
        subresources: Vec::new(),
        storage: Storage { group: group.to_owned(), plural: plural.to_owned() },
        manages_generation: false,
        unconditional_update: true,
        create_on_update: false,
        shape: Shape::Builtin(kinds::of_kind(group, version, kind)?),
    };
    for fact in parts {
        match fact.split_once('=').unwrap_or((fact, "")) {
            ("short", names) => resource.short_names = words(names),
            ("category", names) => resource.categories = words(names),
            ("hash", hash) => resource.storage_version_hash = Some(hash.to_owned()),
            ("store", group) => resource.storage.group = core(group),
            ("generation", _) => resource.manages_generation = true,
            ("conditional-update", _) => resource.unconditional_update = false,
            ("create-on-update", _) => resource.create_on_update = true,
            _ => {}
        }
    }
    Some(resource)
}

fn parse_subresource<'a>(mut parts: impl Iterator<Item = &'a str>) -> Option<Subresource> {
    let name = parts.next()?.to_owned();
    let (group, version) = split_api_version(parts.next()?);
    Some(Subresource {
        name,
        group: group.to_owned(),
        version: version.to_owned(),
        kind: parts.next()?.to_owned(),
        verbs: verbs(parts.next()?),
    })
}
