//! Tests of the room without NumPy; with it they are in `tests/npy.rs`.

mod header;
mod open;
mod read;
mod target;

use std::fs;
use std::path::Path;

use crate::array::Shape;
use crate::array::{Files, Stored};
use crate::error::Result;
use crate::store::LocalFiles;

/// A file of version 1.0 with this dictionary and these bytes of elements.
fn npy(dictionary: &str, elements: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(dictionary.len()).unwrap().to_le_bytes());
    bytes.extend(dictionary.as_bytes());
    bytes.extend(elements);
    bytes
}

/// The dictionary of an array in C order.
fn c_order(descr: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}")
}

/// Doubles 0, 1, 2, ... in a file of the directory.
fn write_doubles(directory: &Path, name: &str, shape: &str, count: usize) {
    let elements: Vec<u8> = (0..count).flat_map(|value| (value as f64).to_le_bytes()).collect();
    fs::write(directory.join(name), npy(&c_order("<f8", shape), &elements)).unwrap();
}

fn load(path: &Path) -> Result<(Stored, Shape)> {
    LocalFiles.open(path.to_str().unwrap())
}

/// What a user is told, with the directory's name left out.
fn told<T: std::fmt::Debug>(directory: &Path, result: Result<T>) -> String {
    result.unwrap_err().to_string().replace(directory.to_str().unwrap(), "DIRECTORY")
}
