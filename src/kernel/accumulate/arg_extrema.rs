//! Places of minima and maxima: the first NaN's, or else the lowest place of an extremum.
//!
//! Both kinds keep the greatest of keys, integers that order as the values do, or the other way round.

use crate::kernel::Isa;
use crate::kernel::accumulate::extrema::key;
use crate::kernel::accumulate::layout;
use crate::kernel::accumulate::wire::{Packed, Reader, Writer, sent_packed};
use crate::kernel::isa::forms;

/// The place of an output before the first value, whose key is the least.
const NOWHERE: i64 = i64::MAX;

/// The places of the greatest keys.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Places {
    greatest: bool,
    keys: Vec<i64>,
    places: Vec<i64>,
}

impl Places {
    fn new(outputs: usize, greatest: bool) -> Places {
        Places { greatest, keys: vec![i64::MIN; outputs], places: vec![NOWHERE; outputs] }
    }

    fn outputs(&self) -> usize {
        self.places.len()
    }

    #[inline]
    fn add(&mut self, output: usize, key: i64, place: i64) {
        let (best, at) = (&mut self.keys[output], &mut self.places[output]);
        if key > *best || key == *best && place < *at {
            (*best, *at) = (key, place);
        }
    }

    fn merge(&mut self, other: &Places) -> bool {
        let same = self.outputs() == other.outputs() && self.greatest == other.greatest;
        if same {
            (0..other.outputs())
                .for_each(|output| self.add(output, other.keys[output], other.places[output]));
        }
        same
    }

    fn place(&self, output: usize) -> Option<i64> {
        (self.places[output] != NOWHERE).then_some(self.places[output])
    }
}

/// A value that can be sought.
trait Sought: Copy + Default {
    /// Greater for a greater value, or if `!greatest` for a smaller one; greatest for NaN.
    fn key(self, greatest: bool) -> i64;
}

impl Sought for f64 {
    #[inline(always)]
    fn key(self, greatest: bool) -> i64 {
        // The two zeros are equal.
        let key = key((self + 0.0).to_bits());
        let key = if greatest { key } else { !key };
        if self.is_nan() { i64::MAX } else { key }
    }
}

impl Sought for i64 {
    #[inline(always)]
    fn key(self, greatest: bool) -> i64 {
        if greatest { self } else { !self }
    }
}

forms! {
    fn greatest_key_of_doubles(greatest: bool, values: &[f64]) -> i64 = greatest_key_body;
}

forms! {
    fn greatest_key_of_integers(greatest: bool, values: &[i64]) -> i64 = greatest_key_body;
}

#[inline(always)]
fn greatest_key_body<V: Sought>(greatest: bool, values: &[V]) -> i64 {
    let best = |greatest| values.iter().fold(i64::MIN, |best, value| best.max(value.key(greatest)));
    if greatest { best(true) } else { best(false) }
}

