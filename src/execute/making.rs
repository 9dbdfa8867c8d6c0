//! Arrays that are made inside tasks: reductions of rows and running sums, a range of elements at a time.

use std::ops::Range;

use crate::array::{Data, ReductionKind, Scan};
use crate::error::Result;
use crate::execute::source::scatter;
use crate::execute::task::{Computing, Given, Places};
use crate::execute::walk::Walk;
use crate::kernel::rows::{row_means, row_sums};
use crate::kernel::{BLOCK, Isa};
use crate::plan::{
    Accumulator, BATCH, Finish, Gather, GatherKind, Inner, Joined, Making, Program, ROWS, Rows, Task, Values,
    quantile_of_row,
};

/// Rows shorter than this are summed side by side.
const SHORT: u64 = 128;

impl<'a> Computing<'a> {
    /// Elements `low..high` of the array, or some more: returns the number of the first.
    pub(super) fn make(&mut self, inner: &'a Inner, low: u64, high: u64) -> Result<(u64, Data)> {
        match inner {
            Inner::Rows(rows) => self.make_rows(rows, low, high),
            Inner::Joined(joined) => Ok((low, self.join(joined, low, high)?)),
        }
    }

    /// Elements of several pieces.
    fn join(&mut self, joined: &'a Joined, low: u64, high: u64) -> Result<Data> {
        let mut data = zeros(joined.real, high - low);
        for piece in &joined.pieces {
            let (from, to) = (piece.before(low), piece.before(high));
            if from == to {
                continue;
            }
            let start = vec![0; piece.extents.len()];
            let walk = Walk::new(piece.offset, &piece.strides, &start, &piece.extents);
            let places = (piece.extents.as_slice(), from..to);
            self.in_order(&piece.program, places, BLOCK as u64, |given| {
                let _ = walk.runs(given.first, given.values.len(), |at, run| -> Result<()> {
                    // A run of one element has no step.
                    let step = run.step.max(1) as u64;
                    put(&mut data, given.values.part(at, run.count), run.first as u64 - low, step);
                    Ok(())
                });
            })?;
        }
        Ok(data)
    }

