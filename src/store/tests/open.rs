//! Opening files and directories: messages, the order of a stack, and what is accepted.

use std::fs;
use std::path::Path;

use crate::store::tests::{c_order, load, npy, told, write_doubles};

/// Files that are damaged, each in its own way, and their names.
fn damaged(directory: &Path) -> Vec<String> {
    let huge = [b"\x93NUMPY\x02\x00\x00\x00\x00\x40".as_slice(), &[b' '; 100]].concat();
    let files = [
        ("empty", Vec::new()),
        ("text", b"1.0, 2.0\n".to_vec()),
        ("archive", b"PK\x03\x04....".to_vec()),
        ("cut", b"\x93NUMPY\x01".to_vec()),
        ("version", b"\x93NUMPY\x04\x00\x10\x00".to_vec()),
        ("header", npy(&c_order("<f8", "(3,)"), &[])[..40].to_vec()),
        ("huge-header", huge),
        ("objects", npy(&c_order("|O", "(3,)"), &[0; 24])),
        ("truncated", npy(&c_order("<f8", "(100, 10)"), &[0; 7992])),
        ("far", npy(&c_order("<f8", "(9223372036854775808,)"), &[0; 8])),
    ];
    let write = |(name, bytes): (&str, Vec<u8>)| {
        let name = format!("{name}.npy");
        fs::write(directory.join(&name), bytes).unwrap();
        name
    };
    files.into_iter().map(write).collect()
}

