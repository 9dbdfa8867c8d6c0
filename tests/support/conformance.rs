//! What every kind of cluster does alike. Each function is one fact; test binaries run all of them for the kinds
//! they can bring up, by `for_each_behaviour!`.

use std::os::unix::fs::MetadataExt;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::Place;
use super::running::{Outcome, Running};

/// A kind of cluster.
pub(crate) struct Kind<'a> {
    /// A fresh place for a run.
    pub(crate) place: &'a dyn Fn() -> Place,
    /// The flags for a cluster of so many compute threads, whichever workers they are in.
    pub(crate) flags: &'a dyn Fn(u32) -> Vec<String>,
    /// Whether workers are outside of the driver's process, so that there is a run directory.
    pub(crate) outside: bool,
    /// Fails if anything of a run that has ended is still there.
    pub(crate) assert_nothing_left: &'a dyn Fn(&Place),
}

/// Calls the macro `$apply` with the names of all behaviours.
macro_rules! for_each_behaviour {
    ($apply:ident) => {
        $apply! {
            six_reductions_of_1e8_numbers_are_those_frozen,
            several_results_take_one_pass,
            result_that_needs_another_takes_a_second_stage,
            rows_of_the_lesson_are_those_frozen,
            saved_array_has_the_mean_of_the_random_one,
            stack_of_saved_files_is_the_random_array,
            quantiles_and_medians_have_the_bits_of_threads,
            wide_means_and_standardised_elements_have_the_bits_of_threads,
            other_lines_of_a_run_file_leave_an_arrays_bits_unchanged,
            given_seed_gives_the_same_bits,
            drawn_seed_is_printed_and_gives_the_same_bits_again,
            chunks_leave_the_bits_unchanged,
            one_and_two_threads_give_the_same_bits,
            json_is_one_object_of_this_shape,
            standard_output_holds_results_alone_even_when_quiet,
            each_signal_ends_in_order_with_its_code,
            second_signal_leaves_nothing_either,
        }
    };
}
pub(crate) use for_each_behaviour;

/// So large that no machine is done with it before a signal arrives.
const ENDLESS: &str = "random.normal(0, 1, size=1e13).mean()";

impl Kind<'_> {
    fn start(&self, place: &Place, threads: u32, arguments: &[&str]) -> Running {
        let flags = (self.flags)(threads);
        let arguments: Vec<&str> =
            ["run"].iter().chain(arguments).copied().chain(flags.iter().map(String::as_str)).collect();
        place.start(arguments)
    }

    /// Runs to an end that goes well.
    fn run(&self, threads: u32, arguments: &[&str]) -> Outcome {
        self.start(&(self.place)(), threads, arguments).wait().ok()
    }

    /// The bits of the one expression.
    fn bits(&self, threads: u32, seed: &str, expression: &str) -> u64 {
        self.run(threads, &["-e", expression, "--seed", seed]).bits()["result"]
    }

    /// Runs a file.
    fn file(&self, text: &str, arguments: &[&str]) -> Outcome {
        let place = (self.place)();
        place.write("run.toml", text);
        let arguments: Vec<&str> = ["run.toml"].iter().chain(arguments).copied().collect();
        self.start(&place, 2, &arguments).wait().ok()
    }

    /// Runs a file, here and on one thread; returns the results, which are alike to the last digit.
    fn as_on_a_thread(&self, place: &Place, text: &str) -> Value {
        place.write("run.toml", text);
        let results = |running: Running| {
            let stdout = running.wait().ok().stdout;
            stdout
                .split_once(",\"results\":")
                .unwrap_or_else(|| panic!("no results in {stdout}"))
                .1
                .to_owned()
        };
        let own = results(self.start(place, 2, &["run.toml", "--output=json"]));
        let thread = ["run", "run.toml", "--output=json", "--cluster=threads", "--cores=1"];
        assert_eq!(own, results(place.start(thread)));
        serde_json::from_str(own.trim_end().strip_suffix('}').expect("the end of the object")).expect("JSON")
    }

    /// Starts something that does not end by itself, and waits until it computes.
    fn endless(&self, place: &Place) -> Running {
        let mut running = self.start(place, 2, &["-e", ENDLESS]);
        if self.outside {
            running.until_events("a worker answered", |events| events.busy_worker());
        } else {
            running.until("it began", |running| running.stderr().contains("run ").then_some(()));
        }
        running
    }
}

