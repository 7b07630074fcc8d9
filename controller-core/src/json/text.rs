//! Reads strings as JSON writes them: where one ends, and what it says.

use std::borrow::Cow;

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, u8x16};

/// How many bytes are looked at together: most strings are short, so what every machine can do serves them best.
const BLOCK: usize = 16;

/// The inside of a string as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Raw<'a> {
    bytes: &'a [u8],
    has_escapes: bool,
    /// Characters that JSON would have escaped.
    has_controls: bool,
}

impl<'a> Raw<'a> {
    /// The string whose inside begins at `from`, and the index of its closing quote. None if it is cut off.
    #[inline]
    pub(crate) fn at(bytes: &'a [u8], from: usize) -> Option<(Self, usize)> {
        let (mut has_escapes, mut has_controls) = (false, false);
        let mut at = from;
        loop {
            let marks = marks(bytes.get(at..)?);
            if marks == 0 {
                at += BLOCK;
                continue;
            }
            at += marks.trailing_zeros() as usize;
            match bytes.get(at)? {
                b'"' => return Some((Self { bytes: bytes.get(from..at)?, has_escapes, has_controls }, at)),
                b'\\' => {
                    has_escapes = true;
                    at += 2;
                }
                _ => {
                    has_controls = true;
                    at += 1;
                }
            }
        }
    }

    /// The inside of a key that stands at the beginning with all around it as API servers write it: no escapes, and
    /// no white space before the value. None if there is anything to look at more closely.
    #[inline]
    pub(crate) fn short_key(rest: &'a [u8]) -> Option<&'a [u8]> {
        // A quote, a part of the key, the quote, the colon, and the value's first byte.
        let [b'"', block @ .., _, _] = rest.first_chunk::<{ BLOCK + 3 }>()? else { return None };
        // Where the block has no mark, one may stand behind it.
        let end = (marks_in(block) | 1 << BLOCK).trailing_zeros() as usize;
        match rest.get(end + 1..end + 4)? {
            [b'"', b':', value] if *value > b' ' => rest.get(1..=end),
            _ => None,
        }
    }

    /// Whether it says what is written.
    pub(crate) fn is_plain(self) -> bool {
        !self.has_escapes && !self.has_controls
    }

    /// Without its escapes, as bytes. None if an escape is no escape.
    #[inline]
    pub(crate) fn bytes(self) -> Option<Cow<'a, [u8]>> {
        if self.has_escapes {
            return unescape(self.bytes).map(|text| Cow::Owned(text.into_bytes()));
        }
        Some(Cow::Borrowed(self.bytes))
    }

    /// Without its escapes. None if it is no text.
    #[inline]
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        if self.has_controls {
            return None;
        }
        if self.has_escapes {
            return unescape(self.bytes).map(Cow::Owned);
        }
        std::str::from_utf8(self.bytes).ok().map(Cow::Borrowed)
    }
}

/// Which of the next bytes are quotes, backslashes or control characters.
#[inline]
fn marks(rest: &[u8]) -> u64 {
    match rest.first_chunk() {
        Some(block) => marks_in(block),
        None => marks_in_last(rest),
    }
}

/// The end of the bytes is marked too.
#[cold]
fn marks_in_last(rest: &[u8]) -> u64 {
    let mut block = [0; BLOCK];
    if let Some(start) = block.get_mut(..rest.len()) {
        start.copy_from_slice(rest);
    }
    marks_in(&block)
}

#[inline]
fn marks_in(block: &[u8; BLOCK]) -> u64 {
    dispatch!(Level::baseline(), simd => {
        let block = u8x16::from_slice(simd, block);
        (block.simd_eq(b'"') | block.simd_eq(b'\\') | block.simd_lt(0x20)).to_bitmask()
    })
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text_of(raw: &[u8]) -> Option<String> {
        let quoted = [raw, b"\""].concat();
        Raw::at(&quoted, 0)?.0.text().map(Cow::into_owned)
    }

    #[test]
    fn escapes_are_read_as_a_strict_parser_reads_them() {
        for raw in [
            "plain",
            r"a\nb\t\/\\\u0041",
            r"\ud83d\ude00",
            r"\ud83d",
            r"\ude00",
            r"\ud83dx",
            r"\ud83d\u0041",
            r"\x",
            r"\u12",
            r"\u+123",
            r"\",
            "über",
            "a\u{1}b",
        ] {
            let strict = serde_json::from_str::<String>(&format!("\"{raw}\"")).ok();
            assert_eq!(text_of(raw.as_bytes()), strict, "{raw}");
        }
        assert_eq!(text_of(b"\xff"), None);
    }

    proptest! {
        #[test]
        fn a_string_ends_where_its_bytes_one_by_one_say(bytes in proptest::collection::vec(proptest::sample::select(&b"\"\\\na "[..]), 0..60)) {
            let mut each = bytes.iter().enumerate();
            let mut end = None;
            while let Some((at, byte)) = each.next() {
                match byte {
                    b'"' => {
                        end = Some(at);
                        break;
                    }
                    b'\\' => {
                        each.next();
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(Raw::at(&bytes, 0).map(|(_, end)| end), end);
        }

        #[test]
        fn a_short_key_is_a_key(key in "a{0,40}", rest in proptest::collection::vec(proptest::sample::select(&b"\":\\ a"[..]), 0..90)) {
            let bytes = [b"\"", key.as_bytes(), &rest[..]].concat();
            if let Some(key) = Raw::short_key(&bytes) {
                let (raw, end) = Raw::at(&bytes, 1).expect("it ends");
                prop_assert_eq!(raw.bytes(), Some(Cow::Borrowed(key)));
                prop_assert_eq!(&bytes[end..end + 2], b"\":");
                prop_assert!(bytes[end + 2] > b' ');
            }
        }
    }
}
