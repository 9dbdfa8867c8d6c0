//! What has to be gathered for a reduction, and of which elements.

use crate::array::{DType, Reduction, ReductionKind, Scalar, Unary};
use crate::kernel::BLOCK;
use crate::kernel::accumulate::{
    ArgExtrema, Counts, Extrema, Histogram, IntegerArgExtrema, IntegerExtrema, IntegerMoments,
    IntegerProducts, IntegerSums, Moments, Products, Sums,
};
use crate::kernel::quantile::Bins;
use crate::plan::finish::Finish;
use crate::plan::lower::{Constant, Element, ElementId, Leaf, Lowering, Origin};
use crate::plan::partial::GatherKind;
use crate::plan::quantile::{CANDIDATES, SAMPLES};
use crate::plan::strided::Strided;

/// Bytes in memory of what a search for a quantile gathers: bins, or elements in a vector that has just grown.
const SEARCH: u64 = {
    let elements = 16 * if CANDIDATES > SAMPLES * BLOCK as u64 { CANDIDATES } else { SAMPLES * BLOCK as u64 };
    if Bins::BYTES > 2 * elements { Bins::BYTES } else { 2 * elements }
};

/// One thing to be gathered.
#[derive(Debug, Clone)]
pub(super) struct Need {
    pub(super) kind: GatherKind,
    pub(super) from: ElementId,
    pub(super) places: Option<ElementId>,
}

/// What a reduction of the element `root` over places of these extents needs; the first, then with `skip_nan`
/// the count of numbers. `strides` number the places among the reduced ones.
pub(super) fn needs(
    lowering: &mut Lowering<'_>,
    finish: &Finish,
    root: ElementId,
    places: &Strided,
) -> Vec<Need> {
    use ReductionKind::{All, Any, ArgMax, ArgMin, CountNonzero, Max, Mean, Min, Product, Std, Sum, Var};
    let Finish { reduction, dtype, .. } = *finish;
    let real = dtype.is_real();
    let kind = match reduction.kind {
        Sum | Mean if real => GatherKind::Sums,
        Sum | Mean => GatherKind::IntegerSums,
        Var { .. } | Std { .. } if real => GatherKind::Moments,
        Var { .. } | Std { .. } => GatherKind::IntegerMoments,
        Product if real => GatherKind::Products,
        Product => GatherKind::IntegerProducts,
        Min | Max if real => GatherKind::Extrema,
        Min | Max => GatherKind::IntegerExtrema,
        ArgMin | ArgMax if real => GatherKind::ArgExtrema { greatest: reduction.kind == ArgMax },
        ArgMin | ArgMax => GatherKind::IntegerArgExtrema { greatest: reduction.kind == ArgMax },
        Any | All | CountNonzero => GatherKind::Counts,
    };
    let places = matches!(reduction.kind, ArgMin | ArgMax)
        .then(|| lowering.enter(Element::Leaf(Leaf { origin: Origin::Place, places: places.clone() })));
    if !reduction.skip_nan {
        return vec![Need { kind, from: root, places }];
    }
    let nan = lowering.enter(Element::Unary(Unary::IsNan, dtype, root));
    let number = lowering.enter(Element::Unary(Unary::Invert, DType::Bool, nan));
    let instead = Scalar::Float(match reduction.kind {
        Product => 1.0,
        Min | ArgMin => f64::INFINITY,
        Max | ArgMax => f64::NEG_INFINITY,
        _ => 0.0,
    });
    let instead = lowering.enter(Element::Constant(Constant::new(instead, dtype)));
    let from = lowering.enter(Element::Where(dtype, nan, instead, root));
    vec![Need { kind, from, places }, Need { kind: GatherKind::Counts, from: number, places: None }]
}

/// The reduction as it is finished: NaN can only be skipped where it can be.
pub(super) fn finish(reduction: Reduction, dtype: DType, count: u64) -> Finish {
    let reduction = Reduction { skip_nan: reduction.skip_nan && dtype.is_real(), ..reduction };
    Finish { reduction, dtype, count }
}

/// Bytes of an output on the wire, for ordinary data.
pub(super) fn wire_bytes(kind: &GatherKind) -> u64 {
    match kind {
        GatherKind::Sums => 24,
        GatherKind::Moments => 60,
        GatherKind::IntegerSums => 20,
        GatherKind::IntegerMoments => 48,
        GatherKind::Counts | GatherKind::IntegerProducts => 9,
        GatherKind::Products => 40,
        GatherKind::Extrema | GatherKind::IntegerExtrema => 18,
        GatherKind::ArgExtrema { .. } | GatherKind::IntegerArgExtrema { .. } => 20,
        GatherKind::EvenBins { .. } | GatherKind::Edges(_) => 18,
        GatherKind::KeyBins { .. } => 27 << 14,
        GatherKind::Between { .. } => 9 * CANDIDATES,
        GatherKind::Collect { .. } | GatherKind::Save { .. } => 0,
    }
}

/// Bytes in memory of an accumulator of so many outputs, whatever the data.
pub(super) fn memory_bytes(kind: &GatherKind, outputs: u64) -> u64 {
    let (_, any) = match kind {
        GatherKind::Sums => Sums::bytes(outputs),
        GatherKind::Moments => Moments::bytes(outputs),
        GatherKind::IntegerSums => IntegerSums::bytes(outputs),
        GatherKind::IntegerMoments => IntegerMoments::bytes(outputs),
        GatherKind::Counts => Counts::bytes(outputs),
        GatherKind::Products => Products::bytes(outputs),
        GatherKind::IntegerProducts => IntegerProducts::bytes(outputs),
        GatherKind::Extrema => Extrema::bytes(outputs),
        GatherKind::IntegerExtrema => IntegerExtrema::bytes(outputs),
        GatherKind::ArgExtrema { .. } => ArgExtrema::bytes(outputs),
        GatherKind::IntegerArgExtrema { .. } => IntegerArgExtrema::bytes(outputs),
        GatherKind::EvenBins { .. } | GatherKind::Edges(_) => Histogram::bytes(outputs),
        // A search bins, after a sample, and before it collects: what takes most of these three.
        GatherKind::KeyBins { .. } | GatherKind::Between { .. } => (0, SEARCH),
        GatherKind::Collect { .. } | GatherKind::Save { .. } => (0, 0),
    };
    any
}
