//! Facts about layers, values and what is shown of them. What refusals say is in `refusals.rs`.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use crate::settings::layer::{POOL, SECTIONS};
use crate::settings::parse::{Scope, parse};
use crate::settings::{
    Asked, BUILT_IN, ClusterKind, MemoryOption, Origin, PoolSettings, Settings, Sources, Submit, resolve,
    show,
};

/// A directory with a site's, a user's, a project's and a run file, none of which exists at first.
pub(super) struct Place {
    pub(super) directory: TempDir,
    pub(super) sources: Sources,
}

impl Place {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let sources = Sources {
            site: path("site.toml"),
            user: Some(path("user.toml")),
            project: path("squall.toml"),
            ..Sources::default()
        };
        Place { directory, sources }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.path(name), text).unwrap();
        self
    }

    pub(super) fn run_file(self, text: impl AsRef<[u8]>) -> Self {
        let mut place = self.file("run.toml", text);
        place.sources.run_file = Some(place.path("run.toml"));
        place
    }

    pub(super) fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.push((name.into(), value.into()));
        self
    }

    pub(super) fn flag(mut self, flag: &str, key: &str, value: &str) -> Self {
        self.sources.flags.push((flag.into(), key.into(), value.into()));
        self
    }

    pub(super) fn set(mut self, assignment: &str) -> Self {
        self.sources.set(assignment).unwrap();
        self
    }

    fn resolved(&self) -> Settings {
        resolve(&self.sources).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Where a key was set, with the directory's name left out.
    fn origin(&self, key: &str) -> String {
        self.without_directory(&self.resolved().origin(key).to_string())
    }

    /// A text with the directory's name left out.
    pub(super) fn without_directory(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.directory.path().display()), "")
    }
}

