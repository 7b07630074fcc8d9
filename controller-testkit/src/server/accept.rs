//! Content negotiation: in which form a client wants its answer.
//!
//! Answers are JSON, YAML or protobuf, which only the kinds that Kubernetes has itself can be written in, and the
//! metadata of all others.

use http::HeaderMap;
use http::header::ACCEPT;

use crate::discovery::Root;
use crate::status::ApiError;

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) media: Media,
    pub(crate) form: Form,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    Json,
    Yaml,
    Protobuf,
}

impl Media {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => KNOWN[0],
            Self::Yaml => KNOWN[1],
            Self::Protobuf => KNOWN[2],
        }
    }
}

/// What an object is shown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Object,
    /// Rows and columns, for people; the version is that of `meta.k8s.io`.
    Table(&'static str),
    /// Only the metadata, of one object or of each item of a list.
    Metadata {
        version: &'static str,
        list: bool,
    },
}

/// What is offered, and what of it for a watch.
const KNOWN: [&str; 3] = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
const STREAMS: [&str; 2] = ["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"];

/// The two kinds of OpenAPI documents, each of which has a form in protobuf of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenApi {
    Version2,
    Version3,
}

impl OpenApi {
    pub(crate) fn name(self, media: Media) -> &'static str {
        match (self, media) {
            (Self::Version2, Media::Protobuf) => "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
            (Self::Version3, Media::Protobuf) => "application/com.github.proto-openapi.spec.v3.v1.0+protobuf",
            _ => "application/json",
        }
    }

    /// How client-go spells it.
    fn old_name(self) -> &'static str {
        match self {
            Self::Version2 => "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
            Self::Version3 => "application/com.github.proto-openapi.spec.v3@v1.0+protobuf",
        }
    }
}

/// One clause of an Accept header.
pub(crate) struct Clause<'a> {
    media: &'a str,
    params: Vec<(&'a str, &'a str)>,
    quality: f32,
}

impl<'a> Clause<'a> {
    pub(crate) fn param(&self, name: &str) -> &'a str {
        self.params.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn is_json(&self) -> bool {
        matches!(self.media, "*/*" | "application/json")
    }

    /// How what is asked for is written, if it can be.
    pub(crate) fn media(&self) -> Option<Media> {
        match self.media {
            "*/*" | "application/json" => Some(Media::Json),
            "application/yaml" => Some(Media::Yaml),
            "application/vnd.kubernetes.protobuf" => Some(Media::Protobuf),
            _ => None,
        }
    }

    pub(crate) fn is_text(&self) -> bool {
        matches!(self.media, "*/*" | "text/*" | "text/plain")
    }

    pub(crate) fn open_api(&self, version: OpenApi) -> Option<Media> {
        match self.media {
            "*/*" | "application/*" | "application/json" => Some(Media::Json),
            media if media == version.name(Media::Protobuf) || media == version.old_name() => Some(Media::Protobuf),
            _ => None,
        }
    }

    fn form(&self) -> Option<Form> {
        let version = match self.param("v") {
            "v1" => "v1",
            "v1beta1" => "v1beta1",
            _ => "",
        };
        match (self.param("as"), self.param("g"), version) {
            ("", "", _) => Some(Form::Object),
            ("Table", "meta.k8s.io", "v1" | "v1beta1") => Some(Form::Table(version)),
            (kind @ ("PartialObjectMetadata" | "PartialObjectMetadataList"), "meta.k8s.io", "v1" | "v1beta1") => {
                Some(Form::Metadata { version, list: kind.ends_with("List") })
            }
            _ => None,
        }
    }
}

