//! Owns what the allocator is told before many objects are kept.

use std::hint::black_box;

/// What is asked for at once. glibc would map more by itself, and give it back at once.
const PIECE: usize = 112 << 10;

/// How much room was made that no object has taken yet.
///
/// glibc grows the heap of each thread but the first by what is asked for and no more, a system call for each object of
/// a list. A piece that is asked for and given back leaves the heap that much larger. Memory that nothing was written to
/// costs nothing, and other allocators take no notice.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    room: usize,
}

impl Ahead {
    /// An object of so many bytes is about to be kept beside those that are there.
    pub(super) fn make_room(&mut self, bytes: usize) {
        if self.room < bytes {
            drop(black_box(Vec::<u8>::with_capacity(PIECE)));
            self.room = PIECE;
        }
        self.room = self.room.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_made_once_for_many_objects() {
        let mut ahead = Ahead::default();
        let mut made = 0;
        for _ in 0..1000 {
            let before = ahead.room;
            ahead.make_room(5_545);
            made += usize::from(ahead.room > before);
        }
        assert_eq!(made, 1000 / (PIECE / 5_545));
        ahead.make_room(2 * PIECE);
        assert_eq!(ahead.room, 0, "what is larger than a piece is mapped by itself");
    }
}