pub(crate) fn six_reductions_of_1e8_numbers_are_those_frozen(kind: &Kind<'_>) {
    let text = "random.seed = 42\narrays.x = 'random.normal(10.0, 0.5, size=100_000_000)'\n[results]\nmean = 'x.mean()'\n\
                sum = 'x.sum()'\nmin = 'x.min()'\nmax = 'x.max()'\nstd = 'x.std()'\nvar = 'x.var()'\n";
    let outcome = kind.file(text, &[]);
    let numbers = outcome.numbers();
    // What probability says of them, and then which they are.
    assert!((numbers["mean"] - 10.0).abs() < 5.0 * 0.5 / 1e4, "{numbers:?}");
    assert!((numbers["sum"] / 1e8 - numbers["mean"]).abs() < 1e-14 * numbers["mean"], "{numbers:?}");
    assert_eq!(numbers["std"], numbers["var"].sqrt());
    insta::allow_duplicates! {
        insta::assert_snapshot!(outcome.stdout, @"
        mean = 9.999937546358195
        sum = 999993754.6358194
        min = 7.0879601162394685
        max = 12.771469704594802
        std = 0.49994162148875076
        var = 0.24994162489680133
        ");
    }
}

pub(crate) fn several_results_take_one_pass(kind: &Kind<'_>) {
    let text = "random.seed = 1\narrays.x = 'random.normal(0, 1, size=3e7)'\n\
                [results]\nmean = 'x.mean()'\nlargest = 'x.max()'\nsum = 'x.sum()'\n";
    let outcome = kind.file(text, &[]);
    assert_eq!(outcome.numbers().len(), 3);
    // 30 million numbers were made, not 90.
    assert!(outcome.stderr.contains("work: 30 million numbers"), "{}", outcome.stderr);
}

pub(crate) fn rows_of_the_lesson_are_those_frozen(kind: &Kind<'_>) {
    let text = "random.seed = 42\n[arrays]\n\
                small = 'random.random((1000, 1000), chunks=(250, 250))'\n\
                wide = 'random.normal(10, 0.1, size=(20000, 20000), chunks=(1000, 1000))'\n\
                points = 'random.random((1_000_000, 2))'\n[results]\n\
                lesson = 'random.normal(0.0, 0.1, size=80_000_000, chunks=20_000_000).mean()'\n\
                total = 'small.sum()'\n\
                columns = 'wide.mean(axis=0)[::2500]'\n\
                farthest = '((small - small.mean(axis=0)) / small.std(axis=0)).max()'\n\
                pi = '((points**2).sum(axis=1) < 1).mean() * 4'\n\
                middle = 'median(small)'\n";
    let outcome = kind.file(text, &[]);
    insta::allow_duplicates! {
        insta::assert_snapshot!(outcome.stdout, @"
        lesson = -6.989575110765279e-06
        total = 499963.2745819255
        columns = [10.00102327  9.99927155  9.99961961 10.00023229 10.00046897  9.99969101
          9.99995783 10.00029638]
        farthest = 1.8756520750513141
        pi = 3.140912
        middle = 0.499964944615785
        ");
    }
}

pub(crate) fn saved_array_has_the_mean_of_the_random_one(kind: &Kind<'_>) {
    let place = (kind.place)();
    place.write(
        "save.toml",
        "random.seed = 7\narrays.x = 'random.normal(3, 2, size=(3000, 1001), chunks=(1000, 500))'\n\
         [results]\nmean = 'x.mean()'\ncolumns = 'x.sum(axis=0)[:3]'\n[save]\nx = 'x.npy'\n",
    );
    place.write(
        "load.toml",
        "arrays.x = 'load(\"x.npy\", chunks=(700, -1))'\n\
         [results]\nmean = 'x.mean()'\ncolumns = 'x.sum(axis=0)[:3]'\n",
    );
    let made = kind.start(&place, 2, &["save.toml"]).wait().ok();
    let read = kind.start(&place, 2, &["load.toml"]).wait().ok();
    assert_eq!(made.stdout, read.stdout);
    let left: Vec<_> = std::fs::read_dir(place.directory()).expect("the place is there").flatten().collect();
    assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().contains(".partial")), "{left:?}");
}

