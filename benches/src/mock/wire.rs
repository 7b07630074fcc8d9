//! How an object and its events look on the wire, in both formats.

use anyhow::{Context, ensure};
use hyper::body::Bytes;

use super::protobuf;
use crate::corpus::Corpus;
use crate::template::{Face, Template};

/// What a client accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Protobuf,
}

/// The type of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Added,
    Modified,
    Deleted,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Added, Self::Modified, Self::Deleted];

    fn name(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// The templates of one corpus.
pub(super) struct Wire {
    corpus: Corpus,
    json: Frames,
    protobuf: Option<Frames>,
}

/// The templates in one format.
struct Frames {
    item: Template,
    events: [Template; 3],
}

/// A list with what goes before its items, between them and behind them.
pub(super) struct List {
    pub(super) head: Bytes,
    pub(super) between: &'static [u8],
    pub(super) tail: &'static [u8],
}

impl Wire {
    /// `protobuf` is the object in protobuf, with its holes.
    pub(super) fn new(corpus: Corpus, protobuf: Option<&[u8]>) -> anyhow::Result<Self> {
        let text = corpus.text();
        // Items of lists do not say their kind.
        let metadata = text.find(r#""metadata":"#).context("the corpus has metadata")?;
        let json = Frames {
            item: Template::new(format!("{{{}", &text[metadata..])),
            events: Kind::ALL
                .map(|kind| Template::new(format!("{{\"type\":\"{}\",\"object\":{text}}}\n", kind.name()))),
        };
        let protobuf = protobuf.map(|object| Frames {
            item: Template::new(protobuf::field(2, object)),
            events: Kind::ALL
                .map(|kind| Template::new(protobuf::event(kind.name(), corpus.api_version(), corpus.kind(), object))),
        });
        if let Some(protobuf) = &protobuf {
            // A length or a tag beside a hole can look like a part of it.
            ensure!(protobuf.item.holes() == json.item.holes(), "the protobuf has other holes than the JSON");
        }
        Ok(Self { corpus, json, protobuf })
    }

    pub(super) fn corpus(&self) -> Corpus {
        self.corpus
    }

    /// The format for this `Accept` header.
    pub(super) fn format(&self, accept: &str) -> Format {
        if self.protobuf.is_some() && accept.contains(protobuf::MEDIA_TYPE) { Format::Protobuf } else { Format::Json }
    }

    fn frames(&self, format: Format) -> &Frames {
        match (format, &self.protobuf) {
            (Format::Protobuf, Some(frames)) => frames,
            _ => &self.json,
        }
    }

    /// The size of an event. Those of one kind are all of one size.
    pub(super) fn event_size(&self, format: Format, kind: Kind) -> usize {
        self.frames(format).events[kind as usize].size()
    }

    pub(super) fn event(&self, format: Format, kind: Kind, face: Face, out: &mut Vec<u8>) {
        self.frames(format).events[kind as usize].render(face, out);
    }

    pub(super) fn item(&self, format: Format, face: Face, out: &mut Vec<u8>) {
        self.frames(format).item.render(face, out);
    }

    /// A bookmark, which may be the one that ends a streaming list.
    pub(super) fn bookmark(&self, format: Format, version: u64, ends_list: bool) -> Bytes {
        let (api_version, kind) = (self.corpus.api_version(), self.corpus.kind());
        if format == Format::Protobuf {
            return protobuf::bookmark(api_version, kind, version, ends_list).into();
        }
        let annotations = if ends_list { r#","annotations":{"k8s.io/initial-events-end":"true"}"# } else { "" };
        let metadata = format!(r#"{{"resourceVersion":"{version}","creationTimestamp":null{annotations}}}"#);
        let object = format!(r#"{{"kind":"{kind}","apiVersion":"{api_version}","metadata":{metadata}}}"#);
        format!("{{\"type\":\"BOOKMARK\",\"object\":{object}}}\n").into()
    }

    /// The event that ends a watch from a version that is too old.
    pub(super) fn expired(&self, format: Format) -> Bytes {
        if format == Format::Protobuf {
            return protobuf::expired().into();
        }
        format!("{{\"type\":\"ERROR\",\"object\":{}}}\n", status(410, "Expired", "too old resource version")).into()
    }

    /// A list of so many items, of which `remaining` more come on the next page.
    pub(super) fn list(&self, format: Format, version: u64, items: usize, next: Option<(String, usize)>) -> List {
        let (api_version, kind) = (self.corpus.api_version(), format!("{}List", self.corpus.kind()));
        if format == Format::Protobuf {
            let items = items * self.frames(format).item.size();
            let head = protobuf::list_head(api_version, &kind, version, next, items).into();
            return List { head, between: b"", tail: b"" };
        }
        let next = next.map_or_else(String::new, |(token, remaining)| {
            format!(r#","continue":"{token}","remainingItemCount":{remaining}"#)
        });
        let metadata = format!(r#"{{"resourceVersion":"{version}"{next}}}"#);
        let head = format!(r#"{{"kind":"{kind}","apiVersion":"{api_version}","metadata":{metadata},"items":["#).into();
        List { head, between: b",", tail: b"]}\n" }
    }
}

/// A refusal as JSON.
pub(super) fn status(code: u16, reason: &str, message: &str) -> String {
    format!(
        r#"{{"kind":"Status","apiVersion":"v1","metadata":{{}},"status":"Failure","message":"{message}","reason":"{reason}","code":{code}}}"#
    )
}
