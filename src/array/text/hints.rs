//! What a name that does not exist was most likely meant to be.

use crate::array::text::item::{BUILTINS, CONSTANTS, DTYPES, Item, Namespace, is_foreign_dtype};
use crate::array::text::table;
use crate::error::{Error, nearest};

/// Names that NumPy and dask have, and what takes their place here; `{}` is the name.
const ELSEWHERE: &[(&[&str], &str)] = &[
    (&["compute", "persist", "result"], "leave out .{}(): every result is computed"),
    (&["visualize"], "leave out .{}(): `squall graph` draws the graph"),
    (&["rechunk"], "leave out .{}(): no result depends on chunks"),
    (
        &["from_zarr", "from_hdf5", "fromfile", "loadtxt", "memmap"],
        "arrays come from files: load(\"x.npy\"), or load(\"dir/\") for a stack of them",
    ),
    (
        &["array", "asarray", "asanyarray", "from_array"],
        "arrays come from files: load(\"x.npy\"); of a few numbers write stack([1, 2])",
    ),
    (
        &["save", "to_npy_stack", "to_zarr", "to_hdf5", "store", "tofile"],
        "name the array in [save]: x = \"x.npy\"",
    ),
    (&["matmul", "inner", "vdot"], "write dot(a, b) or a @ b"),
    (&["item", "tolist", "copy", "view"], "leave out .{}(): results are printed as Python prints them"),
    (
        &["nonzero", "argwhere", "flatnonzero"],
        "count with count_nonzero(x), and choose with where(x > 0, x, 0)",
    ),
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