    fn make_rows(&mut self, rows: &'a Rows, low: u64, high: u64) -> Result<(u64, Data)> {
        match &rows.making {
            Making::Scan { scan, single, real, side_by_side } => {
                let row = rows.row();
                let (first, last) = (low / row, high.div_ceil(row));
                let mut data = zeros(*real, (last - first) * row);
                self.lay_out(rows, first, last - first, *side_by_side, &mut data)?;
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
                self.quantiles(rows, low, *q, *single, &mut data)?;
                Ok((low, Data::Real(data)))
            }
            Making::Reduce { gathers, finish, side_by_side } => {
                let mut data = zeros(finish.is_real(), high - low);
                let row = rows.row();
                let batch = if *side_by_side { ROWS } else { (ROWS / row).max(1) };
                let mut first = low;
                while first < high {
                    let count = batch.min(high - first);
                    let at = (first - low) as usize;
                    match (&mut data, short(row, gathers, finish)) {
                        (Data::Real(data), Some(sum)) if !side_by_side => {
                            self.short_rows(rows, first, sum, &mut data[at..at + count as usize])?;
                        }
                        _ => {
                            let all = self.gather_rows(rows, gathers, first, count, *side_by_side)?;
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
    fn quantiles(&mut self, rows: &'a Rows, first: u64, q: f64, single: bool, out: &mut [f64]) -> Result<()> {
        let row = rows.row();
        let batch = (BATCH / row).max(1) as usize;
        for (number, out) in out.chunks_mut(batch).enumerate() {
            let mut elements = zeros(true, out.len() as u64 * row);
            let first = first + (number * batch) as u64;
            self.lay_out(rows, first, out.len() as u64, false, &mut elements)?;
            let Data::Real(elements) = &mut elements else { unreachable!("asked for reals") };
            for (out, row) in out.iter_mut().zip(elements.chunks_exact_mut(row as usize)) {
                let quantile = quantile_of_row(q, row);
                *out = if single { f64::from(quantile as f32) } else { quantile };
            }
        }
        Ok(())
    }

    /// Sums or means of short rows, from row `first` on.
    fn short_rows(&mut self, rows: &'a Rows, first: u64, sum: RowSums, out: &mut [f64]) -> Result<()> {
        let (row, isa) = (rows.row(), self.isa);
        let whole_rows = BLOCK as u64 / row * row;
        let places = (rows.extents.as_slice(), first * row..(first + out.len() as u64) * row);
        self.in_order(&rows.program, places, whole_rows, |given| {
            if let Values::Real(values) = given.values {
                let at = (given.first / row - first) as usize;
                sum(isa, row as usize, values, &mut out[at..at + values.len() / row as usize]);
            }
        })
    }

    /// What rows `first..first + count` gather.
    fn gather_rows(
        &mut self,
        rows: &'a Rows,
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
            self.columns(rows, first, count, |_, given| {
                let output = (given.first - first) as usize;
                all[given.sink].add(isa, output, given.values.len(), given.values, given.places);
            })?;
        } else {
            self.rows(rows, first, count, &mut all)?;
        }
        Ok(all)
    }

    /// Row after row.
    fn rows(&mut self, rows: &'a Rows, first: u64, count: u64, all: &mut [Accumulator]) -> Result<()> {
        let (row, isa) = (rows.row(), self.isa);
        let places = (rows.extents.as_slice(), first * row..(first + count) * row);
        self.in_order(&rows.program, places, BLOCK as u64, |given| {
            let mut at = 0;
            while at < given.values.len() {
                let place = given.first + at as u64;
                let length = (row - place % row).min((given.values.len() - at) as u64) as usize;
                let output = (place / row - first) as usize;
                let places = given.places.map(|places| &places[at..at + length]);
                all[given.sink].add(isa, output, 0, given.values.part(at, length), places);
                at += length;
            }
        })
    }

    /// Runs a program over places that follow each other among those of a box, `size` at a time or fewer; box
    /// by box where sources are fetched beforehand.
    fn in_order(
        &mut self,
        program: &'a Program,
        (extents, range): (&[u64], Range<u64>),
        size: u64,
        mut each: impl FnMut(Given<'_>),
    ) -> Result<()> {
        let length = range.end - range.start;
        let task =
            Task { start: vec![0; extents.len()], extents: extents.to_vec(), first: range.start, length };
        let fetched = program.leaves.iter().any(|leaf| leaf.gathered);
        let parts = if fetched { task.boxes() } else { vec![task] };
        let mut done = range.start;
        for Task { start, extents, first, length } in &parts {
            let places = Places { start, extents, first: *first, length: *length };
            let sources = self.bound(program, places)?;
            self.blocks(program, &sources, places, size, |_, given| {
                each(Given { first: given.first - first + done, ..given });
                Ok(())
            })?;
            done += length;
        }
        Ok(())
    }

    /// Calls with the first elements of all rows, then the second ones, and so on.
    fn columns(
        &mut self,
        rows: &'a Rows,
        first: u64,
        count: u64,
        mut each: impl FnMut(u64, Given<'_>),
    ) -> Result<()> {
        let kept = rows.kept as usize;
        let mut extents = rows.extents.clone();
        extents[kept..].fill(1);
        for element in 0..rows.row() {
            let mut start = vec![0; extents.len()];
            let mut rest = element;
            for axis in (kept..extents.len()).rev() {
                start[axis] = rest % rows.extents[axis];
                rest /= rows.extents[axis];
            }
            let places = Places { start: &start, extents: &extents, first, length: count };
            let sources = self.bound(&rows.program, places)?;
            self.blocks(&rows.program, &sources, places, BLOCK as u64, |_, given| {
                each(element, given);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The elements of `count` rows from row `first` on, row after row.
    fn lay_out(
        &mut self,
        rows: &'a Rows,
        first: u64,
        count: u64,
        side_by_side: bool,
        data: &mut Data,
    ) -> Result<()> {
        let row = rows.row();
        if side_by_side {
            return self.columns(rows, first, count, |element, given| {
                put(data, given.values, (given.first - first) * row + element, row);
            });
        }
        let places = (rows.extents.as_slice(), first * row..(first + count) * row);
        self.in_order(&rows.program, places, BLOCK as u64, |given| {
            put(data, given.values, given.first - first * row, 1);
        })
    }
}

fn zeros(real: bool, size: u64) -> Data {
    let size = size as usize;
    if real { Data::Real(vec![0.0; size]) } else { Data::Integer(vec![0; size]) }
}

/// Lays values down at `at`, `at + step`, ..
fn put(data: &mut Data, values: Values<'_>, at: u64, step: u64) {
    match (data, values) {
        (Data::Real(data), Values::Real(values)) => scatter(values, &mut data[at as usize..], step as usize),
        (Data::Integer(data), Values::Integer(values)) => {
            scatter(values, &mut data[at as usize..], step as usize);
        }
        _ => unreachable!("an array has the kind of its elements"),
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
