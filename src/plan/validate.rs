//! Whether a stage is sound: everything it names exists, and every size is in range. Decoding asks this, so that
//! a stage which exists can be carried out without a further look.

use crate::array::Scan;
use crate::error::{Error, ErrorKind, Result};
use crate::kernel::program::{Register, Sizes, Step};
use crate::plan::compile::REGISTERS;
use crate::plan::intask::{Inner, Joined, Making, Piece, Rows};
use crate::plan::partial::GatherKind;
use crate::plan::space::Map;
use crate::plan::stage::{Group, Instruction, Leaf, Program, Sink, Source, Stage};

/// Instructions of a stage at most; bounds the time that checking one takes.
const INSTRUCTIONS: usize = 1 << 20;
/// Elements of an array at most.
const ELEMENTS: u64 = 1 << 63;
/// Axes of an array at most, and those that rows are reduced over.
const AXES: usize = 130;
/// Outputs of a panel at most.
const OUTPUTS: u64 = 1 << 24;

impl Stage {
    /// Whether everything it names exists and every size is in range.
    pub fn validate(&self) -> Result<()> {
        let programs = self.groups.iter().map(|group| &group.program);
        let programs = programs.chain(self.inner.iter().flat_map(Inner::programs));
        let parts = |program: &Program| program.instructions.len() + program.leaves.len();
        if programs.map(parts).sum::<usize>() + self.gathers.len() > INSTRUCTIONS {
            return Err(unsound("too many instructions"));
        }
        for gather in &self.gathers {
            let sound = match &gather.kind {
                GatherKind::EvenBins { count, low, high } => {
                    (1..OUTPUTS).contains(count) && low < high && (high - low).is_finite()
                }
                GatherKind::Edges(edges) => edges.len() > 1 && edges.is_sorted(),
                GatherKind::KeyBins { low, high } | GatherKind::Between { low, high } => low <= high,
                GatherKind::Save { target, .. } => (*target as usize) < self.targets.len(),
                _ => true,
            };
            if !sound || !(1..=OUTPUTS).contains(&gather.outputs) {
                return Err(unsound("a gather that nothing can be gathered in"));
            }
        }
        for (number, inner) in self.inner.iter().enumerate() {
            self.check_inner(number, inner)?;
        }
        let mut tasks = 0_u64;
        for group in &self.groups {
            self.check_group(group)?;
            tasks = tasks.checked_add(group.tasks()).ok_or_else(|| unsound("too many tasks"))?;
        }
        Ok(())
    }

    fn check_group(&self, group: &Group) -> Result<()> {
        let axes = group.extents.len();
        check_extents(&group.extents)?;
        let mut order: Vec<u32> = group.order.clone();
        order.sort_unstable();
        let tiled = group.tile.len() == axes
            && group.tile.iter().zip(&group.extents).all(|(tile, extent)| (1..=*extent).contains(tile))
            && order.into_iter().eq(0..axes as u32);
        let ranges = group.range.is_none_or(|range| {
            range > 0 && group.sinks.iter().all(|sink| sink.widths.iter().all(|&width| width == 0))
        });
        if !tiled || !ranges || group.sample.is_some_and(|wanted| wanted == 0) {
            return Err(unsound("tasks that do not divide their places"));
        }
        for sink in &group.sinks {
            self.check_sink(group, sink)?;
        }
        self.check_program(&group.program, &group.extents, self.inner.len(), group.sinks.len())
    }

    fn check_sink(&self, group: &Group, sink: &Sink) -> Result<()> {
        let axes = group.extents.len();
        let gather =
            self.gathers.get(sink.gather as usize).ok_or_else(|| unsound("a sink without a gather"))?;
        let panels = sink.widths.iter().zip(&group.tile).all(|(width, tile)| width % tile == 0);
        if sink.widths.len() != axes || sink.strides.len() != axes || !panels {
            return Err(unsound("a sink that does not fit its places"));
        }
        let places: Vec<u64> = (sink.widths.iter().zip(&group.extents))
            .map(|(&width, &extent)| if width > 0 { width.min(extent) } else { extent })
            .collect();
        let (low, high) = reach(sink.offset, &sink.strides, &places)?;
        let outputs = match &gather.kind {
            GatherKind::Collect { .. } => i128::from(u64::MAX),
            GatherKind::Save { target, .. } => {
                i128::from(self.targets[*target as usize].shape.iter().product::<u64>())
            }
            GatherKind::EvenBins { .. }
            | GatherKind::Edges(_)
            | GatherKind::KeyBins { .. }
            | GatherKind::Between { .. } => 1,
            _ => i128::from(gather.outputs),
        };
        if low < 0 || high >= outputs { Err(unsound("an output that does not exist")) } else { Ok(()) }
    }

