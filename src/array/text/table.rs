//! The table of everything that can follow a prefix or an array and a point: names, parameters, meanings.
//!
//! It drives every lookup and every hint, and `docs/arrays.md` shows it: a test compares the two. Parameters
//! are written as Python writes them; those without `=` must be given, those after `*` need their keyword.

use crate::array::expr::{Binary, Expr, ReductionKind, Scan, Unary};
use crate::array::text::arguments::Arguments;
use crate::array::text::evaluate::Evaluation;
use crate::array::text::functions::{elementwise, reductions, shape, sources, statistics};
use crate::array::text::item::Item;
use crate::error::Result;

/// A function, a method, or both.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: &'static str,
    /// Further names of the same.
    pub(super) also: &'static [&'static str],
    /// The parameters of the function, if there is one.
    pub(super) function: Option<&'static str>,
    method: Method,
    /// Whether its prefix is `random`.
    pub(super) random: bool,
    pub(super) meaning: Meaning,
}

#[derive(Debug, Clone, Copy)]
enum Method {
    None,
    /// The parameters of the function but for the first, which is the array.
    Same,
    Own(&'static str),
}

/// What a call computes.
#[derive(Debug)]
pub(super) enum Meaning {
    Random(DistributionName),
    Unary(Unary),
    Binary(Binary),
    /// On truth values, as which all operands are taken.
    Logical(Binary),
    Scan(Scan),
    Reduction {
        kind: ReductionKind,
        skip_nan: bool,
    },
    /// Anything else.
    Call(Call),
    /// No call: a property of an array.
    Property(fn(&Expr) -> Item),
    /// No call: another view of an array.
    View(fn(&Expr) -> Result<Expr>),
}

pub(super) type Call = for<'a> fn(&mut Evaluation<'a>, &Arguments<'a>) -> Result<Item>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DistributionName {
    Normal,
    StandardNormal,
    Uniform,
    Random,
}

/// The function of this name that needs no prefix.
pub(super) fn function(name: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| !entry.random && entry.function.is_some() && entry.is_called(name))
}

/// The function of this name with the prefix `random`.
pub(super) fn random(name: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.random && entry.is_called(name))
}

/// The method or property of this name.
pub(super) fn method(name: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.is_of_arrays() && entry.is_called(name))
}

/// The names of all functions without the prefix `random`.
pub(super) fn functions() -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter(|entry| !entry.random && entry.function.is_some()).flat_map(Entry::names)
}

/// The names of all functions with the prefix `random`.
pub(super) fn randoms() -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter(|entry| entry.random).flat_map(Entry::names)
}

/// The names of all methods and properties.
pub(super) fn methods() -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter(|entry| entry.is_of_arrays()).flat_map(Entry::names)
}

impl Entry {
    /// Its name, and the others that it has.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.also.iter().copied())
    }

    fn is_called(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    fn is_of_arrays(&self) -> bool {
        !matches!(self.method, Method::None)
    }

    /// The parameters of the method, if there is one.
    pub(super) fn method(&self) -> Option<&'static str> {
        match (self.method, self.function) {
            (Method::None, _) => None,
            (Method::Own(parameters), _) => Some(parameters),
            (Method::Same, parameters) => {
                Some(parameters.and_then(|all| all.split_once(", ")).map_or("", |(_, rest)| rest))
            }
        }
    }

    /// The parameter that is the array itself in a method.
    pub(super) fn operand(&self) -> &'static str {
        self.function.and_then(|parameters| parameters.split(", ").next()).unwrap_or("a")
    }

    const fn also(mut self, names: &'static [&'static str]) -> Self {
        self.also = names;
        self
    }

    /// With the same method.
    const fn and_method(mut self) -> Self {
        self.method = Method::Same;
        self
    }

    /// With a method that has parameters of its own.
    const fn and_method_of(mut self, parameters: &'static str) -> Self {
        self.method = Method::Own(parameters);
        self
    }
}

const fn entry(name: &'static str, parameters: &'static str, meaning: Meaning) -> Entry {
    Entry { name, also: &[], function: Some(parameters), method: Method::None, random: false, meaning }
}

const fn call(name: &'static str, parameters: &'static str, call: Call) -> Entry {
    entry(name, parameters, Meaning::Call(call))
}

const fn method_only(name: &'static str, parameters: &'static str, meaning: Meaning) -> Entry {
    let method = Method::Own(parameters);
    Entry { name, also: &[], function: None, method, random: false, meaning }
}

const fn unary(name: &'static str, operation: Unary) -> Entry {
    entry(name, "x", Meaning::Unary(operation))
}

const fn binary(name: &'static str, operation: Binary) -> Entry {
    entry(name, "x1, x2", Meaning::Binary(operation))
}

const fn reduction(name: &'static str, parameters: &'static str, kind: ReductionKind) -> Entry {
    entry(name, parameters, Meaning::Reduction { kind, skip_nan: false }).and_method()
}

const fn nan_reduction(name: &'static str, parameters: &'static str, kind: ReductionKind) -> Entry {
    entry(name, parameters, Meaning::Reduction { kind, skip_nan: true })
}