/// The reference with its examples of keys without default put in force.
fn with_examples() -> String {
    let uncommented = |line: &str| match line.strip_prefix('#') {
        Some(example) if example.starts_with(|first: char| first.is_ascii_lowercase() || first == '[') => {
            example.to_owned()
        }
        _ => line.to_owned(),
    };
    BUILT_IN.lines().map(uncommented).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_reference_documents_every_key_of_the_code() {
    let parsed = parse(&with_examples(), Scope::Settings).expect("the examples are settings");
    for key in known_keys() {
        assert!(parsed.lines.contains_key(&key), "config/squall.toml does not show {key}");
    }
}

/// Every key in the order of the reference, those of pools by the reference's example of one.
fn known_keys() -> Vec<String> {
    let (run, before) = SECTIONS.split_last().expect("the last section is [run]");
    let keys = |section: &str, keys: &[&str]| -> Vec<String> {
        keys.iter().map(|key| format!("{section}.{key}")).collect()
    };
    let before = before.iter().flat_map(|(section, names)| keys(section, names));
    before.chain(keys("pool.spare", POOL.1)).chain(keys(run.0, run.1)).collect()
}

#[test]
fn every_key_of_the_reference_has_a_comment_of_its_own_paragraph() {
    for paragraph in BUILT_IN.split("\n\n").filter(|paragraph| paragraph.contains(" = ")) {
        let first = paragraph.lines().find(|line| !line.starts_with('[')).unwrap();
        assert!(first.starts_with("# "), "{paragraph}");
    }
}

#[test]
fn the_built_in_layer_alone_is_enough() {
    let settings = Place::new().resolved();
    assert_eq!(settings.cluster.kind, ClusterKind::Threads);
    assert_eq!((settings.cluster.workers, settings.cluster.minimum_workers), (1, 1));
    assert_eq!(settings.cluster.memory.to_string(), "1G");
    assert_eq!(settings.cluster.walltime.to_string(), "00:30:00");
    assert_eq!(settings.cluster.death_timeout.as_secs(), 60);
    assert_eq!((settings.cluster.port, settings.seed, settings.cluster.host), (0, None, None));
    assert_eq!((settings.slurm.memory_option, settings.slurm.submit), (MemoryOption::Mem, Submit::Array));
    assert_eq!(settings.run.directory, Path::new(".squall"));
    assert_eq!(settings.origins.values().find(|origin| **origin != Origin::BuiltIn), None);
}

#[test]
fn the_lesson_asks_for_four_small_jobs() {
    let mut place = Place::new();
    place.sources.run_file = Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/lesson.toml"));
    let settings = place.resolved();
    let pair = |name: &str, text: &str| vec![(name.to_owned(), text.to_owned())];
    assert_eq!(settings.arrays, pair("x", "random.normal(0.0, 0.1, size=800_000_000, chunks=50_000_000)"));
    assert_eq!(settings.results, pair("mean", "x.mean()"));
    assert_eq!(settings.cluster.kind, ClusterKind::Slurm);
    assert_eq!((settings.cluster.workers, settings.cluster.cores), (4, Some(1)));
    assert_eq!(settings.cluster.memory.to_string(), "2G");
    assert_eq!(settings.cluster.walltime.to_string(), "00:05:00");
}

#[test]
fn each_layer_covers_the_weaker_ones_and_is_named() {
    let mut place = Place::new();
    assert_eq!(place.origin("cluster.workers"), "built in");
    for (count, name) in (2..).zip(["site.toml", "user.toml", "squall.toml"]) {
        place = place.file(name, format!("[cluster]\n\nworkers = {count}"));
        assert_eq!(
            (place.resolved().cluster.workers, place.origin("cluster.workers")),
            (count, format!("{name}:3"))
        );
    }
    place = place.run_file("results.mean = 'x.mean()'\ncluster = { workers = 5 }");
    assert_eq!((place.resolved().cluster.workers, place.origin("cluster.workers")), (5, "run.toml:2".into()));
    place = place.variable("SQUALL_CLUSTER__WORKERS", "6");
    assert_eq!(place.resolved().cluster.workers, 6);
    assert_eq!(place.origin("cluster.workers"), "SQUALL_CLUSTER__WORKERS");
    place = place.flag("--workers", "cluster.workers", "7");
    assert_eq!((place.resolved().cluster.workers, place.origin("cluster.workers")), (7, "--workers".into()));
    place = place.set("cluster.workers=8");
    assert_eq!(
        (place.resolved().cluster.workers, place.origin("cluster.workers")),
        (8, "--set cluster.workers".into())
    );
}

#[test]
fn layers_are_merged_key_by_key_and_lists_as_a_whole() {
    let settings = Place::new()
        .file("site.toml", "[slurm]\npartition = 'site'\naccount = 'site'\nprologue = ['a', 'b']")
        .file("user.toml", "[slurm]\npartition = 'user'\nprologue = 'c'")
        .resolved();
    assert_eq!(settings.slurm.partition.as_deref(), Some("user"));
    assert_eq!(settings.slurm.account.as_deref(), Some("site"));
    assert_eq!(settings.slurm.prologue, ["c"]);
}

#[test]
fn an_empty_text_takes_back_what_a_weaker_layer_set() {
    let place = Place::new()
        .file("site.toml", "[slurm]\npartition = 'site'\ntemplate = 'worker.sh'")
        .variable("SQUALL_SLURM__PARTITION", "")
        .set("slurm.template=");
    let settings = place.resolved();
    assert_eq!((settings.slurm.partition, settings.slurm.template), (None, None));
}

#[test]
fn memory_and_walltime_may_be_left_to_the_plan() {
    let place = Place::new().run_file("[cluster]\nmemory = \"auto\"\n[results]\na = \"1\"").flag(
        "--walltime",
        "cluster.walltime",
        "auto",
    );
    let mut settings = place.resolved();
    assert_eq!((&settings.cluster.memory, &settings.cluster.walltime), (&Asked::Auto, &Asked::Auto));
    let because = "32M for the process, 1 thread of 9M".to_owned();
    settings.cluster.memory = Asked::Fitted { value: "41M".parse().unwrap(), because };
    let shown = place.without_directory(&show(&settings, true));
    let lines: Vec<&str> =
        shown.lines().filter(|line| line.starts_with("memory =") || line.starts_with("walltime")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    memory = "41M"                           # run.toml:2, auto: 32M for the process, 1 thread of 9M
    walltime = "auto"                        # --walltime
    "#);
    let again = Place::new().run_file(show(&settings, true)).resolved();
    assert_eq!(again.cluster.memory.value().map(|memory| memory.bytes()), Some(41 << 20));
}

#[test]
fn variables_and_flags_are_toml_or_bare_text() {
    for value in ["2G", "\"2G\"", "'2G'", "2048"] {
        let settings = Place::new().variable("SQUALL_CLUSTER__MEMORY", value).resolved();
        assert_eq!(settings.cluster.memory.to_string(), "2G", "{value}");
    }
    for value in ["00:05:00", "5", "'00:05:00'", "0:04:01", "5:00", "0-0:05"] {
        let settings = Place::new().flag("--walltime", "cluster.walltime", value).resolved();
        assert_eq!(settings.cluster.walltime.to_string(), "00:05:00", "{value}");
    }
    for account in ["def-me", "1234", "true", "1.5", "a = \"b\"", "[x]", "a # b", "1 # b"] {
        let settings = Place::new().set(&format!("slurm.account={account}")).resolved();
        assert_eq!(settings.slurm.account.as_deref(), Some(account));
    }
    let settings = Place::new().set("slurm.prologue=['a', \"b\"]").set("slurm.epilogue=date").resolved();
    assert_eq!(
        (settings.slurm.prologue, settings.slurm.epilogue),
        (vec!["a".into(), "b".into()], vec!["date".into()])
    );
}

#[test]
fn janitor_is_a_number_of_seconds_or_false() {
    let janitor = |place: Place| place.resolved().slurm.janitor.map(|patience| patience.as_secs());
    assert_eq!(janitor(Place::new()), Some(60));
    assert_eq!(janitor(Place::new().set("slurm.janitor=false")), None);
    assert_eq!(janitor(Place::new().variable("SQUALL_SLURM__JANITOR", "5")), Some(5));
    for value in ["true", "60s", "-1", "1.5"] {
        let error =
            resolve(&Place::new().set(&format!("slurm.janitor={value}")).sources).unwrap_err().to_string();
        assert!(error.contains("expected a whole number of seconds, or false"), "{error}");
    }
}

#[test]
fn a_value_cannot_smuggle_in_another_key() {
    let settings = Place::new().set("slurm.account=\"x\"\nqos = \"y\"").resolved();
    assert_eq!((settings.slurm.account.as_deref(), settings.slurm.qos), (Some("\"x\"\nqos = \"y\""), None));
}

#[test]
fn variables_without_a_section_are_not_settings() {
    let place = Place::new().variable("SQUALL_TEST_PYTHON", "python3").variable("OTHER__THING", "1");
    assert_eq!(place.resolved(), Place::new().resolved());
}

#[test]
fn seeds_reach_to_2_to_the_128th() {
    let largest = u128::MAX.to_string();
    let cases =
        [("7", 7), ("'0x2a'", 42), ("'0xffff_ffff'", u32::MAX.into()), ("'1_000'", 1000), ("0x2a", 42)];
    let wide = [("18446744073709551615", u64::MAX.into()), (largest.as_str(), u128::MAX), ("'0'", 0)];
    for (value, seed) in cases.into_iter().chain(wide) {
        assert_eq!(Place::new().set(&format!("random.seed={value}")).resolved().seed, Some(seed), "{value}");
    }
}

#[test]
fn cores_are_one_for_jobs_and_processes_and_all_for_threads() {
    for (kind, cores) in [("threads", None), ("processes", Some(1)), ("slurm", Some(1))] {
        let place = Place::new().flag("--cluster", "cluster.kind", kind);
        assert_eq!(
            (place.resolved().cluster.cores, place.origin("cluster.cores")),
            (cores, "built in".into())
        );
    }
}

#[test]
fn arrays_and_results_keep_the_order_of_the_file_and_may_be_numbers() {
    let place = Place::new().run_file(
        "[arrays]\nz = 'random.random(size=n)'\nn = 1_000\na = 8e8\n[results]\ny = 'z.sum()'\nb = 'z.min()'",
    );
    let settings = place.resolved();
    let pairs = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(n, e)| (n.to_string(), e.to_string())).collect::<Vec<_>>()
    };
    assert_eq!(
        settings.arrays,
        pairs(&[("z", "random.random(size=n)"), ("n", "1000"), ("a", "800000000.0")])
    );
    assert_eq!(settings.results, pairs(&[("y", "z.sum()"), ("b", "z.min()")]));
    assert_eq!(place.origin("results.b"), "run.toml:7");
}