    fn check_inner(&self, number: usize, inner: &Inner) -> Result<()> {
        match inner {
            Inner::Rows(rows) => self.check_rows(number, rows),
            Inner::Joined(joined) => {
                joined.pieces.iter().try_for_each(|piece| self.check_piece(number, joined, piece))?;
                let size = |piece: &Piece| u128::from(piece.extents.iter().product::<u64>());
                let whole = joined.pieces.iter().map(size).sum::<u128>() == u128::from(joined.elements);
                if whole { Ok(()) } else { Err(unsound("pieces that are not the whole array")) }
            }
        }
    }

    fn check_rows(&self, number: usize, rows: &Rows) -> Result<()> {
        check_extents(&rows.extents)?;
        let sinks = match &rows.making {
            Making::Reduce { gathers, .. } => gathers.len(),
            Making::Quantile { q, .. } => usize::from((0.0..=1.0).contains(q)),
            Making::Scan { scan: Scan::Sum | Scan::Product, .. } => 1,
        };
        if rows.kept as usize > rows.extents.len() || sinks == 0 {
            return Err(unsound("rows without places"));
        }
        self.check_program(&rows.program, &rows.extents, number, sinks)
    }

    fn check_piece(&self, number: usize, joined: &Joined, piece: &Piece) -> Result<()> {
        check_extents(&piece.extents)?;
        if piece.strides.len() != piece.extents.len() {
            return Err(unsound("a piece that does not fit its array"));
        }
        let (low, high) = reach(piece.offset, &piece.strides, &piece.extents)?;
        // Each axis goes beyond all that lies within the later ones.
        let mut within = 1_i64;
        let axes = piece.extents.iter().zip(&piece.strides).rev().filter(|(extent, _)| **extent > 1);
        for (&extent, &stride) in axes {
            if stride < within {
                return Err(unsound("a piece whose elements are out of order"));
            }
            within = stride.checked_mul(extent as i64).ok_or_else(|| unsound("a stride out of range"))?;
        }
        if low < 0 || high >= i128::from(joined.elements) {
            return Err(unsound("a piece beyond its array"));
        }
        self.check_program(&piece.program, &piece.extents, number, 1)?;
        let gives = |instruction: &Instruction| match instruction {
            Instruction::Give { from, .. } => matches!(from, Register::Real(_)) == joined.real,
            _ => true,
        };
        if piece.program.instructions.iter().all(gives) {
            Ok(())
        } else {
            Err(unsound("a piece of another kind"))
        }
    }

    /// `inner` is how many of the arrays made inside tasks may be used.
    fn check_program(&self, program: &Program, extents: &[u64], inner: usize, sinks: usize) -> Result<()> {
        let Sizes { real, integer } = program.sizes;
        if real.max(integer) > REGISTERS {
            return Err(unsound("too many registers"));
        }
        for leaf in &program.leaves {
            self.check_leaf(leaf, extents, inner)?;
        }
        let mut filled = Filled { real: vec![false; real as usize], integer: vec![false; integer as usize] };
        for instruction in &program.instructions {
            let sound = match instruction {
                Instruction::Load { leaf, into } => {
                    let leaf = program.leaves.get(*leaf as usize);
                    leaf.is_some_and(|leaf| self.is_real(leaf) == matches!(into, Register::Real(_)))
                        && filled.fill(*into)
                }
                Instruction::Step(step) => filled.step(step),
                Instruction::Give { sink, from, places } => {
                    (*sink as usize) < sinks
                        && filled.is_filled(*from)
                        && places.is_none_or(|places| filled.is_filled(Register::Integer(places)))
                }
            };
            if !sound {
                return Err(unsound("an instruction without its operands"));
            }
        }
        Ok(())
    }

