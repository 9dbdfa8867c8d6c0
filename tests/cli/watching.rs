//! `squall queue`, `squall runs` and `squall show`: what can be seen of runs from beside, while they last, after their
//! end, and where their directories are damaged or somebody has written into them.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::fake::Fake;
use crate::support::Place;
use crate::support::events::Events;
use crate::support::running::Running;

const LONG: &str = "random.normal(0, 1, size=1e13).mean()";

/// What a command prints as JSON.
fn json(place: &Place, arguments: &[&str]) -> Value {
    let outcome = place.run([arguments, &["--output=json"]].concat()).ok();
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {}", outcome.stdout))
}

fn id(run: &Path) -> String {
    run.file_name().expect("a name").to_string_lossy().into_owned()
}

/// A run of two processes that is at work and keeps a checkpoint.
fn at_work(place: &Place) -> (Running, PathBuf) {
    let workers = ["--workers=2", "--set=cluster.minimum_workers=2", "--set=cluster.replacements=0"];
    let flags = ["--seed=1", "--cluster=processes"].iter().chain(&workers);
    let mut running = place.start(["run", "-e", LONG].iter().chain(flags));
    running.until_events("a worker answered a lease", Events::busy_worker);
    let kept = |running: &Running| running.run_directory()?.join("checkpoint-0").exists().then_some(());
    running.until("a checkpoint is kept", kept);
    let run = running.run_directory().expect("it runs");
    (running, run)
}

#[test]
fn run_is_running_then_orphaned_then_ended_or_to_be_resumed() {
    let place = Place::new();
    assert!(place.run(["runs"]).ok().stdout.starts_with("no runs in "));
    let (running, run) = at_work(&place);
    let id = id(&run);
    let runs = json(&place, &["runs"]);
    let [row] = &runs.as_array().expect("rows")[..] else { panic!("{runs}") };
    assert_eq!(
        (&row["run"], &row["state"], &row["cluster"]),
        (&id.as_str().into(), &"running".into(), &"processes".into())
    );
    assert_eq!((&row["workers_here"], &row["workers_asked"]), (&2.into(), &2.into()));
    assert!(row["done"].as_f64().is_some_and(|done| done > 0.0 && done < 1.0), "{row}");
    assert_eq!(row["computes"]["results"][0], serde_json::json!(["result", LONG]));
    let text = place.run(["runs"]).ok().stdout;
    let expected = ["RUN", &id, " ago", "processes", "running", "2/2", " %", &format!("result = {LONG}")];
    assert!(text.lines().count() == 2 && expected.iter().all(|part| text.contains(part)), "{text}");

    running.signal(Signal::SIGKILL);
    running.wait();
    let state = |place: &Place| json(place, &["runs"])[0]["state"].as_str().expect("a word").to_owned();
    assert_eq!(state(&place), "orphaned");
    let shown = place.run(["show", &id]).ok().stdout;
    assert!(shown.contains(&format!("hint: `squall resume {id}` ends what is left")), "{shown}");
    place.run(["reap", &id]).ok();
    assert_eq!(state(&place), "resumable");
    fs::remove_file(run.join("checkpoint-0")).expect("removed");
    let _ = fs::remove_file(run.join("checkpoint-1"));
    assert_eq!(state(&place), "ended");
}

#[test]
fn finished_run_is_all_done() {
    let place = Place::new();
    let flags = ["--seed=1", "--cluster=processes", "--workers=1"];
    place.run(["run", "-e", "random.normal(size=1e6).sum()"].iter().chain(&flags)).ok();
    let runs = json(&place, &["runs"]);
    assert_eq!((&runs[0]["state"], &runs[0]["done"]), (&"ended".into(), &1.0.into()), "{runs}");
    let shown = json(&place, &["show", runs[0]["run"].as_str().expect("an id")]);
    assert_eq!((&shown["closing"], &shown["failure"]), (&"done".into(), &Value::Null), "{shown}");
    assert_eq!(shown["workers"][0]["state"], "left", "{shown}");
    assert_eq!(shown["receipt"]["workers"], 1);
}

#[test]
fn run_that_failed_shows_its_failure_its_losses_and_their_logs() {
    let place = Place::new();
    let (running, run) = at_work(&place);
    for (_, process) in running.events().expect("there are").jobs() {
        kill(Pid::from_raw(process.parse().expect("a process")), Signal::SIGKILL).expect("it works");
    }
    fs::write(run.join("logs/worker-0.log"), "first\n".repeat(20) + "the last words\n").expect("written");
    let outcome = running.wait();
    assert_eq!(outcome.code(), 4, "{}", outcome.stderr);
    let shown = place.run(["show", &run.display().to_string()]).ok().stdout;
    for said in [
        "can be resumed",
        "begun: 2",
        &format!("result result = {LONG}"),
        "driver: process ",
        ": it is gone",
        "WORKER  JOB",
        "  lost  ",
        "signal: 9 (SIGKILL)",
        "worker-0.log ends:\n    first\n",
        "    the last words\n",
        "it failed:\n  error: no worker is left\n",
        &format!("hint: `squall resume {}` goes on from its last checkpoint", id(&run)),
    ] {
        assert!(shown.contains(said), "{said:?} is not in\n{shown}");
    }
    assert_eq!(shown.matches("first\n").count(), 9, "the last ten lines alone");
}

