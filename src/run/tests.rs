//! The run directory's files, ends and claims.

use super::lifecycle::KEPT_RUNS;
use super::*;

fn run() -> (tempfile::TempDir, RunDirectory) {
    let base = tempfile::tempdir().expect("a directory");
    let run = RunDirectory::create(&base.path().join("runs"), RunId::generate()).expect("created");
    (base, run)
}

#[test]
fn only_the_user_can_enter_and_read_the_key() {
    let (_base, run) = run();
    run.write_key("secret").expect("written");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(run.path()), 0o700);
    assert_eq!(mode(&run.path().join("key.pem")), 0o600);
    assert_eq!(run.key().expect("read"), "secret");
}

#[test]
fn key_file_of_somebody_else_or_open_to_others_is_refused() {
    let (_base, run) = run();
    let path = run.path().join("file");
    let file = private_file(&path).expect("made");
    assert_eq!(refuse_open(&path, &file.metadata().expect("there")), Ok(()));
    for mode in [0o640, 0o604, 0o610] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changed");
        let error = refuse_open(&path, &file.metadata().expect("there")).expect_err("refused");
        assert!(error.to_string().contains(&format!("with mode {mode:o} instead of 600")), "{error}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("changed");
    // Only root can give a file away.
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(65534), None).expect("given away");
        let error = refuse_open(&path, &file.metadata().expect("there")).expect_err("refused");
        assert!(error.to_string().contains("gave it to user 65534"), "{error}");
    }
}

#[test]
fn file_that_others_have_open_does_not_become_the_key() {
    let (_base, run) = run();
    let partial = run.partial(KEY);
    let mut theirs =
        OpenOptions::new().create(true).write(true).read(true).truncate(true).open(&partial).expect("made");
    run.write_key("secret").expect("written");
    let mut seen = String::new();
    io::Read::read_to_string(&mut theirs, &mut seen).expect("read");
    assert_eq!((seen.as_str(), run.key().expect("there").as_str()), ("", "secret"));
    assert!(!partial.exists());
}

#[test]
fn key_is_gone_when_the_run_has_ended() {
    let (_base, run) = run();
    run.write_key("secret").expect("written");
    run.mark_ended().expect("marked");
    assert!(run.is_ended() && run.key().is_err());
    run.mark_begun().expect("marked");
    assert!(!run.is_ended());
}

#[test]
fn driver_that_was_replaced_does_not_end_the_run_of_the_next_one() {
    let (_base, run) = run();
    let [former, now] = [Owner::this(None), Owner::this(None)];
    run.write_owner(&now).expect("written");
    run.write_key("secret").expect("written");
    run.mark_ended_by(former.nonce).expect("looked at");
    assert!(!run.is_ended() && run.key().is_ok());
    run.mark_ended_by(now.nonce).expect("marked");
    assert!(run.is_ended() && run.key().is_err());
}

#[test]
fn a_directory_of_somebody_elses_is_refused() {
    let base = tempfile::tempdir().expect("a directory");
    // Only root can give a directory away.
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(base.path(), Some(65534), None).expect("given away");
        let error = RunDirectory::create(base.path(), RunId::generate()).expect_err("refused");
        assert!(error.to_string().contains("belongs to somebody else"), "{error}");
    }
}

#[test]
fn a_run_is_found_again_by_its_path_and_in_the_list() {
    let (base, run) = run();
    assert_eq!(RunDirectory::open(run.path()).expect("opened"), run);
    assert_eq!(RunDirectory::list(&base.path().join("runs")), [run]);
}

#[test]
fn submissions_are_read_back_in_order() {
    let (_base, run) = run();
    let submissions: Vec<Submission> = (0..3).map(|number| Submission::planned(number, "sq", 2)).collect();
    for submission in &submissions {
        run.write_submission(submission).expect("written");
    }
    assert_eq!(run.submissions(), submissions);
}

#[test]
fn runs_that_can_be_gone_on_with_are_never_removed() {
    let (base, waiting) = run();
    let base = base.path().join("runs");
    waiting.write_submission(&Submission::planned(0, "sq", 0)).expect("written");
    waiting.mark_ended().expect("marked");
    let kept = RunDirectory::create(&base, RunId::generate()).expect("created");
    let owner = Owner::this(None);
    kept.write_owner(&owner).expect("written");
    kept.write_checkpoint(owner.nonce, b"state").expect("written");
    kept.mark_ended().expect("marked");
    let others = || {
        for _ in 0..KEPT_RUNS + 3 {
            let run = RunDirectory::create(&base, RunId::generate()).expect("created");
            run.mark_ended().expect("marked");
        }
        RunDirectory::prune(&base);
        RunDirectory::list(&base)
    };
    let left = others();
    assert!(left.len() == KEPT_RUNS + 2 && left.contains(&waiting) && left.contains(&kept));
    for run in [&waiting, &kept] {
        run.mark_done().expect("marked");
    }
    assert_eq!(others().len(), KEPT_RUNS, "what is done goes");
}

#[test]
fn one_of_several_goes_on_with_a_run() {
    let (_base, run) = run();
    let former = Owner::this(None);
    run.write_owner(&former).expect("written");
    let claim = run.claim(former.nonce).expect("the first");
    let refused = run.claim(former.nonce).err().expect("the second is refused").to_string();
    assert!(refused.starts_with("error: somebody else is going on with run "), "{refused}");
    run.write_owner(&Owner::this(None)).expect("written");
    drop(claim);
    assert!(run.claim(former.nonce).is_err(), "it has been gone on with meanwhile");
    assert!(run.claim(run.owner().expect("there").nonce).is_ok());
}

#[test]
fn devices_pipes_and_vast_files_are_not_read() {
    let (_base, run) = run();
    let path = run.path().join("owner.json");
    std::os::unix::fs::symlink("/dev/zero", &path).expect("linked");
    assert!(run.owner().expect_err("refused").to_string().contains("not a regular file"));
    fs::remove_file(&path).expect("removed");
    File::create(&path).expect("created").set_len(1 << 40).expect("sparse");
    assert!(run.owner().expect_err("refused").to_string().contains("more than any such file has"));
}

#[test]
fn ended_runs_beyond_the_last_20_are_removed_and_others_stay() {
    let (base, alive) = run();
    let base = base.path().join("runs");
    for _ in 0..KEPT_RUNS + 3 {
        let run = RunDirectory::create(&base, RunId::generate()).expect("created");
        run.mark_ended().expect("marked");
    }
    RunDirectory::prune(&base);
    let left = RunDirectory::list(&base);
    assert_eq!(left.len(), KEPT_RUNS + 1);
    assert!(left.contains(&alive));
}
