//! Elementwise work on blocks: a sequence of steps on registers, each of which holds a block of elements.
//!
//! Registers are of two kinds, real and integer; truth values are the integers 0 and 1, and single precision
//! is kept in reals that are rounded after each operation. What is loaded into registers, and what is made
//! of them, is said by `plan` and done by `execute`.

use serde::{Deserialize, Serialize};

use crate::kernel::elementwise::{self as elementwise, *};
use crate::kernel::{BLOCK, Isa};

/// A step on registers of `BLOCK` elements. Numbers name registers of the kind that the operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are registers, values and operations, as their names say")]
pub enum Step {
    /// The same real in every element.
    FillReal { value: f64, into: u32 },
    /// The same integer in every element.
    FillInteger { value: i64, into: u32 },
    /// A copy of a real register.
    CopyReal { from: u32, into: u32 },
    /// A copy of an integer register.
    CopyInteger { from: u32, into: u32 },
    /// `left = operation left`
    RealUnary { operation: RealUnary, left: u32 },
    /// `left = left operation right`
    RealBinary { operation: RealBinary, left: u32, right: u32 },
    /// `left = left operation right`, with a number on the right.
    RealBinaryScalar { operation: RealBinary, left: u32, right: f64 },
    /// `right = left operation right`, with a number on the left.
    RealScalarBinary { operation: RealBinary, left: f64, right: u32 },
    /// `into = left operation right`, a truth value.
    RealCompare { operation: Comparison, left: u32, right: u32, into: u32 },
    /// `into = left operation right`, with a number on the right.
    RealCompareScalar { operation: Comparison, left: u32, right: f64, into: u32 },
    /// `into = operation from`, a truth value.
    RealTest { operation: RealTest, from: u32, into: u32 },
    /// `left = operation left`
    IntegerUnary { operation: IntegerUnary, left: u32 },
    /// `left = left operation right`
    IntegerBinary { operation: IntegerBinary, left: u32, right: u32 },
    /// `left = left operation right`, with a number on the right.
    IntegerBinaryScalar { operation: IntegerBinary, left: u32, right: i64 },
    /// `right = left operation right`, with a number on the left.
    IntegerScalarBinary { operation: IntegerBinary, left: i64, right: u32 },
    /// `left = left operation right`, a truth value.
    IntegerCompare { operation: Comparison, left: u32, right: u32 },
    /// `left = left operation right`, with a number on the right.
    IntegerCompareScalar { operation: Comparison, left: u32, right: i64 },
    /// Integers to reals.
    ToReal { from: u32, into: u32 },
    /// Integers to reals of single precision, rounded once.
    ToSingle { from: u32, into: u32 },
    /// Reals to integers, truncated.
    ToInteger { from: u32, into: u32 },
    /// Reals to truth values.
    ToBool { from: u32, into: u32 },
    /// `left = left where condition, else right`
    SelectReal { condition: u32, left: u32, right: u32 },
    /// `left = left where condition, else right`
    SelectInteger { condition: u32, left: u32, right: u32 },
}

/// How many registers of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Registers of reals.
    pub real: u32,
    /// Registers of integers.
    pub integer: u32,
}

/// A register by kind and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Register {
    /// A register of reals.
    Real(u32),
    /// A register of integers.
    Integer(u32),
}

