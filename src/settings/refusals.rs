//! What every refusal of a setting says, word for word.

use crate::settings::resolve;
use crate::settings::tests::Place;

/// The message for a place that must be refused.
fn refusal(place: Place) -> String {
    let error = resolve(&place.sources).map(|settings| settings.to_toml()).unwrap_err();
    place.without_directory(&error.to_string())
}

/// The messages for several run files, one below the other.
fn refusals<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let messages = texts.into_iter().map(|text| refusal(Place::new().run_file(text)));
    messages.collect::<Vec<_>>().join("\n\n")
}

/// The same without the excerpt of the file.
fn briefly<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    refusals(texts).lines().filter(|line| !line.contains(" |")).collect::<Vec<_>>().join("\n")
}

#[test]
fn unknown_keys_name_the_nearest_known_one() {
    insta::assert_snapshot!(briefly([
        "[cluster]\nkind = 'slurm'\nworker = 4",
        "[cluster]\npartition = 'cpu'",
        "[cluster]\nmem = '2G'",
        "[slurm]\nqueue = 'cpu'",
        "[slurm]\nxylophone = 1",
        "[run]\nseeed = 1",
    ]), @"
    error: unknown key `worker` in [cluster]
    cause: run.toml:3:1
    hint: did you mean `workers`?

    error: unknown key `partition` in [cluster]
    cause: run.toml:2:1
    hint: you wrote `partition` in [cluster]; it belongs in [slurm]

    error: unknown key `mem` in [cluster]
    cause: run.toml:2:1
    hint: did you mean `memory`?

    error: unknown key `queue` in [slurm]
    cause: run.toml:2:1
    hint: did you mean `slurm.partition`?

    error: unknown key `xylophone` in [slurm]
    cause: run.toml:2:1
    hint: [slurm] has partition, account, qos, constraint, reservation, directives, prologue, epilogue, memory_option, submit, submit_interval, max_pending, template, log_directory, janitor

    error: unknown key `seeed` in [run]
    cause: run.toml:2:1
    hint: did you mean `random.seed`?
    ");
}

#[test]
fn unknown_sections_name_the_nearest_known_one() {
    insta::assert_snapshot!(briefly([
        "[clutser]\nworkers = 4",
        "[SLURM]\npartition = 'cpu'",
        "workers = 4",
        "mem = '2G'",
        "[xylophone]\n",
        "cluster = 3",
        "results = 'x.mean()'",
    ]), @"
    error: unknown section `clutser`
    cause: run.toml:1:2
    hint: did you mean [cluster]?

    error: unknown section `SLURM`
    cause: run.toml:1:2
    hint: did you mean [slurm]?

    error: unknown key `workers` outside any section
    cause: run.toml:1:1
    hint: `workers` belongs in [cluster]

    error: unknown key `mem` outside any section
    cause: run.toml:1:1
    hint: did you mean `cluster.memory`?

    error: unknown section `xylophone`
    cause: run.toml:1:2
    hint: the sections are [random], [cluster], [slurm], [run], [pool], [arrays], [results], [save]

    error: `cluster` is a section, not a key
    cause: run.toml:1:1
    hint: write a line `[cluster]`, and the keys of the section below it

    error: `results` is a section, not a key
    cause: run.toml:1:1
    hint: write a line `[results]`, and the keys of the section below it
    ");
}

#[test]
fn the_first_slip_of_a_file_is_told_first() {
    insta::assert_snapshot!(refusals(["[slurm]\nq = 1\n[cluster]\nw = 1\n[arrayz]"]), @"
    error: unknown key `q` in [slurm]
    cause: run.toml:2:1
             |
           2 | q = 1
             | ^
    hint: [slurm] has partition, account, qos, constraint, reservation, directives, prologue, epilogue, memory_option, submit, submit_interval, max_pending, template, log_directory, janitor
    ");
}

#[test]
fn text_that_is_not_toml_is_shown_with_a_caret() {
    insta::assert_snapshot!(refusals([
        "[cluster]\nmemory = 2G   # per worker",
        "[cluster]\nwalltime = 00:05:00",
        "[cluster]\nwalltime = 1-12:00:00",
        "[cluster\nworkers = 4",
        "[cluster]\nworkers = 4\nworkers = 5",
        "[results]\nmean = \"x.mean()",
    ]), @r#"
    error: this is not TOML
    cause: string values must be quoted, expected literal string
    cause: run.toml:2:10
             |
           2 | memory = 2G   # per worker
             |          ^^
    hint: put text in quotes: memory = "2G"

    error: invalid cluster.walltime
    cause: a time without quotes is a time of day in TOML
    cause: run.toml:2:12
             |
           2 | walltime = 00:05:00
             |            ^^^^^^^^
    hint: put it in quotes: walltime = "00:05:00"

    error: this is not TOML
    cause: invalid date, expected `-` (MM-DD)
    cause: run.toml:2:12
             |
           2 | walltime = 1-12:00:00
             |            ^^^^^^^^^^
    hint: put text in quotes: walltime = "1-12:00:00"

    error: this is not TOML
    cause: unclosed table, expected `]`
    cause: run.toml:1:9
             |
           1 | [cluster
             |         ^

    error: this is not TOML
    cause: duplicate key
    cause: run.toml:3:1
             |
           3 | workers = 5
             | ^^^^^^^

    error: this is not TOML
    cause: invalid basic string, expected `"`
    cause: run.toml:2:17
             |
           2 | mean = "x.mean()
             |                 ^
    "#);
}

#[test]
fn numbers_sizes_and_times_of_the_wrong_kind_say_what_is_expected() {
    insta::assert_snapshot!(briefly([
        "[cluster]\nworkers = -1",
        "[cluster]\nworkers = 'four'",
        "[cluster]\nworkers = 1e3",
        "[cluster]\nmemory = '2Q'",
        "[cluster]\nmemory = 1.5",
        "[cluster]\nwalltime = '5 min'",
        "[cluster]\nport = 70000",
        "[cluster]\nhost = 3",
    ]), @r#"
    error: invalid cluster.workers
    cause: invalid value: integer `-1`, expected a whole number from 0 to 4294967295
    cause: run.toml:2:11

    error: invalid cluster.workers
    cause: invalid type: string "four", expected a whole number from 0 to 4294967295
    cause: run.toml:2:11

    error: invalid cluster.workers
    cause: invalid type: floating point `1000.0`, expected a whole number from 0 to 4294967295
    cause: run.toml:2:11

    error: invalid cluster.memory
    cause: invalid memory `2Q`: unknown unit `Q`
    cause: run.toml:2:10
    hint: write memory as Slurm does: 512M, 2G, 1T (powers of 1024; a bare number is MiB)

    error: invalid cluster.memory
    cause: invalid type: floating point `1.5`, expected memory as Slurm writes it, such as "2G", or a whole number of MiB
    cause: run.toml:2:10

    error: invalid cluster.walltime
    cause: invalid walltime `5 min`: it is in none of Slurm's formats
    cause: run.toml:2:12
    hint: write the walltime as Slurm does: 30 (minutes), 5:00 (minutes:seconds), 00:05:00, 1-12, 1-12:30, 1-12:30:00

    error: invalid cluster.port
    cause: invalid value: integer `70000`, expected a port from 0 to 65535
    cause: run.toml:2:8

    error: invalid cluster.host
    cause: invalid type: integer `3`, expected a string
    cause: run.toml:2:8
    "#);
}

#[test]
fn lists_words_and_expressions_of_the_wrong_kind_say_what_is_expected() {
    insta::assert_snapshot!(briefly([
        "[cluster]\nkind = 'thread'",
        "[cluster]\nkind = 3",
        "[slurm]\nprologue = ['a', 3]",
        "[slurm]\nprologue = 3",
        "[slurm]\nsubmit = 'arrays'",
        "[slurm]\nmemory_option = '--mem'",
        "[results]\nmean = true",
    ]), @r#"
    error: invalid cluster.kind
    cause: invalid value: string "thread", expected one of "threads", "processes", "slurm"
    cause: run.toml:2:8

    error: invalid cluster.kind
    cause: invalid type: integer `3`, expected one of "threads", "processes", "slurm"
    cause: run.toml:2:8

    error: invalid slurm.prologue
    cause: invalid type: integer `3`, expected a string
    cause: run.toml:2:18

    error: invalid slurm.prologue
    cause: invalid type: integer `3`, expected a list of lines, or one string of several lines
    cause: run.toml:2:12

    error: invalid slurm.submit
    cause: invalid value: string "arrays", expected one of "array", "jobs"
    cause: run.toml:2:10

    error: invalid slurm.memory_option
    cause: invalid value: string "--mem", expected one of "mem", "mem-per-cpu", "none"
    cause: run.toml:2:17

    error: invalid results.mean
    cause: invalid type: boolean `true`, expected an expression in quotes, or a number
    cause: run.toml:2:8
    "#);
}

#[test]
fn seeds_out_of_range_say_the_range() {
    insta::assert_snapshot!(briefly([
        "[random]\nseed = -1",
        "[random]\nseed = 'lucky'",
        "[random]\nseed = '0x1_0000_0000_0000_0000_0000_0000_0000_0000'",
        "[random]\nseed = 340282366920938463463374607431768211456",
    ]), @r#"
    error: invalid random.seed
    cause: invalid value: integer `-1`, expected a whole number from 0 to 2^128 - 1, as an integer or a string like "0x2a"
    cause: run.toml:2:8

    error: invalid random.seed
    cause: invalid value: string "lucky", expected a whole number from 0 to 2^128 - 1, as an integer or a string like "0x2a"
    cause: run.toml:2:8

    error: invalid random.seed
    cause: invalid value: string "0x1_0000_0000_0000_0000_0000_0000_0000_0000", expected a whole number from 0 to 2^128 - 1, as an integer or a string like "0x2a"
    cause: run.toml:2:8

    error: invalid random.seed
    cause: integer number overflowed
    cause: run.toml:2:8
    "#);
}

#[test]
fn arrays_and_results_belong_in_a_run_file() {
    let place = Place::new().file("squall.toml", "[cluster]\nworkers = 2\n[arrays]\nx = '1'");
    insta::assert_snapshot!(refusal(place), @r#"
    error: [arrays] outside a run file
    cause: squall.toml:3:2
             |
           3 | [arrays]
             |  ^^^^^^
    hint: move [arrays] to a run file, and compute it by `squall run FILE.toml`
    "#);
}

#[test]
fn variables_are_named_in_messages() {
    let messages = [
        ("SQUALL_CLUSTER__WORKERS", "four"),
        ("SQUALL_CLUSTER__WORKERS", "-1"),
        ("SQUALL_CLUSTER__WORKERS", ""),
        ("SQUALL_CLUSTER__MEMORY", "2Q"),
        ("SQUALL_CLUSTER__WORKER", "4"),
        ("SQUALL_CLUSTER__workers", "4"),
        ("SQUALL_SLURM__WORKERS", "4"),
        ("SQUALL_XYLOPHONE__OF_THE_ORCHESTRA", "4"),
        ("SQUALL_ARRAYS__X", "4"),
    ]
    .map(|(name, value)| refusal(Place::new().variable(name, value)));
    insta::assert_snapshot!(messages.join("\n\n"), @r#"
    error: invalid cluster.workers
    cause: invalid type: string "four", expected a whole number from 0 to 4294967295
    cause: set by SQUALL_CLUSTER__WORKERS=four

    error: invalid cluster.workers
    cause: invalid value: integer `-1`, expected a whole number from 0 to 4294967295
    cause: set by SQUALL_CLUSTER__WORKERS=-1

    error: invalid cluster.workers
    cause: invalid type: string "", expected a whole number from 0 to 4294967295
    cause: set by SQUALL_CLUSTER__WORKERS=

    error: invalid cluster.memory
    cause: invalid memory `2Q`: unknown unit `Q`
    cause: set by SQUALL_CLUSTER__MEMORY=2Q
    hint: write memory as Slurm does: 512M, 2G, 1T (powers of 1024; a bare number is MiB)

    error: unknown variable `SQUALL_CLUSTER__WORKER`
    cause: no section has such a key
    hint: did you mean `SQUALL_CLUSTER__WORKERS`?

    error: unknown variable `SQUALL_CLUSTER__workers`
    cause: no section has such a key
    hint: did you mean `SQUALL_CLUSTER__WORKERS`?

    error: unknown variable `SQUALL_SLURM__WORKERS`
    cause: no section has such a key
    hint: did you mean `SQUALL_CLUSTER__WORKERS`?

    error: unknown variable `SQUALL_XYLOPHONE__OF_THE_ORCHESTRA`
    cause: no section has such a key
    hint: `squall config` shows every key

    error: unknown variable `SQUALL_ARRAYS__X`
    cause: arrays and results belong in a run file
    hint: write them to a run file, or compute one expression by `squall run -e EXPR`
    "#);
}

#[test]
fn flags_are_named_in_messages() {
    let dedicated = [("--workers", "cluster.workers", "four"), ("--cluster", "cluster.kind", "cloud")]
        .map(|(flag, key, value)| refusal(Place::new().flag(flag, key, value)));
    let set = ["cluster.walltime=soon", "cluster.wrokers=4", "workers=4", "arrays.x=1", "a.b.c=1"]
        .map(|assignment| refusal(Place::new().set(assignment)));
    insta::assert_snapshot!([dedicated.as_slice(), &set].concat().join("\n\n"), @r#"
    error: invalid cluster.workers
    cause: invalid type: string "four", expected a whole number from 0 to 4294967295
    cause: set by --workers four

    error: invalid cluster.kind
    cause: invalid value: string "cloud", expected one of "threads", "processes", "slurm"
    cause: set by --cluster cloud

    error: invalid cluster.walltime
    cause: invalid walltime `soon`: it is in none of Slurm's formats
    cause: set by --set cluster.walltime=soon
    hint: write the walltime as Slurm does: 30 (minutes), 5:00 (minutes:seconds), 00:05:00, 1-12, 1-12:30, 1-12:30:00

    error: unknown key in `--set cluster.wrokers`
    cause: no section has such a key
    hint: did you mean `cluster.workers`?

    error: unknown key in `--set workers`
    cause: no section has such a key
    hint: did you mean `cluster.workers`?

    error: unknown key in `--set arrays.x`
    cause: arrays and results belong in a run file
    hint: write them to a run file, or compute one expression by `squall run -e EXPR`

    error: unknown key in `--set a.b.c`
    cause: no section has such a key
    hint: `squall config` shows every key
    "#);
    let mut sources = Place::new().sources;
    insta::assert_snapshot!(sources.set("cluster.workers").unwrap_err(), @r#"
    error: invalid --set `cluster.workers`
    cause: there is no `=` in it
    hint: write --set section.key=value, for example --set slurm.partition=compute
    "#);
}

#[test]
fn values_that_do_not_fit_together_name_the_layers_that_set_them() {
    let messages = [
        Place::new().flag("--workers", "cluster.workers", "0"),
        Place::new().variable("SQUALL_CLUSTER__CORES", "0"),
        Place::new().run_file("[cluster]\nminimum_workers = 0"),
        Place::new().run_file("[cluster]\nminimum_workers = 4").flag("--workers", "cluster.workers", "2"),
        Place::new().set("cluster.death_timeout=1"),
        Place::new().set("cluster.memory=0"),
        Place::new().set("cluster.walltime=0"),
        Place::new().file("site.toml", "[run]\ndirectory = ''"),
        Place::new().file("site.toml", "[run]\ndirectory = '$SCRATCH/squall'"),
    ]
    .map(refusal);
    insta::assert_snapshot!(messages.join("\n\n"), @r#"
    error: cluster.workers is 0
    cause: set by --workers
    hint: ask for at least one worker, for example --workers 4

    error: cluster.cores is 0
    cause: set by SQUALL_CLUSTER__CORES
    hint: give each worker at least one thread, for example --cores 1

    error: cluster.minimum_workers is 0
    cause: set by run.toml:2
    hint: work begins with one worker at the least: 1

    error: cluster.minimum_workers is 4
    cause: set by run.toml:2
    cause: cluster.workers is 2, set by --workers
    hint: work would never begin: lower minimum_workers, or raise workers

    error: cluster.death_timeout is 1
    cause: set by --set cluster.death_timeout
    hint: a pause of the driver would end its workers: 5 seconds or more

    error: invalid cluster.memory
    cause: invalid memory `0`: to Slurm, 0 means all the memory of a node
    cause: set by --set cluster.memory=0
    hint: write memory as Slurm does: 512M, 2G, 1T (powers of 1024; a bare number is MiB)

    error: invalid cluster.walltime
    cause: invalid walltime `0`: to Slurm, 0 means no time limit: write UNLIMITED if that is meant
    cause: set by --set cluster.walltime=0
    hint: write the walltime as Slurm does: 30 (minutes), 5:00 (minutes:seconds), 00:05:00, 1-12, 1-12:30, 1-12:30:00

    error: run.directory is empty
    cause: set by site.toml:2
    hint: name a directory, or leave the key out to keep runs in .squall

    error: run.directory is `$SCRATCH/squall`
    cause: set by site.toml:2
    cause: variables in paths are not expanded
    hint: write the path out, or let the shell expand it: --set run.directory=$SCRATCH/squall
    "#);
}

#[test]
fn a_run_file_without_results_shows_how_to_write_them() {
    insta::assert_snapshot!(refusals(["[arrays]\nx = 'random.random(size=3)'"]), @r#"
    error: nothing to compute in run.toml
    cause: it names no results
    hint: name what to compute:
          [arrays]
          x = "random.normal(0.0, 0.1, size=800_000_000)"
          [results]
          mean = "x.mean()"
    "#);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let mut missing = Place::new();
    missing.sources.run_file = Some(missing.path("lessen.toml"));
    let mut directory = Place::new();
    std::fs::create_dir(directory.path("runs")).unwrap();
    directory.sources.run_file = Some(directory.path("runs"));
    let mut site = Place::new();
    std::fs::create_dir(site.path("site.toml")).unwrap();
    site.sources.run_file = None;
    let latin = Place::new().run_file(b"[slurm]\n# M\xfcnchen\n");
    let messages = [missing, directory, site, latin].map(refusal);
    insta::assert_snapshot!(messages.join("\n\n"), @r#"
    error: cannot read lessen.toml
    cause: No such file or directory (os error 2)
    hint: give the path of a run file, or compute one expression by `squall run -e EXPR`

    error: cannot read runs
    cause: Is a directory (os error 21)
    hint: name a file in it, or move the directory runs away

    error: cannot read site.toml
    cause: Is a directory (os error 21)
    hint: name a file in it, or move the directory site.toml away

    error: cannot read run.toml
    cause: line 2 is not UTF-8 text
    hint: save the file as UTF-8; is it really a TOML file?
    "#);
}
