//! Arrays as users of the program meet them: printed, saved, drawn, and refused before anything is submitted.

use std::os::unix::fs::FileExt;

use crate::messages::{refused, refused_before_slurm};
use crate::support::Place;
use crate::support::events::Events;

const THREADS: [&str; 3] = ["--cluster=threads", "--cores=2", "--seed=1"];

/// Standard output of a run that goes well.
fn computed(arguments: &[&str]) -> String {
    let place = Place::new();
    place.run(["run"].iter().chain(arguments).chain(&THREADS)).ok().stdout
}

#[test]
fn arrays_print_as_numpy_prints_them_and_json_has_them_whole() {
    insta::assert_snapshot!(computed(&["-e", "np.arange(12).reshape(3, 4) / 8"]), @"
    result = [[0.    0.125 0.25  0.375]
     [0.5   0.625 0.75  0.875]
     [1.    1.125 1.25  1.375]]
    ");
    insta::assert_snapshot!(computed(&["-e", "np.arange(3000)"]), @"result = [   0    1    2 ... 2997 2998 2999]");
    insta::assert_snapshot!(computed(&["-e", "(np.arange(6) % 4 == 1) | (np.arange(6) > 4)"]), @"result = [False  True False False False  True]");
    let json = computed(&["--output=json", "-e", "np.log(np.arange(3.0) - 1)[::-1].astype('f4')"]);
    let object: serde_json::Value = serde_json::from_str(&json).expect("one object");
    insta::assert_snapshot!(object["results"]["result"], @r#"{"data":[0.0,"-inf","nan"],"dtype":"f32","shape":[3]}"#);
    let json = computed(&["--output=json", "-e", "np.arange(3000)"]);
    let object: serde_json::Value = serde_json::from_str(&json).expect("one object");
    assert_eq!(object["results"]["result"]["data"].as_array().map(Vec::len), Some(3000));
}

#[test]
fn graph_of_the_lesson_is_drawn_on_the_terminal_and_as_files() {
    let place = Place::new();
    let lesson = "random.normal(0.0, 0.1, size=800_000_000, chunks=200_000_000).mean()";
    let terminal = place.run(["graph", "-e", lesson]).ok().stdout;
    assert_eq!(terminal.matches("normal").count(), 4, "{terminal}");
    for (name, beginning) in [("mean.svg", "<svg"), ("mean.dot", "digraph"), ("mean.txt", "")] {
        assert_eq!(place.run(["graph", "-e", lesson, "-o", name]).ok().stdout, "");
        let drawn = std::fs::read_to_string(place.directory().join(name)).expect("it was drawn");
        assert!(drawn.contains(beginning) && drawn.contains("mean"), "{drawn}");
        assert!(name != "mean.txt" || drawn == terminal, "{drawn}");
    }
    // As other programs that draw, and as a shell's `>`: the last one stays.
    assert_eq!(place.run(["graph", "-e", "np.ones(3).sum()", "-o", "mean.dot"]).ok().stdout, "");
    let drawn = std::fs::read_to_string(place.directory().join("mean.dot")).expect("it was drawn");
    assert!(drawn.contains("sum") && !drawn.contains("mean"), "{drawn}");
}

#[test]
fn drawings_that_cannot_be_written_are_refused() {
    let place = Place::new();
    let lesson = "random.normal(0.0, 0.1, size=800_000_000, chunks=200_000_000).mean()";
    std::fs::create_dir(place.directory().join("graphs.svg")).expect("a new directory");
    let outcome = place.run(["graph", "-e", lesson, "-o", "graphs.svg"]);
    assert_eq!(outcome.code(), 2);
    insta::assert_snapshot!(outcome.stderr, @"
    error: cannot draw to `graphs.svg`: it is a directory
    hint: name a file that is new, or one that may be replaced
    ");
    let outcome = place.run(["graph", "-e", lesson, "-o", "mean.bmp"]);
    assert_eq!(outcome.code(), 2);
    insta::assert_snapshot!(outcome.stderr, @"
    error: cannot tell the form of `mean.bmp` from its name
    hint: a drawing ends in .svg, .dot, .txt or .png
    ");
}

/// Needs the feature, and is a test of its own so that `.ci/run` can name it.
#[cfg(feature = "png")]
#[test]
fn png_has_two_pixels_for_each_of_the_svg() {
    let place = Place::new();
    let lesson = "random.normal(0.0, 0.1, size=800_000_000, chunks=200_000_000).mean()";
    for name in ["mean.svg", "mean.png"] {
        assert_eq!(place.run(["graph", "-e", lesson, "-o", name]).ok().stdout, "");
    }
    let drawn = |name: &str| std::fs::read(place.directory().join(name)).expect("it was drawn");
    let (svg, png) = (String::from_utf8(drawn("mean.svg")).expect("text"), drawn("mean.png"));
    let side = |name: &str| -> u32 {
        let after = svg.split_once(&format!(" {name}=\"")).expect("it has sides").1;
        after.split_once('"').expect("quoted").0.parse().expect("a number")
    };
    // The chunk IHDR comes first: width and height after the signature, a length and a name.
    let word = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("four bytes"));
    assert_eq!((&png[..8], &png[12..16]), (&b"\x89PNG\r\n\x1a\n"[..], &b"IHDR"[..]));
    assert_eq!((word(16), word(20)), (2 * side("width"), 2 * side("height")));
    let picture = resvg::tiny_skia::Pixmap::decode_png(&png).expect("it can be decoded");
    assert_eq!((picture.width(), picture.height()), (word(16), word(20)));
    let colours: std::collections::BTreeSet<[u8; 4]> =
        picture.data().chunks_exact(4).map(|pixel| [pixel[0], pixel[1], pixel[2], pixel[3]]).collect();
    assert!(
        colours.contains(&[255; 4]) && colours.len() > 16,
        "boxes, lines and letters on white: {}",
        colours.len()
    );
}

#[cfg(not(feature = "png"))]
#[test]
fn png_is_refused_by_a_program_without_a_renderer() {
    let place = Place::new();
    let outcome = place.run(["graph", "-e", "random.random(9).mean()", "-o", "mean.png"]);
    assert_eq!(outcome.code(), 2);
    insta::assert_snapshot!(outcome.stderr, @"
    error: this squall draws no PNG
    cause: it was built without the feature `png`
    hint: draw an .svg, or build with `cargo build --features png`
    ");
    assert!(!place.directory().join("mean.png").exists());
}

/// More columns than a driver could hold beside itself: 80 MB of means.
const COLUMNS: u64 = 10_000_000;

#[test]
fn ten_million_columns_take_little_memory_on_the_way_to_numbers_and_files() {
    let place = Place::new();
    place.write(
        "run.toml",
        &format!(
            "random.seed = 1\n[arrays]\nx = 'random.random((4, {COLUMNS}), chunks=(1, 1_000_000))'\n\
             counted = 'arange(4 * {COLUMNS}).reshape(4, {COLUMNS})'\nmeans = 'x.mean(axis=0)'\n[results]\n\
             largest = 'means.max()'\ntotal = 'x.sum(axis=0).max()'\nsome = 'x[:, 7_654_321].mean()'\n\
             known = 'counted.sum(axis=0).max()'\nplace = 'counted.sum(axis=0).argmax()'\n\
             [save]\nmeans = 'means.npy'\n"
        ),
    );
    let words = ["run", "run.toml", "--cluster=processes", "--workers=2", "--cores=1"];
    let outcome = place.run(words).ok();
    let results = outcome.numbers();
    // Four numbers c, c + N, c + 2 N and c + 3 N make 4 c + 6 N.
    assert_eq!(results["known"], (4 * (COLUMNS - 1) + 6 * COLUMNS) as f64);
    assert_eq!(results["place"], (COLUMNS - 1) as f64);
    // A division by 4 is exact.
    assert_eq!(results["largest"], results["total"] / 4.0);
    let file = std::fs::File::open(place.directory().join("means.npy")).expect("it was saved");
    let elements_at = file.metadata().expect("a length").len() - 8 * COLUMNS;
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, elements_at + 8 * 7_654_321).expect("an element");
    assert_eq!(f64::from_le_bytes(bytes), results["some"]);
    let events = Events::of(&place.runs()[0]).expect("the run had events");
    let closed = events.all("closed").next().expect("it has ended").clone();
    let bytes = |field: &str| closed[field].as_u64().expect("a number of bytes");
    for who in ["worker", "driver"] {
        let (peak, bound) = (bytes(&format!("{who}_peak_bytes")), bytes(&format!("{who}_bound_bytes")));
        assert!(0 < peak && peak <= bound, "a {who} took {peak} of {bound}");
        assert!(peak < 8 * COLUMNS, "a {who} took {peak}, which is as much as all means");
    }
}

#[test]
fn bad_arrays_are_refused_before_anything_is_submitted() {
    insta::assert_snapshot!(refused(&["-e", "np.ones(3) + np.ones(4)"]), @"
    exit code 2
    error: operands could not be broadcast together with shapes (3,) (4,)
    cause: result = np.ones(3) + np.ones(4)
                               ^
    hint: axes are matched from the last one: two extents are equal, or one of them is 1
    ");
    insta::assert_snapshot!(refused(&["-e", "np.ones((3, 4)).sum(axis=2)"]), @"
    exit code 2
    error: axis 2 is out of bounds for array of dimension 2
    cause: result = np.ones((3, 4)).sum(axis=2)
                                             ^
    hint: its axes are 0 to 1, also -2 to -1
    ");
    insta::assert_snapshot!(refused(&["-e", "np.ones(3).sum(axs=0)"]), @"
    exit code 2
    error: `sum` has no argument `axs`
    cause: result = np.ones(3).sum(axs=0)
                                   ^^^
    hint: did you mean `axis`?
    ");
    insta::assert_snapshot!(refused(&["-e", "load('nowhere.npy').sum()"]), @"
    exit code 2
    error: cannot load `nowhere.npy`
    cause: [HERE]/nowhere.npy: No such file or directory (os error 2)
    cause: result = load('nowhere.npy').sum()
                         ^^^^^^^^^^^^^
    ");
    insta::assert_snapshot!(refused(&["-e", "np.histogram(np.ones(3), 4)"]), @"
    exit code 2
    error: result `result` is a tuple, not an array or a number
    cause: result = np.histogram(np.ones(3), 4)
                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: take one part of it, the first with [0], or give each part a line of its own
    ");
    insta::assert_snapshot!(refused(&["-e", "random.random((1000, 1000)).T.reshape(10, -1).sum()"]), @"
    exit code 2
    error: reshaping to (10, 100000) would move elements
    cause: result = random.random((1000, 1000)).T.reshape(10, -1).sum()
                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: an array is reshaped where its elements stay in order: before a transpose, a concatenation or a slice
    hint: a file in Fortran order is a transposed one: reshape its transpose
    ");
    insta::assert_snapshot!(refused(&["-e", "np.cumsum(random.random(2_000_000))[-1]"]), @"
    exit code 2
    error: a running sum along an axis of 2000000 elements
    cause: such an axis has to lie whole in a task, of at most 1048576 elements
    cause: result = np.cumsum(random.random(2_000_000))[-1]
                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    hint: sum in pieces, or reshape the array first
    ");
    // What the driver has is the machine's.
    let too_large = refused(&["-e", "random.random(10**13)"]);
    for part in ["exit code 2", "error: the driver needs 324249", "[save]"] {
        assert!(too_large.contains(part), "no `{part}` in:\n{too_large}");
    }
    let prepare = |place: &Place| {
        place.write("there.npy", "");
        place.write("run.toml", "arrays.x = 'np.ones(3)'\nsave.x = 'there.npy'\n");
    };
    insta::assert_snapshot!(refused_before_slurm(prepare, &["run.toml"]), @"
    exit code 2
    error: cannot save to `there.npy`
    cause: [HERE]/there.npy exists
    hint: nothing is overwritten: choose another name, or remove the file
    ");
    let prepare =
        |place: &Place| drop(place.write("run.toml", "arrays.x = 'np.ones(3)'\nsave.x = 'no/x.npy'\n"));
    insta::assert_snapshot!(refused_before_slurm(prepare, &["run.toml"]), @"
    exit code 2
    error: cannot save to `no/x.npy`
    cause: there is no directory [HERE]/no
    hint: make it first
    ");
    let prepare =
        |place: &Place| drop(place.write("run.toml", "arrays.x = 'np.ones(3)'\nsave.y = 'y.npy'\n"));
    insta::assert_snapshot!(refused_before_slurm(prepare, &["run.toml"]), @"
    exit code 2
    error: [save] names `y`, which is no array or result
    hint: names are defined in [arrays] and [results]
    ");
}
