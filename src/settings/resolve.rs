//! The merged layers, turned into plain values that fit together; every refusal names the layer to change.
//!
//! Pure apart from reading the files of the layers, which `sources` does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::settings::layer::{Cluster, Run, Slurm};
use crate::settings::sources::Merged;
use crate::settings::values::{Lines, Whole};
use crate::settings::{
    Asked, ClusterKind, ClusterSettings, Origin, PoolSettings, RunSettings, Settings, SlurmSettings, Sources,
    pools,
};

/// Below this a worker would leave over a short pause of the driver.
const SHORTEST_DEATH_TIMEOUT: u32 = 5;

/// Why a key without a default cannot be missing.
const BUILT_IN: &str = "the built-in layer sets this key";

/// Merges all layers and checks the outcome.
pub fn resolve(sources: &Sources) -> Result<Settings> {
    let Merged { layer, origins } = Merged::read(sources)?;
    let paths = Paths { home: sources.home(), origins: &origins };
    let settings = Settings {
        seed: layer.random.seed.map(|seed| seed.0),
        cluster: cluster(layer.cluster, &paths)?,
        slurm: slurm(layer.slurm, &paths)?,
        pools: layer.pool.0.into_iter().map(|(name, pool)| PoolSettings::new(name, pool)).collect(),
        run: run(layer.run, &paths)?,
        arrays: layer.arrays.map(|expressions| expressions.0).unwrap_or_default(),
        results: layer.results.map(|expressions| expressions.0).unwrap_or_default(),
        saves: layer.save.map(|paths| paths.0).unwrap_or_default(),
        origins,
    };
    check(&settings)?;
    match &sources.run_file {
        Some(path) if settings.results.is_empty() && settings.saves.is_empty() => {
            Err(nothing_to_compute(path))
        }
        _ => Ok(settings),
    }
}

fn cluster(layer: Cluster, paths: &Paths<'_>) -> Result<ClusterSettings> {
    let number = |whole: Option<Whole>| whole.expect(BUILT_IN).0;
    let kind = layer.kind.expect(BUILT_IN);
    // Jobs and processes share machines with others, so they take one CPU unless told otherwise.
    let cores = layer.cores.map(|cores| cores.0).or((kind != ClusterKind::Threads).then_some(1));
    Ok(ClusterSettings {
        kind,
        workers: number(layer.workers),
        cores,
        memory: layer.memory.expect(BUILT_IN),
        walltime: layer.walltime.expect(BUILT_IN),
        minimum_workers: number(layer.minimum_workers),
        replacements: layer.replacements.map(|replacements| replacements.0),
        start_timeout: Duration::from_secs(number(layer.start_timeout).into()),
        driver_threads: match layer.driver_threads.expect(BUILT_IN).value() {
            Some(threads) => Asked::Given(threads.0),
            None => Asked::Auto,
        },
        death_timeout: Duration::from_secs(number(layer.death_timeout).into()),
        port: layer.port.expect(BUILT_IN).0,
        host: filled(layer.host),
        program: paths.input("cluster.program", layer.program)?,
        prospect: None,
    })
}

fn slurm(layer: Slurm, paths: &Paths<'_>) -> Result<SlurmSettings> {
    let lines = |lines: Option<Lines>| lines.expect(BUILT_IN).0;
    Ok(SlurmSettings {
        partition: filled(layer.partition),
        account: filled(layer.account),
        qos: filled(layer.qos),
        constraint: filled(layer.constraint),
        reservation: filled(layer.reservation),
        directives: lines(layer.directives),
        prologue: lines(layer.prologue),
        epilogue: lines(layer.epilogue),
        memory_option: layer.memory_option.expect(BUILT_IN),
        submit: layer.submit.expect(BUILT_IN),
        submit_interval: Duration::from_secs(layer.submit_interval.expect(BUILT_IN).0.into()),
        max_pending: layer.max_pending.map(|most| most.0),
        template: paths.input("slurm.template", layer.template)?,
        log_directory: paths.output("slurm.log_directory", layer.log_directory)?,
        janitor: layer.janitor.expect(BUILT_IN).0.map(|seconds| Duration::from_secs(seconds.into())),
    })
}