const fn distribution(name: &'static str, parameters: &'static str, meaning: DistributionName) -> Entry {
    let mut entry = entry(name, parameters, Meaning::Random(meaning));
    entry.random = true;
    entry
}

const fn default_rng() -> Entry {
    let mut entry = call("default_rng", "seed=None", sources::default_rng).also(&["RandomState"]);
    entry.random = true;
    entry
}

const SUM: &str = "a, axis=None, dtype=None, out=None, keepdims=False, *, split_every=None";
const VAR: &str = "a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, split_every=None";
const MIN: &str = "a, axis=None, out=None, keepdims=False, *, split_every=None";
const ARG: &str = "a, axis=None, out=None, *, keepdims=False, split_every=None";
const DDOF: u64 = 0;

/// Everything, in the order of the documentation.
pub(super) static TABLE: &[Entry] = &[
    // Random arrays.
    distribution(
        "normal",
        "loc=0.0, scale=1.0, size=None, chunks=\"auto\", *, stream=None, dtype=float, out=None",
        DistributionName::Normal,
    ),
    distribution(
        "standard_normal",
        "size=None, chunks=\"auto\", *, stream=None, dtype=float, out=None",
        DistributionName::StandardNormal,
    ),
    distribution(
        "uniform",
        "low=0.0, high=1.0, size=None, chunks=\"auto\", *, stream=None, dtype=float, out=None",
        DistributionName::Uniform,
    ),
    distribution(
        "random",
        "size=None, chunks=\"auto\", *, stream=None, dtype=float, out=None",
        DistributionName::Random,
    ),
    default_rng(),
    // Other sources.
    call("zeros", "shape, dtype=float, *, chunks=\"auto\"", sources::zeros),
    call("ones", "shape, dtype=float, *, chunks=\"auto\"", sources::ones),
    call("full", "shape, fill_value, dtype=None, *, chunks=\"auto\"", sources::full),
    call("zeros_like", "a, dtype=None, *, chunks=\"auto\"", sources::zeros_like),
    call("ones_like", "a, dtype=None, *, chunks=\"auto\"", sources::ones_like),
    call("full_like", "a, fill_value, dtype=None, *, chunks=\"auto\"", sources::full_like),
    call("arange", "start, stop=None, step=1, dtype=None, *, chunks=\"auto\"", sources::arange),
    call("linspace", "start, stop, num=50, endpoint=True, *, chunks=\"auto\"", sources::linspace),
    call("load", "file, mmap_mode=None, *, chunks=\"auto\"", sources::load).also(&["from_npy_stack"]),
    // Element by element.
    binary("add", Binary::Add),
    binary("subtract", Binary::Subtract),
    binary("multiply", Binary::Multiply),
    binary("divide", Binary::Divide).also(&["true_divide"]),
    binary("floor_divide", Binary::FloorDivide),
    binary("remainder", Binary::Remainder).also(&["mod"]),
    binary("power", Binary::Power).also(&["pow"]),
    unary("negative", Unary::Negate),
    binary("less", Binary::Less),
    binary("less_equal", Binary::LessEqual),
    binary("equal", Binary::Equal),
    binary("not_equal", Binary::NotEqual),
    binary("greater", Binary::Greater),
    binary("greater_equal", Binary::GreaterEqual),
    binary("bitwise_and", Binary::And),
    binary("bitwise_or", Binary::Or),
    binary("bitwise_xor", Binary::Xor),
    unary("invert", Unary::Invert).also(&["bitwise_not", "bitwise_invert"]),
    entry("logical_and", "x1, x2", Meaning::Logical(Binary::And)),
    entry("logical_or", "x1, x2", Meaning::Logical(Binary::Or)),
    entry("logical_xor", "x1, x2", Meaning::Logical(Binary::Xor)),
    call("logical_not", "x", elementwise::logical_not),
    unary("absolute", Unary::Absolute).also(&["abs"]),
    unary("sign", Unary::Sign),
    unary("square", Unary::Square),
    unary("sqrt", Unary::Sqrt),
    unary("cbrt", Unary::Cbrt),
    unary("reciprocal", Unary::Reciprocal),
    binary("hypot", Binary::Hypot),
    unary("exp", Unary::Exp),
    unary("expm1", Unary::Expm1),
    unary("log", Unary::Log),
    unary("log1p", Unary::Log1p),
    unary("log2", Unary::Log2),
    unary("log10", Unary::Log10),
    unary("sin", Unary::Sin),
    unary("cos", Unary::Cos),
    unary("tan", Unary::Tan),
    unary("arcsin", Unary::Arcsin).also(&["asin"]),
    unary("arccos", Unary::Arccos).also(&["acos"]),
    unary("arctan", Unary::Arctan).also(&["atan"]),
    binary("arctan2", Binary::Arctan2).also(&["atan2"]),
    unary("sinh", Unary::Sinh),
    unary("cosh", Unary::Cosh),
    unary("tanh", Unary::Tanh),
    unary("floor", Unary::Floor),
    unary("ceil", Unary::Ceil),
    unary("trunc", Unary::Trunc),
    call("rint", "x", elementwise::rint),
    call("round", "a, decimals=0, out=None", elementwise::round).also(&["around"]).and_method(),
    binary("minimum", Binary::Minimum),
    binary("maximum", Binary::Maximum),
    call("clip", "a, a_min=None, a_max=None, out=None, *, min=None, max=None", elementwise::clip)
        .and_method_of("min=None, max=None, out=None"),
    call("where", "condition, x, y", elementwise::choose),
    unary("isnan", Unary::IsNan),
    unary("isfinite", Unary::IsFinite),
    unary("isinf", Unary::IsInf),
    call("astype", "x, dtype, *, copy=True", elementwise::astype).and_method(),
    // Shape.
    method_only("shape", "", Meaning::Property(shape::shape)),
    method_only("ndim", "", Meaning::Property(shape::ndim)),
    method_only("size", "", Meaning::Property(shape::size)),
    method_only("dtype", "", Meaning::Property(shape::dtype)),
    method_only("itemsize", "", Meaning::Property(shape::itemsize)),
    method_only("nbytes", "", Meaning::Property(shape::nbytes)),
    method_only("T", "", Meaning::View(shape::reversed)),
    call("transpose", "a, axes=None", shape::transpose).also(&["permute_dims"]).and_method_of("*axes"),
    call("swapaxes", "a, axis1, axis2", shape::swapaxes).and_method(),
    call("moveaxis", "a, source, destination", shape::moveaxis),
    call("flip", "m, axis=None", shape::flip),
    call("reshape", "a, shape, order=\"C\"", shape::reshape).and_method_of("*shape, order=\"C\""),
    call("ravel", "a, order=\"C\"", shape::ravel).and_method(),
    method_only("flatten", "order=\"C\"", Meaning::Call(shape::ravel)),
    call("squeeze", "a, axis=None", shape::squeeze).and_method(),
    call("expand_dims", "a, axis", shape::expand_dims),
    call("broadcast_to", "array, shape", shape::broadcast_to),
    call("concatenate", "arrays, axis=0", shape::concatenate).also(&["concat"]),
    call("stack", "arrays, axis=0", shape::stack),
    call("vstack", "tup", shape::vstack).also(&["row_stack"]),
    call("hstack", "tup", shape::hstack),
    entry("cumsum", "a, axis=None, dtype=None, out=None", Meaning::Scan(Scan::Sum)).and_method(),
    entry("cumprod", "a, axis=None, dtype=None, out=None", Meaning::Scan(Scan::Product)).and_method(),
    call("diff", "a, n=1, axis=-1", shape::diff),
    // Reductions.
    reduction("sum", SUM, ReductionKind::Sum),
    reduction("prod", SUM, ReductionKind::Product),
    reduction("mean", SUM, ReductionKind::Mean),
    reduction("var", VAR, ReductionKind::Var { ddof: DDOF }),
    reduction("std", VAR, ReductionKind::Std { ddof: DDOF }),
    reduction("min", MIN, ReductionKind::Min).also(&["amin"]),
    reduction("max", MIN, ReductionKind::Max).also(&["amax"]),
    reduction("argmin", ARG, ReductionKind::ArgMin),
    reduction("argmax", ARG, ReductionKind::ArgMax),
    reduction("any", MIN, ReductionKind::Any),
    reduction("all", MIN, ReductionKind::All),
    entry(
        "count_nonzero",
        "a, axis=None, *, keepdims=False",
        Meaning::Reduction { kind: ReductionKind::CountNonzero, skip_nan: false },
    ),
    nan_reduction("nansum", SUM, ReductionKind::Sum),
    nan_reduction("nanprod", SUM, ReductionKind::Product),
    nan_reduction("nanmean", SUM, ReductionKind::Mean),
    nan_reduction("nanvar", VAR, ReductionKind::Var { ddof: DDOF }),
    nan_reduction("nanstd", VAR, ReductionKind::Std { ddof: DDOF }),
    nan_reduction("nanmin", MIN, ReductionKind::Min),
    nan_reduction("nanmax", MIN, ReductionKind::Max),
    // Statistics.
    call("sem", "a, axis=None, ddof=1, keepdims=False", reductions::sem).and_method(),
    call("ptp", "a, axis=None, out=None, keepdims=False", reductions::ptp),
    call("average", "a, axis=None, weights=None, *, keepdims=False", statistics::average),
    call("median", "a, axis=None, out=None, overwrite_input=False, keepdims=False", statistics::median),
    call(
        "quantile",
        "a, q, axis=None, out=None, overwrite_input=False, method=\"linear\", keepdims=False",
        statistics::quantile,
    ),
    call(
        "percentile",
        "a, q, axis=None, out=None, overwrite_input=False, method=\"linear\", keepdims=False",
        statistics::percentile,
    ),
    call("histogram", "a, bins=10, range=None, density=False", statistics::histogram),
    call("dot", "a, b", statistics::dot).and_method(),
    call("matmul", "x1, x2", statistics::matmul),
    call("cov", "m, y=None, rowvar=True, bias=False, ddof=None", statistics::cov),
    call("corrcoef", "x, y=None, rowvar=True", statistics::corrcoef),
];
