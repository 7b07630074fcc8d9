//! Reads the body of a list as it comes in, one item after the other and without a tree.
//!
//! Items are handed on once enough bytes stand there, so at most a few hundred kilobytes, or one item, are held. The
//! keys of the list may come in any order.

use super::scan::{Object, Unreadable, object};
use crate::json::{Cursor, Flaw};

/// An item that is cut off at the end of the bytes is read again when more are there: rarely, with this much at once.
const AT_ONCE: usize = 256 << 10;

/// A body that holds a single item, or a preface, beyond this is given up.
const LONGEST: usize = 64 << 20;

/// What the list says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ListMeta {
    pub(super) version: Option<String>,
    /// Where the next page goes on.
    pub(super) continue_token: Option<String>,
}

/// Where in the body the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the brace.
    Outside,
    /// Before a key, or the closing brace.
    Member { first: bool },
    /// Before an item, or the closing bracket.
    Item { first: bool },
    /// Behind the closing brace.
    Done,
}

/// The reader of one page.
#[derive(Debug)]
pub(super) struct Page {
    bytes: Vec<u8>,
    /// Try again when this many bytes are there.
    enough: usize,
    place: Place,
    meta: ListMeta,
    has_items: bool,
}

/// An item of the list.
pub(super) type Item<'a> = Result<Object<'a>, Unreadable<'a>>;

impl Page {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new(), enough: AT_ONCE, place: Place::Outside, meta: ListMeta::default(), has_items: false }
    }

    /// Takes a chunk, and hands on the items that are complete.
    pub(super) fn feed(&mut self, chunk: &[u8], mut each: impl FnMut(Item<'_>)) -> Result<(), Flaw> {
        self.bytes.extend_from_slice(chunk);
        if self.bytes.len() < self.enough {
            return Ok(());
        }
        self.read(&mut each)?;
        let left = self.bytes.len();
        if left > LONGEST {
            return Err(Flaw::Truncated);
        }
        self.enough = AT_ONCE.max(left * 2);
        Ok(())
    }

    /// The body is at its end.
    pub(super) fn end(mut self, mut each: impl FnMut(Item<'_>)) -> Result<ListMeta, Flaw> {
        self.read(&mut each)?;
        if self.place != Place::Done {
            return Err(Flaw::Truncated);
        }
        if !self.has_items {
            return Err(Flaw::Missing { field: "items" });
        }
        Ok(self.meta)
    }

    /// Reads as far as the bytes go, and keeps what is not complete.
    fn read(&mut self, each: &mut impl FnMut(Item<'_>)) -> Result<(), Flaw> {
        let bytes = std::mem::take(&mut self.bytes);
        let mut cursor = Cursor::new(&bytes);
        let mut done = 0;
        let stopped = loop {
            match self.advance(&mut cursor, each) {
                Ok(()) if self.place == Place::Done => {
                    let end = cursor.end();
                    done = bytes.len();
                    break end;
                }
                Ok(()) => done = cursor.at(),
                Err(Flaw::Truncated) => break Ok(()),
                Err(flaw) => break Err(flaw),
            }
        };
        self.bytes = bytes;
        self.bytes.drain(..done);
        stopped
    }

    /// One step: what it did not finish, for want of bytes, it has not begun.
    fn advance(&mut self, cursor: &mut Cursor<'_>, each: &mut impl FnMut(Item<'_>)) -> Result<(), Flaw> {
        match self.place {
            Place::Outside => {
                cursor.take(b'{')?;
                self.place = Place::Member { first: true };
            }
            Place::Member { first } => self.member(cursor, first)?,
            Place::Item { first } => self.item(cursor, first, each)?,
            Place::Done => {}
        }
        Ok(())
    }

    fn member(&mut self, cursor: &mut Cursor<'_>, first: bool) -> Result<(), Flaw> {
        if cursor.peek()? == b'}' {
            cursor.step();
            self.place = Place::Done;
            return Ok(());
        }
        if !first {
            cursor.take(b',')?;
        }
        let key = cursor.key()?;
        match &*key {
            b"items" => match cursor.peek()? {
                b'[' => {
                    cursor.step();
                    self.has_items = true;
                    self.place = Place::Item { first: true };
                    return Ok(());
                }
                // Go writes an empty list that was never filled as null.
                b'n' => {
                    self.has_items = true;
                    complete(cursor, Cursor::skip)?;
                }
                _ => return Err(Flaw::Wrong { field: "items", wanted: "an array" }),
            },
            b"metadata" => self.meta = complete(cursor, list_meta)?,
            _ => complete(cursor, Cursor::skip_any)?,
        }
        self.place = Place::Member { first: false };
        Ok(())
    }

    fn item(&mut self, cursor: &mut Cursor<'_>, first: bool, each: &mut impl FnMut(Item<'_>)) -> Result<(), Flaw> {
        if cursor.peek()? == b']' {
            cursor.step();
            self.place = Place::Member { first: false };
            return Ok(());
        }
        if !first {
            cursor.take(b',')?;
        }
        cursor.peek()?;
        let mut inside = cursor.clone();
        match object(&mut inside) {
            Ok(found) => {
                *cursor = inside;
                each(Ok(found));
            }
            Err(Unreadable { flaw: Flaw::Truncated, .. }) => return Err(Flaw::Truncated),
            Err(unreadable) => {
                // The next item is found if the brackets of this one match.
                cursor.skip_any()?;
                each(Err(unreadable));
            }
        }
        self.place = Place::Item { first: false };
        Ok(())
    }
}

/// A scalar that touches the end of the bytes may go on: a value counts as complete with what follows it.
fn complete<'a, T>(cursor: &mut Cursor<'a>, read: impl FnOnce(&mut Cursor<'a>) -> Result<T, Flaw>) -> Result<T, Flaw> {
    let value = read(cursor)?;
    cursor.peek()?;
    Ok(value)
}

fn list_meta(cursor: &mut Cursor<'_>) -> Result<ListMeta, Flaw> {
    let mut meta = ListMeta::default();
    if cursor.peek()? != b'{' {
        cursor.skip()?;
        return Ok(meta);
    }
    cursor.object(|cursor, member| {
        let field = match &*member.key {
            b"resourceVersion" => &mut meta.version,
            b"continue" => &mut meta.continue_token,
            _ => return cursor.skip(),
        };
        *field = cursor.text()?.filter(|text| !text.is_empty()).map(Into::into);
        Ok(())
    })?;
    Ok(meta)
}

#[cfg(test)]
mod tests;