impl Step {
    /// The registers that are read, and the one that is written.
    pub fn access(&self) -> (Vec<Register>, Register) {
        use Register::{Integer, Real};
        match *self {
            Step::FillReal { into, .. } => (vec![], Real(into)),
            Step::FillInteger { into, .. } => (vec![], Integer(into)),
            Step::CopyReal { from, into } => (vec![Real(from)], Real(into)),
            Step::CopyInteger { from, into } => (vec![Integer(from)], Integer(into)),
            Step::RealUnary { left: own, .. }
            | Step::RealBinaryScalar { left: own, .. }
            | Step::RealScalarBinary { right: own, .. } => (vec![Real(own)], Real(own)),
            Step::RealBinary { left, right, .. } => (vec![Real(left), Real(right)], Real(left)),
            Step::RealCompare { left, right, into, .. } => (vec![Real(left), Real(right)], Integer(into)),
            Step::RealCompareScalar { left: from, into, .. }
            | Step::RealTest { from, into, .. }
            | Step::ToInteger { from, into }
            | Step::ToBool { from, into } => (vec![Real(from)], Integer(into)),
            Step::IntegerUnary { left: own, .. }
            | Step::IntegerBinaryScalar { left: own, .. }
            | Step::IntegerScalarBinary { right: own, .. }
            | Step::IntegerCompareScalar { left: own, .. } => (vec![Integer(own)], Integer(own)),
            Step::IntegerBinary { left, right, .. } | Step::IntegerCompare { left, right, .. } => {
                (vec![Integer(left), Integer(right)], Integer(left))
            }
            Step::ToReal { from, into } | Step::ToSingle { from, into } => (vec![Integer(from)], Real(into)),
            Step::SelectReal { condition, left, right } => {
                (vec![Real(left), Real(right), Integer(condition)], Real(left))
            }
            Step::SelectInteger { condition, left, right } => {
                (vec![Integer(left), Integer(right), Integer(condition)], Integer(left))
            }
        }
    }
}

/// Elements of a register.
#[derive(Debug, Clone, Copy)]
pub enum Elements<'a> {
    /// Reals.
    Real(&'a [f64]),
    /// Integers and truth values.
    Integer(&'a [i64]),
}

impl<'a> Elements<'a> {
    /// How many.
    #[expect(clippy::len_without_is_empty, reason = "a number of elements like any other")]
    pub fn len(self) -> usize {
        match self {
            Elements::Real(values) => values.len(),
            Elements::Integer(values) => values.len(),
        }
    }

    /// `count` of them from `at` on.
    pub fn part(self, at: usize, count: usize) -> Elements<'a> {
        match self {
            Elements::Real(values) => Elements::Real(&values[at..at + count]),
            Elements::Integer(values) => Elements::Integer(&values[at..at + count]),
        }
    }
}

/// The registers of one thread. They are kept from task to task.
#[derive(Debug, Default)]
pub struct Registers {
    real: Vec<Vec<f64>>,
    integer: Vec<Vec<i64>>,
}

impl Registers {
    /// Sees to it that there are as many of each kind.
    pub fn provide(&mut self, sizes: Sizes) {
        let missing = (sizes.real as usize).saturating_sub(self.real.len());
        self.real.extend((0..missing).map(|_| vec![0.0; BLOCK]));
        let missing = (sizes.integer as usize).saturating_sub(self.integer.len());
        self.integer.extend((0..missing).map(|_| vec![0; BLOCK]));
    }

    /// The first elements of a real register.
    pub fn real(&mut self, register: u32, length: usize) -> &mut [f64] {
        &mut self.real[register as usize][..length]
    }

    /// The first elements of an integer register.
    pub fn integer(&mut self, register: u32, length: usize) -> &mut [i64] {
        &mut self.integer[register as usize][..length]
    }

    /// The first elements of a register, and of an integer register where one is named.
    pub fn read(&self, from: Register, places: Option<u32>, length: usize) -> (Elements<'_>, Option<&[i64]>) {
        let elements = match from {
            Register::Real(register) => Elements::Real(&self.real[register as usize][..length]),
            Register::Integer(register) => Elements::Integer(&self.integer[register as usize][..length]),
        };
        (elements, places.map(|places| &self.integer[places as usize][..length]))
    }

