//! Random arrays: element `i` is a function of (seed, stream, `i`) alone.
//!
//! The definition, version 1, is spread over the files that implement it: `words` (the key's words for each
//! element), `normal` (the standard normal of an element), and this file (key and distributions). Version 1
//! never changes: golden values here and the reference in `tests/reference` hold it.

mod normal;
mod philox;
mod tables;
mod words;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::kernel::BLOCK;
use crate::kernel::isa::forms;
use crate::kernel::random::normal::normals;
use crate::kernel::random::words::Words;

/// Elements generated at a time: few enough to stay in the nearest cache with the tables.
const STEP: usize = 256;

/// What seed and stream come to: four words that no two (seed, stream) share in practice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key([u64; 4]);

impl Key {
    /// SHA-256 of `"squall random 1\0"`, the seed as 16 little-endian bytes, and the stream in UTF-8; read as
    /// four little-endian words.
    pub fn new(seed: u128, stream: &str) -> Key {
        let digest = Sha256::new()
            .chain_update(b"squall random 1\0")
            .chain_update(seed.to_le_bytes())
            .chain_update(stream.as_bytes())
            .finalize();
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(digest.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Key(words)
    }
}

/// What an element's word becomes. Every operation is rounded on its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Distribution {
    /// `u`, the upper 53 bits of the word times 2^-53: 0 <= u < 1.
    Random,
    /// `low + (high - low) * u`.
    Uniform {
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
    },
    /// `loc + scale * z`, with `z` the element's standard normal.
    Normal {
        /// The mean.
        loc: f64,
        /// The standard deviation.
        scale: f64,
    },
}

forms! {
    /// Elements `first`, `first + 1`, .. of a random array, as many as `out` holds.
    pub fn fill(key: &Key, distribution: Distribution, first: u64, out: &mut [f64]) = fill_body;
}

#[inline(always)]
fn fill_body(key: &Key, distribution: Distribution, first: u64, out: &mut [f64]) {
    let mut index = first;
    let mut rest = out;
    while !rest.is_empty() {
        let skip = (index % BLOCK as u64) as usize;
        let (part, later) = rest.split_at_mut(rest.len().min(BLOCK - skip));
        let start = index - skip as u64;
        if part.len() == BLOCK {
            fill_from_block_start(key, distribution, start, part);
        } else {
            let mut block = [0.0; BLOCK];
            let end = skip + part.len();
            fill_from_block_start(key, distribution, start, &mut block[..end.next_multiple_of(STEP)]);
            part.copy_from_slice(&block[skip..end]);
        }
        index = index.wrapping_add(part.len() as u64);
        rest = later;
    }
}

/// The elements from `start`, the first of a block; `out` is a number of whole steps, at most a block.
#[inline(always)]
fn fill_from_block_start(key: &Key, distribution: Distribution, start: u64, out: &mut [f64]) {
    let mut generators = Words::of_block(key, start / BLOCK as u64);
    let mut words = [0; STEP];
    for (number, out) in out.as_chunks_mut::<STEP>().0.iter_mut().enumerate() {
        generators.fill(&mut words);
        match distribution {
            Distribution::Random => units(&words, out, |u| u),
            Distribution::Uniform { low, high } => units(&words, out, |u| low + (high - low) * u),
            Distribution::Normal { loc, scale } => {
                normals(key, start + (number * STEP) as u64, &words, out, |z| loc + scale * z);
            }
        }
    }
}

/// `finish(u)` for each word, with `u` its upper 53 bits times 2^-53.
#[inline(always)]
fn units(words: &[u64; STEP], out: &mut [f64; STEP], finish: impl Fn(f64) -> f64) {
    for (value, word) in out.iter_mut().zip(words) {
        *value = finish(to_f64((word >> 11) as i64) * (f64::EPSILON / 2.0));
    }
}

/// The integer as a double, rounded once. Where the CPU converts vectors of integers, so does this; where
/// it does not, this takes six operations that it can do on vectors.
#[inline(always)]
fn to_f64(integer: i64) -> f64 {
    const TWO_52: u64 = 0x4330_0000_0000_0000;
    const TWO_84: u64 = 0x4530_0000_0000_0000;
    const OFFSET: f64 = 19_342_822_341_709_703_277_445_120.0; // 2^84 + 2^63 + 2^52
    let integer = integer as u64;
    let low = f64::from_bits(TWO_52 | integer & 0xFFFF_FFFF);
    let high = f64::from_bits(TWO_84 | (integer >> 32 ^ 0x8000_0000));
    (high - OFFSET) + low
}

#[cfg(test)]
mod tests;
