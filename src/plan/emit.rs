//! Operations of arrays as steps of the kernels, dtype by dtype.
//!
//! Single precision is computed in double precision and rounded after each operation; for + - * / and the
//! square root that is the same as rounding once.

use crate::array::{Binary, DType, Unary};
use crate::kernel::Isa;
use crate::kernel::elementwise::{Comparison, IntegerBinary, IntegerUnary, RealBinary, RealTest, RealUnary};
use crate::kernel::program::{Register, Registers, Sizes, Step};
use crate::plan::finish::Cell;

/// An operand of two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Operand {
    Register(Register),
    Scalar(Cell),
}

/// `own = operation own`
pub(super) fn unary(operation: Unary, dtype: DType, own: Register) -> Vec<Step> {
    match own {
        Register::Real(left) => {
            let operation = real_unary(operation);
            let exact = matches!(
                operation,
                RealUnary::Negate
                    | RealUnary::Absolute
                    | RealUnary::Sign
                    | RealUnary::Floor
                    | RealUnary::Ceil
                    | RealUnary::Round
                    | RealUnary::Trunc
            );
            rounded(vec![Step::RealUnary { operation, left }], dtype, exact, left)
        }
        Register::Integer(left) => {
            let operation = match operation {
                Unary::Negate => IntegerUnary::Negate,
                Unary::Invert if dtype == DType::Bool => IntegerUnary::Not,
                Unary::Invert => IntegerUnary::Invert,
                Unary::Absolute => IntegerUnary::Absolute,
                Unary::Sign => IntegerUnary::Sign,
                Unary::Square => IntegerUnary::Square,
                _ => unreachable!("`array` casts integers to reals before this operation"),
            };
            vec![Step::IntegerUnary { operation, left }]
        }
    }
}

/// `into = left operation right`; `into` is the operand that is a register, except for comparisons of reals.
pub(super) fn binary(
    operation: Binary,
    dtype: DType,
    left: Operand,
    right: Operand,
    into: Register,
) -> Vec<Step> {
    if let Some(operation) = comparison(operation) {
        return vec![compare(operation, left, right, into)];
    }
    match into {
        Register::Real(own) => {
            let exact = matches!(operation, Binary::Minimum | Binary::Maximum);
            let operation = real_binary(operation);
            let step = match (left, right) {
                (Operand::Register(Register::Real(left)), Operand::Register(Register::Real(right))) => {
                    Step::RealBinary { operation, left, right }
                }
                (Operand::Register(Register::Real(left)), Operand::Scalar(Cell::Real(right))) => {
                    Step::RealBinaryScalar { operation, left, right }
                }
                (Operand::Scalar(Cell::Real(left)), Operand::Register(Register::Real(right))) => {
                    Step::RealScalarBinary { operation, left, right }
                }
                _ => unreachable!("operands have one dtype"),
            };
            rounded(vec![step], dtype, exact, own)
        }
        Register::Integer(_) => {
            let operation = integer_binary(operation);
            vec![match (left, right) {
                (Operand::Register(Register::Integer(left)), Operand::Register(Register::Integer(right))) => {
                    Step::IntegerBinary { operation, left, right }
                }
                (Operand::Register(Register::Integer(left)), Operand::Scalar(Cell::Integer(right))) => {
                    Step::IntegerBinaryScalar { operation, left, right }
                }
                (Operand::Scalar(Cell::Integer(left)), Operand::Register(Register::Integer(right))) => {
                    Step::IntegerScalarBinary { operation, left, right }
                }
                _ => unreachable!("operands have one dtype"),
            }]
        }
    }
}

fn compare(operation: Comparison, left: Operand, right: Operand, into: Register) -> Step {
    match (left, right, into) {
        (
            Operand::Register(Register::Real(left)),
            Operand::Register(Register::Real(right)),
            Register::Integer(into),
        ) => Step::RealCompare { operation, left, right, into },
        (
            Operand::Register(Register::Real(left)),
            Operand::Scalar(Cell::Real(right)),
            Register::Integer(into),
        ) => Step::RealCompareScalar { operation, left, right, into },
        (
            Operand::Register(Register::Integer(left)),
            Operand::Register(Register::Integer(right)),
            Register::Integer(_),
        ) => Step::IntegerCompare { operation, left, right },
        (
            Operand::Register(Register::Integer(left)),
            Operand::Scalar(Cell::Integer(right)),
            Register::Integer(_),
        ) => Step::IntegerCompareScalar { operation, left, right },
        _ => unreachable!("operands have one dtype, and a number stands on the right"),
    }
}

/// From one dtype to another; the registers are the same where the kind is.
pub(super) fn cast(from: DType, to: DType, source: Register, into: Register) -> Vec<Step> {
    match (source, into) {
        (Register::Real(left), Register::Real(_)) if (from, to) == (DType::F64, DType::F32) => {
            vec![Step::RealUnary { operation: RealUnary::ToSingle, left }]
        }
        (Register::Integer(left), Register::Integer(_)) if (from, to) == (DType::I64, DType::Bool) => {
            vec![Step::IntegerUnary { operation: IntegerUnary::ToBool, left }]
        }
        (Register::Integer(from), Register::Real(into)) if to == DType::F32 => {
            vec![Step::ToSingle { from, into }]
        }
        (Register::Integer(from), Register::Real(into)) => vec![Step::ToReal { from, into }],
        (Register::Real(from), Register::Integer(into)) if to == DType::Bool => {
            vec![Step::ToBool { from, into }]
        }
        (Register::Real(from), Register::Integer(into)) => vec![Step::ToInteger { from, into }],
        _ => Vec::new(),
    }
}