#[test]
fn an_expression_needs_no_run_file() {
    let mut place = Place::new();
    place.sources.results = vec![("result".into(), "random.random(size=3).sum()".into())];
    assert_eq!(place.resolved().results, place.sources.results);
    assert_eq!(place.origin("results.result"), "-e");
}

#[test]
fn a_project_file_may_be_the_run_file() {
    let mut place = Place::new().file("squall.toml", "[results]\nmean = 'random.random(size=3).mean()'");
    place.sources.run_file = Some(place.path("./squall.toml"));
    assert_eq!(place.resolved().results.len(), 1);
}

#[test]
fn files_read_are_beside_the_layer_and_directories_written_are_beside_the_user() {
    let place = Place::new()
        .file(
            "user.toml",
            "[slurm]\ntemplate = 'worker.sh'\nlog_directory = 'logs'\n[run]\ndirectory = '~/runs'",
        )
        .variable("HOME", "/home/ada")
        .set("cluster.program=bin/squall");
    let settings = place.resolved();
    assert_eq!(settings.slurm.template, Some(place.path("worker.sh")));
    assert_eq!(settings.slurm.log_directory.as_deref(), Some(Path::new("logs")));
    assert_eq!(settings.run.directory, Path::new("/home/ada/runs"));
    assert_eq!(settings.cluster.program, Some(std::env::current_dir().unwrap().join("bin/squall")));
}