/// The clauses of the Accept headers, best first; a client that says nothing accepts everything.
pub(crate) fn clauses(headers: &HeaderMap) -> Vec<Clause<'_>> {
    let mut clauses: Vec<Clause<'_>> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|clause| {
            let mut parts = clause.split(';').map(str::trim);
            let media = parts.next().filter(|media| !media.is_empty())?;
            let params: Vec<(&str, &str)> =
                parts.filter_map(|part| part.split_once('=')).map(|(key, value)| (key.trim(), value.trim())).collect();
            let quality =
                params.iter().find(|(key, _)| *key == "q").and_then(|(_, value)| value.parse().ok()).unwrap_or(1.0);
            Some(Clause { media, params, quality })
        })
        .collect();
    clauses.sort_by(|one, other| other.quality.total_cmp(&one.quality));
    if clauses.is_empty() {
        clauses.push(Clause { media: "*/*", params: Vec::new(), quality: 1.0 });
    }
    clauses
}

/// How a refusal is written, as it also is where the answer could not be.
pub(crate) fn preferred(headers: &HeaderMap) -> Media {
    let clauses = clauses(headers);
    let first = clauses.first().filter(|clause| clause.form() == Some(Form::Object));
    first.and_then(Clause::media).unwrap_or(Media::Json)
}

/// Why a root of discovery can't be had as a client wants it: only the older one tells what is no media type of its own.
pub(crate) fn unacceptable(accepted: &[Clause<'_>], root: Root) -> ApiError {
    let known = accepted.iter().any(|clause| KNOWN.contains(&clause.media) || clause.media == "*/*");
    match root {
        Root::Api if !known => ApiError::nothing_acceptable(&KNOWN),
        Root::Api | Root::Apis => ApiError::not_acceptable(&KNOWN),
    }
}

/// Picks by the client's order among what is supported. A watch is never YAML.
pub(crate) fn negotiate(headers: &HeaderMap, watch: bool, builtin: bool) -> Result<Accepted, ApiError> {
    let clauses = clauses(headers);
    let mut whole = clauses.iter().filter_map(|clause| {
        let accepted = Accepted { media: clause.media()?, form: clause.form()? };
        let has_form = match (accepted.media, accepted.form) {
            (Media::Protobuf, Form::Object) => builtin,
            (Media::Protobuf, Form::Table(_)) => false,
            _ => true,
        };
        has_form.then_some(accepted)
    });
    if let Some(accepted) = whole.clone().find(|accepted| !watch || accepted.media != Media::Yaml) {
        return Ok(accepted);
    }
    // The route knows the type, but not in the form that is asked for; or it does not know the type at all.
    // Only the built-in kinds have routes that tell the two apart.
    let known = !builtin || clauses.iter().any(|clause| clause.media().is_some());
    Err(match known {
        // It could be had, but not as a stream.
        true if whole.next().is_some() => ApiError::not_acceptable(&STREAMS),
        true => ApiError::not_acceptable(&KNOWN),
        false => ApiError::nothing_acceptable(&[KNOWN.as_slice(), STREAMS.as_slice()].concat()),
    })
}

/// Whether a log can be had: its own form is a text, but what goes wrong with it is told as an object.
pub(crate) fn negotiate_log(headers: &HeaderMap) -> Result<(), ApiError> {
    let clauses = clauses(headers);
    if clauses.iter().any(|clause| clause.media().is_some() && clause.form() == Some(Form::Object)) {
        return Ok(());
    }
    let is_known = clauses.iter().any(|clause| clause.is_text() || clause.media().is_some());
    Err(match is_known {
        true => ApiError::not_acceptable(&KNOWN),
        false => ApiError::nothing_acceptable(&[&["text/plain"], KNOWN.as_slice()].concat()),
    })
}

/// How a document of discovery is written that has but one form; what is wrong with the wish is said as its root says it.
pub(crate) fn negotiate_document(headers: &HeaderMap, root: Root) -> Result<Media, ApiError> {
    let clauses = clauses(headers);
    let plain = |clause: &Clause<'_>| clause.media().filter(|_| clause.form() == Some(Form::Object));
    clauses.iter().find_map(plain).ok_or_else(|| unacceptable(&clauses, root))
}
