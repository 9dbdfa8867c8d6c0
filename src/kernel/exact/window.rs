//! Adding blocks of values to exact sums.

use crate::kernel::Isa;
use crate::kernel::exact::limbs::Limbs;
use crate::kernel::exact::special::Special;

/// Where the next values are expected.
#[derive(Clone, Debug, Default)]
pub(super) struct Window;

impl Window {
    /// Adds values to `limbs`, those that are not finite to `special`.
    pub(super) fn add(&mut self, _isa: Isa, values: &[f64], limbs: &mut Limbs, special: &mut Special) {
        for value in values {
            if value.is_finite() { limbs.add(*value) } else { special.add(*value) }
        }
    }
}
