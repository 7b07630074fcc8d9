//! Finds where an object or an array ends, by its brackets alone.
//!
//! In valid JSON the brackets that stand outside of strings tell where a value ends. Blocks of 64 bytes are looked at
//! together, and most of them have no bracket of the kind in question: of those only the parity of the quotes is
//! kept. Where a block has one, the quotes before it tell whether it stands within a string.
//!
//! In an array only square brackets count. managedFields, a third of all bytes of a cluster, have hardly any.

use std::sync::LazyLock;

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, i8x64, u8x64};

use super::cursor::Flaw;

/// How many bytes are looked at together.
const BLOCK: usize = 64;

/// What this machine's vectors can do.
static LEVEL: LazyLock<Level> = LazyLock::new(Level::new);

/// The index behind the bracket that closes the array whose inside begins at `at`.
pub(crate) fn end_of_array(bytes: &[u8], at: usize, deepest: usize) -> Result<usize, Flaw> {
    dispatch!(*LEVEL, simd => end::<_, Array>(simd, bytes, at, deepest))
}

/// The index behind the brace that closes the object whose inside begins at `at`.
pub(crate) fn end_of_object(bytes: &[u8], at: usize, deepest: usize) -> Result<usize, Flaw> {
    dispatch!(*LEVEL, simd => end::<_, Object>(simd, bytes, at, deepest))
}

/// The brackets that count.
trait Kind {
    const OPEN: u8;
    const CLOSE: u8;
    /// Where they may stand, and where backslashes do.
    fn marks<S: Simd>(block: u8x64<S>) -> u64;
}

struct Array;

struct Object;

impl Kind for Array {
    const OPEN: u8 = b'[';
    const CLOSE: u8 = b']';

    #[inline(always)]
    fn marks<S: Simd>(block: u8x64<S>) -> u64 {
        // The backslash stands between the two.
        within(block, b'[', b']')
    }
}

impl Kind for Object {
    const OPEN: u8 = b'{';
    const CLOSE: u8 = b'}';

    #[inline(always)]
    fn marks<S: Simd>(block: u8x64<S>) -> u64 {
        // Braces are square brackets with one bit more, and what stands between the braces is rare.
        within(block | 0x20, b'{', b'}')
    }
}

/// Which bytes lie from `low` to `high`, both of them ASCII.
#[inline(always)]
fn within<S: Simd>(block: u8x64<S>, low: u8, high: u8) -> u64 {
    // Vectors compare signed bytes best: those in question are moved to the top of the range.
    let moved: i8x64<S> = (block + (0x7f - high)).bitcast();
    moved.simd_gt((0x7e - (high - low)).cast_signed()).to_bitmask()
}

#[inline(always)]
fn equal<S: Simd>(block: u8x64<S>, byte: u8) -> u64 {
    block.simd_eq(byte).to_bitmask()
}

/// How deep the walk is, and how deep it may go.
struct Depth {
    now: usize,
    deepest: usize,
}

/// Where the walk along the brackets of one kind stops.
enum Stop {
    /// Behind the last bracket.
    End(usize),
    /// Before the inside of an array.
    Array(usize),
}

#[inline(always)]
fn end<S: Simd, K: Kind>(simd: S, bytes: &[u8], mut at: usize, deepest: usize) -> Result<usize, Flaw> {
    let mut depth = Depth { now: 1, deepest };
    if deepest == 0 {
        return Err(Flaw::Deep);
    }
    loop {
        match walk::<S, K>(simd, bytes, at, &mut depth)? {
            Stop::End(behind) => return Ok(behind),
            Stop::Array(inside) => at = end_of_array(bytes, inside, deepest.saturating_sub(depth.now))?,
        }
    }
}

#[inline(always)]
fn walk<S: Simd, K: Kind>(simd: S, bytes: &[u8], mut at: usize, depth: &mut Depth) -> Result<Stop, Flaw> {
    let (blocks, rest) = bytes.get(at..).unwrap_or_default().as_chunks::<BLOCK>();
    let mut blocks = blocks.iter();
    let (mut last, mut is_last) = ([0; BLOCK], false);
    // The quotes so far, each at its place in its block: within a string they are odd in number.
    let mut so_far = 0;
    // Whether the next byte is escaped, as its bit.
    let mut escaped = 0;
    loop {
        let block = match blocks.next() {
            Some(block) => block,
            None if is_last => return Err(Flaw::Truncated),
            None => {
                // Zeros are no marks.
                if let Some(start) = last.get_mut(..rest.len()) {
                    start.copy_from_slice(rest);
                }
                is_last = true;
                &last
            }
        };
        let vector = u8x64::from_slice(simd, block);
        let (mut quotes, mut marks) = (equal(vector, b'"'), K::marks(vector));
        if marks | escaped != 0 {
            let backslashes = equal(vector, b'\\');
            quotes &= !escape(backslashes, &mut escaped);
            marks &= !backslashes;
        }
        while marks != 0 {
            let here = marks.trailing_zeros() as usize;
            let before = quotes & (marks - 1) & !marks;
            marks &= marks - 1;
            if (so_far ^ before).count_ones() % 2 == 1 {
                continue;
            }
            let byte = block[here % BLOCK];
            if byte == K::OPEN {
                depth.now += 1;
                if depth.now > depth.deepest {
                    return Err(Flaw::Deep);
                }
            } else if byte == K::CLOSE {
                depth.now -= 1;
                if depth.now == 0 {
                    return Ok(Stop::End(at + here + 1));
                }
            } else if byte == b'[' {
                return Ok(Stop::Array(at + here + 1));
            } else if byte == b']' {
                return Err(Flaw::Syntax { at: at + here });
            }
        }
        so_far ^= quotes;
        at += BLOCK;
    }
}

/// Which bytes follow a backslash that is not escaped itself.
#[inline(always)]
fn escape(backslashes: u64, escaped: &mut u64) -> u64 {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    if backslashes == 0 {
        return std::mem::take(escaped);
    }
    let backslashes = backslashes & !*escaped;
    let behind = backslashes << 1 | *escaped;
    // A run of backslashes escapes what follows where it is odd in length. Those that begin at an odd place are
    // carried away by the sum, so that one of their ends is told from the other by where it stands.
    let (sum, over) = (backslashes & !EVEN & !behind).overflowing_add(backslashes);
    *escaped = u64::from(over);
    (EVEN ^ sum << 1) & behind
}

#[cfg(test)]
mod tests;
