//! Random arrays: element `i` is a function of (seed, stream, `i`) alone.
//!
//! The definition, version 1, is spread over the files that implement it: `words` (the key's words for each
//! element), `normal` (the standard normal of an element), and this file (key and distributions). Version 1
//! never changes: golden values here and the reference in `tests/reference` hold it.

mod normal;
mod philox;
#[expect(clippy::approx_constant, reason = "table entries may lie close to famous constants")]
mod tables;
mod words;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::kernel::BLOCK;
use crate::kernel::isa::forms;
use crate::kernel::random::normal::standard_normal;
use crate::kernel::random::words::Words;

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
        let mut words = [0; BLOCK];
        Words::of_block(key, index / BLOCK as u64).fill(&mut words);
        for (place, value) in part.iter_mut().enumerate() {
            let word = words[skip + place];
            *value = match distribution {
                Distribution::Random => unit(word),
                Distribution::Uniform { low, high } => low + (high - low) * unit(word),
                Distribution::Normal { loc, scale } => {
                    loc + scale * standard_normal(key, index.wrapping_add(place as u64), word)
                }
            };
        }
        index = index.wrapping_add(part.len() as u64);
        rest = later;
    }
}

/// The upper 53 bits of a word, times 2^-53.
#[inline(always)]
fn unit(word: u64) -> f64 {
    (word >> 11) as f64 * (f64::EPSILON / 2.0)
}
