//! Texts and the graphs that they become, written out as nested calls.

use crate::array::dtype::{DType, Scalar};
use crate::array::text::tests::parsed;
use crate::array::{AxisIndex, Bins, Expr, Operation, View};

const ARRAYS: &[(&str, &str)] =
    &[("x", "load('f8.npy')"), ("f", "load('f4.npy')"), ("i", "load('i8.npy')"), ("b", "load('b1.npy')")];

/// The graph as nested calls; views with what they take, other nodes with what does not show in their operands.
fn show(expr: &Expr) -> String {
    let operands = || expr.operands().into_iter().map(show).collect::<Vec<_>>().join(", ");
    let shape = expr.shape();
    match expr.operation() {
        Operation::Scalar(scalar) => match expr.dtype() {
            DType::F32 => format!("float32({})", plain(*scalar)),
            _ => plain(*scalar),
        },
        Operation::Random(random) => random.stream.clone().unwrap(),
        Operation::Full(value) => format!("full({shape}, {}, {})", plain(*value), expr.dtype()),
        Operation::Arange { start, step, last } => {
            let last = last.map(|last| format!(", last {last}")).unwrap_or_default();
            format!("arange({}, step {}, {shape}{last})", plain(*start), plain(*step))
        }
        Operation::Stored(stored) => stored.name.trim_end_matches(".npy").to_owned(),
        Operation::Unary(unary, _) => format!("{}({})", unary.name(), operands()),
        Operation::Binary(binary, ..) => format!("{}({})", binary.name(), operands()),
        Operation::Where(..) => format!("where({})", operands()),
        Operation::Cast(_) => format!("{}({})", expr.dtype(), operands()),
        Operation::View(view, _) => match view {
            View::Slice(axes) => {
                format!("{}[{}]", operands(), axes.iter().map(index).collect::<Vec<_>>().join(", "))
            }
            View::Transpose(order) => format!("transpose({}, {order:?})", operands()),
            View::Reshape => format!("reshape({}, {shape})", operands()),
            View::Broadcast => format!("broadcast({}, {shape})", operands()),
        },
        Operation::Concatenate(axis, _) => format!("concatenate([{}], {axis})", operands()),
        Operation::Scan(scan, axis, _) => format!("{scan:?}({}, {axis})", operands()),
        Operation::Reduce(reduction, axes, _) => {
            let ddof = match reduction.kind {
                crate::array::ReductionKind::Var { ddof } | crate::array::ReductionKind::Std { ddof } => {
                    format!(", ddof {ddof}")
                }
                _ => String::new(),
            };
            format!("{}({}, {axes:?}{ddof})", reduction.name(), operands())
        }
        Operation::QuantileAlong(q, axes, _) => format!("quantile({}, {q}, {axes:?})", operands()),
        Operation::Quantile(q, _) => format!("quantile({}, {q})", operands()),
        Operation::Histogram(Bins::Edges(edges), _) => format!("histogram({}, {edges:?})", operands()),
        Operation::Histogram(Bins::Even { count, .. }, _) => format!("histogram({}, {count})", operands()),
    }
}

fn plain(scalar: Scalar) -> String {
    match scalar {
        Scalar::Bool(value) => value.to_string(),
        Scalar::Int(value) => value.to_string(),
        Scalar::Float(value) => format!("{value:?}"),
    }
}

fn index(index: &AxisIndex) -> String {
    match index {
        AxisIndex::Index(place) => place.to_string(),
        AxisIndex::Range { start, step, count } => format!("{count} from {start} by {step}"),
    }
}

fn shown(text: &str) -> String {
    show(&parsed(ARRAYS, text).unwrap_or_else(|error| panic!("{text}\n{error}")))
}

fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(shown(text), *expected, "{text}");
    }
}

#[test]
fn operators_are_functions_of_elements() {
    check(&[
        ("x + 1", "add(f8, 1.0)"),
        ("1 - f", "subtract(float32(1.0), f4)"),
        ("i / 2", "divide(float64(i8), 2.0)"),
        ("i // 2 % 3", "remainder(floor_divide(i8, 2), 3)"),
        ("-x ** 3", "negative(power(f8, 3.0))"),
        ("~b & (i > 0) | b ^ b", "bitwise_or(bitwise_and(invert(b1), greater(i8, 0)), bitwise_xor(b1, b1))"),
        ("0 < x", "less(0.0, f8)"),
        ("i == 3", "equal(i8, 3)"),
        ("x @ x.T", &shown("dot(x, x.T)")),
        ("+x", "f8"),
        ("f + 2**70", "add(f4, float32(1.1805916207174113e21))"),
        ("b * 2.5", "multiply(float64(b1), 2.5)"),
        ("f * np.float64(2)", &shown("f * 2.0")),
    ]);
}

