//! What results come to while they are computed: shown while one worker works and others wait.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::Place;
use crate::support::events::Events;

const LONG: &str = "random.normal(0, 1, size=1e12).mean()";

/// The value and the error of the first result that a run last told of, and of how many elements.
fn so_far(events: &Events) -> Option<(f64, f64, f64)> {
    let told = events.all("results_so_far").last()?;
    let result = &told["results"][0];
    assert_eq!(result["name"], "result");
    let figure = |key: &str| result[key].as_f64().expect("a number");
    Some((figure("value"), figure("error"), figure("elements")))
}

#[test]
fn mean_and_its_error_are_shown_while_it_is_computed_by_the_terminal_by_show_and_by_runs() {
    let place = Place::new();
    let flags = ["--seed=1", "--cluster=processes", "--workers=1"];
    let mut running = place.start(["run", "-e", LONG].iter().chain(&flags));
    let line = running.until("a result so far is shown", |running| {
        let stderr = running.stderr();
        let line = stderr.lines().find(|line| line.contains(" % done, ") && line.contains("; result "))?;
        Some(line.to_owned())
    });
    let (_, said) = line.split_once("; result ").expect("it is there");
    let words: Vec<&str> = said.split_whitespace().collect();
    let [_, "±", error, "of", count, unit] = words[..] else { panic!("{line}") };
    let scale = match unit {
        "million" => 1e6,
        "billion" => 1e9,
        _ => panic!("{line}"),
    };
    let figure = |text: &str| text.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
    let expected = 1.0 / (figure(count) * scale).sqrt();
    assert!((0.05..5.0).contains(&(figure(error) / expected)), "{line}");
    let (value, error, elements) = running.until_events("the events tell it", so_far);
    let expected = 1.0 / elements.sqrt();
    assert!(value.abs() < 5.0 * expected, "{value} of {elements}");
    assert!((0.05..5.0).contains(&(error / expected)), "{error} instead of {expected}");

    let run = running.run_directory().expect("it runs");
    let id = run.file_name().expect("a name").to_string_lossy().into_owned();
    let shown = place.run(["show", &id]).ok().stdout;
    assert!(shown.contains("\nso far: result ") && shown.contains(" ± "), "{shown}");
    for arguments in [&["show", &id, "--output=json"][..], &["runs", "--output=json"]] {
        let text = place.run(arguments).ok().stdout;
        let told: Value = serde_json::from_str(&text).expect("JSON");
        let told = if told.is_array() { &told[0] } else { &told };
        let result = &told["results_so_far"][0];
        assert_eq!(result["name"], "result", "{text}");
        assert!(result["error"].as_f64().is_some_and(|error| error > 0.0), "{text}");
    }
    running.signal(Signal::SIGTERM);
    running.wait();
}
