//! Owns the cold tier: objects that nobody has asked for in a while, compressed with a dictionary of their own kind.
//!
//! It is there by choice (`cache(compressed)`), since what is compressed costs some microseconds whenever it is read.
//! Objects of one kind are much alike, so a dictionary made of a few hundred of them takes most of each away. Once
//! there is one, what a list shows is compressed at once; what events bring is left alone until it has not been read
//! from one round to the next.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use zstd::bulk::{Compressor, Decompressor};

use super::store::{Found, Slot};
use super::{Entry, Store};

/// The level of compression: the next ones cost twice the time for a few percent.
const LEVEL: i32 = 3;

/// How many objects a dictionary is made of, and from how many on there is one.
const SAMPLES: usize = 256;

/// The size of a dictionary.
const DICTIONARY: usize = 64 << 10;

/// The bytes of one version of an object: as they came, or compressed.
pub(crate) struct Body(Mutex<Form>);

enum Form {
    Plain {
        bytes: Bytes,
        /// Somebody asked for them since the last round.
        used: bool,
    },
    Packed(Box<Packed>),
}

struct Packed {
    bytes: Box<[u8]>,
    /// That of the plain bytes.
    length: usize,
    codec: Arc<Codec>,
}

/// What compresses the objects of one watch.
pub(crate) struct Codec {
    packer: Mutex<Compressor<'static>>,
    unpacker: Mutex<Decompressor<'static>>,
}

impl Body {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self(Mutex::new(Form::Plain { bytes, used: true }))
    }

    /// The bytes as they came.
    pub(crate) fn get(&self) -> Bytes {
        let mut form = self.0.lock();
        let packed = match &mut *form {
            Form::Plain { bytes, used } => {
                *used = true;
                return bytes.clone();
            }
            Form::Packed(packed) => packed,
        };
        packed.codec.unpack(&packed.bytes, packed.length)
    }

    /// Compresses the bytes, unless somebody asked for them since the last call.
    pub(crate) fn cool(&self, codec: &Arc<Codec>) {
        let bytes = match &mut *self.0.lock() {
            Form::Plain { used: used @ true, .. } => {
                *used = false;
                return;
            }
            Form::Plain { bytes, .. } => bytes.clone(),
            Form::Packed(_) => return,
        };
        self.pack(bytes, codec);
    }

    /// Compresses the bytes at once.
    pub(crate) fn freeze(&self, codec: &Arc<Codec>) {
        let bytes = match &*self.0.lock() {
            Form::Plain { bytes, .. } => bytes.clone(),
            Form::Packed(_) => return,
        };
        self.pack(bytes, codec);
    }

    /// Nobody waits for the lock meanwhile. The bytes of an entry never change, so it makes no difference who packs.
    fn pack(&self, bytes: Bytes, codec: &Arc<Codec>) {
        if let Some(packed) = codec.pack(&bytes) {
            let packed = Packed { bytes: packed, length: bytes.len(), codec: Arc::clone(codec) };
            *self.0.lock() = Form::Packed(Box::new(packed));
        }
    }
}

impl Codec {
    /// Learns from some objects what objects of this kind have in common.
    ///
    /// # Errors
    /// They are too few, or too unlike each other.
    fn of(samples: &[Found]) -> io::Result<Self> {
        let samples: Vec<Bytes> = samples.iter().map(|(_, entry)| entry.bytes()).collect();
        let dictionary = zstd::dict::from_samples(&samples, DICTIONARY)?;
        Ok(Self {
            packer: Mutex::new(Compressor::with_dictionary(LEVEL, &dictionary)?),
            unpacker: Mutex::new(Decompressor::with_dictionary(&dictionary)?),
        })
    }

    /// None where the compressed form would not be smaller.
    fn pack(&self, bytes: &[u8]) -> Option<Box<[u8]>> {
        let packed = self.packer.lock().compress(bytes).ok()?;
        (packed.len() < bytes.len()).then(|| packed.into_boxed_slice())
    }

    /// What this codec packed, it unpacks; anything else would be a bug of ours, and reads as an object that does not
    /// decode.
    fn unpack(&self, packed: &[u8], length: usize) -> Bytes {
        self.unpacker.lock().decompress(packed, length).unwrap_or_default().into()
    }
}

impl Store {
    /// Goes on with the round over all objects: compresses what nobody asked for since the last one. Gives where the
    /// next call goes on.
    pub(crate) fn cool(&self, from: Slot, rows: usize) -> Slot {
        let Some(codec) = self.codec() else { return 0 };
        let (entries, next) = self.rows(from, rows);
        entries.iter().filter_map(Entry::body).for_each(|body| body.cool(&codec));
        next
    }

    /// Makes the dictionary, once there are enough objects for one. Where that fails, it is tried again when there are
    /// twice as many; `tried_with` is how many there were then.
    ///
    /// # Errors
    /// The objects are too unlike each other.
    pub(crate) fn learn(&self, tried_with: usize) -> io::Result<usize> {
        let objects = self.len();
        if objects < SAMPLES.max(tried_with * 2) || self.codec().is_some() {
            return Ok(tried_with);
        }
        let mut samples = self.snapshot();
        let step = samples.len() / SAMPLES;
        let mut at = 0;
        // Those found together are more alike than all are: the samples are taken from everywhere.
        samples.retain(|_| {
            at += 1;
            (at - 1) % step == 0
        });
        samples.truncate(SAMPLES);
        self.compress_with(Arc::new(Codec::of(&samples)?));
        Ok(objects)
    }
}

#[cfg(test)]
mod tests;