    /// Does a step on the first `length` elements.
    ///
    /// # Panics
    /// Where a register does not exist, or one step names a register twice; a stage is checked for both.
    pub fn step(&mut self, isa: Isa, step: &Step, length: usize) {
        match *step {
            Step::FillReal { value, into } => self.real(into, length).fill(value),
            Step::FillInteger { value, into } => self.integer(into, length).fill(value),
            Step::CopyReal { from, into } => {
                let (into, from) = two(&mut self.real, into, from, length);
                into.copy_from_slice(from);
            }
            Step::CopyInteger { from, into } => {
                let (into, from) = two(&mut self.integer, into, from, length);
                into.copy_from_slice(from);
            }
            Step::RealUnary { operation, left } => real_unary(isa, operation, self.real(left, length)),
            Step::RealBinary { operation, left, right } => {
                let (left, right) = two(&mut self.real, left, right, length);
                real_binary(isa, operation, left, right);
            }
            Step::RealBinaryScalar { operation, left, right } => {
                real_binary_scalar(isa, operation, self.real(left, length), right);
            }
            Step::RealScalarBinary { operation, left, right } => {
                real_scalar_binary(isa, operation, left, self.real(right, length));
            }
            Step::RealCompare { .. } | Step::RealCompareScalar { .. } | Step::RealTest { .. } => {
                self.test(isa, step, length);
            }
            Step::ToReal { .. } | Step::ToSingle { .. } | Step::ToInteger { .. } | Step::ToBool { .. } => {
                self.convert(isa, step, length);
            }
            Step::SelectReal { condition, left, right } => {
                let (left, right) = two(&mut self.real, left, right, length);
                select_real(isa, &self.integer[condition as usize][..length], left, right);
            }
            _ => self.integers(isa, step, length),
        }
    }

    fn integers(&mut self, isa: Isa, step: &Step, length: usize) {
        match *step {
            Step::IntegerUnary { operation, left } => {
                integer_unary(isa, operation, self.integer(left, length))
            }
            Step::IntegerBinary { operation, left, right } => {
                let (left, right) = two(&mut self.integer, left, right, length);
                integer_binary(isa, operation, left, right);
            }
            Step::IntegerBinaryScalar { operation, left, right } => {
                integer_binary_scalar(isa, operation, self.integer(left, length), right);
            }
            Step::IntegerScalarBinary { operation, left, right } => {
                integer_scalar_binary(isa, operation, left, self.integer(right, length));
            }
            Step::IntegerCompare { operation, left, right } => {
                let (left, right) = two(&mut self.integer, left, right, length);
                integer_compare(isa, operation, left, right);
            }
            Step::IntegerCompareScalar { operation, left, right } => {
                integer_compare_scalar(isa, operation, self.integer(left, length), right);
            }
            Step::SelectInteger { condition, left, right } => {
                let three = [condition as usize, left as usize, right as usize];
                let [condition, left, right] = self.integer.get_disjoint_mut(three).expect("three registers");
                select_integer(isa, &condition[..length], &mut left[..length], &right[..length]);
            }
            _ => unreachable!("the other steps are done elsewhere"),
        }
    }

    fn test(&mut self, isa: Isa, step: &Step, length: usize) {
        let Registers { real, integer } = self;
        let read = |register: u32| &real[register as usize][..length];
        match *step {
            Step::RealCompare { operation, left, right, into } => {
                real_compare(isa, operation, read(left), read(right), &mut integer[into as usize][..length]);
            }
            Step::RealCompareScalar { operation, left, right, into } => {
                real_compare_scalar(isa, operation, read(left), right, &mut integer[into as usize][..length]);
            }
            Step::RealTest { operation, from, into } => {
                real_test(isa, operation, read(from), &mut integer[into as usize][..length]);
            }
            _ => unreachable!("the other steps are done elsewhere"),
        }
    }

    fn convert(&mut self, isa: Isa, step: &Step, length: usize) {
        let Registers { real, integer } = self;
        match *step {
            Step::ToReal { from, into } => {
                to_real(isa, &integer[from as usize][..length], &mut real[into as usize][..length]);
            }
            Step::ToSingle { from, into } => {
                elementwise::to_single(
                    isa,
                    &integer[from as usize][..length],
                    &mut real[into as usize][..length],
                );
            }
            Step::ToInteger { from, into } => {
                to_integer(isa, &real[from as usize][..length], &mut integer[into as usize][..length]);
            }
            Step::ToBool { from, into } => {
                to_bool(isa, &real[from as usize][..length], &mut integer[into as usize][..length]);
            }
            _ => unreachable!("the other steps are done elsewhere"),
        }
    }
}

/// Two different registers of one kind, the first to be written.
fn two<T>(registers: &mut [Vec<T>], written: u32, read: u32, length: usize) -> (&mut [T], &[T]) {
    let [written, read] = registers
        .get_disjoint_mut([written as usize, read as usize])
        .expect("a step names two different registers that exist");
    (&mut written[..length], &read[..length])
}
