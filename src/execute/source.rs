//! Elements of sources: made, read or copied, run by run.

use crate::array::Data;
use crate::error::Result;
use crate::execute::files::Files;
use crate::execute::walk::{Run, Walk};
use crate::kernel::random::fill;
use crate::kernel::{BLOCK, Isa};
use crate::plan::{Leaf, Source, Stage, fastest};

/// A leaf of a program over the places of one task.
pub(super) struct Bound<'a> {
    source: Fetch<'a>,
    walk: Walk,
}

/// Where elements are fetched.
pub(super) enum Fetch<'a> {
    /// From the source itself.
    Source(&'a Leaf),
    /// From memory, where element `base` is the first.
    Held { base: i64, data: Data },
    /// From memory, where the elements lie in the order of the task's places.
    InOrder(Data),
}

/// What fetching needs besides.
pub(super) struct Fetcher<'f, 'a> {
    pub(super) stage: &'a Stage,
    pub(super) isa: Isa,
    pub(super) files: &'f mut Files<'a>,
}

impl<'a> Bound<'a> {
    pub(super) fn new(source: Fetch<'a>, walk: Walk) -> Self {
        Bound { source, walk }
    }

    /// How many places come before the first that begins a block of a random array.
    pub(super) fn lead(&self) -> Option<u64> {
        match (&self.source, self.walk.straight()) {
            (Fetch::Source(Leaf { source: Source::Random { .. }, .. }), Some(first)) => {
                Some((BLOCK as u64 - first as u64 % BLOCK as u64) % BLOCK as u64)
            }
            _ => None,
        }
    }

    /// The elements of the places from `place` on.
    pub(super) fn reals(&self, fetcher: &mut Fetcher<'_, 'a>, place: u64, out: &mut [f64]) -> Result<()> {
        if let Fetch::InOrder(Data::Real(data)) = &self.source {
            out.copy_from_slice(&data[place as usize..][..out.len()]);
            return Ok(());
        }
        self.walk.runs(place, out.len(), |at, run| {
            let out = &mut out[at..at + run.count];
            match &self.source {
                Fetch::Source(leaf) => fetcher.reals(leaf, run, out),
                Fetch::Held { base, data: Data::Real(data) } => copy(data, run.first - base, run.step, out),
                _ => unreachable!("a register has the kind of its source"),
            }
        })
    }

    /// As `reals`, of integers.
    pub(super) fn integers(&self, fetcher: &mut Fetcher<'_, 'a>, place: u64, out: &mut [i64]) -> Result<()> {
        if let Fetch::InOrder(Data::Integer(data)) = &self.source {
            out.copy_from_slice(&data[place as usize..][..out.len()]);
            return Ok(());
        }
        self.walk.runs(place, out.len(), |at, run| {
            let out = &mut out[at..at + run.count];
            match &self.source {
                Fetch::Source(leaf) => fetcher.integers(leaf, run, out),
                Fetch::Held { base, data: Data::Integer(data) } => {
                    copy(data, run.first - base, run.step, out)
                }
                _ => unreachable!("a register has the kind of its source"),
            }
        })
    }
}

