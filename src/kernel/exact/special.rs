//! NaN and infinities: the values that an exact sum can only remember having seen.

/// Which values that are not finite have been added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::kernel) struct Special(u8);

const NAN: u8 = 1;
const POSITIVE: u8 = 2;
const NEGATIVE: u8 = 4;

impl Special {
    /// Remembers a value that is not finite.
    pub(super) fn add(&mut self, value: f64) {
        debug_assert!(!value.is_finite());
        self.0 |= if value.is_nan() {
            NAN
        } else if value > 0.0 {
            POSITIVE
        } else {
            NEGATIVE
        };
    }

    /// Remembers what another has seen.
    pub(super) fn merge(&mut self, other: Special) {
        self.0 |= other.0;
    }

    /// What the sum is because of them, if there were any.
    pub(in crate::kernel) fn value(self) -> Option<f64> {
        match self.0 {
            0 => None,
            POSITIVE => Some(f64::INFINITY),
            NEGATIVE => Some(f64::NEG_INFINITY),
            _ => Some(f64::NAN),
        }
    }

    /// The flags, below 8.
    pub(in crate::kernel) fn flags(self) -> u8 {
        self.0
    }

    /// What the lowest three bits tell.
    pub(in crate::kernel) fn of_flags(flags: u8) -> Special {
        Special(flags & (NAN | POSITIVE | NEGATIVE))
    }
}