#[test]
fn functions_have_the_names_of_numpy() {
    check(&[
        ("np.sin(x)**2 + da.cos(x)**2", "add(square(sin(f8)), square(cos(f8)))"),
        ("abs(x) + absolute(x)", "add(absolute(f8), absolute(f8))"),
        ("asin(x) + np.arcsin(x)", "add(arcsin(f8), arcsin(f8))"),
        ("np.add(x, 1) - np.pow(x, 3)", "subtract(add(f8, 1.0), power(f8, 3.0))"),
        ("np.true_divide(i, i)", "divide(float64(i8), float64(i8))"),
        ("np.mod(i, 2)", "remainder(i8, 2)"),
        ("np.logical_and(i, b)", "bitwise_and(bool(i8), b1)"),
        ("np.logical_not(i)", "invert(bool(i8))"),
        ("np.where(x > 0, x, 0)", "where(greater(f8, 0.0), f8, 0.0)"),
        ("where(i, 1, 2.5)", "where(bool(i8), 1.0, 2.5)"),
        ("np.clip(x, 0, 1)", "minimum(maximum(f8, 0.0), 1.0)"),
        ("x.clip(max=1)", "minimum(f8, 1.0)"),
        ("np.clip(x, min=0)", "maximum(f8, 0.0)"),
        ("x.round()", "round(f8)"),
        ("np.round(x, 2)", "divide(round(multiply(f8, 100.0)), 100.0)"),
        ("np.round(x, -1)", "multiply(round(divide(f8, 10.0)), 10.0)"),
        ("i.round(1)", "i8"),
        ("i.round(-1)", "int64(multiply(round(divide(float64(i8), 10.0)), 10.0))"),
        ("np.rint(i)", "round(float64(i8))"),
        ("x.astype('f4')", "float32(f8)"),
        ("x.astype(np.float32).astype(int)", "int64(float32(f8))"),
        ("x.astype(f.dtype)", "float32(f8)"),
        ("np.float32(x)", "float32(f8)"),
        ("np.arctan2(x, 1)", "arctan2(f8, 1.0)"),
        ("np.isnan(x)", "isnan(f8)"),
    ]);
}