/// A run whose driver waits for two jobs, with a queue of these lines; `NAME` and `RUN` stand for the jobs' name and
/// the run's directory.
fn queued(lines: &str) -> (Fake, Running, PathBuf) {
    let sbatch = "echo 'sbatch: you are charged' >&2; echo 57";
    let queue = format!(
        "name=$(sed -n 's/.*--job-name=\\(sq-[^ ]*\\).*/\\1/p' \"$FAKE_SLURM/sbatch.calls\")\n\
         run=$(sed -n 's|.* \\(/.*\\)/job-0.sh|\\1|p' \"$FAKE_SLURM/sbatch.calls\")\n\
         case \"$*\" in *%F*) exit;; esac\n\
         cat <<'END' | sed -e \"s/NAME/$name/\" -e \"s|RUN|$run|\"\n{lines}\nEND\n"
    );
    let site = ("scontrol", "echo 'MaxArraySize = 1001'");
    let fake = Fake::new(&[("sbatch", sbatch), ("squeue", &queue), ("scancel", ":"), site]);
    let flags = ["--seed=1", "--cluster=slurm", "--workers=4", "--memory=500M", "--walltime=5"];
    let mut running = fake.place.start(["run", "-e", LONG].iter().chain(&flags));
    running.until_events("a job was submitted", |events| events.all("submitted").next().map(drop));
    let run = running.run_directory().expect("it runs");
    (fake, running, run)
}

const QUEUE: &str = "\
57_0|short|me|R|0:05|1|1|500M|node-1|None|NAME|RUN/job-0.sh
57_1|short|me|R|0:05|1|1|500M|node-1|None|NAME|RUN/job-0.sh
57_2|short|me|PD|0:00|1|1|500M||Priority|NAME|RUN/job-0.sh
57_3|short|me|CG|0:05|1|1|500M|node-1|None|NAME|RUN/job-0.sh
60|short|me|R|0:05|1|1|2G|node-1|None|python|(null)
61|short|me|R|0:05|1|1|2G|node-1|None|sq-bcdfghjk-0|/nowhere/bcdfghjk/job-0.sh";

/// Adds what happened to the events of a run.
fn tell(run: &Path, events: &[&str]) {
    use std::io::Write;
    let mut log = fs::OpenOptions::new().append(true).open(run.join("events.jsonl")).expect("it is there");
    for event in events {
        writeln!(log, "{{\"at\":9,{event}}}").expect("written");
    }
}

const WORKERS: [&str; 6] = [
    r#""event":"stage","stage":0,"tasks":200,"chunks":1,"elements":200,"done":0"#,
    r#""event":"registered","worker":0,"job":"57_0","host":"node-1","threads":1,"kernel":"avx2","start_seconds":0.1"#,
    r#""event":"leased","lease":0,"worker":0,"first":0,"end":30"#,
    r#""event":"answered","lease":0,"worker":0,"finished":30,"counted":true"#,
    r#""event":"registered","worker":1,"job":"57_3","host":"node-1","threads":1,"kernel":"avx2","start_seconds":0.1"#,
    r#""event":"lost","worker":1,"cause":"its \u001b[2J node failed","leases":1"#,
];

#[test]
fn queue_joins_slurms_jobs_with_what_their_workers_do() {
    let (fake, running, run) = queued(QUEUE);
    tell(&run, &WORKERS);
    tell(&run, &[r#""event":"leased","lease":1,"worker":0,"first":30,"end":60"#]);
    let shown = fake.place.run(["queue"]).ok().stdout;
    let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0].join(" "), "JOBID PARTITION NAME USER ST TIME NODES CPUS MIN_M NODELIST DONE WORKER");
    let ends: Vec<String> = lines[1..=5].iter().map(|line| line[8..].join(" ")).collect();
    let expected = [
        "500M node-1 15.0 % busy",
        "500M node-1 - starting",
        "500M - waiting: Priority",
        "500M node-1 0.0 % lost: its \\u{1b}[2J node failed",
        "2G node-1 - -",
    ];
    assert_eq!(ends, expected.map(|end| end.replace("15.0", "15")), "{shown}");
    assert!(!shown.contains("python") && !shown.contains('\u{1b}'), "{shown}");
    let here = format!("run {}: running, 15 % done, 1 of 4 workers here", id(&run));
    assert!(
        shown.contains(&here) && shown.contains("run bcdfghjk: its directory is not seen from here"),
        "{shown}"
    );

    let jobs = json(&fake.place, &["queue", &id(&run)]);
    let states: Vec<&Value> = jobs.as_array().expect("jobs").iter().map(|job| &job["worker_state"]).collect();
    assert_eq!(states, [&Value::from("busy"), &"starting".into(), &Value::Null, &"lost".into()]);
    assert_eq!(
        (&jobs[0]["done"], &jobs[0]["worker"], &jobs[2]["reason"]),
        (&0.15.into(), &0.into(), &"Priority".into())
    );
    running.signal(Signal::SIGTERM);
    running.wait();
}

