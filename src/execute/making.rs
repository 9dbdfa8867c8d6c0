//! Arrays that are made inside tasks: reductions of rows and running sums, a range of elements at a time.

use crate::array::{Data, ReductionKind, Scan};
use crate::error::Result;
use crate::execute::source::scatter;
use crate::execute::task::{Computing, Given, Places};
use crate::kernel::rows::{row_means, row_sums};
use crate::kernel::{BLOCK, Isa};
use crate::plan::{Accumulator, Finish, Gather, GatherKind, Inner, Making, ROWS, Values, quantile_of_row};

/// Rows shorter than this are summed side by side.
const SHORT: u64 = 128;

impl<'a> Computing<'a> {
    /// Elements `low..high` of the array, or some more: returns the number of the first.
    pub(super) fn make(&mut self, inner: &'a Inner, low: u64, high: u64) -> Result<(u64, Data)> {
        match &inner.making {
            Making::Scan { scan, single, real, side_by_side } => {
                let row = inner.row();
                let (first, last) = (low / row, high.div_ceil(row));
                let size = ((last - first) * row) as usize;
                let mut data = if *real { Data::Real(vec![0.0; size]) } else { Data::Integer(vec![0; size]) };
                self.lay_out(inner, first, last - first, *side_by_side, &mut data)?;
                match &mut data {
                    Data::Real(data) => {
                        data.chunks_exact_mut(row as usize).for_each(|row| scan_reals(*scan, *single, row));
                    }
                    Data::Integer(data) => {
                        data.chunks_exact_mut(row as usize).for_each(|row| scan_integers(*scan, row));
                    }
                }
                Ok((first * row, data))
            }
            Making::Quantile { q, single } => {
                let mut data = vec![0.0; (high - low) as usize];
                self.quantiles(inner, low, *q, *single, &mut data)?;
                Ok((low, Data::Real(data)))
            }
            Making::Reduce { gathers, finish, side_by_side } => {
                let size = (high - low) as usize;
                let mut data =
                    if finish.is_real() { Data::Real(vec![0.0; size]) } else { Data::Integer(vec![0; size]) };
                let row = inner.row();
                let rows = if *side_by_side { ROWS } else { (ROWS / row).max(1) };
                let mut first = low;
                while first < high {
                    let count = rows.min(high - first);
                    let at = (first - low) as usize;
                    match (&mut data, short(row, gathers, finish)) {
                        (Data::Real(data), Some(sum)) if !side_by_side => {
                            self.short_rows(inner, first, sum, &mut data[at..at + count as usize])?;
                        }
                        _ => {
                            let all = self.gather_rows(inner, gathers, first, count, *side_by_side)?;
                            let all: Vec<&Accumulator> = all.iter().collect();
                            for output in 0..count as usize {
                                finish.output(&all, output)?.put(&mut data, at + output);
                            }
                        }
                    }
                    first += count;
                }
                Ok((low, data))
            }
        }
    }

    /// The quantiles of rows from row `first` on.
    fn quantiles(
        &mut self,
        inner: &'a Inner,
        first: u64,
        q: f64,
        single: bool,
        out: &mut [f64],
    ) -> Result<()> {
        let (row, start) = (inner.row(), vec![0; inner.extents.len()]);
        let mut elements = Vec::new();
        for (place, out) in (first..).zip(out) {
            let places = Places { start: &start, extents: &inner.extents, first: place * row, length: row };
            let sources = self.bound(&inner.program, places)?;
            elements.clear();
            self.blocks(&inner.program, &sources, places, BLOCK as u64, |_, given| {
                if let Values::Real(values) = given.values {
                    elements.extend_from_slice(values);
                }
                Ok(())
            })?;
            let quantile = quantile_of_row(q, &mut elements);
            *out = if single { f64::from(quantile as f32) } else { quantile };
        }
        Ok(())
    }

    /// Sums or means of short rows, from row `first` on.
    fn short_rows(&mut self, inner: &'a Inner, first: u64, sum: RowSums, out: &mut [f64]) -> Result<()> {
        let (row, start, isa) = (inner.row(), vec![0; inner.extents.len()], self.isa);
        let places = Places {
            start: &start,
            extents: &inner.extents,
            first: first * row,
            length: out.len() as u64 * row,
        };
        let sources = self.bound(&inner.program, places)?;
        let whole_rows = BLOCK as u64 / row * row;
        self.blocks(&inner.program, &sources, places, whole_rows, |_, given| {
            if let Values::Real(values) = given.values {
                let at = (given.first / row - first) as usize;
                sum(isa, row as usize, values, &mut out[at..at + values.len() / row as usize]);
            }
            Ok(())
        })
    }

