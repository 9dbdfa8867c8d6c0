//! A run as text for people.

use crate::cli::script::quoted;
use crate::cli::show::{Sent, Shown};
use crate::cli::table::{ago, percent, table};
use crate::monitor::so_far;
use std::fmt::Write as _;

/// All of it, a paragraph a matter.
pub(super) fn text(shown: &Shown) -> String {
    let paragraphs = [
        head(shown),
        shown.submissions.iter().map(submission).collect::<Vec<_>>().join("\n"),
        workers(shown),
        logs(shown),
        end(shown),
        shown.damage.iter().map(|damage| format!("{damage}\n")).collect(),
    ];
    paragraphs.into_iter().filter(|paragraph| !paragraph.is_empty()).collect::<Vec<_>>().join("\n")
}

fn head(shown: &Shown) -> String {
    let Shown { run, directory, state, cluster, .. } = shown;
    let on = if cluster.is_empty() { String::new() } else { format!(" on {cluster}") };
    let done = shown.done.map_or(String::new(), |done| format!(", {} done", percent(done)));
    let mut text = format!("run {run}{on}: {}{done}\n", state.as_str());
    let _ = writeln!(text, "directory: {}", directory.display());
    if let Some((began, age)) = shown.began.as_ref().zip(shown.age) {
        let _ = writeln!(text, "begun: {began}, {}", ago(age));
    }
    if let Some(computes) = &shown.computes {
        let parts = [("array", &computes.arrays), ("result", &computes.results), ("save", &computes.saves)];
        for (kind, named) in parts {
            for (name, expression) in named {
                let _ = writeln!(text, "{kind} {name} = {}", indented(expression, "  ").trim_start());
            }
        }
    }
    for result in &shown.results_so_far {
        let _ = writeln!(text, "so far: {}", so_far(result));
    }
    if let Some(driver) = &shown.driver {
        let process = &driver.owner.process;
        let alive = match driver.alive {
            Some(true) => "it lives",
            Some(false) => "it is gone",
            None => "not seen from here",
        };
        let job = driver.owner.job.map_or(String::new(), |job| format!(" in job {job}"));
        let many = if driver.drivers > 1 {
            format!(", the run's driver number {}", driver.drivers)
        } else {
            String::new()
        };
        let _ = writeln!(text, "driver: process {} on {}{job}{many}: {alive}", process.id, process.host);
    }
    text
}

fn submission(sent: &Sent) -> String {
    let Sent { submission, script_file, script } = sent;
    let of = match submission.workers {
        0 if submission.is_driver() => "the driver".to_owned(),
        0 => "a janitor".to_owned(),
        1 => "1 worker".to_owned(),
        workers => format!("{workers} workers"),
    };
    let pool = submission.pool.as_ref().map_or(String::new(), |pool| format!(" of pool {pool}"));
    let came = match submission.job {
        Some(job) => {
            let on =
                submission.cluster.as_ref().map_or(String::new(), |cluster| format!(" on cluster {cluster}"));
            format!("job {job}{on}")
        }
        None if submission.refused => "refused".to_owned(),
        None => format!("it is not known what came of it; its jobs are named {}", submission.name),
    };
    let mut text = format!("submission {}: {of}{pool}: {came}\n", submission.number);
    let words: Vec<String> = submission.arguments.iter().map(|word| quoted(word)).collect();
    let _ = writeln!(text, "  {}", indented(&words.join(" "), "  ").trim_start());
    for (said, stream) in [(&submission.stdout, "said"), (&submission.stderr, "said on standard error")] {
        if !said.trim().is_empty() {
            let _ = writeln!(text, "  sbatch {stream}:\n{}", indented(said.trim_end(), "    "));
        }
    }
    match script {
        Some(script) => {
            let script = indented(script.trim_end(), "    ");
            let _ = writeln!(text, "  its script, {}:\n{script}", script_file.display());
        }
        None => {
            let _ = writeln!(text, "  its script, {}, cannot be read", script_file.display());
        }
    }
    text
}

fn workers(shown: &Shown) -> String {
    let dash = || "-".to_owned();
    let mut rows: Vec<[String; 7]> = Vec::new();
    for line in &shown.workers {
        rows.push([
            line.worker.map_or_else(dash, |number| number.to_string()),
            line.job.clone(),
            line.host.clone(),
            line.state.as_str().to_owned(),
            line.system.clone().unwrap_or_else(dash),
            line.tasks.to_string(),
            line.cause.clone().unwrap_or_default(),
        ]);
    }
    for job in &shown.jobs {
        let said = super::said(job);
        rows.push([
            dash(),
            job.job.clone(),
            dash(),
            "never registered".to_owned(),
            said,
            dash(),
            String::new(),
        ]);
    }
    if rows.is_empty() {
        return if shown.workers_asked == 0 { String::new() } else { "no worker has come\n".to_owned() };
    }
    table(["WORKER", "JOB", "HOST", "STATE", "SYSTEM", "TASKS", "CAUSE"], &rows)
}

fn logs(shown: &Shown) -> String {
    let mut text = String::new();
    for log in &shown.logs {
        let _ = writeln!(text, "{} ends:\n{}", log.file.display(), indented(&log.text, "    "));
    }
    if shown.more_logs > 0 {
        let _ = writeln!(text, "and {} more logs", shown.more_logs);
    }
    text
}

fn end(shown: &Shown) -> String {
    let mut text = String::new();
    if let Some(failure) = &shown.failure {
        let _ = writeln!(text, "it failed:\n{}", indented(failure, "  "));
    }
    if let Some(cause) = shown.closing.as_ref().filter(|cause| *cause != "done") {
        let _ = writeln!(text, "it was ended: {cause}");
    }
    if let Some(receipt) = &shown.receipt {
        let _ = writeln!(
            text,
            "it took {:.1} s, of which computing {:.1} s, by {} workers, of which {} were lost",
            receipt.wall_seconds, receipt.compute_seconds, receipt.workers, receipt.lost
        );
    }
    for hint in &shown.hints {
        let _ = writeln!(text, "hint: {hint}");
    }
    text
}

fn indented(text: &str, by: &str) -> String {
    text.lines().map(|line| format!("{by}{line}")).collect::<Vec<_>>().join("\n")
}
