//! Walks over JSON bytes without building anything: where a value ends, what a key is called, what a string says.
//!
//! It checks what it needs to find its way and no more. Whatever a strict parser takes, it reads in the same way; a
//! text that a strict parser refuses may pass where nobody looks at it, and fails when a callback asks for the object.

use std::borrow::Cow;

use memchr::memchr;

/// As deep as serde_json follows: an object that is nested deeper could not be decoded anyway.
const DEEPEST: usize = 128;

/// What is wrong with some bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Flaw {
    #[error("the text ends too early")]
    Truncated,
    #[error("no JSON from byte {at} on")]
    Syntax { at: usize },
    #[error("nested deeper than {DEEPEST} levels")]
    Deep,
    #[error("{field} is missing")]
    Missing { field: &'static str },
    #[error("{field} is not {wanted}")]
    Wrong { field: &'static str, wanted: &'static str },
    #[error("metadata.managedFields stands there more than {most} times")]
    Repeated { most: usize },
}

/// A place in some bytes.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

/// One `key: value` of an object, the cursor standing before the value.
pub(super) struct Member<'a> {
    pub(super) key: Cow<'a, [u8]>,
    /// Where the key begins.
    pub(super) start: usize,
    /// The comma before it.
    pub(super) comma: Option<usize>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, depth: 0 }
    }

    /// The same bytes from another place on.
    pub(super) fn from(&self, at: usize) -> Self {
        Self { at, ..self.clone() }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn slice(&self, from: usize, to: usize) -> &'a [u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    /// The next byte that is no white space. It stays where it is.
    pub(super) fn peek(&mut self) -> Result<u8, Flaw> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(Flaw::Truncated),
            }
        }
    }

    pub(super) fn step(&mut self) {
        self.at += 1;
    }

    pub(super) fn take(&mut self, byte: u8) -> Result<(), Flaw> {
        if self.peek()? != byte {
            return Err(self.syntax());
        }
        self.at += 1;
        Ok(())
    }

    pub(super) fn syntax(&self) -> Flaw {
        Flaw::Syntax { at: self.at }
    }

    /// Nothing but white space follows.
    pub(super) fn end(&mut self) -> Result<(), Flaw> {
        match self.peek() {
            Err(Flaw::Truncated) => Ok(()),
            _ => Err(self.syntax()),
        }
    }

    /// The inside of a string as it is written.
    pub(super) fn string(&mut self) -> Result<&'a [u8], Flaw> {
        self.take(b'"')?;
        let from = self.at;
        let end = end_of_string(self.bytes, from).ok_or(Flaw::Truncated)?;
        self.at = end + 1;
        Ok(self.slice(from, end))
    }

    /// A key without its escapes. Goes before its value.
    pub(super) fn key(&mut self) -> Result<Cow<'a, [u8]>, Flaw> {
        let start = self.at;
        let key = plain(self.string()?).ok_or(Flaw::Syntax { at: start })?;
        self.take(b':')?;
        self.peek()?;
        Ok(key)
    }

    /// Each member of an object in turn. `each` leaves the cursor behind the value.
    pub(super) fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, Member<'a>) -> Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        self.take(b'{')?;
        self.deeper()?;
        let mut comma = None;
        if self.peek()? != b'}' {
            loop {
                self.peek()?;
                let start = self.at;
                let key = self.key()?;
                each(self, Member { key, start, comma })?;
                match self.peek()? {
                    b',' => comma = Some(self.at),
                    b'}' => break,
                    _ => return Err(self.syntax()),
                }
                self.at += 1;
            }
        }
        self.at += 1;
        self.depth -= 1;
        Ok(())
    }

    /// Each element of an array in turn. `each` leaves the cursor behind the element.
    pub(super) fn array(&mut self, mut each: impl FnMut(&mut Self) -> Result<(), Flaw>) -> Result<(), Flaw> {
        self.take(b'[')?;
        self.deeper()?;
        if self.peek()? != b']' {
            loop {
                self.peek()?;
                each(self)?;
                match self.peek()? {
                    b',' => self.at += 1,
                    b']' => break,
                    _ => return Err(self.syntax()),
                }
            }
        }
        self.at += 1;
        self.depth -= 1;
        Ok(())
    }

    fn deeper(&mut self) -> Result<(), Flaw> {
        self.depth += 1;
        if self.depth > DEEPEST { Err(Flaw::Deep) } else { Ok(()) }
    }

    /// Goes behind the value.
    pub(super) fn skip(&mut self) -> Result<(), Flaw> {
        self.skip_within(DEEPEST.saturating_sub(self.depth))
    }

    /// Goes behind the value however deep it is: for what is going to be refused anyway.
    pub(super) fn skip_any(&mut self) -> Result<(), Flaw> {
        self.skip_within(usize::MAX)
    }

    fn skip_within(&mut self, deepest: usize) -> Result<(), Flaw> {
        match self.peek()? {
            b'"' => {
                let end = end_of_string(self.bytes, self.at + 1).ok_or(Flaw::Truncated)?;
                self.at = end + 1;
                Ok(())
            }
            b'{' => self.skip_object(deepest),
            b'[' => {
                self.at = end_of_array(self.bytes, self.at + 1, deepest)?;
                Ok(())
            }
            _ => self.scalar().map(|_| ()),
        }
    }

    fn skip_object(&mut self, deepest: usize) -> Result<(), Flaw> {
        let bytes = self.bytes;
        let mut at = self.at;
        let mut depth = 0;
        while let Some(byte) = bytes.get(at) {
            at += 1;
            match byte {
                b'"' => at = end_of_string(bytes, at).ok_or(Flaw::Truncated)? + 1,
                b'[' => at = end_of_array(bytes, at, deepest.saturating_sub(depth))?,
                b'{' => {
                    depth += 1;
                    if depth > deepest {
                        return Err(Flaw::Deep);
                    }
                }
                b'}' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at = at;
                        return Ok(());
                    }
                }
                b']' => return Err(Flaw::Syntax { at: at - 1 }),
                _ => {}
            }
        }
        Err(Flaw::Truncated)
    }

    /// A number, `true`, `false` or `null` as it is written.
    pub(super) fn scalar(&mut self) -> Result<&'a [u8], Flaw> {
        self.peek()?;
        let from = self.at;
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        while self.bytes.get(self.at).is_some_and(part) {
            self.at += 1;
        }
        match self.bytes.get(self.at) {
            Some(b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r') if self.at > from => Ok(self.slice(from, self.at)),
            None if self.at > from && self.depth == 0 => Ok(self.slice(from, self.at)),
            None => Err(Flaw::Truncated),
            _ => Err(self.syntax()),
        }
    }

    /// The text of a string, or none where the value is another one. Goes behind the value in both cases.
    pub(super) fn text(&mut self) -> Result<Option<Cow<'a, str>>, Flaw> {
        if self.peek()? != b'"' {
            self.skip()?;
            return Ok(None);
        }
        Ok(text_of(self.string()?))
    }

    /// Whether the value is an integer, and which. Goes behind the value in both cases.
    pub(super) fn integer(&mut self) -> Result<Option<i64>, Flaw> {
        if !matches!(self.peek()?, b'-' | b'0'..=b'9') {
            self.skip()?;
            return Ok(None);
        }
        Ok(std::str::from_utf8(self.scalar()?).ok().and_then(|digits| digits.parse().ok()))
    }
}

