//! Reads what the engine must know of an object out of its bytes, in one pass and without a tree.
//!
//! The bytes are a line of a watch, or an item of a list. What comes out borrows from them; only an object that
//! changes something is copied, without its `metadata.managedFields`. Where a key stands twice the last one counts,
//! as with a strict parser.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::cache::Draft;
use crate::json::{Cursor, Flaw};

/// What the engine must know of one version of an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Head<'a> {
    pub(crate) namespace: Option<Cow<'a, str>>,
    pub(crate) name: Cow<'a, str>,
    pub(crate) uid: Option<Cow<'a, str>>,
    pub(crate) version: Cow<'a, str>,
    pub(crate) generation: Option<i64>,
    pub(crate) deleting: bool,
    /// Whether the annotation [`PAUSED`] is among its annotations: its value is read by who needs it.
    pub(crate) says_paused: bool,
}

/// The annotation with which people pause an object. It is looked for as every API server writes it: a slash is not
/// escaped.
pub(crate) const PAUSED: &str = "controller-rs.dev/paused";

static PAUSED_FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(PAUSED));

/// An object in the bytes where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object<'a> {
    pub(super) head: Head<'a>,
    /// From brace to brace.
    span: &'a [u8],
    /// What is left out of the copy.
    cuts: Cuts,
    has_api_version: bool,
    has_kind: bool,
}

/// An object that can't be used, with the name that could be read of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable<'a> {
    pub(super) flaw: Flaw,
    pub(super) namespace: Option<Cow<'a, str>>,
    pub(super) name: Option<Cow<'a, str>>,
}

/// One line of a watch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// ADDED or MODIFIED: which of the two depends on what one knew.
    Upsert(Object<'a>),
    Delete(Object<'a>),
    /// The watch is current up to a version.
    Bookmark {
        version: Cow<'a, str>,
        /// The list that a streaming list begins with is complete.
        ends_list: bool,
    },
    Error(Refusal),
    /// A type that this engine does not know.
    Unknown(Cow<'a, str>),
}

/// A `Status` with which the server refuses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) retry_after_seconds: Option<u64>,
    /// With a 410 to a page: where a list that has lost its version can go on.
    pub(super) continue_token: Option<String>,
    /// The version asked for lies in the server's future.
    pub(super) version_too_large: bool,
}

impl<'a> Unreadable<'a> {
    fn nameless(flaw: Flaw) -> Self {
        Self { flaw, namespace: None, name: None }
    }
}

/// What an event tells of.
enum Type<'a> {
    Upsert,
    Delete,
    Bookmark,
    Error,
    Unknown(Cow<'a, str>),
}

impl<'a> Type<'a> {
    /// None where the value is no text. Goes behind it in both cases.
    #[inline]
    fn read(cursor: &mut Cursor<'a>) -> Result<Option<Self>, Flaw> {
        let Some(raw) = cursor.raw()? else { return Ok(None) };
        Ok(match raw.bytes().as_deref() {
            Some(b"MODIFIED" | b"ADDED") => Some(Self::Upsert),
            Some(b"DELETED") => Some(Self::Delete),
            Some(b"BOOKMARK") => Some(Self::Bookmark),
            Some(b"ERROR") => Some(Self::Error),
            _ => raw.text().map(Self::Unknown),
        })
    }
}

/// Reads one line of a watch.
pub(super) fn event(line: &[u8]) -> Result<Event<'_>, Unreadable<'_>> {
    let mut cursor = Cursor::new(line);
    let mut kind = None;
    let mut object_at = None;
    // Servers write the type first, so that one pass does.
    let mut early: Option<Result<Object<'_>, Unreadable<'_>>> = None;
    let walked = cursor.object(|cursor, member| match &*member.key {
        b"type" => {
            kind = Type::read(cursor)?;
            Ok(())
        }
        b"object" => {
            object_at = Some(cursor.at());
            early = None;
            if !matches!(kind, Some(Type::Upsert | Type::Delete)) {
                return cursor.skip_any();
            }
            let mut inner = cursor.clone();
            let found = object(&mut inner);
            let walked = match &found {
                Err(Unreadable { flaw: Flaw::Deep | Flaw::Repeated { .. }, .. }) => cursor.skip_any(),
                Err(Unreadable { flaw: flaw @ (Flaw::Truncated | Flaw::Syntax { .. }), .. }) => Err(flaw.clone()),
                _ => {
                    *cursor = inner;
                    Ok(())
                }
            };
            early = Some(found);
            walked
        }
        _ => cursor.skip_any(),
    });
    if let Err(flaw) = walked.and_then(|()| cursor.end()) {
        return Err(match early {
            // It is the object that broke off, and its name may be known.
            Some(Err(unreadable)) => unreadable,
            _ => Unreadable::nameless(flaw),
        });
    }
    let missing = |field| Unreadable::nameless(Flaw::Missing { field });
    let kind = kind.ok_or_else(|| missing("type"))?;
    let at = object_at.ok_or_else(|| missing("object"))?;
    let mut there = cursor.from(at);
    Ok(match kind {
        Type::Upsert => Event::Upsert(early.unwrap_or_else(|| object(&mut there))?),
        Type::Delete => Event::Delete(early.unwrap_or_else(|| object(&mut there))?),
        Type::Bookmark => bookmark(&mut there).map_err(Unreadable::nameless)?,
        Type::Error => Event::Error(status_at(&mut there).map_err(Unreadable::nameless)?),
        Type::Unknown(kind) => Event::Unknown(kind),
    })
}

/// A field that is a text: the last one counts, and one that is no text counts too.
#[derive(Default)]
enum Text<'a> {
    #[default]
    Absent,
    Read(Cow<'a, str>),
    Wrong,
}

impl<'a> Text<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Flaw> {
        if cursor.peek()? == b'n' {
            cursor.skip()?;
            return Ok(Self::Absent);
        }
        Ok(cursor.text()?.map_or(Self::Wrong, Self::Read))
    }

    /// Absent where it is empty, as Kubernetes leaves empty texts out.
    fn optional(self, field: &'static str) -> Result<Option<Cow<'a, str>>, Flaw> {
        match self {
            Self::Absent => Ok(None),
            Self::Read(text) if text.is_empty() => Ok(None),
            Self::Read(text) => Ok(Some(text)),
            Self::Wrong => Err(Flaw::Wrong { field, wanted: "a text" }),
        }
    }

    fn required(self, field: &'static str) -> Result<Cow<'a, str>, Flaw> {
        self.optional(field)?.ok_or(Flaw::Missing { field })
    }
}

/// The metadata of an object as far as it was read.
#[derive(Default)]
struct Metadata<'a> {
    namespace: Text<'a>,
    name: Text<'a>,
    uid: Text<'a>,
    version: Text<'a>,
    generation: Option<Result<i64, Flaw>>,
    deletion: Text<'a>,
    says_paused: bool,
}