fn run(layer: Run, paths: &Paths<'_>) -> Result<RunSettings> {
    match paths.output("run.directory", layer.directory)? {
        Some(directory) => Ok(RunSettings { directory }),
        None => Err(Error::refused("run.directory is empty")
            .cause(paths.set_by("run.directory"))
            .hint("name a directory, or leave the key out to keep runs in .squall")),
    }
}

/// A text that is not empty: an empty one takes back what a weaker layer set.
pub(super) fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// What paths are relative to, and who set them.
struct Paths<'a> {
    home: Option<&'a Path>,
    origins: &'a BTreeMap<String, Origin>,
}

impl Paths<'_> {
    /// A file that is read: relative to the file that names it, and absolute from now on.
    fn input(&self, key: &str, path: Option<String>) -> Result<Option<PathBuf>> {
        let Some(path) = self.output(key, path)? else { return Ok(None) };
        let path = match self.origins.get(key) {
            Some(Origin::File { path: file, .. }) => file.parent().unwrap_or(Path::new("")).join(path),
            _ => path,
        };
        let absolute = std::path::absolute(&path);
        absolute
            .map(Some)
            .map_err(|error| Error::system(format!("cannot resolve {}", path.display()), &error))
    }

    /// A directory that is written: relative to the current directory.
    fn output(&self, key: &str, path: Option<String>) -> Result<Option<PathBuf>> {
        let Some(path) = filled(path) else { return Ok(None) };
        if path.contains('$') {
            return Err(Error::refused(format!("{key} is `{path}`"))
                .cause(self.set_by(key))
                .cause("variables in paths are not expanded")
                .hint(format!("write the path out, or let the shell expand it: --set {key}={path}")));
        }
        match (path.strip_prefix("~/"), self.home) {
            (Some(below), Some(home)) => Ok(Some(home.join(below))),
            (Some(_), None) => Err(Error::refused(format!("{key} is `{path}`"))
                .cause(self.set_by(key))
                .cause("HOME is not set, so there is no home directory")
                .hint("write the path out")),
            (None, _) => Ok(Some(path.into())),
        }
    }

    fn set_by(&self, key: &str) -> String {
        format!("set by {}", self.origins.get(key).unwrap_or(&Origin::BuiltIn))
    }
}

/// What must hold between and within values, whichever layers they came from.
fn check(settings: &Settings) -> Result<()> {
    let cluster = &settings.cluster;
    let set_by = |key: &str| format!("set by {}", settings.origin(key));
    let refuse = |key: &str, value: &dyn std::fmt::Display| {
        Error::refused(format!("{key} is {value}")).cause(set_by(key))
    };
    let counts = [
        ("cluster.workers", Some(cluster.workers), "ask for at least one worker, for example --workers 4"),
        ("cluster.cores", cluster.cores, "give each worker at least one thread, for example --cores 1"),
        (
            "cluster.minimum_workers",
            Some(cluster.minimum_workers),
            "work begins with one worker at the least: 1",
        ),
        (
            "cluster.start_timeout",
            u32::try_from(cluster.start_timeout.as_secs()).ok(),
            "no worker registers at once: give it 60 seconds or more",
        ),
        ("slurm.max_pending", settings.slurm.max_pending, "no worker would ever be submitted: 1 or more"),
    ];
    for (key, count, hint) in counts {
        if count == Some(0) {
            return Err(refuse(key, &0).hint(hint));
        }
    }
    if cluster.minimum_workers > cluster.workers {
        return Err(refuse("cluster.minimum_workers", &cluster.minimum_workers)
            .cause(format!("cluster.workers is {}, {}", cluster.workers, set_by("cluster.workers")))
            .hint("work would never begin: lower minimum_workers, or raise workers"));
    }
    let seconds = cluster.death_timeout.as_secs();
    if seconds < SHORTEST_DEATH_TIMEOUT.into() {
        return Err(refuse("cluster.death_timeout", &seconds).hint(format!(
            "a pause of the driver would end its workers: {SHORTEST_DEATH_TIMEOUT} seconds or more"
        )));
    }
    pools::check(settings)
}

fn nothing_to_compute(path: &Path) -> Error {
    Error::refused(format!("nothing to compute in {}", path.display())).cause("it names no results").hint(
        "name what to compute:\n\
         [arrays]\n\
         x = \"random.normal(0.0, 0.1, size=800_000_000)\"\n\
         [results]\n\
         mean = \"x.mean()\"",
    )
}