/// How many bytes are looked at together.
const BLOCK: usize = 48;

/// How many of them one vector register of the smallest x86-64 and AArch64 machines holds.
const LANES: usize = 16;

/// The index behind the bracket that closes the array whose inside begins at `at`.
///
/// In valid JSON the brackets alone tell where an array ends, if those within strings are left out. managedFields,
/// a third of all bytes, have hardly any: blocks without a bracket are passed by, and only the parity of their
/// quotes is kept.
fn end_of_array(bytes: &[u8], mut at: usize, deepest: usize) -> Result<usize, Flaw> {
    let mut depth = 1_usize;
    let mut quotes = Parity::default();
    if depth > deepest {
        return Err(Flaw::Deep);
    }
    loop {
        while pass_by(bytes, at, &mut quotes) {
            at += BLOCK;
        }
        let until = at + BLOCK;
        if quotes.take_odd() {
            at = end_of_string(bytes, behind_backslashes(bytes, at)).ok_or(Flaw::Truncated)? + 1;
        }
        while at < until {
            let byte = bytes.get(at).ok_or(Flaw::Truncated)?;
            at += 1;
            match byte {
                b'"' => at = end_of_string(bytes, at).ok_or(Flaw::Truncated)? + 1,
                b'[' => {
                    depth += 1;
                    if depth > deepest {
                        return Err(Flaw::Deep);
                    }
                }
                b']' => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(at);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Whether the quotes so far, in each lane, are odd in number.
#[derive(Default)]
struct Parity([u8; LANES]);

impl Parity {
    /// Whether they are odd in all, and starts anew.
    fn take_odd(&mut self) -> bool {
        let lanes = u128::from_le_bytes(std::mem::take(&mut self.0));
        // The bits of a lane are all the same, so one of eight counts.
        !(lanes.count_ones() / 8).is_multiple_of(2)
    }
}

/// Passes by a block, and counts the quotes that no backslash escapes. False if it has to be read byte by byte: it
/// has a bracket, or backslashes that may be escaped themselves, or it is not whole.
#[inline]
fn pass_by(bytes: &[u8], at: usize, quotes: &mut Parity) -> bool {
    let Some(before) = at.checked_sub(1).and_then(|before| bytes.get(before..)) else { return false };
    let Some(block) = before.get(1..).and_then(|block| block.first_chunk::<BLOCK>()) else { return false };
    let Some(before) = before.first_chunk::<BLOCK>().filter(|before| before.first() != Some(&b'\\')) else {
        return false;
    };
    let (mut stop, mut odd) = ([0_u8; LANES], quotes.0);
    // Lane by lane and without branches, so that it becomes a few vector instructions.
    for (block, before) in block.as_chunks::<LANES>().0.iter().zip(before.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            let (byte, before) = (block[lane], before[lane]);
            let escaped = mask(before == b'\\');
            stop[lane] |= mask(byte == b'[') | mask(byte == b']') | (mask(byte == b'\\') & escaped);
            odd[lane] ^= mask(byte == b'"') & !escaped;
        }
    }
    let passed = u128::from_le_bytes(stop) == 0;
    if passed {
        quotes.0 = odd;
    }
    passed
}

/// All bits or none.
#[inline]
fn mask(set: bool) -> u8 {
    u8::from(set).wrapping_neg()
}

/// The start of the backslashes that end before `at`.
fn behind_backslashes(bytes: &[u8], at: usize) -> usize {
    let before = bytes.get(..at).unwrap_or_default();
    at - before.iter().rev().take_while(|byte| **byte == b'\\').count()
}

/// The index of the quote that ends the string whose inside begins at `from`.
#[inline]
fn end_of_string(bytes: &[u8], from: usize) -> Option<usize> {
    let quote = next_quote(bytes, from)?;
    if quote == from || bytes.get(quote - 1) != Some(&b'\\') {
        Some(quote)
    } else {
        end_behind_escapes(bytes, from, quote)
    }
}

/// The quote at `quote` follows a backslash: an odd number of them makes it a part of the string.
#[cold]
fn end_behind_escapes(bytes: &[u8], from: usize, mut quote: usize) -> Option<usize> {
    loop {
        let inside = bytes.get(from..quote)?;
        if inside.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0 {
            return Some(quote);
        }
        quote = next_quote(bytes, quote + 1)?;
    }
}

/// Most strings are shorter than a call of memchr is worth: eight bytes at a time find their end.
#[inline]
fn next_quote(bytes: &[u8], from: usize) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    const QUOTES: u64 = ONES * b'"' as u64;
    let rest = bytes.get(from..)?;
    let (words, _) = rest.as_chunks::<8>();
    let mut at = from;
    for word in words.iter().take(4) {
        let differs = u64::from_le_bytes(*word) ^ QUOTES;
        let found = differs.wrapping_sub(ONES) & !differs & TOPS;
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    memchr(b'"', bytes.get(at..)?).map(|quote| at + quote)
}

/// A string without its escapes, as bytes. None if an escape is no escape.
fn plain(raw: &[u8]) -> Option<Cow<'_, [u8]>> {
    if memchr(b'\\', raw).is_none() {
        return Some(Cow::Borrowed(raw));
    }
    unescape(raw).map(|text| Cow::Owned(text.into_bytes()))
}

/// A string without its escapes. None if it is no text.
fn text_of(raw: &[u8]) -> Option<Cow<'_, str>> {
    if raw.iter().any(|byte| *byte < 0x20) {
        return None;
    }
    if memchr(b'\\', raw).is_none() {
        return std::str::from_utf8(raw).ok().map(Cow::Borrowed);
    }
    unescape(raw).map(Cow::Owned)
}

fn unescape(raw: &[u8]) -> Option<String> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = std::str::from_utf8(raw).ok()?;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let mut chars = after.chars();
        let simple = match chars.next()? {
            'u' => {
                let (found, behind) = unicode(chars.as_str())?;
                out.push(found);
                rest = behind;
                continue;
            }
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            same @ ('"' | '\\' | '/') => same,
            _ => return None,
        };
        out.push(simple);
        rest = chars.as_str();
    }
    out.push_str(rest);
    Some(out)
}