    /// What rows `first..first + count` gather.
    fn gather_rows(
        &mut self,
        inner: &'a Inner,
        gathers: &[Gather],
        first: u64,
        count: u64,
        side_by_side: bool,
    ) -> Result<Vec<Accumulator>> {
        let mut all: Vec<Accumulator> = gathers
            .iter()
            .map(|gather| Accumulator::new(&Gather { kind: gather.kind.clone(), outputs: count }))
            .collect();
        if side_by_side {
            let isa = self.isa;
            self.columns(inner, first, count, |_, given| {
                let output = (given.first - first) as usize;
                all[given.sink].add(isa, output, given.values.len(), given.values, given.places);
            })?;
        } else {
            self.rows(inner, first, count, &mut all)?;
        }
        Ok(all)
    }

    /// Row after row.
    fn rows(&mut self, inner: &'a Inner, first: u64, count: u64, all: &mut [Accumulator]) -> Result<()> {
        let (row, start, isa) = (inner.row(), vec![0; inner.extents.len()], self.isa);
        let places =
            Places { start: &start, extents: &inner.extents, first: first * row, length: count * row };
        let sources = self.bound(&inner.program, places)?;
        self.blocks(&inner.program, &sources, places, BLOCK as u64, |_, given| {
            let mut at = 0;
            while at < given.values.len() {
                let place = given.first + at as u64;
                let length = (row - place % row).min((given.values.len() - at) as u64) as usize;
                let output = (place / row - first) as usize;
                let places = given.places.map(|places| &places[at..at + length]);
                all[given.sink].add(isa, output, 0, given.values.part(at, length), places);
                at += length;
            }
            Ok(())
        })
    }

    /// Calls with the first elements of all rows, then the second ones, and so on.
    fn columns(
        &mut self,
        inner: &'a Inner,
        first: u64,
        count: u64,
        mut each: impl FnMut(u64, Given<'_>),
    ) -> Result<()> {
        let kept = inner.kept as usize;
        let mut extents = inner.extents.clone();
        extents[kept..].fill(1);
        for element in 0..inner.row() {
            let mut start = vec![0; extents.len()];
            let mut rest = element;
            for axis in (kept..extents.len()).rev() {
                start[axis] = rest % inner.extents[axis];
                rest /= inner.extents[axis];
            }
            let places = Places { start: &start, extents: &extents, first, length: count };
            let sources = self.bound(&inner.program, places)?;
            self.blocks(&inner.program, &sources, places, BLOCK as u64, |_, given| {
                each(element, given);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The elements of `count` rows from row `first` on, row after row.
    fn lay_out(
        &mut self,
        inner: &'a Inner,
        first: u64,
        count: u64,
        side_by_side: bool,
        data: &mut Data,
    ) -> Result<()> {
        let row = inner.row();
        let mut put = |values: Values<'_>, at: u64, step: u64| match (&mut *data, values) {
            (Data::Real(data), Values::Real(values)) => {
                scatter(values, &mut data[at as usize..], step as usize)
            }
            (Data::Integer(data), Values::Integer(values)) => {
                scatter(values, &mut data[at as usize..], step as usize);
            }
            _ => unreachable!("an array has the kind of its elements"),
        };
        if side_by_side {
            return self.columns(inner, first, count, |element, given| {
                put(given.values, (given.first - first) * row + element, row);
            });
        }
        let start = vec![0; inner.extents.len()];
        let places =
            Places { start: &start, extents: &inner.extents, first: first * row, length: count * row };
        let sources = self.bound(&inner.program, places)?;
        self.blocks(&inner.program, &sources, places, BLOCK as u64, |_, given| {
            put(given.values, given.first - first * row, 1);
            Ok(())
        })
    }
}

/// Running sums or products of a row, in its place.
fn scan_reals(scan: Scan, single: bool, row: &mut [f64]) {
    let mut running = row[0];
    for value in &mut row[1..] {
        let next = match scan {
            Scan::Sum => running + *value,
            Scan::Product => running * *value,
        };
        running = if single { f64::from(next as f32) } else { next };
        *value = running;
    }
}

/// As `scan_reals`, wrapping around.
fn scan_integers(scan: Scan, row: &mut [i64]) {
    let mut running = row[0];
    for value in &mut row[1..] {
        running = match scan {
            Scan::Sum => running.wrapping_add(*value),
            Scan::Product => running.wrapping_mul(*value),
        };
        *value = running;
    }
}

/// Makes a sum or mean of each row of so many values.
type RowSums = fn(Isa, usize, &[f64], &mut [f64]);

/// How sums or means of short rows of doubles are made, where that is all there is to do.
fn short(row: u64, gathers: &[Gather], finish: &Finish) -> Option<RowSums> {
    let [Gather { kind: GatherKind::Sums, .. }] = gathers else { return None };
    let doubles = finish.dtype == crate::array::DType::F64 && row <= SHORT;
    match finish.reduction.kind {
        ReductionKind::Sum if doubles => Some(row_sums),
        ReductionKind::Mean if doubles => Some(row_means),
        _ => None,
    }
}
