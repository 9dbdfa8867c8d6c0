//! Tests of the operations on elements: one result for every form of them, and the bits that are frozen.

use super::*;
use crate::kernel::Isa;

const SPECIAL: [f64; 24] = [
    0.0,
    -0.0,
    0.3,
    -0.7,
    1.0,
    -1.0,
    1.5,
    2.0,
    2.5,
    -3.0,
    18.7,
    -709.9,
    710.3,
    99_999.9,
    -1e6,
    4_503_599_627_370_497.5,
    9.3e18,
    -1e300,
    5e-324,
    -2e-308,
    f64::MAX,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

const INTEGERS: [i64; 11] = [0, 1, -1, 2, 7, -10, 63, 1 << 40, -9_007_199_254_740_993, i64::MAX, i64::MIN];

const REAL_UNARY: [RealUnary; 27] = [
    RealUnary::Negate,
    RealUnary::Absolute,
    RealUnary::Sign,
    RealUnary::Square,
    RealUnary::Sqrt,
    RealUnary::Cbrt,
    RealUnary::Exp,
    RealUnary::Expm1,
    RealUnary::Log,
    RealUnary::Log1p,
    RealUnary::Log2,
    RealUnary::Log10,
    RealUnary::Sin,
    RealUnary::Cos,
    RealUnary::Tan,
    RealUnary::Arcsin,
    RealUnary::Arccos,
    RealUnary::Arctan,
    RealUnary::Sinh,
    RealUnary::Cosh,
    RealUnary::Tanh,
    RealUnary::Floor,
    RealUnary::Ceil,
    RealUnary::Round,
    RealUnary::Trunc,
    RealUnary::Reciprocal,
    RealUnary::ToSingle,
];

const REAL_BINARY: [RealBinary; 11] = [
    RealBinary::Add,
    RealBinary::Subtract,
    RealBinary::Multiply,
    RealBinary::Divide,
    RealBinary::FloorDivide,
    RealBinary::Remainder,
    RealBinary::Power,
    RealBinary::Minimum,
    RealBinary::Maximum,
    RealBinary::Arctan2,
    RealBinary::Hypot,
];

const INTEGER_UNARY: [IntegerUnary; 7] = [
    IntegerUnary::Negate,
    IntegerUnary::Absolute,
    IntegerUnary::Sign,
    IntegerUnary::Square,
    IntegerUnary::Invert,
    IntegerUnary::Not,
    IntegerUnary::ToBool,
];

const INTEGER_BINARY: [IntegerBinary; 11] = [
    IntegerBinary::Add,
    IntegerBinary::Subtract,
    IntegerBinary::Multiply,
    IntegerBinary::FloorDivide,
    IntegerBinary::Remainder,
    IntegerBinary::Power,
    IntegerBinary::Minimum,
    IntegerBinary::Maximum,
    IntegerBinary::And,
    IntegerBinary::Or,
    IntegerBinary::Xor,
];

const COMPARISONS: [Comparison; 6] = [
    Comparison::Less,
    Comparison::LessEqual,
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Greater,
    Comparison::GreaterEqual,
];

/// Of libm's functions too: another version of it may have other bits.
const FROZEN: [(RealUnary, f64, u64); 61] = [
    (RealUnary::Expm1, 1e-09, 0x3e11_2e0b_e84b_bb51),
    (RealUnary::Expm1, -0.3, 0xbfd0_966f_2c79_07f6),
    (RealUnary::Expm1, 0.8, 0x3ff3_9bd0_cdfc_8dd1),
    (RealUnary::Expm1, -20.5, 0xbfef_ffff_ff54_2e28),
    (RealUnary::Expm1, 700.25, 0x7f12_fd8e_4cbf_a413),
    (RealUnary::Log1p, 1e-12, 0x3d71_9799_812d_e065),
    (RealUnary::Log1p, -0.3, 0xbfd6_d3c3_24e1_3f4e),
    (RealUnary::Log1p, 0.7, 0x3fe0_fae8_1914_a991),
    (RealUnary::Log1p, -0.999, 0xc01b_a18a_998f_ff9f),
    (RealUnary::Log1p, 10000000000.0, 0x4037_069e_2aa3_184e),
    (RealUnary::Log2, 0.7, 0xbfe0_7762_2896_7d13),
    (RealUnary::Log2, 1.3, 0x3fd8_3988_d0c1_f60e),
    (RealUnary::Log2, 1e-310, 0xc090_1730_dabc_a5f6),
    (RealUnary::Log2, 12345.678, 0x402b_2ef5_b86e_63d0),
    (RealUnary::Log10, 0.7, 0xbfc3_d3d3_d21c_cf04),
    (RealUnary::Log10, 1.3, 0x3fbd_2b64_3bc1_24f5),
    (RealUnary::Log10, 1e-310, 0xc073_6000_0000_0000),
    (RealUnary::Log10, 12345.678, 0x4010_5db6_1808_3a9e),
    (RealUnary::Sin, 0.1, 0x3fb9_8eae_cb8b_cb2c),
    (RealUnary::Sin, -0.8, 0xbfe6_f494_c2bf_fecd),
    (RealUnary::Sin, 1.5, 0x3fef_eb7a_9b2c_6d8b),
    (RealUnary::Sin, 3.0, 0x3fc2_1038_6db6_d55b),
    (RealUnary::Sin, -22.0, 0x3f82_20a2_9f6e_b9f4),
    (RealUnary::Sin, 355.0, 0xbeff_9bd0_307d_1de3),
    (RealUnary::Sin, 99999.5, 0x3fe0_55f2_82f4_1bda),
    (RealUnary::Sin, 1000000.0, 0xbfd6_664b_2568_d867),
    (RealUnary::Sin, 1e+300, 0xbfea_2c16_b010_e385),
    (RealUnary::Cos, 0.1, 0x3fef_d712_f9a8_17c1),
    (RealUnary::Cos, -0.8, 0x3fe6_4b6b_de71_9865),
    (RealUnary::Cos, 1.5, 0x3fb2_1bd5_4fc5_f9a7),
    (RealUnary::Cos, 3.0, 0xbfef_ae04_be85_e5d2),
    (RealUnary::Cos, -22.0, 0xbfef_ffad_d8d4_acda),
    (RealUnary::Cos, 355.0, 0xbfef_ffff_ffc1_8e4c),
    (RealUnary::Cos, 99999.5, 0xbfeb_8428_c9f6_9a31),
    (RealUnary::Cos, 1000000.0, 0x3fed_f9df_9906_d32c),
    (RealUnary::Cos, 1e+300, 0xbfe2_6990_22ad_c4c1),
    (RealUnary::Sinh, 0.01, 0x3f84_7af7_a654_e9ef),
    (RealUnary::Sinh, 0.9, 0x3ff0_6c9c_cd5b_6af8),
    (RealUnary::Sinh, -1.1, 0xbff5_5ecf_e1b2_b215),
    (RealUnary::Sinh, 20.5, 0x41b7_d6c4_f0bc_dd5c),
    (RealUnary::Sinh, 710.2, 0x7fe8_4910_bde1_ee21),
    (RealUnary::Cosh, 0.01, 0x3ff0_0034_6de2_7852),
    (RealUnary::Cosh, 0.9, 0x3ff6_edeb_fd5d_867f),
    (RealUnary::Cosh, -1.1, 0x3ffa_b240_82d6_f911),
    (RealUnary::Cosh, 20.5, 0x41b7_d6c4_f0bc_dd5c),
    (RealUnary::Cosh, 710.2, 0x7fe8_4910_bde1_ee21),
    (RealUnary::Tanh, 0.01, 0x3f84_7ab4_8ae4_595e),
    (RealUnary::Tanh, 0.5, 0x3fdd_9353_d756_8af3),
    (RealUnary::Tanh, 0.6, 0x3fe1_2f82_92d2_ccfc),
    (RealUnary::Tanh, -1.7, 0xbfed_eedf_00d3_e7f5),
    (RealUnary::Tanh, 18.0, 0x3fef_ffff_ffff_fffc),
    (RealUnary::Cbrt, 0.7, 0x3fec_69b5_a72f_1a99),
    (RealUnary::Cbrt, -1e+100, 0xc6da_8e32_7ba6_c9c9),
    (RealUnary::Tan, 0.7, 0x3fea_f406_c2fc_78ae),
    (RealUnary::Tan, -12.5, 0x3fb1_0410_0d06_7f5b),
    (RealUnary::Arcsin, 0.3, 0x3fd3_8015_9e14_f6ff),
    (RealUnary::Arcsin, -0.9, 0xbff1_ea93_705f_a172),
    (RealUnary::Arccos, 0.3, 0x3ff4_41f5_ecbe_ef59),
    (RealUnary::Arccos, -0.9, 0x4005_8647_6251_e745),
    (RealUnary::Arctan, 0.3, 0x3fd2_a73a_661e_af06),
    (RealUnary::Arctan, -9.5, 0xbff7_7467_e364_f601),
];

const FROZEN_PAIRS: [(RealBinary, f64, f64, u64); 11] = [
    (RealBinary::Power, 1.7, 3.3, 0x4017_0b0a_6f6e_ccfa),
    (RealBinary::Power, 0.2, -41.5, 0x45f4_88f8_760b_4f53),
    (RealBinary::Power, -3.0, 5.0, 0xc06e_6000_0000_0000),
    (RealBinary::Power, 0.001, 0.5, 0x3fa0_30dc_4ea0_3a72),
    (RealBinary::Arctan2, 0.3, -0.8, 0x4006_4338_2c07_913a),
    (RealBinary::Arctan2, -2.0, 7.0, 0xbfd1_cfa9_5f7a_8dce),
    (RealBinary::Hypot, 1.1, 2.3, 0x4004_6565_5f12_2ff6),
    (RealBinary::Hypot, 1e+300, 3e+299, 0x7e38_f189_cf7a_a555),
    (RealBinary::FloorDivide, 1.0, 0.1, 0x4022_0000_0000_0000),
    (RealBinary::Remainder, 1.0, 0.1, 0x3fb9_9999_9999_9996),
    (RealBinary::Remainder, -7.5, 2.0, 0x3fe0_0000_0000_0000),
];

/// The bits, with one NaN for all.
fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| if value.is_nan() { f64::NAN } else { *value }.to_bits()).collect()
}