#[test]
fn queue_of_a_run_elsewhere_is_found_by_its_script() {
    let (fake, running, run) = queued(QUEUE);
    tell(&run, &WORKERS);
    let elsewhere = fake.place.directory().join("elsewhere");
    fs::create_dir(&elsewhere).expect("made");
    let output = fake.place.command(["queue", &id(&run)]).current_dir(&elsewhere).output().expect("started");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains(" registered\n") && shown.contains(": running, 15 % done"), "{shown}");
    running.signal(Signal::SIGTERM);
    running.wait();
}

#[test]
fn submission_is_shown_with_its_script_command_and_slurms_words_without_slurm() {
    let (fake, running, run) = queued(QUEUE);
    tell(&run, &WORKERS);
    running.signal(Signal::SIGKILL);
    running.wait();
    let without = Place::new();
    fs::rename(&run, without.directory().join(id(&run))).expect("moved");
    drop(fake);
    let shown = without.run(["show", &id(&run)]).ok().stdout;
    let script = fs::read_to_string(without.directory().join(id(&run)).join("job-0.sh")).expect("a script");
    for line in script.lines().filter(|line| !line.is_empty()) {
        assert!(shown.contains(&format!("    {line}\n")), "{line:?} is not in\n{shown}");
    }
    for said in [
        "submission 0: 4 workers: job 57\n  sbatch --parsable --no-requeue ",
        "  sbatch said:\n    57\n",
        "  sbatch said on standard error:\n    sbatch: you are charged\n",
        "on slurm: orphaned, 15 % done\n",
        "its \\u{1b}[2J node failed\n",
        "hint: `squall reap ",
    ] {
        assert!(shown.contains(said), "{said:?} is not in\n{shown}");
    }
}

