//! The hash by which discovery tells in which version a resource is stored: the start of a SHA-256, in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The `storageVersionHash` of a resource, as every API server computes it.
pub(super) fn storage_version(group: &str, version: &str, kind: &str) -> String {
    let digest = sha256(format!("{group}/{version}/{kind}").as_bytes());
    STANDARD.encode(&digest[..8])
}

/// FIPS 180-4. Discovery needs a few dozen bytes of it, so that no dependency is worth its build.
fn sha256(message: &[u8]) -> [u8; 32] {
    let mut state = first_bits(2.0, 8);
    let constants = first_bits(3.0, 64);
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks_exact(64) {
        compress(&mut state, &constants, block);
    }
    let mut digest = [0; 32];
    for (place, word) in digest.chunks_exact_mut(4).zip(&state) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// The first 32 bits of the fractional parts of the square (2) or cube (3) roots of the first primes.
fn first_bits(root: f64, count: usize) -> Vec<u32> {
    let is_prime = |number: &u64| (2..*number).take_while(|i| i * i <= *number).all(|i| !number.is_multiple_of(i));
    (2..).filter(is_prime).take(count).map(|prime| fraction(prime, root)).collect()
}

/// By bisection on whole numbers, since a float has too few bits.
fn fraction(prime: u64, root: f64) -> u32 {
    let power = if root < 2.5 { 2 } else { 3 };
    let target = u128::from(prime) << (32 * power);
    let (mut low, mut high) = (0u128, 1u128 << 40);
    while low + 1 < high {
        let middle = u128::midpoint(low, high);
        if middle.checked_pow(power).is_some_and(|value| value <= target) {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low & u128::from(u32::MAX)) as u32
}

fn compress(state: &mut [u32], constants: &[u32], block: &[u8]) {
    let mut words: Vec<u32> =
        block.chunks_exact(4).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]])).collect();
    for i in 16..64 {
        let (near, far) = (words[i - 2], words[i - 15]);
        let low = far.rotate_right(7) ^ far.rotate_right(18) ^ (far >> 3);
        let high = near.rotate_right(17) ^ near.rotate_right(19) ^ (near >> 10);
        words.push(words[i - 16].wrapping_add(low).wrapping_add(words[i - 7]).wrapping_add(high));
    }
    let mut at: Vec<u32> = state.to_vec();
    for (constant, word) in constants.iter().zip(&words) {
        let high = at[4].rotate_right(6) ^ at[4].rotate_right(11) ^ at[4].rotate_right(25);
        let choice = (at[4] & at[5]) ^ (!at[4] & at[6]);
        let one = at[7].wrapping_add(high).wrapping_add(choice).wrapping_add(*constant).wrapping_add(*word);
        let low = at[0].rotate_right(2) ^ at[0].rotate_right(13) ^ at[0].rotate_right(22);
        let majority = (at[0] & at[1]) ^ (at[0] & at[2]) ^ (at[1] & at[2]);
        at.rotate_right(1);
        at[4] = at[4].wrapping_add(one);
        at[0] = one.wrapping_add(low.wrapping_add(majority));
    }
    for (sum, value) in state.iter_mut().zip(&at) {
        *sum = sum.wrapping_add(*value);
    }
}

#[cfg(test)]
mod tests {
    use super::{sha256, storage_version};

    #[test]
    fn digests_are_those_of_the_standard() {
        let hex =
            |message: &str| -> String { sha256(message.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect() };
        assert_eq!(hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(
            hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        );
    }

    #[test]
    fn the_hash_is_the_one_of_a_real_server() {
        assert_eq!(storage_version("apps", "v1", "Deployment"), "8aSe+NMegvE=");
    }
}
