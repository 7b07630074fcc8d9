//! Owns chance: every jitter of the engine is drawn from one seed.

use std::hash::{Hash, Hasher};

/// The source of an operator's random choices.
///
/// ```
/// use controller_core::env::Chance;
/// let (a, b) = (Chance::seeded(7), Chance::seeded(7));
/// assert_eq!(a.rng("pods").u64(..), b.rng("pods").u64(..));
/// ```
#[derive(Debug, Clone)]
pub struct Chance {
    seed: u64,
}

impl Chance {
    /// Every choice follows from `seed`.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { seed }
    }

    /// A fresh seed from the operating system.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this room owns chance")]
    pub fn from_system() -> Self {
        Self { seed: fastrand::u64(..) }
    }

    /// The generator of one user of chance. It depends on the seed and the name alone, so that one more
    /// controller changes nothing for the others.
    #[must_use]
    pub fn rng(&self, name: &str) -> fastrand::Rng {
        let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
        name.hash(&mut hasher);
        self.seed.hash(&mut hasher);
        fastrand::Rng::with_seed(hasher.finish())
    }
}

impl From<u64> for Chance {
    fn from(seed: u64) -> Self {
        Self::seeded(seed)
    }
}

/// FNV-1a: the standard library's hasher may change its result between releases, and a seed must not.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