pub(crate) fn stack_of_saved_files_is_the_random_array(kind: &Kind<'_>) {
    let place = (kind.place)();
    let (owner, parts) =
        (place.directory().metadata().expect("it is there"), place.directory().join("parts"));
    std::fs::create_dir(&parts).expect("the place takes a directory");
    std::os::unix::fs::chown(&parts, Some(owner.uid()), Some(owner.gid())).expect("it is ours to give");
    let results = "[results]\nstd = 'x.std()'\nmiddle = 'median(x)'\ncolumns = 'x[40::7, ::-90].sum(axis=0)'\n\
                   running = 'x.T.cumsum(axis=1)[::300, -1]'\n";
    let made = kind.as_on_a_thread(
        &place,
        &format!("random.seed = 7\narrays.x = 'random.normal(3, 2, size=(3000, 1001))'\n{results}"),
    );
    place.write(
        "save.toml",
        "random.seed = 7\n[arrays]\nx = 'random.normal(3, 2, size=(3000, 1001))'\n\
         a = 'x[:1000]'\nb = 'x[1000:1501]'\nc = 'x[1501:]'\n\
         [save]\na = 'parts/0.npy'\nb = 'parts/1.npy'\nc = 'parts/2.npy'\n",
    );
    kind.start(&place, 2, &["save.toml"]).wait().ok();
    let read =
        kind.as_on_a_thread(&place, &format!("arrays.x = 'load(\"parts/\", chunks=(700, -1))'\n{results}"));
    assert_eq!(made, read);
}

pub(crate) fn quantiles_and_medians_have_the_bits_of_threads(kind: &Kind<'_>) {
    let results = kind.as_on_a_thread(
        &(kind.place)(),
        "random.seed = 11\narrays.x = 'random.normal(0, 1, size=(3000, 400), chunks=(500, 400))'\n\
         [results]\nmiddle = 'median(x)'\nbelow = '(x < median(x)).sum()'\nhigh = 'quantile(x, [0.9, 0.999])'\n\
         rows = 'quantile(x, [0.1, 0.9], axis=1)[:, ::250]'\ncolumns = 'median(x[:101], axis=0)'\n\
         chosen = '(x[:101] == median(x[:101], axis=0)).sum(axis=0).max()'\n",
    );
    assert_eq!(results["below"], 600_000, "half of the numbers lie below the median");
    assert_eq!(results["chosen"], 1, "the median of an odd number of them is one of them");
    assert_eq!(results["rows"]["shape"], serde_json::json!([2, 12]));
}

pub(crate) fn wide_means_and_standardised_elements_have_the_bits_of_threads(kind: &Kind<'_>) {
    let results = kind.as_on_a_thread(
        &(kind.place)(),
        "random.seed = 12\narrays.x = 'random.normal(10, 0.1, size=(400, 20_000), chunks=(100, 1000))'\n\
         [results]\nmeans = 'x.mean(axis=0)[::100]'\nsame = 'x[:, ::100].mean(axis=0)'\n\
         farthest = '((x - x.mean(axis=0)) / x.std(axis=0)).max()'\n",
    );
    assert_eq!(results["means"]["shape"], serde_json::json!([200]));
    assert_eq!(results["means"], results["same"]);
    let farthest = results["farthest"].as_f64().expect("a number");
    // Of 8 million normal numbers; no deviation in units of the own one exceeds the root of the number of rows.
    assert!((4.5..20.0).contains(&farthest), "{farthest}");
}

pub(crate) fn result_that_needs_another_takes_a_second_stage(kind: &Kind<'_>) {
    let text = "random.seed = 1\narrays.x = 'random.normal(0, 1, size=2e7)'\n\
                [results]\nmean = 'x.mean()'\nlargest = 'x.max()'\nfarthest = '(x - x.mean()).max()'\n";
    let outcome = kind.file(text, &[]);
    let numbers = outcome.numbers();
    // Rounding never turns the order of two differences round, so this holds to the bit.
    assert_eq!(numbers["farthest"], numbers["largest"] - numbers["mean"]);
    assert!(outcome.stderr.contains("work: 40 million numbers"), "{}", outcome.stderr);
}

pub(crate) fn other_lines_of_a_run_file_leave_an_arrays_bits_unchanged(kind: &Kind<'_>) {
    let (x, y, z) = (
        "x = 'random.normal(0, 1, size=5e6)'\n",
        "y = 'random.uniform(0, 1, size=4e6)'\n",
        "z = 'random.random(size=3e6)'\n",
    );
    let bits = |arrays: &[&str]| {
        let text = format!("random.seed = 7\n[arrays]\n{}[results]\nmean = 'x.mean()'\n", arrays.concat());
        kind.file(&text, &[]).bits()["mean"]
    };
    let alone = bits(&[x]);
    assert_eq!(bits(&[x, y, z]), alone, "after lines were added");
    assert_eq!(bits(&[z, y, x]), alone, "after lines changed places");
    assert_eq!(bits(&["y = 'random.normal(5, 2, size=10)'\n", x]), alone, "after another line changed");
}

pub(crate) fn given_seed_gives_the_same_bits(kind: &Kind<'_>) {
    let expression = "random.normal(0, 1, size=1e7).sum()";
    let bits = kind.bits(2, "0x5eed", expression);
    assert_eq!(kind.bits(2, "24301", expression), bits);
    assert_ne!(kind.bits(2, "0x5eee", expression), bits);
}