    fn check_leaf(&self, leaf: &Leaf, extents: &[u64], inner: usize) -> Result<()> {
        if leaf.strides.len() != extents.len() {
            return Err(unsound("a source that does not fit its places"));
        }
        let (low, high) = reach(leaf.offset, &leaf.strides, extents)?;
        let elements = match leaf.source {
            Source::Input(number) => self.inputs.get(number as usize).map(|input| input.len() as i128),
            Source::Stored(number) => {
                self.stored.get(number as usize).map(|stored| i128::from(stored.elements()))
            }
            Source::Inner(number) if (number as usize) < inner => {
                Some(self.inner[number as usize].elements())
            }
            Source::Inner(_) => None,
            _ => Some(i128::from(ELEMENTS)),
        };
        match elements {
            Some(elements) if low >= 0 && high < elements => Ok(()),
            _ => Err(unsound("an element of a source that does not exist")),
        }
    }

    /// Whether a leaf's elements are reals.
    pub fn is_real(&self, leaf: &Leaf) -> bool {
        match leaf.source {
            Source::Random { .. } | Source::Arange { .. } => true,
            Source::Count { .. } => false,
            Source::Input(number) => self.inputs[number as usize].is_real(),
            Source::Stored(number) => self.stored[number as usize].format.dtype().is_real(),
            Source::Inner(number) => self.inner[number as usize].is_real(),
        }
    }
}

/// Which registers hold something.
struct Filled {
    real: Vec<bool>,
    integer: Vec<bool>,
}

impl Filled {
    fn is_filled(&self, register: Register) -> bool {
        match register {
            Register::Real(number) => self.real.get(number as usize) == Some(&true),
            Register::Integer(number) => self.integer.get(number as usize) == Some(&true),
        }
    }

    fn fill(&mut self, register: Register) -> bool {
        let place = match register {
            Register::Real(number) => self.real.get_mut(number as usize),
            Register::Integer(number) => self.integer.get_mut(number as usize),
        };
        place.map(|place| *place = true).is_some()
    }

    /// Registers exist, hold something before they are read, and no two of a step are one, but for the one
    /// that is changed in place, and the two that are compared.
    fn step(&mut self, step: &Step) -> bool {
        let (reads, writes) = step.access();
        let compares = matches!(step, Step::RealCompare { .. });
        let distinct =
            compares || reads.iter().enumerate().all(|(place, read)| !reads[..place].contains(read));
        let in_place = reads.iter().skip(1).all(|read| *read != writes);
        let copied = matches!(step, Step::CopyReal { .. } | Step::CopyInteger { .. });
        let apart = !copied || reads[0] != writes;
        distinct && in_place && apart && reads.iter().all(|read| self.is_filled(*read)) && self.fill(writes)
    }
}

fn check_extents(extents: &[u64]) -> Result<()> {
    let product = extents.iter().try_fold(1_u64, |product, &extent| product.checked_mul(extent));
    let sound = (1..=AXES).contains(&extents.len())
        && product.is_some_and(|product| (1..=ELEMENTS).contains(&product));
    if sound { Ok(()) } else { Err(unsound("a size out of range")) }
}

/// The least and the greatest number that a map reaches.
fn reach(offset: i64, strides: &[i64], extents: &[u64]) -> Result<(i128, i128)> {
    let (mut low, mut high) = (i128::from(offset), i128::from(offset));
    for (&stride, &extent) in strides.iter().zip(extents) {
        let far = i128::from(stride) * (i128::from(extent) - 1);
        low += far.min(0);
        high += far.max(0);
    }
    let fits = low >= i128::from(i64::MIN) && high <= i128::from(i64::MAX);
    debug_assert!(
        !fits || Map { offset, strides: strides.to_vec() }.reach(extents) == (low as i64, high as i64)
    );
    if fits { Ok((low, high)) } else { Err(unsound("a stride out of range")) }
}

fn unsound(cause: &str) -> Error {
    Error::new(ErrorKind::Internal, "the stage is not sound").cause(cause)
}
