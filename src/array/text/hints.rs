//! What a name that does not exist was most likely meant to be.

use crate::array::text::item::{BUILTINS, CONSTANTS, DTYPES, Item, Namespace, is_foreign_dtype};
use crate::array::text::table;
use crate::error::{Error, nearest};

/// Names that NumPy and dask have, and what takes their place here; `{}` is the name. A test
/// walks over all of them.
pub(super) const ELSEWHERE: &[(&[&str], &str)] = &[
    (&["compute", "persist", "result"], "leave out .{}(): every result is computed"),
    (&["visualize"], "leave out .{}(): `squall graph` draws the graph"),
    (&["rechunk"], "leave out .{}(): no result depends on chunks, and a source takes chunks=..."),
    (
        &["from_zarr", "from_hdf5", "fromfile", "loadtxt", "genfromtxt", "memmap"],
        "arrays come from files: load(\"x.npy\"), or load(\"dir/\") for a stack of them",
    ),
    (
        &["array", "asarray", "asanyarray", "from_array", "ascontiguousarray"],
        "arrays come from files: load(\"x.npy\"); of a few numbers write stack([1, 2])",
    ),
    (
        &["save", "savez", "savetxt", "to_npy_stack", "to_zarr", "to_hdf5", "store", "tofile"],
        "name the array in [save]: x = \"x.npy\"",
    ),
    (
        &["item", "tolist", "copy", "view", "to_numpy", "asnumpy"],
        "leave out .{}(): results are printed as Python prints them",
    ),
    (
        &["nonzero", "argwhere", "flatnonzero", "extract", "compress"],
        "count with count_nonzero(x), and choose with where(x > 0, x, 0)",
    ),
    (
        &["select", "choose", "piecewise", "putmask", "place"],
        "write where(condition, x, y), one in another if need be",
    ),
    (
        &["sort", "argsort", "partition", "argpartition", "topk", "searchsorted"],
        "arrays are not sorted: take min(x), max(x), median(x) or quantile(x, [0.05, 0.95])",
    ),
    (
        &["unique", "bincount", "digitize", "histogram2d", "histogramdd"],
        "count with histogram(x, bins, range)",
    ),
    (
        &["apply_along_axis", "apply_over_axes", "map_blocks", "map_overlap", "vectorize", "frompyfunc"],
        "no code travels to workers: write it with operators, functions and where(...)",
    ),
    (
        &["nanmedian", "nanquantile", "nanpercentile", "nanargmin", "nanargmax"],
        "NaN is left out by nansum, nanprod, nanmean, nanvar, nanstd, nanmin and nanmax alone",
    ),
    (&["nancumsum"], "write cumsum(where(isnan(x), 0, x))"),
    (&["nancumprod"], "write cumprod(where(isnan(x), 1, x))"),
    (&["nan_to_num"], "write where(isnan(x), 0, x)"),
    (&["inner", "vdot", "tensordot", "einsum", "multi_dot"], "write dot(a, b), or (a * b).sum(axis=...)"),
    (&["outer"], "write a[:, None] * b"),
    (
        &["linalg", "fft", "polyfit", "interp", "convolve", "correlate", "gradient"],
        "save what is left after reductions with [save], and go on in NumPy",
    ),
    (&["norm"], "write sqrt((x**2).sum())"),
    (
        &["dstack", "column_stack", "block", "append", "insert"],
        "write concatenate([a, b], axis=...) or stack([a, b], axis=...)",
    ),
    (
        &["split", "array_split", "hsplit", "vsplit", "take", "delete", "head", "tail"],
        "take slices: x[:100], x[100:]",
    ),
    (&["fliplr"], "write x[:, ::-1]"),
    (&["flipud"], "write x[::-1]"),
    (&["rot90"], "write x.T[::-1]"),
    (&["roll"], "write concatenate([x[-n:], x[:-n]])"),
    (&["tile", "repeat"], "write broadcast_to(x, (n,) + shape of x), and reshape it"),
    (&["pad"], "write concatenate([zeros(n), x, zeros(n)])"),
    (&["atleast_1d", "atleast_2d", "atleast_3d"], "write x[None] or x.reshape(...)"),
    (
        &["eye", "identity", "diag", "diagonal", "trace", "tri", "tril", "triu"],
        "choose by places: where(arange(n)[:, None] == arange(n), x, 0)",
    ),
    (&["meshgrid", "indices", "fromfunction"], "axes broadcast: arange(n)[:, None] + arange(m)"),
    (&["logspace", "geomspace"], "write 10.0 ** linspace(start, stop, num)"),
    (&["empty"], "write zeros(shape)"),
    (&["empty_like"], "write zeros_like(x)"),
    (&["isclose", "allclose"], "write (abs(a - b) < 1e-8).all()"),
    (&["array_equal", "array_equiv"], "write (a == b).all()"),
    (&["fabs"], "write abs(x)"),
    (&["fix"], "write trunc(x)"),
    (&["fmin", "fmax"], "write minimum(a, b) or maximum(a, b), in which NaN wins"),
    (&["exp2"], "write 2.0 ** x"),
    (&["float_power"], "write power(a, b)"),
    (&["deg2rad", "radians"], "write x * np.pi / 180"),
    (&["rad2deg", "degrees"], "write x * 180 / np.pi"),
    (&["arcsinh", "asinh"], "write log(x + sqrt(x**2 + 1))"),
    (&["arccosh", "acosh"], "write log(x + sqrt(x**2 - 1))"),
    (&["arctanh", "atanh"], "write (log1p(x) - log1p(-x)) / 2"),
    (&["left_shift"], "write x * 2**n"),
    (&["right_shift"], "write x // 2**n"),
    (&["real", "imag", "conj", "conjugate", "angle"], "elements are real: leave out {}"),
    (&["skew"], "write ((x - x.mean())**3).mean() / x.std()**3"),
    (&["kurtosis"], "write ((x - x.mean())**4).mean() / x.var()**2 - 3"),
    (&["len"], "write x.shape[0]"),
];

