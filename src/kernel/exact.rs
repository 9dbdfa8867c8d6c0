//! Exact reductions: sums that no order, split or instruction set can change, rounded once at the end.
//!
//! An [`ExactSum`] holds the exact sum of the values added to it, [`ExactMoments`] the exact sum of their
//! squares as well. `window` adds blocks by the loops in
//! `kernels`, `limbs` keeps the result, `rounding` finishes it.
//! Its tests are in `tests/exact.rs`, which sends it through the codec as well.
//! NaN, or infinities of both signs, make NaN; one infinity makes itself; an exact zero is +0.0.

mod kernels;
mod limbs;
mod moments;
mod rounding;
mod special;
mod window;

pub use moments::ExactMoments;

use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

use crate::kernel::Isa;
use crate::kernel::exact::kernels::SUM_WIDTH;
use crate::kernel::exact::limbs::{Canonical, Limbs};
use crate::kernel::exact::special::Special;
use crate::kernel::exact::window::Window;

/// The exact sum of doubles.
///
/// Equal means equal in value, however it was reached. What is sent is some tens of bytes for ordinary data.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct ExactSum {
    limbs: Limbs,
    special: Special,
    /// Where the next values are expected; of no influence on the sum.
    window: Window<SUM_WIDTH>,
}

impl ExactSum {
    /// Adds values, in any number.
    pub fn add(&mut self, isa: Isa, values: &[f64]) {
        let special = &mut self.special;
        self.window.add(isa, values, &mut self.limbs, kernels::sum, |limbs, value| {
            if value.is_finite() { limbs.add(value) } else { special.add(value) }
        });
    }

    /// Adds what another has gathered.
    pub fn merge(&mut self, other: &ExactSum) {
        self.limbs.merge(&other.limbs);
        self.special.merge(other.special);
    }

    /// The sum.
    pub fn round(&self) -> f64 {
        self.divided(1)
    }

    /// The sum divided by `count`; NaN if `count` is zero.
    pub fn mean(&self, count: u64) -> f64 {
        if count == 0 { f64::NAN } else { self.divided(count) }
    }

    fn divided(&self, count: u64) -> f64 {
        if let Some(value) = self.special.value() {
            return value;
        }
        let sum = self.limbs.canonical();
        let (magnitude, exponent) = sum.magnitude();
        let value = rounding::quotient(&magnitude, &BigUint::from(count), exponent);
        if sum.negative { -value } else { value }
    }
}

impl PartialEq for ExactSum {
    fn eq(&self, other: &ExactSum) -> bool {
        self.special == other.special && self.limbs == other.limbs
    }
}

/// What is sent of a sum.
#[derive(Serialize, Deserialize)]
struct Wire {
    special: Special,
    sum: Canonical,
}

impl From<ExactSum> for Wire {
    fn from(sum: ExactSum) -> Wire {
        Wire { special: sum.special, sum: sum.limbs.canonical() }
    }
}

impl TryFrom<Wire> for ExactSum {
    type Error = &'static str;

    fn try_from(wire: Wire) -> Result<ExactSum, &'static str> {
        Ok(ExactSum { limbs: wire.sum.into_limbs()?, special: wire.special, window: Window::default() })
    }
}