/// All pairs of the values, as two operands.
fn pairs<T: Copy>(values: &[T]) -> (Vec<T>, Vec<T>) {
    (values.iter().flat_map(|left| vec![*left; values.len()]).collect(), values.repeat(values.len()))
}

/// The operation on one element, by the portable form.
fn unary(op: RealUnary, value: f64) -> f64 {
    let mut one = [value];
    real_unary(Isa::Portable, op, &mut one);
    one[0]
}

/// The operation on one pair, by the portable form.
fn binary(op: RealBinary, left: f64, right: f64) -> f64 {
    let mut one = [left];
    real_binary(Isa::Portable, op, &mut one, &[right]);
    one[0]
}

#[test]
fn every_form_of_a_function_of_reals_gives_the_bits_of_one_element() {
    let values: Vec<f64> =
        SPECIAL.into_iter().chain((0..1111).map(|place| f64::from(place) * 0.37 - 205.5)).collect();
    for op in REAL_UNARY {
        let expected: Vec<f64> = values.iter().map(|value| unary(op, *value)).collect();
        for isa in Isa::available() {
            let mut actual = values.clone();
            real_unary(isa, op, &mut actual);
            assert_eq!(bits(&actual), bits(&expected), "{op:?} {isa:?}");
        }
    }
}