/// Whether a cast changes what is in a register.
pub(super) fn changes(from: DType, to: DType) -> bool {
    from != to && !matches!((from, to), (DType::F32, DType::F64) | (DType::Bool, DType::I64))
}

/// The result of steps on registers that hold one number each: how the driver computes with numbers.
pub(super) fn evaluate(operands: &[Cell], result: Register, steps: &[Step]) -> Cell {
    let mut registers = Registers::default();
    registers.provide(Sizes { real: 4, integer: 4 });
    for (number, operand) in operands.iter().enumerate() {
        match *operand {
            Cell::Real(value) => registers.real(number as u32, 1)[0] = value,
            Cell::Integer(value) => registers.integer(number as u32, 1)[0] = value,
        }
    }
    // The portable form has the bits of every other.
    steps.iter().for_each(|step| registers.step(Isa::Portable, step, 1));
    match result {
        Register::Real(register) => Cell::Real(registers.real(register, 1)[0]),
        Register::Integer(register) => Cell::Integer(registers.integer(register, 1)[0]),
    }
}

fn rounded(mut steps: Vec<Step>, dtype: DType, exact: bool, left: u32) -> Vec<Step> {
    if dtype == DType::F32 && !exact {
        steps.push(Step::RealUnary { operation: RealUnary::ToSingle, left });
    }
    steps
}

/// The comparison, where it is one.
pub(super) fn comparison(operation: Binary) -> Option<Comparison> {
    Some(match operation {
        Binary::Less => Comparison::Less,
        Binary::LessEqual => Comparison::LessEqual,
        Binary::Equal => Comparison::Equal,
        Binary::NotEqual => Comparison::NotEqual,
        Binary::Greater => Comparison::Greater,
        Binary::GreaterEqual => Comparison::GreaterEqual,
        _ => return None,
    })
}

/// The comparison with its operands exchanged.
pub(super) fn turned(operation: Binary) -> Binary {
    match operation {
        Binary::Less => Binary::Greater,
        Binary::LessEqual => Binary::GreaterEqual,
        Binary::Greater => Binary::Less,
        Binary::GreaterEqual => Binary::LessEqual,
        same => same,
    }
}

/// The test of reals, where it is one.
pub(super) fn test(operation: Unary) -> Option<RealTest> {
    Some(match operation {
        Unary::IsNan => RealTest::IsNan,
        Unary::IsFinite => RealTest::IsFinite,
        Unary::IsInf => RealTest::IsInf,
        _ => return None,
    })
}

fn real_unary(operation: Unary) -> RealUnary {
    match operation {
        Unary::Negate => RealUnary::Negate,
        Unary::Absolute => RealUnary::Absolute,
        Unary::Sign => RealUnary::Sign,
        Unary::Square => RealUnary::Square,
        Unary::Sqrt => RealUnary::Sqrt,
        Unary::Cbrt => RealUnary::Cbrt,
        Unary::Exp => RealUnary::Exp,
        Unary::Expm1 => RealUnary::Expm1,
        Unary::Log => RealUnary::Log,
        Unary::Log1p => RealUnary::Log1p,
        Unary::Log2 => RealUnary::Log2,
        Unary::Log10 => RealUnary::Log10,
        Unary::Sin => RealUnary::Sin,
        Unary::Cos => RealUnary::Cos,
        Unary::Tan => RealUnary::Tan,
        Unary::Arcsin => RealUnary::Arcsin,
        Unary::Arccos => RealUnary::Arccos,
        Unary::Arctan => RealUnary::Arctan,
        Unary::Sinh => RealUnary::Sinh,
        Unary::Cosh => RealUnary::Cosh,
        Unary::Tanh => RealUnary::Tanh,
        Unary::Floor => RealUnary::Floor,
        Unary::Ceil => RealUnary::Ceil,
        Unary::Round => RealUnary::Round,
        Unary::Trunc => RealUnary::Trunc,
        Unary::Reciprocal => RealUnary::Reciprocal,
        Unary::Invert | Unary::IsNan | Unary::IsFinite | Unary::IsInf => {
            unreachable!("not an operation from reals to reals")
        }
    }
}

fn real_binary(operation: Binary) -> RealBinary {
    match operation {
        Binary::Add => RealBinary::Add,
        Binary::Subtract => RealBinary::Subtract,
        Binary::Multiply => RealBinary::Multiply,
        Binary::Divide => RealBinary::Divide,
        Binary::FloorDivide => RealBinary::FloorDivide,
        Binary::Remainder => RealBinary::Remainder,
        Binary::Power => RealBinary::Power,
        Binary::Minimum => RealBinary::Minimum,
        Binary::Maximum => RealBinary::Maximum,
        Binary::Arctan2 => RealBinary::Arctan2,
        Binary::Hypot => RealBinary::Hypot,
        _ => unreachable!("not an operation on reals"),
    }
}

fn integer_binary(operation: Binary) -> IntegerBinary {
    match operation {
        Binary::Add => IntegerBinary::Add,
        Binary::Subtract => IntegerBinary::Subtract,
        Binary::Multiply => IntegerBinary::Multiply,
        Binary::FloorDivide => IntegerBinary::FloorDivide,
        Binary::Remainder => IntegerBinary::Remainder,
        Binary::Power => IntegerBinary::Power,
        Binary::Minimum => IntegerBinary::Minimum,
        Binary::Maximum => IntegerBinary::Maximum,
        Binary::And => IntegerBinary::And,
        Binary::Or => IntegerBinary::Or,
        Binary::Xor => IntegerBinary::Xor,
        _ => unreachable!("not an operation on integers"),
    }
}
