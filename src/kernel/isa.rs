//! Which instructions a loop may use, and how one source is compiled for each of them.
//!
//! A loop is written once, as an `#[inline(always)]` function of plain Rust. `forms!` compiles it for every
//! [`Isa`] and picks one of them at run time. No form may change a bit: there are no fused operations and
//! no reassociation, so the choice is one of speed alone.

/// An instruction set that the loops are compiled for.
///
/// Naming one that this CPU lacks is harmless: the portable form runs in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// What every CPU of the architecture has.
    Portable,
    /// x86-64 with AVX2 and BMI.
    Avx2,
    /// x86-64 with AVX-512 F, DQ, BW and VL.
    Avx512,
}

impl Isa {
    /// The best one that this CPU has.
    pub fn detect() -> Isa {
        [Isa::Avx512, Isa::Avx2].into_iter().find(|isa| isa.is_available()).unwrap_or(Isa::Portable)
    }

    /// Those that this CPU has, slowest first.
    pub fn available() -> Vec<Isa> {
        [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| isa.is_available()).collect()
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
        }
    }

    /// Whether this CPU has it. The CPU is asked once per process; afterwards this is a load and a test.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(in crate::kernel) fn is_available(self) -> bool {
        use std::arch::is_x86_feature_detected as has;
        let avx2 = || has!("avx2") && has!("bmi1") && has!("bmi2") && has!("lzcnt") && has!("popcnt");
        match self {
            Isa::Portable => true,
            Isa::Avx2 => avx2(),
            Isa::Avx512 => {
                avx2() && has!("avx512f") && has!("avx512dq") && has!("avx512bw") && has!("avx512vl")
            }
        }
    }

    /// Whether this CPU has it.
    #[cfg(not(target_arch = "x86_64"))]
    #[inline]
    pub(in crate::kernel) fn is_available(self) -> bool {
        self == Isa::Portable
    }
}

/// Compiles one body for every [`Isa`]: the function it defines takes the `Isa` first, then the body's
/// arguments. The body must be `#[inline(always)]`, or it is compiled for the portable form alone.
macro_rules! forms {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident
     $(<$lifetime:lifetime>)? ($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? = $body:path;) => {
        $(#[$attribute])*
        #[inline]
        $visibility fn $name $(<$lifetime>)? (isa: $crate::kernel::Isa, $($argument: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
                fn avx2 $(<$lifetime>)? ($($argument: $type),*) $(-> $result)? { $body($($argument),*) }

                #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512dq,avx512bw,avx512vl")]
                fn avx512 $(<$lifetime>)? ($($argument: $type),*) $(-> $result)? { $body($($argument),*) }

                if isa.is_available() {
                    #[expect(unsafe_code, reason = "calls a function compiled for features that the CPU must have")]
                    match isa {
                        $crate::kernel::Isa::Portable => {}
                        // SAFETY: `is_available` has just seen every feature that `avx2` is compiled for.
                        $crate::kernel::Isa::Avx2 => return unsafe { avx2($($argument),*) },
                        // SAFETY: `is_available` has just seen every feature that `avx512` is compiled for.
                        $crate::kernel::Isa::Avx512 => return unsafe { avx512($($argument),*) },
                    }
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            let _ = isa;
            $body($($argument),*)
        }
    };
}
pub(in crate::kernel) use forms;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portable_is_always_available_and_the_detected_one_is_the_last() {
        let available = Isa::available();
        assert_eq!(available.first(), Some(&Isa::Portable));
        assert_eq!(available.last(), Some(&Isa::detect()));
    }
}