#[test]
fn shapes_change_as_in_numpy() {
    check(&[
        ("x.T", "transpose(f8, [1, 0])"),
        ("x.transpose()", "transpose(f8, [1, 0])"),
        ("x.transpose(1, 0)", "transpose(f8, [1, 0])"),
        ("x.transpose((1, 0))", "transpose(f8, [1, 0])"),
        ("np.transpose(x, [-1, 0])", "transpose(f8, [1, 0])"),
        ("x.reshape(-1)", "reshape(f8, (20,))"),
        ("x.reshape(2, -1)", "reshape(f8, (2, 10))"),
        ("np.reshape(x, (10, 2), order='C')", "reshape(f8, (10, 2))"),
        ("x.ravel()", "reshape(f8, (20,))"),
        ("x.flatten()", "reshape(f8, (20,))"),
        ("np.expand_dims(x, (0, -1))", "reshape(f8, (1, 4, 5, 1))"),
        ("np.squeeze(x[None, :, :1])", "reshape(reshape(f8[4 from 0 by 1, 1 from 0 by 1], (1, 4, 1)), (4,))"),
        ("x[:, :1].squeeze(axis=-1)", "reshape(f8[4 from 0 by 1, 1 from 0 by 1], (4,))"),
        ("np.broadcast_to(i, (2, 6))", "broadcast(i8, (2, 6))"),
        ("da.concatenate([i, i])", "concatenate([i8, i8], 0)"),
        ("np.concatenate((x, x), axis=-1)", "concatenate([f8, f8], 1)"),
        ("np.concatenate([x, i], axis=None)", "concatenate([reshape(f8, (20,)), float64(i8)], 0)"),
        ("np.stack([i, i], axis=1)", "concatenate([reshape(i8, (6, 1)), reshape(i8, (6, 1))], 1)"),
        ("np.cumsum(x, axis=1)", "Sum(f8, 1)"),
        ("x.cumprod(-2)", "Product(f8, 0)"),
        ("b.cumsum()", "Sum(int64(b1), 0)"),
        ("i.cumsum(dtype=float)", "Sum(float64(i8), 0)"),
        ("np.diff(i)", "subtract(i8[5 from 1 by 1], i8[5 from 0 by 1])"),
        ("x.shape[0] + x.shape[-1] + x.ndim + x.size + x.nbytes + x.itemsize", "199"),
        ("zeros(x.shape[::-1])", "full((5, 4), 0.0, float64)"),
        ("ones(x.shape[1:], int)", "full((5,), 1, int64)"),
        ("np.flip(x)", "f8[4 from 3 by -1, 5 from 4 by -1]"),
        ("np.flip(x, -1)", &shown("x[:, ::-1]")),
        ("np.swapaxes(x, 0, -1)", &shown("x.T")),
        ("x[None].swapaxes(0, 2)", &shown("x[None].transpose(2, 1, 0)")),
        ("np.moveaxis(x[None], 0, -1)", &shown("x[None].transpose(1, 2, 0)")),
        ("np.moveaxis(x[None], (0, 1), (2, 0))", &shown("x[None].transpose(1, 2, 0)")),
        ("np.permute_dims(x, (1, 0))", &shown("x.T")),
        ("np.vstack([x, x])", &shown("np.concatenate([x, x])")),
        ("np.vstack((i, i))", &shown("np.concatenate([i.reshape(1, 6), i.reshape(1, 6)])")),
        ("np.hstack([x, x])", &shown("np.concatenate([x, x], axis=1)")),
        ("np.hstack([i, 1])", &shown("np.concatenate([i, np.reshape(1, (1,))])")),
        ("np.matmul(x, x.T)", &shown("x @ x.T")),
        ("np.nanprod(x)", "nanprod(f8, [0, 1])"),
    ]);
}

#[test]
fn subscripts_are_those_of_numpy() {
    check(&[
        ("x[1]", "f8[1, 5 from 0 by 1]"),
        ("x[-1, -2]", "f8[3, 3]"),
        ("x[1:3, ::2]", "f8[2 from 1 by 1, 3 from 0 by 2]"),
        ("x[::-1]", "f8[4 from 3 by -1, 5 from 0 by 1]"),
        ("x[..., 0]", "f8[4 from 0 by 1, 0]"),
        ("x[:, None, :]", "reshape(f8, (4, 1, 5))"),
        ("i[np.newaxis]", "reshape(i8, (1, 6))"),
        ("x.mean(axis=0)[::100]", "mean(f8, [0])[1 from 0 by 1]"),
        ("x[(0, 1)]", "f8[0, 1]"),
        ("i[x.shape[0] - 2:]", "i8[4 from 2 by 1]"),
    ]);
}

#[test]
fn reductions_take_the_arguments_of_numpy() {
    check(&[
        ("x.sum()", "sum(f8, [0, 1])"),
        ("np.sum(x, 0)", "sum(f8, [0])"),
        ("x.sum(axis=(0, -1))", "sum(f8, [0, 1])"),
        ("x.sum(-1, keepdims=True)", "reshape(sum(f8, [1]), (4, 1))"),
        ("f.sum(dtype='f8')", "sum(float64(f4), [0])"),
        ("x.sum(split_every=4, out=None)", "sum(f8, [0, 1])"),
        ("x.std(ddof=1)", "std(f8, [0, 1], ddof 1)"),
        ("np.var(x, axis=1)", "var(f8, [1], ddof 0)"),
        ("(x > 0).any(axis=0)", "any(greater(f8, 0.0), [0])"),
        ("np.all(i)", "all(bool(i8), [0])"),
        ("np.count_nonzero(i)", "count_nonzero(bool(i8), [0])"),
        ("np.nanmean(x, axis=0)", "nanmean(f8, [0])"),
        ("np.nansum(i)", "sum(i8, [0])"),
        ("x.argmin(axis=1)", "argmin(f8, [1])"),
        ("np.amax(x) - x.min()", "subtract(max(f8, [0, 1]), min(f8, [0, 1]))"),
        ("x.prod()", "prod(f8, [0, 1])"),
        ("np.ptp(i)", "subtract(max(i8, [0]), min(i8, [0]))"),
        ("sem(f)", "divide(std(f4, [0], ddof 1), float32(2.4494898319244385))"),
        ("np.average(x, axis=0)", "mean(f8, [0])"),
        (
            "((x - x.mean(axis=0)) / x.std(axis=0)).max()",
            &shown("np.max((x - np.mean(x, 0)) / np.std(x, 0))"),
        ),
    ]);
}