/// Reads the object that stands at the cursor, and goes behind it.
pub(super) fn object<'a>(cursor: &mut Cursor<'a>) -> Result<Object<'a>, Unreadable<'a>> {
    let mut metadata: Option<Result<Metadata<'a>, Flaw>> = None;
    let mut cuts = Cuts::default();
    let (mut has_api_version, mut has_kind) = (false, false);
    cursor.peek().map_err(Unreadable::nameless)?;
    let start = cursor.at();
    let walked = cursor.object(|cursor, member| match &*member.key {
        b"metadata" if cursor.peek()? == b'{' => {
            metadata = Some(Ok(read_metadata(cursor, &mut cuts)?));
            Ok(())
        }
        b"metadata" => {
            metadata = Some(Err(Flaw::Wrong { field: "metadata", wanted: "an object" }));
            cursor.skip()
        }
        b"apiVersion" => {
            has_api_version = true;
            cursor.skip()
        }
        b"kind" => {
            has_kind = true;
            cursor.skip()
        }
        _ => cursor.skip(),
    });
    let metadata = match (metadata, walked) {
        (Some(Ok(metadata)), Ok(())) => metadata,
        (Some(Ok(metadata)), Err(flaw)) => return Err(metadata.unreadable(flaw)),
        (_, Err(flaw)) | (Some(Err(flaw)), _) => return Err(Unreadable::nameless(flaw)),
        (None, Ok(())) => return Err(Unreadable::nameless(Flaw::Missing { field: "metadata" })),
    };
    let span = cursor.slice(start, cursor.at());
    let head = metadata.head()?;
    Ok(Object { head, span, cuts: cuts.relative_to(start), has_api_version, has_kind })
}