#[test]
fn every_form_of_an_operation_on_reals_gives_the_bits_of_one_pair() {
    let (left, right) = pairs(&SPECIAL);
    for op in REAL_BINARY {
        let expected: Vec<f64> = left.iter().zip(&right).map(|(l, r)| binary(op, *l, *r)).collect();
        for isa in Isa::available() {
            let mut actual = left.clone();
            real_binary(isa, op, &mut actual, &right);
            assert_eq!(bits(&actual), bits(&expected), "{op:?} {isa:?}");
            for (place, scalar) in SPECIAL.into_iter().enumerate() {
                let mut actual = SPECIAL;
                real_binary_scalar(isa, op, &mut actual, scalar);
                let column: Vec<f64> = expected.iter().skip(place).step_by(SPECIAL.len()).copied().collect();
                assert_eq!(bits(&actual), bits(&column), "{op:?} {isa:?} by {scalar}");
                let mut actual = SPECIAL;
                real_scalar_binary(isa, op, scalar, &mut actual);
                let row = &expected[place * SPECIAL.len()..][..SPECIAL.len()];
                assert_eq!(bits(&actual), bits(row), "{op:?} {isa:?} of {scalar}");
            }
        }
    }
}

#[test]
fn arithmetic_of_reals_is_that_of_the_language() {
    for (left, right) in SPECIAL.into_iter().flat_map(|left| SPECIAL.map(|right| (left, right))) {
        for (op, expected) in [
            (RealBinary::Add, left + right),
            (RealBinary::Subtract, left - right),
            (RealBinary::Multiply, left * right),
            (RealBinary::Divide, left / right),
        ] {
            assert_eq!(bits(&[binary(op, left, right)]), bits(&[expected]), "{left} {op:?} {right}");
        }
    }
}