#[test]
fn damaged_and_foreign_directories_are_told_of_and_hide_no_others() {
    let place = Place::new();
    let hostile = "\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}";
    let files: [(&str, &str, &str); 7] = [
        ("bbbbbbbb", "owner.json", "{"),
        ("cccccccc", "events.jsonl", "\u{0}\n\nnot json\n{\"at\":1,\"event\":\"opened\"}\n"),
        ("dddddddd", "settings.toml", "[results]\na = \u{7}"),
        ("ffffffff", "submission-0.json", "[]"),
        ("gggggggg", "ended", ""),
        ("hhhhhhhh", "plan.txt", "stage 0: 1 chunks, 1 tasks, 99999999999999999999999 elements"),
        ("jjjjjjjj", "logs/worker-0.log", hostile),
    ];
    for (run, name, text) in files {
        place.write(&format!(".squall/{run}/{name}"), text);
    }
    place.write(".squall/kkkkkkkk", "not even a directory");
    let pipe = place.directory().join(".squall/mmmmmmmm");
    fs::create_dir(&pipe).expect("made");
    for name in ["owner.json", "events.jsonl", "settings.toml", "submission-0.json", "job-0.sh", "plan.txt"] {
        nix::unistd::mkfifo(&pipe.join(name), nix::sys::stat::Mode::S_IRWXU).expect("made");
    }
    let submission = serde_json::json!({
        "number": 0, "name": hostile, "workers": 1, "job": 57, "refused": false, "stdout": hostile,
        "stderr": hostile, "arguments": ["sbatch", hostile, "--output=/nowhere/x", "--output=/"],
    });
    place.write(".squall/nnnnnnnn/submission-0.json", &submission.to_string());
    place.write(".squall/nnnnnnnn/job-0.sh", hostile);
    place.write(
        ".squall/nnnnnnnn/settings.toml",
        "[arrays]\n\"a\\u001b[2J\" = \"b\\u009b\"\n[results]\nr = 3\n",
    );

    let outcome = place.run(["runs"]).ok();
    assert_eq!(outcome.stdout.lines().count(), 11, "{}", outcome.stdout);
    let rows = json(&place, &["runs"]);
    let states: Vec<_> = rows.as_array().expect("rows").iter().map(|row| row["state"].as_str()).collect();
    assert_eq!(states.iter().filter(|state| **state == Some("damaged")).count(), 9, "{rows}");
    assert!(
        outcome.stderr.contains("run cccccccc: ") && outcome.stderr.contains(" 4 lines of "),
        "{}",
        outcome.stderr
    );
    let shown = rows.as_array().expect("rows").iter().map(|row| row["run"].as_str().expect("an id"));
    let mut said = vec![outcome.stdout, outcome.stderr];
    for run in shown {
        for output in ["text", "json"] {
            let outcome = place.run(["show", run, &format!("--output={output}")]).ok();
            assert!(outcome.stdout.contains(run), "{}", outcome.stdout);
            said.extend([outcome.stdout, outcome.stderr]);
        }
    }
    let said = said.join("\n");
    assert!(!said.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']), "{said:?}");
    for words in ["submission-0.json` is damaged", "settings.toml` is damaged", "it is not a regular file"] {
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
    let nothing = place.run(["show", "zzzzzzzz"]);
    assert_eq!(nothing.code(), 2);
    assert!(nothing.stderr.starts_with("error: no run `zzzzzzzz` here\n"), "{}", nothing.stderr);
}

#[test]
fn driver_that_another_one_replaced_is_told_of() {
    let place = Place::new();
    let (running, run) = at_work(&place);
    let path = run.join("owner.json");
    let mut owner: Value = serde_json::from_slice(&fs::read(&path).expect("there")).expect("JSON");
    owner["nonce"] = 5.into();
    owner["process"]["host"] = "elsewhere".into();
    fs::write(&path, owner.to_string()).expect("written");
    assert_eq!(running.wait().code(), 2);
    let shown = place.run(["show", &id(&run)]).ok().stdout;
    assert!(shown.contains(" on processes: superseded, "), "{shown}");
    assert!(
        shown.contains("error: another driver has taken over the run")
            && shown.contains("not seen from here")
    );
}

#[test]
fn jobs_on_another_cluster_are_asked_for_and_cancelled_there() {
    // A job of the same number is on the cluster of the commands themselves.
    let queue = "case \"$*\" in\n\
        *clusters=graham*%F*) name=$(sed -n 's/.*--job-name=\\(sq-[^ ]*\\).*/\\1/p' \"$FAKE_SLURM/sbatch.calls\")\n\
        echo 'CLUSTER: graham'; echo \"57|57|N/A|PENDING||N/A|Priority|$name\";;\n\
        *clusters=graham*) name=$(sed -n 's/.*--job-name=\\(sq-[^ ]*\\).*/\\1/p' \"$FAKE_SLURM/sbatch.calls\")\n\
        echo \"57|short|me|PD|0:00|1|1|500M||Priority|$name|/nowhere\";;\n\
        *%F*) echo '57|57|N/A|RUNNING|node-1|N/A|None|mine';;\n\
        *) echo '57|short|me|R|0:05|1|1|2G|node-1|None|sq-bcdfghjk-0|/nowhere';;\n\
        esac";
    let fake = Fake::new(&[("sbatch", "echo '57;graham'"), ("squeue", queue), ("scancel", ":")]);
    let flags = ["--seed=1", "--cluster=slurm", "--workers=1", "--memory=500M", "--walltime=5"];
    let mut running = fake.place.start(["run", "-e", LONG].iter().chain(&flags));
    let pending =
        |events: &Events| events.all("jobs").any(|news| news["jobs"][0]["state"] == "PENDING").then_some(());
    running.until_events("the job is seen where it is", pending);
    let run = running.run_directory().expect("it runs");
    let jobs = json(&fake.place, &["queue"]);
    assert_eq!(jobs.as_array().map(Vec::len), Some(1), "{jobs}");
    assert_eq!((&jobs[0]["cluster"], &jobs[0]["state"]), (&"graham".into(), &"PD".into()));
    running.signal(Signal::SIGKILL);
    running.wait();
    let reaped = fake.place.run(["reap"]).ok().stdout;
    assert!(reaped.contains("cancelled job 57"), "{reaped}");
    let calls = fake.calls("scancel");
    let by_id: Vec<_> = calls.iter().filter(|call| call.split(' ').any(|word| word == "57")).collect();
    assert!(!by_id.is_empty() && by_id.iter().all(|call| call.contains("--clusters=graham")), "{calls:?}");
    let name = format!("--name=sq-{}-0", id(&run));
    assert!(calls.iter().any(|call| call.contains("--clusters=graham") && call.contains(&name)), "{calls:?}");
    let shown = fake.place.run(["show", &id(&run)]).ok().stdout;
    assert!(shown.contains("submission 0: 1 worker: job 57 on cluster graham\n"), "{shown}");
}