pub(crate) fn drawn_seed_is_printed_and_gives_the_same_bits_again(kind: &Kind<'_>) {
    let expression = "random.normal(0, 1, size=1e7).sum()";
    let drawn = |_| {
        let outcome = kind.run(2, &["-e", expression]);
        let seed = outcome.stderr.lines().find_map(|line| line.strip_prefix("seed "));
        (seed.expect("it is printed").to_owned(), outcome.bits()["result"])
    };
    let [(seed, bits), (other_seed, other_bits)] = [0, 1].map(drawn);
    assert_ne!(seed, other_seed);
    assert_ne!(bits, other_bits);
    assert_eq!(kind.bits(2, &seed, expression), bits);
}

pub(crate) fn chunks_leave_the_bits_unchanged(kind: &Kind<'_>) {
    let bits = [50_000_000, 12_345_678, -1].map(|chunks| {
        let text = format!(
            "random.seed = 3\narrays.x = 'random.normal(0, 0.1, size=100_000_000, chunks={chunks})'\n\
             [results]\nmean = 'x.mean()'\nvar = 'x.var()'\nmin = 'x.min()'\n"
        );
        kind.file(&text, &[]).bits()
    });
    assert_eq!(bits[0], bits[1]);
    assert_eq!(bits[0], bits[2]);
}

pub(crate) fn one_and_two_threads_give_the_same_bits(kind: &Kind<'_>) {
    let expression = "random.normal(0, 0.1, size=1e8).mean()";
    assert_eq!(kind.bits(1, "9", expression), kind.bits(2, "9", expression));
}

pub(crate) fn json_is_one_object_of_this_shape(kind: &Kind<'_>) {
    let text = "random.seed = 1\narrays.x = 'random.normal(0, 1, size=1e6)'\n\
                [results]\nz = 'x.max()'\na = 'x.mean()'\nnone = 'random.random(size=0).mean()'\n";
    let (json, plain) = (kind.file(text, &["--output", "json"]), kind.file(text, &[]));
    let value: Value = serde_json::from_str(&json.stdout).expect("it is JSON");
    let run = value["run"].as_str().expect("a run id");
    let line = |name: &str| {
        let lines = plain.stdout.lines();
        lines
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(" = "))
            .next()
            .expect("it is there")
            .to_owned()
    };
    // The results are in the order of the file, and their digits are the text's.
    let expected = format!(
        "{{\"run\":\"{run}\",\"results\":{{\"z\":{},\"a\":{},\"none\":\"nan\"}}}}\n",
        line("z"),
        line("a")
    );
    assert_eq!(json.stdout, expected);
    assert!(json.stderr.contains(&format!("run {run} ")), "{}", json.stderr);
}

pub(crate) fn standard_output_holds_results_alone_even_when_quiet(kind: &Kind<'_>) {
    let arguments = ["-e", "random.random(size=1e6).sum()", "--seed", "1"];
    let told = kind.run(2, &arguments);
    let quiet = kind.run(2, &[arguments.as_slice(), &["--quiet"]].concat());
    assert_eq!(told.numbers().len(), 1);
    assert_eq!(quiet.stdout, told.stdout);
    assert_eq!(quiet.stderr, "");
}

pub(crate) fn each_signal_ends_in_order_with_its_code(kind: &Kind<'_>) {
    for (signal, name) in [(Signal::SIGTERM, "TERM"), (Signal::SIGINT, "INT"), (Signal::SIGHUP, "HUP")] {
        let place = (kind.place)();
        let running = kind.endless(&place);
        running.signal(signal);
        let outcome = running.wait();
        assert_eq!(outcome.code(), 128 + signal as i32, "{}", outcome.stderr);
        assert_eq!(outcome.stdout, "");
        let error = format!("error: interrupted by signal {name}");
        // A hint may follow: how to go on.
        assert!(outcome.stderr.lines().any(|line| line == error), "{}", outcome.stderr);
        (kind.assert_nothing_left)(&place);
    }
}

pub(crate) fn second_signal_leaves_nothing_either(kind: &Kind<'_>) {
    let place = (kind.place)();
    let mut running = kind.endless(&place);
    running.signal(Signal::SIGINT);
    running.until("the end began", |running| running.stderr().contains("\nending: ").then_some(()));
    running.signal(Signal::SIGINT);
    let outcome = running.wait();
    assert_eq!(outcome.code(), 130, "{}", outcome.stderr);
    (kind.assert_nothing_left)(&place);
}