#[test]
fn show_groups_by_section_and_tells_origins_in_comments() {
    let place = Place::new()
        .run_file(
            "[arrays]\nx = 'random.random(size=9)'\n[results]\n'the mean' = 'x.mean()'\n\
             [slurm]\nprologue = ['module load x', 'umask 077']",
        )
        .variable("SQUALL_CLUSTER__WORKERS", "4")
        .flag("--seed", "random.seed", "7");
    insta::assert_snapshot!(place.without_directory(&show(&place.resolved(), true)), @r#"
    [random]
    seed = 7                                 # --seed

    [cluster]
    kind = "threads"                         # built in
    workers = 4                              # SQUALL_CLUSTER__WORKERS
    memory = "1G"                            # built in
    walltime = "00:30:00"                    # built in
    minimum_workers = 1                      # built in
    start_timeout = 300                      # built in
    driver_threads = 0                       # built in
    death_timeout = 60                       # built in
    port = 0                                 # built in
    # not set: cores, replacements, host, program

    [slurm]
    directives = []                          # built in
    prologue = ["module load x", "umask 077"] # run.toml:6
    epilogue = []                            # built in
    memory_option = "mem"                    # built in
    submit = "array"                         # built in
    submit_interval = 0                      # built in
    janitor = 60                             # built in
    # not set: partition, account, qos, constraint, reservation, max_pending, template, log_directory

    [run]
    directory = ".squall"                    # built in

    [arrays]
    x = "random.random(size=9)"              # run.toml:2

    [results]
    "the mean" = "x.mean()"                  # run.toml:4
    "#);
}

#[test]
fn what_is_built_in_is_shown_without_origins_where_nothing_is_set() {
    insta::assert_snapshot!(show(&Place::new().resolved(), false), @r#"
    [random]
    # not set: seed

    [cluster]
    kind = "threads"
    workers = 1
    memory = "1G"
    walltime = "00:30:00"
    minimum_workers = 1
    start_timeout = 300
    driver_threads = 0
    death_timeout = 60
    port = 0
    # not set: cores, replacements, host, program

    [slurm]
    directives = []
    prologue = []
    epilogue = []
    memory_option = "mem"
    submit = "array"
    submit_interval = 0
    janitor = 60
    # not set: partition, account, qos, constraint, reservation, max_pending, template, log_directory

    [run]
    directory = ".squall"
    "#);
}

#[test]
fn every_key_has_its_place_in_what_is_shown() {
    let examples = Place::new().file("site.toml", with_examples()).resolved();
    let shown: Vec<String> = examples.origins().map(|(key, _, _)| key).collect();
    assert_eq!(shown, known_keys());
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z~/. -]{1,12}".prop_filter("a path", |text| !text.starts_with('~')), "[^$~\u{0}]{1,8}"]
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_with_its_place(
        at in 0..BUILT_IN.len(),
        garbage in "([=\"'\\[\\]{}#\n.é💥\t\u{0} a0]|\\PC|2G|kind = |workers = |-1|\"\"\"){0,5}",
    ) {
        let at = BUILT_IN.floor_char_boundary(at);
        let text = format!("{}{garbage}{}", &BUILT_IN[..at], &BUILT_IN[at..]);
        if let Err(problem) = parse(&text, Scope::RunFile) {
            let message = problem.in_file(Path::new("x.toml"), &text).to_string();
            prop_assert!(message.contains("cause: x.toml:"), "{message}");
        }
    }

    #[test]
    fn what_is_shown_resolves_to_the_same_settings(
        (seed, workers, port, kind) in (any::<Option<u128>>(), 1..9_u32, any::<u16>(), 0..3_usize),
        (memory, minutes) in (1..1_u64 << 40, 1..100_000_u32),
        (partition, directory, lines) in (texts(), texts(), prop::collection::vec("\\PC{0,9}", 0..3)),
        expressions in prop::collection::vec((texts(), "\\PC{1,9}"), 1..4),
        pools in prop::collection::vec(("[a-zA-Z0-9_-]{1,9}", texts(), prop::option::of(1..9_u32)), 0..3),
    ) {
        let mut settings = Place::new().resolved();
        settings.seed = seed;
        settings.cluster.workers = workers;
        settings.cluster.port = port;
        settings.cluster.kind = [ClusterKind::Threads, ClusterKind::Processes, ClusterKind::Slurm][kind];
        settings.cluster.cores = Some(workers);
        settings.cluster.memory = Asked::Given(format!("{memory}K").parse().unwrap());
        settings.cluster.walltime = Asked::Given(minutes.to_string().parse().unwrap());
        settings.slurm.partition = Some(partition);
        settings.slurm.prologue = lines;
        settings.run.directory = directory.into();
        let mut names = std::collections::BTreeSet::new();
        let pools = pools.into_iter().filter(|(name, ..)| names.insert(name.clone()));
        settings.pools = pools.map(|(name, partition, maximum)| PoolSettings {
            name,
            partition: Some(partition),
            constraint: None,
            cores: maximum,
            memory: Some(settings.cluster.memory.clone()),
            walltime: maximum.map(|_| settings.cluster.walltime.clone()),
            maximum,
        }).collect();
        let mut names = std::collections::BTreeSet::new();
        settings.results = expressions.into_iter().filter(|(name, _)| names.insert(name.clone())).collect();
        let mut again = Place::new().run_file(settings.to_toml()).resolved();
        again.origins.clear();
        settings.origins.clear();
        prop_assert_eq!(again, settings);
    }
}