#[test]
fn what_cannot_be_loaded_is_told_with_figures() {
    let directory = tempfile::tempdir().unwrap();
    let mut names = damaged(directory.path());
    nix::unistd::mkfifo(&directory.path().join("pipe.npy"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    names.extend(["pipe.npy", "missing.npy", "text.npy/x.npy"].map(str::to_owned));
    let each = |name: &String| told(directory.path(), load(&directory.path().join(name)));
    let all: Vec<String> = names.iter().map(each).collect();
    insta::assert_snapshot!(all.join("\n\n"), @r#"
    error: cannot load `DIRECTORY/empty.npy`
    cause: DIRECTORY/empty.npy: the file is empty

    error: cannot load `DIRECTORY/text.npy`
    cause: DIRECTORY/text.npy: it is not a `.npy` file: it begins with 31 2e 30 2c 20 32, and not with 93 4e 55 4d 50 59
    hint: save the array with `np.save`

    error: cannot load `DIRECTORY/archive.npy`
    cause: DIRECTORY/archive.npy: it is an archive such as `np.savez` writes, and not a `.npy` file
    hint: save each array by itself: `np.save("x.npy", archive["x"])`

    error: cannot load `DIRECTORY/cut.npy`
    cause: DIRECTORY/cut.npy: the header is truncated: the file has 7 bytes

    error: cannot load `DIRECTORY/version.npy`
    cause: DIRECTORY/version.npy: version 4 of the format is not known
    hint: versions 1 to 3 are: save it again with `np.save`

    error: cannot load `DIRECTORY/header.npy`
    cause: DIRECTORY/header.npy: the header is truncated: it claims 57 bytes, and the file has 40 in all

    error: cannot load `DIRECTORY/huge-header.npy`
    cause: DIRECTORY/huge-header.npy: the header claims 1073741824 bytes, more than 1048576
    hint: arrays of numbers have short headers: save the array again with `np.save`

    error: cannot load `DIRECTORY/objects.npy`
    cause: DIRECTORY/objects.npy: it holds pickled objects, which squall never loads: dtype `|O`
    hint: save floats: `np.save(..., x.astype("float64"))`

    error: cannot load `DIRECTORY/truncated.npy`
    cause: DIRECTORY/truncated.npy: the file is truncated: shape (100, 10) of `<f8` needs 8000 bytes after the header, and 7992 are there

    error: cannot load `DIRECTORY/far.npy`
    cause: DIRECTORY/far.npy: the file is truncated: shape (9223372036854775808,) of `<f8` needs 73786976294838206464 bytes after the header, and 8 are there

    error: cannot load `DIRECTORY/pipe.npy`
    cause: DIRECTORY/pipe.npy: it is not a file

    error: cannot load `DIRECTORY/missing.npy`
    cause: DIRECTORY/missing.npy: No such file or directory (os error 2)

    error: cannot load `DIRECTORY/text.npy/x.npy`
    cause: DIRECTORY/text.npy/x.npy: Not a directory (os error 20)
    "#);
}

#[test]
fn directories_that_are_no_stack_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let stack = |name: &str, files: &[(&str, Vec<u8>)]| {
        let stack = directory.path().join(name);
        fs::create_dir(&stack).unwrap();
        for (name, bytes) in files {
            fs::write(stack.join(name), bytes).unwrap();
        }
        told(directory.path(), load(&stack))
    };
    let doubles = |shape: &str| npy(&c_order("<f8", shape), &[0; 800]);
    let fortran = doubles("(2, 3)");
    let fortran = String::from_utf8_lossy(&fortran).replace("False", "True ").into_bytes();
    let fortran = [b"\x93".as_slice(), &fortran["\u{fffd}".len()..]].concat();
    let all = [
        stack("empty", &[("notes.txt", vec![]), (".x.npy", doubles("(1,)"))]),
        stack("dtypes", &[("a.npy", doubles("(2, 3)")), ("b.npy", npy(&c_order(">f8", "(2, 3)"), &[0; 48]))]),
        stack("shapes", &[("a.npy", doubles("(2, 3)")), ("b.npy", doubles("(2, 4)"))]),
        stack("axes", &[("a.npy", doubles("(2, 3)")), ("b.npy", doubles("(2,)"))]),
        stack("numbers", &[("a.npy", doubles("()"))]),
        stack("fortran", &[("a.npy", fortran)]),
        stack("damaged", &[("a.npy", doubles("(2,)")), ("b.npy", b"?".to_vec())]),
    ];
    insta::assert_snapshot!(all.join("\n\n"), @r"
    error: cannot load `DIRECTORY/empty`
    cause: there is no `.npy` file in DIRECTORY/empty
    hint: a directory is loaded as the stack of its `.npy` files along axis 0

    error: cannot load `DIRECTORY/dtypes`
    cause: DIRECTORY/dtypes/b.npy: its elements are `>f8`, and those of the first file `<f8`
    hint: the files of a stack have one dtype

    error: cannot load `DIRECTORY/shapes`
    cause: DIRECTORY/shapes/b.npy: its shape is (2, 4), and the first file's (2, 3)
    hint: the files of a stack have equal shapes but for axis 0

    error: cannot load `DIRECTORY/axes`
    cause: DIRECTORY/axes/b.npy: its shape is (2,), and the first file's (2, 3)
    hint: the files of a stack have equal shapes but for axis 0

    error: cannot load `DIRECTORY/numbers`
    cause: DIRECTORY/numbers/a.npy: it holds a number, which has no axis 0
    hint: save it as an array of one element

    error: cannot load `DIRECTORY/fortran`
    cause: DIRECTORY/fortran/a.npy: its elements are in Fortran order, and a stack is in C order
    hint: save it again with `np.save(..., np.ascontiguousarray(x))`

    error: cannot load `DIRECTORY/damaged`
    cause: DIRECTORY/damaged/b.npy: it is not a `.npy` file: it begins with 3f, and not with 93 4e 55 4d 50 59
    hint: save the array with `np.save`
    ");
}

#[test]
fn a_stack_is_in_the_natural_order_of_names() {
    let directory = tempfile::tempdir().unwrap();
    let names = [
        "b.npy",
        "part-10.npy",
        "part-2.npy",
        "part-010b.npy",
        "part-02.npy",
        "part.npy",
        "a1x2.npy",
        "a1x10.npy",
    ];
    for (rows, name) in names.iter().enumerate() {
        write_doubles(directory.path(), name, &format!("({rows}, 2)"), rows * 2);
    }
    let (stored, shape) = load(directory.path()).unwrap();
    let order: Vec<&str> = stored.parts.iter().map(|part| part.path.rsplit('/').next().unwrap()).collect();
    assert_eq!(
        order,
        [
            "a1x2.npy",
            "a1x10.npy",
            "b.npy",
            "part-02.npy",
            "part-2.npy",
            "part-10.npy",
            "part-010b.npy",
            "part.npy"
        ]
    );
    assert_eq!(shape.extents(), [28, 2]);
    assert_eq!(stored.elements(), 56);
}

#[test]
fn thousands_of_files_are_one_array() {
    let directory = tempfile::tempdir().unwrap();
    for index in 0..2000 {
        write_doubles(directory.path(), &format!("{index}.npy"), "(3,)", 3);
    }
    let (stored, shape) = load(directory.path()).unwrap();
    assert_eq!(shape.extents(), [6000]);
    assert!(
        stored.parts.iter().enumerate().all(|(index, part)| part.path.ends_with(&format!("/{index}.npy")))
    );
}

#[test]
fn bytes_after_the_elements_are_ignored() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.npy");
    fs::write(&path, npy(&c_order("<f8", "(2,)"), &[0; 21])).unwrap();
    let (stored, shape) = load(&path).unwrap();
    assert_eq!((stored.elements(), shape.extents()), (2, [2].as_slice()));
}

#[test]
fn a_header_longer_than_a_page_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.npy");
    let text = c_order("<f8", "(2,)") + &" ".repeat(100_000);
    let mut bytes = b"\x93NUMPY\x03\x00".to_vec();
    bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend([0; 16]);
    fs::write(&path, &bytes).unwrap();
    let (stored, _) = load(&path).unwrap();
    assert_eq!(stored.parts[0].offset, bytes.len() as u64 - 16);
}

#[test]
fn paths_are_absolute_and_the_name_is_the_users() {
    let (stored, _) = {
        let directory = tempfile::tempdir_in(".").unwrap();
        write_doubles(directory.path(), "x.npy", "(1,)", 1);
        load(&directory.path().join("x.npy")).unwrap()
    };
    assert!(stored.name.ends_with("x.npy"));
    assert!(stored.parts[0].path.starts_with('/'));
}
