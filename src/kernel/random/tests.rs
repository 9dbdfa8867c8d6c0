//! Random arrays: frozen values, and the same values however they are asked for.
//!
//! The frozen values come from the reference in `tests/reference`, which computed them on its own.

use proptest::prelude::*;

use crate::kernel::random::fill;
use crate::kernel::{BLOCK, Distribution, Isa, Key};

const STANDARD: Distribution = Distribution::Normal { loc: 0.0, scale: 1.0 };

fn elements(isa: Isa, distribution: Distribution, first: u64, count: usize) -> Vec<u64> {
    let mut values = vec![0.0; count];
    fill(isa, &Key::new(42, "x"), distribution, first, &mut values);
    values.into_iter().map(f64::to_bits).collect()
}

#[test]
fn key_of_seed_42_stream_x_is_frozen() {
    let words = [0xec1e_98e0_8bf1_9105, 0x79c4_6a2f_726c_f14a, 0x17be_6acf_bdd3_99e2, 0x7a8b_615a_7498_1b0e];
    assert_eq!(Key::new(42, "x").0, words);
}

#[test]
fn normals_are_frozen() {
    for (index, bits) in [
        (0, 0x3ff9_a816_cb86_4949),
        (1, 0x3f9e_cb0a_7c14_fe85),
        (2, 0xbff4_0b64_18f7_1f08),
        (1023, 0xbff5_8ae2_7615_d2a5),
        (1024, 0x3fe4_e850_5ed5_e7c9),
        // Pieces on the concave part of the curve, on the convex part, and the tail.
        (627, 0x3fd2_778a_9631_8301),
        (1495, 0x3fa8_fb3c_baad_ac63),
        (1941, 0xc00c_ff4e_44d0_41e7),
        (2219, 0xbff0_a9da_41c5_6941),
        (29_855, 0xc011_18a3_e621_1f1a),
        (41_654, 0x4011_03d9_d8d8_52a8),
    ] {
        assert_eq!(elements(Isa::detect(), STANDARD, index, 1), [bits], "element {index}");
    }
}

#[test]
fn uniforms_are_frozen() {
    let uniform = Distribution::Uniform { low: -3.5, high: 12.25 };
    for (index, unit, scaled) in [
        (0, 0x3fdc_5ff2_fee3_6046, 0x400b_dce6_65cf_a58a),
        (1, 0x3f80_fb8b_74f6_cec0, 0xc00a_f486_2b8d_d0c8),
        (1024, 0x3fba_d2af_21d4_db28, 0xbffd_989b_9ab2_7845),
    ] {
        assert_eq!(elements(Isa::detect(), Distribution::Random, index, 1), [unit]);
        assert_eq!(elements(Isa::detect(), uniform, index, 1), [scaled]);
    }
}

#[test]
fn every_form_gives_the_same_million_elements() {
    for distribution in [STANDARD, Distribution::Random, Distribution::Uniform { low: 1.0, high: -0.3 }] {
        let portable = elements(Isa::Portable, distribution, 7, 1_100_000);
        for isa in Isa::available() {
            assert!(elements(isa, distribution, 7, 1_100_000) == portable, "{}", isa.name());
        }
    }
}

#[test]
fn the_last_index_has_an_element() {
    assert_eq!(
        elements(Isa::detect(), STANDARD, u64::MAX - 4, 5)[4..],
        elements(Isa::Portable, STANDARD, u64::MAX, 1)
    );
}

#[test]
fn streams_and_seeds_are_apart() {
    let keys = [Key::new(42, "x"), Key::new(42, "y"), Key::new(43, "x"), Key::new(42 << 64, "x")];
    for (place, key) in keys.iter().enumerate() {
        assert!(!keys[..place].contains(key));
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same_elements(
        start in prop_oneof![0..3000u64, (u64::MAX - 9000)..(u64::MAX - 5000)],
        cuts in prop::collection::vec(0..2500usize, 1..6),
    ) {
        let count = 4 * BLOCK;
        let whole = elements(Isa::detect(), STANDARD, start, count);
        let (mut pieces, mut from) = (Vec::new(), 0);
        for length in cuts.into_iter().chain([count]) {
            let length = length.min(count - from);
            pieces.extend(elements(Isa::detect(), STANDARD, start + from as u64, length));
            from += length;
        }
        prop_assert!(pieces == whole);
    }
}