/// The character after `\u`, and what follows. Characters beyond the first plane are written as two halves.
fn unicode(text: &str) -> Option<(char, &str)> {
    let (high, rest) = hex(text)?;
    if !(0xd800..0xdc00).contains(&high) {
        return Some((char::from_u32(high)?, rest));
    }
    let (low, rest) = hex(rest.strip_prefix("\\u")?)?;
    let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + low)?, rest))
}

fn hex(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    let all = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((all.then(|| u32::from_str_radix(digits, 16).ok())??, rest))
}

/// The JSON pointer of the innermost value that holds the byte at `wanted`. None where the way to it is no JSON.
pub(crate) fn pointer_at(bytes: &[u8], wanted: usize) -> Option<String> {
    let mut pointer = String::new();
    let mut cursor = Cursor::new(bytes);
    while let Some(step) = step_towards(&mut cursor, wanted).ok()? {
        pointer.push('/');
        pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
    }
    Some(pointer)
}

/// Goes before the member or element that holds the byte, and says its name. None if the value itself does.
fn step_towards(cursor: &mut Cursor<'_>, wanted: usize) -> Result<Option<String>, Flaw> {
    let mut found = None;
    cursor.peek()?;
    // A decoder that dislikes a value before it reads it stands at what precedes the value.
    let mut from = cursor.at + 1;
    let mut hold = |cursor: &mut Cursor<'_>, name: &dyn Fn() -> String| {
        let start = cursor.at;
        let skipped = cursor.skip();
        if (from..cursor.at).contains(&wanted) {
            found = Some((start, name()));
        }
        from = cursor.at;
        skipped
    };
    let mut index = 0_usize;
    let walked = match cursor.peek()? {
        b'{' => cursor.object(|cursor, member| hold(cursor, &|| String::from_utf8_lossy(&member.key).into_owned())),
        b'[' => cursor.array(|cursor| {
            index += 1;
            hold(cursor, &|| (index - 1).to_string())
        }),
        _ => Ok(()),
    };
    walked?;
    Ok(found.map(|(start, name)| {
        (cursor.at, cursor.depth) = (start, 0);
        name
    }))
}

#[cfg(test)]
mod tests;
