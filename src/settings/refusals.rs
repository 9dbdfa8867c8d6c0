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

#[test]
fn unknown_keys_name_the_nearest_known_one() {
    insta::assert_snapshot!(refusals([
        "[cluster]\nkind = 'slurm'\nworker = 4",
        "[cluster]\npartition = 'cpu'",
        "[cluster]\nmem = '2G'",
        "[slurm]\nqueue = 'cpu'",
        "[slurm]\nxylophone = 1",
        "[run]\nseeed = 1",
    ]), @"");
}

#[test]
fn unknown_sections_name_the_nearest_known_one() {
    insta::assert_snapshot!(refusals([
        "[clutser]\nworkers = 4",
        "[SLURM]\npartition = 'cpu'",
        "workers = 4",
        "mem = '2G'",
        "[xylophone]\n",
        "cluster = 3",
        "results = 'x.mean()'",
    ]), @"");
}

#[test]
fn the_first_slip_of_a_file_is_told_first() {
    insta::assert_snapshot!(refusals(["[slurm]\nq = 1\n[cluster]\nw = 1\n[arrayz]"]), @"");
}

#[test]
fn text_that_is_not_toml_is_shown_with_a_caret() {
    insta::assert_snapshot!(refusals([
        "[cluster]\nmemory = 2G   # per worker",
        "[cluster]\nkind = slurm",
        "[cluster]\nwalltime = 00:05:00",
        "[cluster]\nwalltime = 1-12:00:00",
        "[cluster\nworkers = 4",
        "[cluster]\nworkers = 4\nworkers = 5",
        "[results]\nmean = \"x.mean()",
    ]), @"");
}

#[test]
fn values_of_the_wrong_kind_say_what_is_expected() {
    insta::assert_snapshot!(refusals([
        "[cluster]\nworkers = -1",
        "[cluster]\nworkers = 'four'",
        "[cluster]\nworkers = 1e3",
        "[cluster]\nkind = 'thread'",
        "[cluster]\nkind = 3",
        "[cluster]\nmemory = '2Q'",
        "[cluster]\nmemory = 1.5",
        "[cluster]\nwalltime = '5 min'",
        "[cluster]\nport = 70000",
        "[cluster]\nhost = 3",
        "[slurm]\nprologue = ['a', 3]",
        "[slurm]\nprologue = 3",
        "[slurm]\nsubmit = 'arrays'",
        "[slurm]\nmemory_option = '--mem'",
        "[slurm]\ntemplate = 1",
        "[results]\nmean = true",
        "[results]\nmean = { x = 1 }",
    ]), @"");
}

#[test]
fn seeds_out_of_range_say_the_range() {
    insta::assert_snapshot!(refusals([
        "[random]\nseed = -1",
        "[random]\nseed = 'lucky'",
        "[random]\nseed = '0x1_0000_0000_0000_0000_0000_0000_0000_0000'",
        "[random]\nseed = 340282366920938463463374607431768211456",
        "[random]\nseed = '+1'",
    ]), @"");
}

#[test]
fn arrays_and_results_belong_in_a_run_file() {
    let place = Place::new().file("squall.toml", "[cluster]\nworkers = 2\n[arrays]\nx = '1'");
    insta::assert_snapshot!(refusal(place), @"");
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
    insta::assert_snapshot!(messages.join("\n\n"), @"");
}

#[test]
fn flags_are_named_in_messages() {
    let dedicated = [("--workers", "cluster.workers", "four"), ("--cluster", "cluster.kind", "cloud")]
        .map(|(flag, key, value)| refusal(Place::new().flag(flag, key, value)));
    let set = ["cluster.walltime=soon", "cluster.wrokers=4", "workers=4", "arrays.x=1", "a.b.c=1"]
        .map(|assignment| refusal(Place::new().set(assignment)));
    insta::assert_snapshot!([dedicated.as_slice(), &set].concat().join("\n\n"), @"");
    let mut sources = Place::new().sources;
    insta::assert_snapshot!(sources.set("cluster.workers").unwrap_err(), @"");
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
    insta::assert_snapshot!(messages.join("\n\n"), @"");
}

#[test]
fn a_run_file_without_results_shows_how_to_write_them() {
    insta::assert_snapshot!(refusals(["[arrays]\nx = 'random.random(size=3)'"]), @"");
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
    insta::assert_snapshot!(messages.join("\n\n"), @"");
}