/// A name alone that no line has.
pub(super) fn unknown_name<'a>(error: Error, name: &'a str, lines: impl Iterator<Item = &'a str>) -> Error {
    if table::random(name).is_some() {
        return error.hint(format!("write `random.{name}`"));
    }
    if table::function(name).is_some() {
        return error.hint(format!("`{name}` is a function: write {name}(x)"));
    }
    if CONSTANTS.contains(&name) {
        return error.hint(format!("write `np.{name}`"));
    }
    if let Some(hint) = elsewhere(name) {
        return error.hint(hint);
    }
    let ours = BUILTINS.into_iter().chain(table::functions()).map(|known| -> &'a str { known });
    match nearest(name, lines.chain(ours)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("names are defined in [arrays] and [results]"),
    }
}

/// A name after a point that this item does not have.
pub(super) fn unknown_attribute(error: Error, name: &str, of: &Item) -> Error {
    if let Some(hint) = elsewhere(name) {
        return error.hint(hint);
    }
    let known: Vec<&'static str> = match of {
        Item::Namespace(Namespace::Dask) => vec!["array"],
        Item::Namespace(Namespace::Array) if is_foreign_dtype(name.trim_end_matches('_')) => {
            return error.hint(DTYPES);
        }
        Item::Namespace(Namespace::Array) => table::functions().chain(CONSTANTS).chain(["random"]).collect(),
        Item::Namespace(Namespace::Random) => table::randoms().collect(),
        Item::Generator(_) => table::randoms().filter(|name| !is_generator(name)).collect(),
        Item::Lazy(_) if table::function(name).is_some() => {
            return error.hint(format!("`{name}` is a function: write {name}(x)"));
        }
        Item::Lazy(_) => table::methods().collect(),
        _ => return error,
    };
    /// More are not listed in a hint.
    const FEW: usize = 8;
    match nearest(name, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if known.len() <= FEW => error.hint(format!("known are {}", known.join(", "))),
        None => error.hint("docs/arrays.md lists all that are known"),
    }
}

fn is_generator(name: &str) -> bool {
    ["default_rng", "RandomState"].contains(&name)
}

fn elsewhere(name: &str) -> Option<String> {
    ELSEWHERE.iter().find(|(names, _)| names.contains(&name)).map(|(_, hint)| hint.replace("{}", name))
}
