//! Seeded changes of bytes: what bit errors, torn writes, other versions and people with intentions make of them.

use rand::rngs::StdRng;
use rand::{Rng, RngExt};

/// Numbers at which something changes, for two, four and eight bytes.
const NUMBERS: [u64; 14] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 40,
    1 << 62,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];
/// Beginnings of numbers as the codec writes them: of two, four, eight and sixteen bytes.
const WIDE: [u8; 4] = [251, 252, 253, 254];
/// A long repetition, as of an opening bracket.
const REPEATED: usize = 3000;

/// An input with some changes; `others` and `words` are what it may be mixed with.
pub(crate) fn mutated(rng: &mut StdRng, input: &[u8], others: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    let changes = if rng.random_range(0..3_u32) > 0 { 1 } else { rng.random_range(2..6_u32) };
    for _ in 0..changes {
        change(rng, &mut bytes, others, words);
    }
    bytes
}

fn change(rng: &mut StdRng, bytes: &mut Vec<u8>, others: &[Vec<u8>], words: &[&str]) {
    let at = rng.random_range(0..=bytes.len());
    let end = at + rng.random_range(0..=(bytes.len() - at).min(64));
    match rng.random_range(0..12_u32) {
        0 | 1 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8_u32),
        2 if at < bytes.len() => bytes[at] = rng.random(),
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(at..end)),
        5 => {
            let again = bytes[at..end].to_vec();
            put(bytes, at, &again);
        }
        6 => {
            let mut random = vec![0; rng.random_range(1..9)];
            rng.fill_bytes(&mut random);
            put(bytes, at, &random);
        }
        7 => {
            let number = NUMBERS[rng.random_range(0..NUMBERS.len())].to_le_bytes();
            let width = [1, 2, 4, 8][rng.random_range(0..4)];
            let mut wide = vec![WIDE[rng.random_range(0..WIDE.len())]];
            wide.extend_from_slice(&number);
            let from = usize::from(rng.random::<bool>());
            let end = bytes.len().min(at + width);
            bytes.splice(at..end, wide[from..=width].iter().copied());
        }
        8 => {
            let number = NUMBERS[rng.random_range(0..NUMBERS.len())].to_string();
            put(bytes, at, number.as_bytes());
        }
        9 => {
            let word = words.get(rng.random_range(0..=words.len())).unwrap_or(&"\u{0}");
            let count = if rng.random_range(0..20_u32) == 0 { rng.random_range(1..REPEATED) } else { 1 };
            put(bytes, at, word.repeat(count).as_bytes());
        }
        10 => {
            let other = &others[rng.random_range(0..others.len())];
            let from = rng.random_range(0..=other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        _ if at < bytes.len() => {
            let count = rng.random_range(1..REPEATED);
            let again = vec![bytes[at]; count];
            put(bytes, at, &again);
        }
        _ => bytes.push(rng.random()),
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, more: &[u8]) {
    bytes.splice(at..at, more.iter().copied());
}