#[test]
fn every_form_of_a_comparison_gives_the_language_s_answer() {
    fn expected<T: PartialOrd>(op: Comparison, left: &T, right: &T) -> i64 {
        i64::from(match op {
            Comparison::Less => left < right,
            Comparison::LessEqual => left <= right,
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
            Comparison::Greater => left > right,
            Comparison::GreaterEqual => left >= right,
        })
    }
    let (left, right) = pairs(&SPECIAL);
    let (first, second) = pairs(&INTEGERS);
    for isa in Isa::available() {
        for op in COMPARISONS {
            let mut actual = vec![7; left.len()];
            real_compare(isa, op, &left, &right, &mut actual);
            let wanted: Vec<i64> = left.iter().zip(&right).map(|(l, r)| expected(op, l, r)).collect();
            assert_eq!(actual, wanted, "{op:?} {isa:?}");
            let mut actual = first.clone();
            integer_compare(isa, op, &mut actual, &second);
            let wanted: Vec<i64> = first.iter().zip(&second).map(|(l, r)| expected(op, l, r)).collect();
            assert_eq!(actual, wanted, "{op:?} {isa:?}");
            for right in SPECIAL {
                let mut actual = [7; SPECIAL.len()];
                real_compare_scalar(isa, op, &SPECIAL, right, &mut actual);
                assert_eq!(actual, SPECIAL.map(|left| expected(op, &left, &right)), "{op:?} {isa:?}");
            }
            for right in INTEGERS {
                let mut actual = INTEGERS;
                integer_compare_scalar(isa, op, &mut actual, right);
                assert_eq!(actual, INTEGERS.map(|left| expected(op, &left, &right)), "{op:?} {isa:?}");
            }
        }
    }
}

#[test]
fn every_form_of_an_operation_on_integers_gives_the_result_of_one_element() {
    let one = |op, left, right| {
        let mut one = [left];
        integer_binary(Isa::Portable, op, &mut one, &[right]);
        one[0]
    };
    let (left, right) = pairs(&INTEGERS);
    for isa in Isa::available() {
        for op in INTEGER_UNARY {
            let mut actual = INTEGERS;
            integer_unary(isa, op, &mut actual);
            for (actual, value) in actual.into_iter().zip(INTEGERS) {
                let mut one = [value];
                integer_unary(Isa::Portable, op, &mut one);
                assert_eq!(actual, one[0], "{op:?} {value} {isa:?}");
            }
        }
        for op in INTEGER_BINARY {
            let mut actual = left.clone();
            integer_binary(isa, op, &mut actual, &right);
            let expected: Vec<i64> = left.iter().zip(&right).map(|(l, r)| one(op, *l, *r)).collect();
            assert_eq!(actual, expected, "{op:?} {isa:?}");
            for scalar in INTEGERS {
                let mut actual = INTEGERS;
                integer_binary_scalar(isa, op, &mut actual, scalar);
                assert_eq!(actual, INTEGERS.map(|left| one(op, left, scalar)), "{op:?} {isa:?}");
                let mut actual = INTEGERS;
                integer_scalar_binary(isa, op, scalar, &mut actual);
                assert_eq!(actual, INTEGERS.map(|right| one(op, scalar, right)), "{op:?} {isa:?}");
            }
        }
    }
}

#[test]
fn every_form_of_a_conversion_gives_the_same_values() {
    for isa in Isa::available() {
        let mut reals = [7.0; INTEGERS.len()];
        to_real(isa, &INTEGERS, &mut reals);
        assert_eq!(reals, INTEGERS.map(|value| value as f64), "{isa:?}");
        to_single(isa, &INTEGERS, &mut reals);
        assert_eq!(reals, INTEGERS.map(|value| f64::from(value as f32)), "{isa:?}");
        let from = [2.9, -2.9, -0.0, 9.2e18, 9.3e18, -9_223_372_036_854_775_808.0, -1e19, f64::NAN, 1e-300];
        let mut integers = [7; 9];
        to_integer(isa, &from, &mut integers);
        let out = i64::MIN;
        assert_eq!(integers, [2, -2, 0, 9_200_000_000_000_000_000, out, out, out, out, 0], "{isa:?}");
        to_bool(isa, &from, &mut integers);
        assert_eq!(integers, [1, 1, 0, 1, 1, 1, 1, 1, 1], "{isa:?}");
        for (test, expected) in [
            (RealTest::IsNan, SPECIAL.map(f64::is_nan)),
            (RealTest::IsFinite, SPECIAL.map(f64::is_finite)),
            (RealTest::IsInf, SPECIAL.map(f64::is_infinite)),
        ] {
            let mut integers = [7; SPECIAL.len()];
            real_test(isa, test, &SPECIAL, &mut integers);
            assert_eq!(integers, expected.map(i64::from), "{test:?} {isa:?}");
        }
    }
}