impl<'a> Fetcher<'_, 'a> {
    /// The elements of a run.
    fn reals(&mut self, leaf: &'a Leaf, run: Run, out: &mut [f64]) -> Result<()> {
        match &leaf.source {
            Source::Random { key, distribution } => {
                strided(run, out, |first, out| fill(self.isa, key, *distribution, first, out));
                Ok(())
            }
            Source::Arange { start, step, last } => {
                for (k, out) in out.iter_mut().enumerate() {
                    let number = run.first + run.step * k as i64;
                    *out = match last {
                        Some((place, value)) if *place as i64 == number => *value,
                        _ => start + number as f64 * step,
                    };
                }
                Ok(())
            }
            Source::Input(number) => match &self.stage.inputs()[*number as usize] {
                Data::Real(data) => copy(data, run.first, run.step, out),
                Data::Integer(_) => unreachable!("a register has the kind of its source"),
            },
            Source::Stored(number) => {
                let reader = self.files.reader(leaf, &self.stage.stored()[*number as usize])?;
                match run.step {
                    1 => reader.read_real(run.first as u64, out),
                    step => reader.read_real_strided(run.first as u64, step, out),
                }
            }
            Source::Count { .. } | Source::Inner(_) => unreachable!("not fetched from the source as reals"),
        }
    }

    fn integers(&mut self, leaf: &'a Leaf, run: Run, out: &mut [i64]) -> Result<()> {
        match &leaf.source {
            Source::Count { start, step } => {
                for (k, out) in out.iter_mut().enumerate() {
                    let number = run.first + run.step * k as i64;
                    *out = start.wrapping_add(number.wrapping_mul(*step));
                }
                Ok(())
            }
            Source::Input(number) => match &self.stage.inputs()[*number as usize] {
                Data::Integer(data) => copy(data, run.first, run.step, out),
                Data::Real(_) => unreachable!("a register has the kind of its source"),
            },
            Source::Stored(number) => {
                let reader = self.files.reader(leaf, &self.stage.stored()[*number as usize])?;
                match run.step {
                    1 => reader.read_integer(run.first as u64, out),
                    step => reader.read_integer_strided(run.first as u64, step, out),
                }
            }
            _ => unreachable!("not fetched from the source as integers"),
        }
    }

    /// All elements of a box, fetched along the axis in which the source goes in the smallest steps, and laid
    /// down in C order of the box.
    pub(super) fn gathered(&mut self, leaf: &'a Leaf, start: &[u64], extents: &[u64]) -> Result<Data> {
        let fast = fastest(&leaf.strides, extents);
        let size: u64 = extents.iter().product();
        let beside: u64 = extents[fast + 1..].iter().product();
        let mut outer = extents.to_vec();
        outer[fast] = 1;
        let lines = Walk::new(leaf.offset, &leaf.strides, start, &outer);
        let step = leaf.strides[fast];
        let length = extents[fast] as usize;
        let places = |line: u64| (line / beside * beside * extents[fast] + line % beside) as usize;
        let mut line = 0;
        if self.stage.is_real(leaf) {
            let (mut data, mut one) = (vec![0.0; size as usize], vec![0.0; length]);
            lines.runs(0, size as usize / length, |_, run| {
                for k in 0..run.count as i64 {
                    let run = Run { first: run.first + k * run.step, step, count: length };
                    self.reals(leaf, run, &mut one)?;
                    scatter(&one, &mut data[places(line)..], beside as usize);
                    line += 1;
                }
                Ok::<(), crate::error::Error>(())
            })?;
            return Ok(Data::Real(data));
        }
        let (mut data, mut one) = (vec![0; size as usize], vec![0; length]);
        lines.runs(0, size as usize / length, |_, run| {
            for k in 0..run.count as i64 {
                let run = Run { first: run.first + k * run.step, step, count: length };
                self.integers(leaf, run, &mut one)?;
                scatter(&one, &mut data[places(line)..], beside as usize);
                line += 1;
            }
            Ok::<(), crate::error::Error>(())
        })?;
        Ok(Data::Integer(data))
    }
}

/// Every `step`-th element from the first on.
pub(super) fn scatter<T: Copy>(line: &[T], data: &mut [T], step: usize) {
    for (to, value) in data.iter_mut().step_by(step).zip(line) {
        *to = *value;
    }
}

fn copy<T: Copy>(data: &[T], first: i64, step: i64, out: &mut [T]) -> Result<()> {
    let first = first as usize;
    match step {
        1 => out.copy_from_slice(&data[first..first + out.len()]),
        0 => out.fill(data[first]),
        _ => {
            for (k, out) in out.iter_mut().enumerate() {
                *out = data[first.wrapping_add_signed(step as isize * k as isize)];
            }
        }
    }
    Ok(())
}

/// A run of any step from `fill`, which makes neighbours: blocks are made whole and picked from.
fn strided(run: Run, out: &mut [f64], mut fill: impl FnMut(u64, &mut [f64])) {
    match run.step {
        1 => fill(run.first as u64, out),
        0 => {
            let mut one = [0.0];
            fill(run.first as u64, &mut one);
            out.fill(one[0]);
        }
        step => {
            let mut block = [0.0; BLOCK];
            let mut k = 0;
            while k < out.len() {
                let first = run.first + step * k as i64;
                // As many as lie in the block of this one.
                let start = first - first.rem_euclid(BLOCK as i64);
                let room = if step > 0 { start + BLOCK as i64 - 1 - first } else { first - start };
                let count = (room as u64 / step.unsigned_abs() + 1).min((out.len() - k) as u64) as i64;
                let (low, high) =
                    (first.min(first + step * (count - 1)), first.max(first + step * (count - 1)));
                let made = &mut block[..(high - low + 1) as usize];
                fill(low as u64, made);
                for (place, out) in out[k..k + count as usize].iter_mut().enumerate() {
                    *out = made[(first + step * place as i64 - low) as usize];
                }
                k += count as usize;
            }
        }
    }
}
