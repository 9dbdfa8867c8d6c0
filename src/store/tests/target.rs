//! Writing: what is refused before anything is written, many writers, and how a file gets its name.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::array::Target;
use crate::array::{DType, Shape};
use crate::error::Result;
use crate::store::tests::{load, told};
use crate::store::{Reader, Writer};

fn target(path: &Path, dtype: DType, extents: &[u64]) -> Result<Target> {
    Target::new(path.to_str().unwrap(), dtype, &Shape::new(extents.to_vec()).unwrap(), "k3v9x2ab")
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn doubles(path: &Path) -> Vec<f64> {
    let (stored, shape) = load(path).unwrap();
    let mut values = vec![0.0; shape.size() as usize];
    Reader::open(&stored).unwrap().read_real(0, &mut values).unwrap();
    values
}

#[test]
fn what_cannot_be_saved_is_refused_before_anything_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("there.npy"), "").unwrap();
    std::os::unix::fs::symlink("nowhere", at("link.npy")).unwrap();
    let refuse = |name: &str, extents: &[u64]| told(directory.path(), target(&at(name), DType::F64, extents));
    let mut all = vec![
        refuse("there.npy", &[3]),
        refuse("link.npy", &[3]),
        refuse("missing/y.npy", &[3]),
        refuse("there.npy/y.npy", &[3]),
        refuse("y.txt", &[3]),
        refuse("y.npy", &[1 << 62]),
    ];
    all.push(told(directory.path(), target(Path::new("/proc/y.npy"), DType::F64, &[3])));
    insta::assert_snapshot!(all.join("\n\n"), @r"
    error: cannot save to `DIRECTORY/there.npy`
    cause: DIRECTORY/there.npy exists
    hint: nothing is overwritten: choose another name, or remove the file

    error: cannot save to `DIRECTORY/link.npy`
    cause: DIRECTORY/link.npy exists
    hint: nothing is overwritten: choose another name, or remove the file

    error: cannot save to `DIRECTORY/missing/y.npy`
    cause: there is no directory DIRECTORY/missing
    hint: make it first

    error: cannot save to `DIRECTORY/there.npy/y.npy`
    cause: there is no directory DIRECTORY/there.npy
    hint: make it first

    error: cannot save to `DIRECTORY/y.txt`
    cause: its name does not end in `.npy`
    hint: arrays are saved as `.npy` files

    error: cannot save to `DIRECTORY/y.npy`
    cause: an array of shape (4611686018427387904,) is too large for a file

    error: cannot save to `/proc/y.npy`
    cause: /proc: No such file or directory (os error 2)
    ");
    assert_eq!(names(directory.path()), ["link.npy", "there.npy"]);
}

#[test]
fn a_directory_that_cannot_be_written_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    if nix::unistd::geteuid().is_root() {
        return; // who may write everywhere; `/proc` above stands for it
    }
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o500)).unwrap();
    assert!(target(&directory.path().join("y.npy"), DType::F64, &[3]).is_err());
}

#[test]
fn a_disk_that_is_full_is_told_with_the_figure() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("y.npy");
    let refused = told(directory.path(), target(&path, DType::F64, &[1 << 52]));
    let bytes = (1_u64 << 55) + 4096;
    assert!(refused.contains(&format!("the file has {bytes} bytes, and DIRECTORY has ")), "{refused}");
    // As if somebody else had filled the disk in the meantime.
    let mut target = target(&path, DType::F64, &[2]).unwrap();
    target.shape = vec![1 << 52];
    let told = told(directory.path(), target.create());
    assert!(told.contains("cannot make room for `DIRECTORY/y.npy`"), "{told}");
    assert!(told.ends_with(&format!("it needs {bytes} bytes")), "{told}");
    assert!(names(directory.path()).is_empty());
}

#[test]
fn a_file_has_its_name_only_when_it_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("y.npy");
    let target = target(&path, DType::F64, &[2, 3]).unwrap();
    target.create().unwrap();
    assert_eq!(names(directory.path()), [".y.npy.k3v9x2ab.partial"]);
    let mut writer = Writer::open(&target).unwrap();
    writer.write_real(0, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
    writer.sync().unwrap();
    target.finish().unwrap();
    assert_eq!(names(directory.path()), ["y.npy"]);
    assert_eq!(doubles(&path), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(load(&path).unwrap().1.extents(), [2, 3]);
}

#[test]
fn a_file_that_has_appeared_is_not_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("y.npy");
    let target = target(&path, DType::F64, &[3]).unwrap();
    target.create().unwrap();
    fs::write(&path, "precious").unwrap();
    insta::assert_snapshot!(told(directory.path(), target.finish()), @r"
    error: cannot save to `DIRECTORY/y.npy`
    cause: a file of that name has appeared during the run
    hint: nothing is overwritten: the array is whole in `DIRECTORY/.y.npy.k3v9x2ab.partial`
    ");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    assert_eq!(names(directory.path()), [".y.npy.k3v9x2ab.partial", "y.npy"]);
}

#[test]
fn what_is_discarded_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let target = target(&directory.path().join("y.npy"), DType::Bool, &[3]).unwrap();
    target.create().unwrap();
    target.discard();
    target.discard();
    assert!(names(directory.path()).is_empty());
    insta::assert_snapshot!(told(directory.path(), Writer::open(&target)), @r"
    error: cannot write `DIRECTORY/.y.npy.k3v9x2ab.partial`
    cause: No such file or directory (os error 2)
    ");
}

#[test]
fn many_writers_of_disjoint_and_equal_regions_write_the_array() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("y.npy");
    const ELEMENTS: u64 = 300_000;
    let target = target(&path, DType::F64, &[ELEMENTS]).unwrap();
    target.create().unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4_u64 {
            let target = &target;
            scope.spawn(move || {
                let mut file = Writer::open(target).unwrap();
                // Regions of odd lengths, each of them by two writers.
                for region in (0..ELEMENTS.div_ceil(777)).filter(|region| region % 2 == writer % 2) {
                    let first = region * 777;
                    let values: Vec<f64> = (first..ELEMENTS.min(first + 777)).map(|i| i as f64).collect();
                    let (left, right) = values.split_at(values.len() / 3);
                    file.write_real(first, left).unwrap();
                    file.write_real(first + left.len() as u64, right).unwrap();
                }
                file.sync().unwrap();
            });
        }
    });
    target.finish().unwrap();
    assert!(doubles(&path).iter().enumerate().all(|(index, value)| *value == index as f64));
}

#[test]
fn large_writes_pass_over_many_pieces() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("y.npy");
    let values: Vec<f64> = (0..200_000).map(f64::from).collect();
    let target = target(&path, DType::F32, &[200_001]).unwrap();
    target.create().unwrap();
    let mut writer = Writer::open(&target).unwrap();
    writer.write_real(1, &values).unwrap();
    writer.sync().unwrap();
    target.finish().unwrap();
    let read = doubles(&path);
    assert_eq!(read[0], 0.0, "what nobody wrote");
    assert_eq!(read[1..], values);
}

#[test]
fn elements_outside_the_array_are_never_written() {
    let directory = tempfile::tempdir().unwrap();
    let target = target(&directory.path().join("y.npy"), DType::F64, &[10]).unwrap();
    target.create().unwrap();
    let mut writer = Writer::open(&target).unwrap();
    assert!(writer.write_real(9, &[0.0; 2]).is_err());
    assert!(writer.write_real(u64::MAX, &[0.0; 2]).is_err());
    assert!(writer.write_integer(0, &[0]).is_err());
    writer.write_real(9, &[0.0]).unwrap();
}