#[test]
fn an_integer_becomes_a_single_by_one_rounding() {
    // By way of f64 it would be a tie, and go to even: 2^53.
    let mut reals = [0.0];
    to_single(Isa::detect(), &[9_007_199_791_611_905], &mut reals);
    assert_eq!(reals, [9_007_200_328_482_816.0]);
}

#[test]
fn selection_takes_the_left_where_the_condition_is_not_zero() {
    for isa in Isa::available() {
        let condition = [1, 0, -5, 0, i64::MIN, 0, 0, 1, 0];
        let mut left = [-0.0, f64::NAN, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
        select_real(isa, &condition, &mut left, &[10.0, -0.0, 12.0, 13.0, 14.0, 15.0, 16.0, f64::NAN, 18.0]);
        assert_eq!(bits(&left), bits(&[-0.0, -0.0, 1.0, 13.0, 3.0, 15.0, 16.0, 6.0, 18.0]));
        let mut left = [0, 1, 2, 3, 4, 5, 6, 7, 8];
        select_integer(isa, &condition, &mut left, &[-1, -2, -3, -4, -5, -6, -7, -8, -9]);
        assert_eq!(left, [0, -2, 2, -4, 4, -6, -7, 7, -9]);
    }
}

#[test]
fn the_lesser_and_the_greater_do_not_depend_on_the_order() {
    for (left, right) in SPECIAL.into_iter().flat_map(|left| SPECIAL.map(|right| (left, right))) {
        for op in [RealBinary::Minimum, RealBinary::Maximum] {
            assert_eq!(bits(&[binary(op, left, right)]), bits(&[binary(op, right, left)]));
        }
        let nan = left.is_nan() || right.is_nan();
        assert_eq!(binary(RealBinary::Minimum, left, right).is_nan(), nan);
        assert_eq!(binary(RealBinary::Maximum, left, right).is_nan(), nan);
    }
    assert_eq!(bits(&[binary(RealBinary::Minimum, 0.0, -0.0)]), bits(&[-0.0]));
    assert_eq!(bits(&[binary(RealBinary::Maximum, 0.0, -0.0)]), bits(&[0.0]));
    assert_eq!(binary(RealBinary::Minimum, -1.0, f64::INFINITY), -1.0);
    assert_eq!(binary(RealBinary::Maximum, -1.0, f64::INFINITY), f64::INFINITY);
}

#[test]
fn functions_are_exact_where_their_value_is_a_double() {
    let mut two = 5e-324;
    for power in -1074..1024 {
        assert_eq!(unary(RealUnary::Log2, two), f64::from(power));
        two *= 2.0;
    }
    let mut ten = 1.0;
    for power in 0..23 {
        assert_eq!(unary(RealUnary::Log10, ten), f64::from(power));
        ten *= 10.0;
    }
    for root in -100..100 {
        assert_eq!(unary(RealUnary::Cbrt, f64::from(root * root * root)), f64::from(root));
        assert_eq!(binary(RealBinary::Power, f64::from(root), 3.0), f64::from(root * root * root));
    }
    assert_eq!(unary(RealUnary::Cos, 0.0), 1.0);
    assert_eq!(unary(RealUnary::Cosh, 0.0), 1.0);
    assert_eq!(binary(RealBinary::Hypot, 3.0, 4.0), 5.0);
}

#[test]
fn powers_of_a_negative_exponent_are_zero_and_the_others_wrap() {
    let mut values = [2, -3, 0, 5, 3];
    integer_binary(Isa::detect(), IntegerBinary::Power, &mut values, &[64, 3, 0, -1, i64::MAX]);
    assert_eq!(values, [0, -27, 1, 0, -6_148_914_691_236_517_205]);
}

#[test]
fn values_are_frozen() {
    for (op, x, bits) in FROZEN {
        let value = unary(op, x);
        assert_eq!(value.to_bits(), bits, "{op:?} of {x}: {:#x}", value.to_bits());
    }
    for (op, left, right, bits) in FROZEN_PAIRS {
        let value = binary(op, left, right);
        assert_eq!(value.to_bits(), bits, "{op:?} of {left}, {right}: {:#x}", value.to_bits());
    }
}
