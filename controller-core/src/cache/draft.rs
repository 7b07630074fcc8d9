//! Owns the way from the bytes where an object was found to the bytes that are kept of it.

use std::borrow::Cow;
use std::ops::Range;

/// An object's bytes as they came, and what is to be changed in them when they are copied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draft<'a> {
    /// From brace to brace.
    span: &'a [u8],
    /// What goes behind the first brace: with its comma, or nothing.
    lacking: &'a [u8],
    /// What is left out, in order.
    cuts: &'a [Range<usize>],
}

/// A copy: `bytes`, of which the first are those of `begin`.
pub(super) struct Imprint<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) begin: [&'a [u8]; 3],
}

impl<'a> Draft<'a> {
    pub(crate) fn new(span: &'a [u8], lacking: &'a [u8], cuts: &'a [Range<usize>]) -> Self {
        Self { span, lacking, cuts }
    }

    /// The copy. managedFields stand near the beginning, so where they are all that is left out, and are longer than
    /// what is put in, it is the end of the bytes, as long as the copy is, with another beginning: the bytes are then
    /// copied but once, into their place.
    pub(super) fn copy(&self) -> Imprint<'a> {
        let Self { span, lacking, cuts } = *self;
        match (lacking, cuts) {
            ([], []) => Imprint { bytes: Cow::Borrowed(span), begin: [b""; 3] },
            (lacking, [cut]) if lacking.len() <= cut.len() => {
                let bytes = span.get(cut.len() - lacking.len()..).unwrap_or_default();
                let (brace, rest) =
                    span.get(..cut.start).and_then(|before| before.split_at_checked(1)).unwrap_or_default();
                Imprint { bytes: Cow::Borrowed(bytes), begin: [brace, lacking, rest] }
            }
            (lacking, cuts) => {
                let mut copy = Vec::with_capacity(span.len() + lacking.len());
                copy.push(b'{');
                copy.extend_from_slice(lacking);
                let mut from = 1;
                for cut in cuts {
                    copy.extend_from_slice(span.get(from..cut.start).unwrap_or_default());
                    from = cut.end;
                }
                copy.extend_from_slice(span.get(from..).unwrap_or_default());
                Imprint { bytes: Cow::Owned(copy), begin: [b""; 3] }
            }
        }
    }

    /// How long the copy is.
    pub(super) fn len(&self) -> usize {
        let cut: usize = self.cuts.iter().map(ExactSizeIterator::len).sum();
        (self.span.len() + self.lacking.len()).saturating_sub(cut)
    }

    /// The copy by itself.
    pub(crate) fn to_vec(self) -> Vec<u8> {
        let copy = self.copy();
        let mut bytes = copy.bytes.to_vec();
        copy.begin(&mut bytes);
        bytes
    }

    /// Where a part of the bytes, as a reader of them borrowed it, stands in the copy. It is a guess where the part was
    /// not borrowed from them, so whoever asks has to look.
    pub(super) fn place(&self, part: &[u8]) -> Option<usize> {
        let at = (part.as_ptr() as usize).checked_sub(self.span.as_ptr() as usize)?;
        let left_out: usize = self.cuts.iter().filter(|cut| cut.end <= at).map(ExactSizeIterator::len).sum();
        Some(at + self.lacking.len() - left_out)
    }
}

impl Imprint<'_> {
    /// Whether a part stands there, and if so, from where to where.
    pub(super) fn find(&self, part: &[u8], at: usize) -> Option<Range<usize>> {
        let range = at..at.checked_add(part.len())?;
        let mut from = 0;
        for begin in self.begin {
            if at >= from && at < from + begin.len() {
                return (begin.get(at - from..range.end - from) == Some(part)).then_some(range);
            }
            from += begin.len();
        }
        (self.bytes.get(range.clone()) == Some(part)).then_some(range)
    }

    /// Writes the beginning into a copy of the bytes.
    pub(super) fn begin(&self, mut bytes: &mut [u8]) {
        for part in self.begin {
            if let Some(place) = bytes.split_off_mut(..part.len()) {
                place.copy_from_slice(part);
            }
        }
    }
}
