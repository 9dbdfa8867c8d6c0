//! Run directories on disks that are full, or hang.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::support::events::Events;
use crate::support::running::Running;
use crate::support::{PATIENCE, Place, until};
use crate::{EXPRESSION, UNDISTURBED, cases, command, run, undisturbed};

cases![possible;
    disk_that_is_full_in_the_middle_is_told_once_and_changes_no_bit,
    disk_that_is_full_from_the_start_is_refused,
    disk_that_hangs_holds_up_nobody,
];

/// A file system of its own; dropped, it is thawed, unmounted and removed.
struct Disk {
    path: PathBuf,
}

impl Disk {
    fn mount(words: &[&str], path: PathBuf) -> Disk {
        fs::create_dir_all(&path).expect("a directory can be made");
        let words: Vec<&str> = ["mount"].iter().chain(words).copied().chain(path.to_str()).collect();
        run(&words);
        Disk { path }
    }

    /// One of 2 MB in memory.
    fn small(path: PathBuf) -> Disk {
        Disk::mount(&["-t", "tmpfs", "-o", "size=2m", "none"], path)
    }

    /// One in a file, which can be frozen.
    fn in_a_file(file: &Path, path: PathBuf) -> Disk {
        File::create(file).and_then(|file| file.set_len(64 << 20)).expect("a sparse file");
        let file = file.to_str().expect("temporary paths are ASCII");
        run(&["mkfs.ext4", "-q", "-F", file]);
        Disk::mount(&["-o", "loop", file], path)
    }

    /// Takes all that is left; returns the file that does.
    fn fill(&self) -> PathBuf {
        let path = self.path.join("filler");
        let mut file = File::create(&path).expect("a file can be made");
        // The last write takes what is left of the last page.
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
        path
    }

    fn freeze(&self) {
        run(&["fsfreeze", "--freeze", self.path.to_str().expect("ASCII")]);
    }

    fn thaw(&self) {
        run(&["fsfreeze", "--unfreeze", self.path.to_str().expect("ASCII")]);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let path = self.path.to_str().expect("temporary paths are ASCII");
        let _ = command(&["fsfreeze", "--unfreeze", path]);
        let _ = command(&["umount", "--lazy", path]);
    }
}

/// Whether file systems can be mounted and frozen here.
fn possible() -> Result<(), String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (file, path) = (directory.path().join("file"), directory.path().join("disk"));
    let tried = std::panic::catch_unwind(|| {
        let disk = Disk::in_a_file(&file, path);
        disk.freeze();
        disk.thaw();
    });
    tried.map_err(|_| "file systems cannot be mounted and frozen".to_owned())
}

fn start(place: &Place, expression: &str, flags: &[&str]) -> Running {
    let words = ["run", "-e", expression, "--seed=1", "--cluster=processes", "--workers=2"];
    place.start(words.iter().chain(&["--set=cluster.minimum_workers=2"]).chain(flags))
}

/// When the newest checkpoint was written.
fn kept(run: &Path) -> Option<SystemTime> {
    let times = ["checkpoint-0", "checkpoint-1"]
        .map(|name| fs::metadata(run.join(name)).and_then(|file| file.modified()).ok());
    times.into_iter().flatten().max()
}

fn disk_that_is_full_in_the_middle_is_told_once_and_changes_no_bit() {
    let place = Place::new();
    let disk = Disk::small(place.directory().join(".squall"));
    let mut running = start(&place, EXPRESSION, &[]);
    let run = running.until("a checkpoint is kept", |running| {
        let run = running.run_directory()?;
        kept(&run).map(|_| run)
    });
    let filler = disk.fill();
    let full = SystemTime::now();
    running.until("the full disk is told", |running| {
        running.stderr().contains("No space left on device").then_some(())
    });
    fs::remove_file(filler).expect("it is there");
    running.until("checkpoints are kept again", |_| kept(&run).filter(|&last| last > full));
    let outcome = running.wait().ok();
    assert_eq!(outcome.bits()["result"], *UNDISTURBED);
    assert_eq!(outcome.stderr.matches("No space left on device").count(), 1, "{}", outcome.stderr);
}

fn disk_that_is_full_from_the_start_is_refused() {
    let place = Place::new();
    let disk = Disk::small(place.directory().join(".squall"));
    disk.fill();
    let outcome = start(&place, EXPRESSION, &[]).wait_for(Duration::from_secs(20));
    assert!(outcome.code() > 0 && outcome.stdout.is_empty(), "{outcome:?}");
    for said in
        ["error: cannot write `", "cause: No space left on device", "hint: set run.directory to a place"]
    {
        assert!(outcome.stderr.contains(said), "{said:?} is not in\n{}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
}

/// Longer than either side waits for the other.
const HANGS: Duration = Duration::from_secs(7);
/// What still computes when the disk is back.
const LONGER: &str = "random.normal(0, 0.1, size=2e10).mean()";

fn disk_that_hangs_holds_up_nobody() {
    let expected = undisturbed(LONGER);
    let place = Place::new();
    let image = place.directory().with_file_name("image");
    let disk = Disk::in_a_file(&image, place.directory().join("disk"));
    let directory = format!("--set=run.directory={}", disk.path.join("runs").display());
    let mut running = start(&place, LONGER, &[&directory, "--set=cluster.death_timeout=5"]);
    let run = || fs::read_dir(disk.path.join("runs")).ok()?.flatten().next().map(|run| run.path());
    running.until("a checkpoint is kept", |_| run().and_then(|run| kept(&run)));
    let run = run().expect("just seen");
    let at = |event: &serde_json::Value| event["at"].as_f64().expect("a time");
    let told = || Events::of(&run).expect("there are events").all("answered").map(at).fold(0.0, f64::max);
    disk.freeze();
    let (frozen, before) = (Instant::now(), told());
    thread::sleep(HANGS.saturating_sub(frozen.elapsed()));
    assert_eq!(told(), before, "the disk did not hang");
    let frozen_until = SystemTime::now();
    disk.thaw();
    let after = || kept(&run).filter(|&last| last > frozen_until);
    until("a checkpoint is kept again", PATIENCE, after, || running.stderr());
    let outcome = running.wait().ok();
    assert_eq!(outcome.bits()["result"], expected);
    // What was told meanwhile was written afterwards, with its time.
    let events = Events::of(&run).expect("they stay");
    let meanwhile = events.all("answered").filter(|event| (before + 1.0..before + 6.0).contains(&at(event)));
    assert!(meanwhile.count() >= 3, "the work stood still with the disk");
    assert_eq!(events.all("lost").count(), 0);
}
