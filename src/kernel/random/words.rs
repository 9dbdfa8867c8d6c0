//! The 64-bit words of a random array: one per element, and as many more as an element asks for.
//!
//! With P(a, b) the four words of Philox under key (K0, K1) at counter (a, b, K2, K3):
//!
//! * Element `i` lies in block `B = i / 1024` at place `e = i % 1024`. With `p0, p1` the first two words of
//!   P(B, 0) and `g = p1 | 1`, lane `l` of 8 is xoshiro256++ started at the four words
//!   `mix(p0 + (8 j + l + 1) g)`, `j = 0..3`, where `mix` is SplitMix64's finaliser. The element's word is
//!   output number `e / 8` of lane `e % 8`.
//! * The element's further words are P(i, 1), P(i, 2), .., read in order.

use crate::kernel::random::Key;
use crate::kernel::random::philox::philox;

const LANES: usize = 8;

/// The eight interleaved generators of a block.
pub(super) struct Words {
    state: [[u64; LANES]; 4],
}

impl Words {
    /// At the first word of a block.
    #[inline(always)]
    pub(super) fn of_block(key: &Key, block: u64) -> Words {
        let [start, step, _, _] = at(key, block, 0);
        let step = step | 1;
        let mut state = [[0; LANES]; 4];
        for (word, lanes) in state.iter_mut().enumerate() {
            for (lane, state) in lanes.iter_mut().enumerate() {
                let number = (LANES * word + lane + 1) as u64;
                *state = mix(start.wrapping_add(number.wrapping_mul(step)));
            }
        }
        Words { state }
    }

    /// The words of the next elements, whose number must be a multiple of eight.
    #[inline(always)]
    pub(super) fn fill(&mut self, out: &mut [u64]) {
        let [mut a, mut b, mut c, mut d] = self.state;
        for out in out.as_chunks_mut::<LANES>().0 {
            for lane in 0..LANES {
                out[lane] = a[lane].wrapping_add(d[lane]).rotate_left(23).wrapping_add(a[lane]);
                let shifted = b[lane] << 17;
                c[lane] ^= a[lane];
                d[lane] ^= b[lane];
                b[lane] ^= c[lane];
                a[lane] ^= d[lane];
                c[lane] ^= shifted;
                d[lane] = d[lane].rotate_left(45);
            }
        }
        self.state = [a, b, c, d];
    }
}

/// The further words of one element.
pub(super) struct Spill<'a> {
    key: &'a Key,
    index: u64,
    words: [u64; 4],
    drawn: u64,
}

impl<'a> Spill<'a> {
    /// At the first further word of element `index`.
    pub(super) fn of_element(key: &'a Key, index: u64) -> Spill<'a> {
        Spill { key, index, words: [0; 4], drawn: 0 }
    }

    /// The next word.
    #[inline(always)]
    pub(super) fn next(&mut self) -> u64 {
        let place = (self.drawn % 4) as usize;
        if place == 0 {
            self.words = at(self.key, self.index, 1 + self.drawn / 4);
        }
        self.drawn += 1;
        self.words[place]
    }
}

/// P(a, b) of the module's documentation.
#[inline]
fn at(key: &Key, a: u64, b: u64) -> [u64; 4] {
    let Key([k0, k1, k2, k3]) = *key;
    philox([a, b, k2, k3], [k0, k1])
}

/// SplitMix64's finaliser.
#[inline(always)]
fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_seed_42_stream_x_are_frozen() {
        let key = Key::new(42, "x");
        let mut words = [0; 8];
        Words::of_block(&key, 0).fill(&mut words);
        assert_eq!(words[..3], [0x717f_cbfb_8d81_1acf, 0x021f_716e_9ed9_daca, 0xa692_5d91_4a28_dadf]);
        assert_eq!(Spill::of_element(&key, 5).next(), 0x99bc_3db4_58a5_a760);
    }
}
