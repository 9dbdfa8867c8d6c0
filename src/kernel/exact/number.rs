//! An exact number as it is taken out: in fixed words where it fits them, in its canonical form where not.

use num_bigint::BigUint;

use crate::kernel::exact::Canonical;
use crate::kernel::exact::short::Short;

#[derive(Clone, Debug)]
pub(in crate::kernel) enum Number {
    Short(Short),
    Long(Canonical),
}

impl Number {
    /// The form that equal numbers share.
    pub(in crate::kernel) fn canonical(self) -> Canonical {
        match self {
            Number::Short(number) => number.canonical(),
            Number::Long(number) => number,
        }
    }

    /// The magnitude as an integer and the exponent of its least bit.
    pub(super) fn magnitude(&self) -> (BigUint, i64) {
        match self {
            Number::Short(number) => number.magnitude(),
            Number::Long(number) => number.magnitude(),
        }
    }
}