#[test]
fn statistics_are_made_of_what_there_is() {
    check(&[
        ("np.median(x)", "quantile(f8, 0.5)"),
        ("np.quantile(x, 0.9)", "quantile(f8, 0.9)"),
        ("np.percentile(x, 90)", "quantile(f8, 0.9)"),
        (
            "np.quantile(x, [0.25, 0.75])",
            "concatenate([reshape(quantile(f8, 0.25), (1,)), reshape(quantile(f8, 0.75), (1,))], 0)",
        ),
        ("np.quantile(x, np.linspace(0, 1, 3))", &shown("np.quantile(x, [0, 0.5, 1])")),
        ("np.percentile(x, np.arange(25, 100, 50))", &shown("np.quantile(x, [0.25, 0.75])")),
        ("np.histogram(x, bins=[0, 1, 2.5])[0]", "histogram(f8, [0.0, 1.0, 2.5])"),
        ("np.histogram(x, np.linspace(0, 1, 3))[0]", "histogram(f8, [0.0, 0.5, 1.0])"),
        ("np.histogram(i, np.arange(0, 3))[0]", "histogram(float64(i8), [0.0, 1.0, 2.0])"),
        ("np.histogram(x, 4, range=(0, 1))[0]", "histogram(f8, 0.0, 1.0, 4)"),
        ("np.histogram(x, 4, range=(0, 1))[1]", "arange(0.0, step 0.25, (5,), last 1)"),
        (
            "np.histogram(x, 4, range=(0, 1), density=True)[0]",
            &shown(
                "np.histogram(x, 4, (0, 1))[0] / np.diff(np.linspace(0, 1, 5)) / np.histogram(x, 4, (0, 1))[0].sum()",
            ),
        ),
        ("np.cov(f, f)", &shown("np.cov(np.stack([f, f]))")),
        ("np.cov(x, bias=True)", &shown("np.cov(x, ddof=0)")),
        (
            "np.corrcoef(x, x, rowvar=False)",
            &shown("np.corrcoef(np.concatenate([x, x], axis=1), rowvar=False)"),
        ),
    ]);
}

#[test]
fn sources_take_the_arguments_of_numpy_and_dask() {
    check(&[
        ("zeros(3)", "full((3,), 0.0, float64)"),
        ("np.ones((2, 3), dtype='f4', chunks=2)", "full((2, 3), 1.0, float32)"),
        ("full((2,), 7)", "full((2,), 7, int64)"),
        ("da.full(2, 7, dtype=bool)", "full((2,), true, bool)"),
        ("np.zeros_like(i)", "full((6,), 0, int64)"),
        ("np.full_like(i, 2.5, dtype=float)", "full((6,), 2.5, float64)"),
        ("np.arange(5)", "arange(0, step 1, (5,))"),
        ("np.arange(1, 2, 0.25)", "arange(1.0, step 0.25, (4,))"),
        ("np.arange(4, step=2)", "arange(0, step 2, (2,))"),
        ("np.linspace(0, 1, 5)", "arange(0.0, step 0.25, (5,), last 1)"),
        ("np.linspace(0, 1, num=4, endpoint=False)", "arange(0.0, step 0.25, (4,))"),
        ("np.load('f8.npy', mmap_mode='r')", "f8"),
        ("load(\"f8.npy\", chunks={0: 2})", "f8"),
        ("random.random(3, dtype='f4')", "float32(result)"),
    ]);
}

#[test]
fn a_file_is_opened_once() {
    let sum = parsed(&[], "load('f8.npy') + load('f8.npy')").unwrap();
    let [Operation::Stored(left), Operation::Stored(right)] =
        sum.operands()[..].iter().map(|operand| operand.operation()).collect::<Vec<_>>()[..]
    else {
        panic!("{}", show(&sum))
    };
    assert!(std::sync::Arc::ptr_eq(left, right));
}