forms! {
    fn add_row_of_doubles(greatest: bool, row: Row<'_, f64>, keys: &mut [i64], places: &mut [i64]) = add_row_body;
}

forms! {
    fn add_row_of_integers(greatest: bool, row: Row<'_, i64>, keys: &mut [i64], places: &mut [i64]) = add_row_body;
}

/// Values and their places.
type Row<'a, V> = (&'a [V], &'a [i64]);

#[inline(always)]
fn add_row_body<V: Sought>(greatest: bool, (values, at): Row<'_, V>, keys: &mut [i64], places: &mut [i64]) {
    for (((value, at), best), place) in values.iter().zip(at).zip(keys).zip(places) {
        let key = value.key(greatest);
        let better = (key > *best) | (key == *best) & (*at < *place);
        *best = if better { key } else { *best };
        *place = if better { *at } else { *place };
    }
}

/// A public accumulator of places.
macro_rules! arg_extrema {
    ($(#[$attribute:meta])* $name:ident, $value:ty, $kind:literal, $greatest_key:ident, $add_row:ident) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            places: Places,
        }

        impl $name {
            /// Places of nothing: to be of the greatest values, or of the least.
            pub fn new(outputs: usize, greatest: bool) -> $name {
                $name { places: Places::new(outputs, greatest) }
            }

            /// How many outputs there are.
            pub fn outputs(&self) -> usize {
                self.places.outputs()
            }

            /// The most bytes of memory that ordinary data take, and those that any data take.
            pub const fn bytes(outputs: u64) -> (u64, u64) {
                (outputs * 16, outputs * 16)
            }

            /// Adds values and their places to one output.
            ///
            /// # Panics
            /// When there is no such output, or not one place for each value.
            pub fn add_run(&mut self, isa: Isa, output: usize, values: &[$value], places: &[i64]) {
                assert_eq!(values.len(), places.len(), "slices differ in length");
                let key = $greatest_key(isa, self.places.greatest, values);
                if values.is_empty() || key < self.places.keys[output] {
                    return;
                }
                for (value, place) in values.iter().zip(places) {
                    if value.key(self.places.greatest) == key {
                        self.places.add(output, key, *place);
                    }
                }
            }

            /// Adds consecutive rows of `width` values and their places: number j to output
            /// `first + j % width`.
            ///
            /// # Panics
            /// When there are no such outputs, no width, or not one place for each value.
            pub fn add_rows(
                &mut self,
                isa: Isa,
                first: usize,
                width: usize,
                values: &[$value],
                places: &[i64],
            ) {
                for row in layout::paired_rows(width, values, places) {
                    let range = first..first + row.0.len();
                    let Places { greatest, keys, places } = &mut self.places;
                    $add_row(isa, *greatest, row, &mut keys[range.clone()], &mut places[range]);
                }
            }

            /// Adds what another has seen. One of the other kind or with another number of outputs changes
            /// nothing: false.
            pub fn merge(&mut self, other: &$name) -> bool {
                self.places.merge(&other.places)
            }

            /// The place; none before the first value.
            pub fn place(&self, output: usize) -> Option<i64> {
                self.places.place(output)
            }
        }

        impl Packed for $name {
            const REFUSAL: &'static str = $kind;

            fn pack(&self, writer: &mut Writer) {
                self.places.pack(writer);
            }

            fn unpack(reader: &mut Reader<'_>) -> Option<$name> {
                Places::unpack(reader).map(|places| $name { places })
            }
        }

        sent_packed!($name);
    };
}

arg_extrema! {
    /// The places of the least or the greatest of doubles; the two zeros are equal.
    ArgExtrema, f64, "impossible places", greatest_key_of_doubles, add_row_of_doubles
}

arg_extrema! {
    /// The places of the least or the greatest of integers.
    IntegerArgExtrema, i64, "impossible places of integers", greatest_key_of_integers, add_row_of_integers
}

impl Packed for Places {
    const REFUSAL: &'static str = "impossible places";

    fn pack(&self, writer: &mut Writer) {
        writer.byte(u8::from(self.greatest));
        writer.unsigned(self.outputs() as u128);
        for (key, place) in self.keys.iter().zip(&self.places) {
            writer.byte(u8::from(*place != NOWHERE));
            if *place != NOWHERE {
                writer.raw(&key.to_le_bytes());
                writer.signed((*place).into());
            }
        }
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Places> {
        let greatest = match reader.byte()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let mut places = Places::new(reader.outputs()?, greatest);
        for output in 0..places.outputs() {
            match reader.byte()? {
                0 => {}
                1 => {
                    let key = i64::from_le_bytes(reader.raw()?);
                    let place = i64::try_from(reader.signed()?).ok()?;
                    if place == NOWHERE {
                        return None;
                    }
                    places.add(output, key, place);
                }
                _ => return None,
            }
        }
        Some(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place_of(isa: Isa, greatest: bool, values: &[f64]) -> Option<i64> {
        let places: Vec<i64> = (0..values.len() as i64).collect();
        let mut run = ArgExtrema::new(1, greatest);
        run.add_run(isa, 0, values, &places);
        let mut backwards = ArgExtrema::new(1, greatest);
        for (value, place) in values.iter().zip(&places).rev() {
            backwards.add_rows(isa, 0, 1, &[*value], &[*place]);
        }
        assert_eq!(run, backwards);
        run.place(0)
    }

    #[test]
    fn the_first_nan_wins_and_the_first_of_equals_after_it() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        for isa in Isa::available() {
            for greatest in [false, true] {
                assert_eq!(place_of(isa, greatest, &[]), None);
                assert_eq!(place_of(isa, greatest, &[0.0, -0.0, 0.0]), Some(0));
                assert_eq!(place_of(isa, greatest, &[-0.0, 0.0]), Some(0));
                assert_eq!(place_of(isa, greatest, &[1.0, inf, -inf, -nan, nan]), Some(3));
            }
            assert_eq!(place_of(isa, true, &[1.0, 3.0, -5.0, 3.0]), Some(1));
            assert_eq!(place_of(isa, false, &[1.0, -5.0, 3.0, -5.0]), Some(1));
            assert_eq!(place_of(isa, true, &[-inf, -inf]), Some(0));
        }
    }

    #[test]
    fn the_last_integers_of_all_are_found() {
        for isa in Isa::available() {
            for (greatest, value) in [(true, i64::MIN), (false, i64::MAX)] {
                let mut places = IntegerArgExtrema::new(1, greatest);
                places.add_run(isa, 0, &[value, value], &[8, 7]);
                assert_eq!(places.place(0), Some(7));
            }
        }
    }

    #[test]
    fn other_kinds_are_not_merged() {
        let mut least = ArgExtrema::new(1, false);
        let mut greatest = ArgExtrema::new(1, true);
        greatest.add_run(Isa::Portable, 0, &[1.0], &[0]);
        assert!(!least.merge(&greatest));
        assert_eq!(least, ArgExtrema::new(1, false));
    }
}
