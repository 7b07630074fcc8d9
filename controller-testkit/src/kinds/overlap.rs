//! Volumes that put several files at one place, or one where another's folder is: what is to be said of them.

use super::validate::At;

/// A file's place, and what it comes from where that is to be told.
#[derive(Clone, PartialEq, Eq)]
struct Place {
    path: String,
    source: String,
}

impl Place {
    fn shown(&self) -> String {
        match self.source.as_str() {
            "" => format!("{:?}", self.path),
            source => format!("{:?} ({source})", self.path),
        }
    }

    /// Whether two files get in each other's way.
    fn meets(&self, other: &Self) -> bool {
        let (own, others) = (format!("{}/", self.path), format!("{}/", other.path));
        !self.path.is_empty() && !other.path.is_empty() && (own.starts_with(&others) || others.starts_with(&own))
    }
}

pub(super) fn overlaps(volumes: &At<'_>, told: &mut Vec<String>) {
    for volume in volumes.items() {
        let name = volume.field("name").text();
        let of_one = [("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName"), ("downwardAPI", "", "")];
        for (kind, word, named) in of_one {
            let source = volume.field(kind);
            let what = match word {
                "" => "DownwardAPI".to_owned(),
                word => format!("{word} {:?}", source.field(named).text()),
            };
            tell(name, &what, &mut Vec::new(), items(&source, ""), told);
        }
        let mut all = Vec::new();
        for part in volume.at("projected.sources").items() {
            if part.is_empty() {
                told.push(format!("volume {name:?} (Projected) has no sources provided"));
            }
            tell(name, "Projected", &mut all, projected(&part), told);
        }
    }
}

fn items(source: &At<'_>, from: &str) -> Vec<Place> {
    let items = source.field("items").items();
    items.iter().map(|item| Place { path: item.field("path").text().to_owned(), source: from.to_owned() }).collect()
}

/// What one source projects, the first of those that it is.
fn projected(part: &At<'_>) -> Vec<Place> {
    let one = |path: At<'_>, source: String| vec![Place { path: path.text().to_owned(), source }];
    let (map, secret, pod) = (part.field("configMap"), part.field("secret"), part.field("downwardAPI"));
    let (token, bundle, certificate) =
        (part.field("serviceAccountToken"), part.field("clusterTrustBundle"), part.field("podCertificate"));
    let lists = |source: &At<'_>| source.field("items").is_set();
    if lists(&map) {
        items(&map, &format!("ConfigMap {:?}", map.field("name").text()))
    } else if lists(&secret) {
        items(&secret, &format!("Secret {:?}", secret.field("name").text()))
    } else if lists(&pod) {
        items(&pod, "DownwardAPI")
    } else if token.is_set() {
        one(token.field("path"), "ServiceAccountToken".to_owned())
    } else if bundle.is_set() {
        let own = if bundle.field("name").is_set() { "name" } else { "signerName" };
        one(bundle.field("path"), format!("ClusterTrustBundle {:?}", bundle.field(own).text()))
    } else {
        let files =
            [("certificateChainPath", "chain"), ("keyPath", "key"), ("credentialBundlePath", "credential bundle")];
        let given = files.into_iter().filter(|(file, _)| !certificate.field(file).is_empty());
        given.flat_map(|(file, word)| one(certificate.field(file), format!("PodCertificate {word}"))).collect()
    }
}

fn tell(volume: &str, what: &str, all: &mut Vec<Place>, places: Vec<Place>, told: &mut Vec<String>) {
    for mut place in places {
        place.path.truncate(place.path.trim_end_matches('/').len());
        for other in all.iter().filter(|other| place.meets(other)) {
            let (one, other) = (place.shown(), other.shown());
            told.push(format!("volume {volume:?} ({what}): overlapping paths: {one} with {other}"));
        }
        all.push(place);
    }
}