fn read_metadata<'a>(cursor: &mut Cursor<'a>, cuts: &mut Cuts) -> Result<Metadata<'a>, Flaw> {
    let mut metadata = Metadata::default();
    let mut keeps_one = false;
    cursor.object(|cursor, member| {
        let field = match &*member.key {
            b"namespace" => &mut metadata.namespace,
            b"name" => &mut metadata.name,
            b"uid" => &mut metadata.uid,
            b"resourceVersion" => &mut metadata.version,
            b"deletionTimestamp" => &mut metadata.deletion,
            b"generation" => {
                keeps_one = true;
                metadata.generation = if cursor.peek()? == b'n' {
                    cursor.skip()?;
                    None
                } else {
                    let wrong = Flaw::Wrong { field: "metadata.generation", wanted: "an integer" };
                    Some(cursor.integer()?.ok_or(wrong))
                };
                return Ok(());
            }
            b"annotations" => {
                keeps_one = true;
                let start = cursor.at();
                cursor.skip()?;
                metadata.says_paused = PAUSED_FINDER.find(cursor.slice(start, cursor.at())).is_some();
                return Ok(());
            }
            b"managedFields" => {
                cursor.skip()?;
                let end = cursor.at();
                // With something kept before it the comma in front goes too, else the one behind.
                return match member.comma.filter(|_| keeps_one) {
                    Some(comma) => cuts.add(comma..end),
                    None if cursor.peek()? == b',' => cuts.add(member.start..cursor.at() + 1),
                    None => cuts.add(member.start..end),
                };
            }
            _ => {
                keeps_one = true;
                return cursor.skip();
            }
        };
        keeps_one = true;
        *field = Text::read(cursor)?;
        Ok(())
    })?;
    Ok(metadata)
}

impl<'a> Metadata<'a> {
    fn head(self) -> Result<Head<'a>, Unreadable<'a>> {
        let rest = (|| {
            let version = match &self.version {
                Text::Read(version) if !version.is_empty() => version.clone(),
                Text::Wrong => return Err(Flaw::Wrong { field: "metadata.resourceVersion", wanted: "a text" }),
                _ => return Err(Flaw::Missing { field: "metadata.resourceVersion" }),
            };
            let uid = match &self.uid {
                Text::Read(uid) if !uid.is_empty() => Some(uid.clone()),
                Text::Wrong => return Err(Flaw::Wrong { field: "metadata.uid", wanted: "a text" }),
                _ => None,
            };
            let deleting = match &self.deletion {
                Text::Absent => false,
                Text::Read(_) => true,
                Text::Wrong => {
                    return Err(Flaw::Wrong { field: "metadata.deletionTimestamp", wanted: "a text" });
                }
            };
            Ok((version, uid, deleting, self.generation.clone().transpose()?))
        })();
        let says_paused = self.says_paused;
        let (namespace, name) = (self.namespace.optional("metadata.namespace"), self.name.required("metadata.name"));
        match (namespace, name, rest) {
            (Ok(namespace), Ok(name), Ok((version, uid, deleting, generation))) => {
                Ok(Head { namespace, name, uid, version, generation, deleting, says_paused })
            }
            (Ok(namespace), Ok(name), Err(flaw)) => Err(Unreadable { flaw, namespace, name: Some(name) }),
            (Err(flaw), ..) | (_, Err(flaw), _) => Err(Unreadable::nameless(flaw)),
        }
    }

    /// Something else is wrong with the object, but its name may be known.
    fn unreadable(self, flaw: Flaw) -> Unreadable<'a> {
        match (self.namespace.optional("metadata.namespace"), self.name.required("metadata.name")) {
            (Ok(namespace), Ok(name)) => Unreadable { flaw, namespace, name: Some(name) },
            _ => Unreadable::nameless(flaw),
        }
    }
}

impl Object<'_> {
    /// To be kept without managedFields, with the type that items of a list are sent without.
    pub(super) fn draft<'a>(&'a self, type_meta: &'a TypeMeta) -> Draft<'a> {
        Draft::new(self.span, self.lacking(type_meta), self.cuts.ranges())
    }

    /// The same with its managedFields.
    pub(super) fn whole<'a>(&'a self, type_meta: &'a TypeMeta) -> Draft<'a> {
        Draft::new(self.span, self.lacking(type_meta), &[])
    }

    fn lacking<'a>(&self, type_meta: &'a TypeMeta) -> &'a [u8] {
        match (self.has_api_version, self.has_kind) {
            (true, true) => b"",
            (false, false) => &type_meta.both,
            (false, true) => &type_meta.api_version,
            (true, false) => &type_meta.kind,
        }
    }
}

/// What an item of a list lacks, ready to be put behind its brace.
#[derive(Debug, Clone)]
pub(super) struct TypeMeta {
    api_version: Vec<u8>,
    kind: Vec<u8>,
    both: Vec<u8>,
}

impl TypeMeta {
    /// Both are words without anything that JSON would escape.
    pub(super) fn new(api_version: &str, kind: &str) -> Self {
        let api_version = format!(r#""apiVersion":"{api_version}","#);
        let kind = format!(r#""kind":"{kind}","#);
        Self { both: format!("{api_version}{kind}").into(), api_version: api_version.into(), kind: kind.into() }
    }
}

/// More than one cut takes a key that stands there twice.
const MOST_CUTS: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Cuts {
    ranges: [Range<usize>; MOST_CUTS],
    count: usize,
}

impl Cuts {
    fn add(&mut self, range: Range<usize>) -> Result<(), Flaw> {
        let slot = self.ranges.get_mut(self.count).ok_or(Flaw::Repeated { most: MOST_CUTS })?;
        *slot = range;
        self.count += 1;
        Ok(())
    }

    fn relative_to(mut self, start: usize) -> Self {
        for range in self.ranges.iter_mut().take(self.count) {
            *range = range.start.saturating_sub(start)..range.end.saturating_sub(start);
        }
        self
    }

    fn ranges(&self) -> &[Range<usize>] {
        self.ranges.get(..self.count).unwrap_or_default()
    }
}

fn bookmark<'a>(cursor: &mut Cursor<'a>) -> Result<Event<'a>, Flaw> {
    let mut version = Text::Absent;
    let mut ends_list = false;
    fields(cursor, |cursor, key| match key {
        b"metadata" => {
            version = Text::Absent;
            ends_list = false;
            fields(cursor, |cursor, key| match key {
                b"resourceVersion" => {
                    version = Text::read(cursor)?;
                    Ok(())
                }
                b"annotations" => {
                    ends_list = false;
                    fields(cursor, |cursor, key| match key {
                        b"k8s.io/initial-events-end" => {
                            ends_list = cursor.text()?.is_some_and(|text| text == "true");
                            Ok(())
                        }
                        _ => cursor.skip(),
                    })
                }
                _ => cursor.skip(),
            })
        }
        _ => cursor.skip(),
    })?;
    Ok(Event::Bookmark { version: version.required("metadata.resourceVersion")?, ends_list })
}

/// Reads a `Status`: the body of a refused request.
pub(super) fn status(body: &[u8]) -> Option<Refusal> {
    let mut cursor = Cursor::new(body);
    if cursor.peek() != Ok(b'{') {
        return None;
    }
    status_at(&mut cursor).ok()
}

fn status_at(cursor: &mut Cursor<'_>) -> Result<Refusal, Flaw> {
    let mut refusal = Refusal::default();
    let text = |cursor: &mut Cursor<'_>| Ok(cursor.text()?.map_or_else(String::new, Cow::into_owned));
    fields(cursor, |cursor, key| {
        match key {
            b"code" => refusal.code = cursor.integer()?.and_then(|code| u16::try_from(code).ok()).unwrap_or(0),
            b"reason" => refusal.reason = text(cursor)?,
            b"message" => refusal.message = text(cursor)?,
            b"metadata" => fields(cursor, |cursor, key| match key {
                b"continue" => {
                    refusal.continue_token = Some(text(cursor)?).filter(|token| !token.is_empty());
                    Ok(())
                }
                _ => cursor.skip(),
            })?,
            b"details" => fields(cursor, |cursor, key| match key {
                b"retryAfterSeconds" => {
                    refusal.retry_after_seconds = cursor.integer()?.and_then(|seconds| u64::try_from(seconds).ok());
                    Ok(())
                }
                b"causes" if cursor.peek()? == b'[' => cursor.array(|cursor| {
                    fields(cursor, |cursor, key| match key {
                        b"reason" => {
                            refusal.version_too_large |= text(cursor)? == "ResourceVersionTooLarge";
                            Ok(())
                        }
                        _ => cursor.skip(),
                    })
                }),
                _ => cursor.skip(),
            })?,
            _ => cursor.skip()?,
        }
        Ok(())
    })?;
    refusal.version_too_large |= refusal.message.starts_with("Too large resource version");
    Ok(refusal)
}

/// Each member where the value is an object; any other value is skipped.
fn fields<'a>(
    cursor: &mut Cursor<'a>,
    mut each: impl FnMut(&mut Cursor<'a>, &[u8]) -> Result<(), Flaw>,
) -> Result<(), Flaw> {
    if cursor.peek()? != b'{' {
        return cursor.skip();
    }
    cursor.object(|cursor, member| each(cursor, &member.key))
}

#[cfg(test)]
mod tests;
