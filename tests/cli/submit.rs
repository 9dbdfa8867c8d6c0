//! `squall submit` against fakes of Slurm's commands: what is asked for the driver, and what is said of its workers.

use std::fs;

use crate::fake::Fake;

/// A job script: its memory in bytes, its comments, and all of it.
struct Script {
    memory: u64,
    comments: Vec<String>,
    text: String,
}

impl Script {
    fn of(text: String) -> Script {
        let asked = text.lines().find_map(|line| line.strip_prefix("#SBATCH --mem="));
        let memory = bytes(asked.unwrap_or_else(|| panic!("no --mem in\n{text}")));
        let comments = text.lines().filter_map(|line| line.strip_prefix("# ")).map(str::to_owned).collect();
        Script { memory, comments, text }
    }

    /// What the only comment that begins so says after it.
    fn comment(&self, beginning: &str) -> &str {
        let mut said = self.comments.iter().filter_map(|comment| comment.strip_prefix(beginning));
        let (first, second) = (said.next(), said.next());
        assert!(second.is_none(), "`{beginning}` twice in\n{}", self.text);
        first.unwrap_or_else(|| panic!("no `{beginning}` in\n{}", self.text))
    }
}

/// Bytes of a figure such as `49M`.
fn bytes(figure: &str) -> u64 {
    figure.parse::<squall::units::Memory>().unwrap_or_else(|error| panic!("{figure}: {error}")).bytes()
}

/// The scripts of the driver and of its workers for a run file whose memory and walltime are `auto`.
fn scripts(wanted: &str) -> (Script, Script) {
    let fake = Fake::new(&[("sbatch", "echo 57"), ("scontrol", "echo 'MaxArraySize = 1001'")]);
    let place = &fake.place;
    place.write(
        "run.toml",
        &format!(
            "random.seed = 1\n{wanted}\n[cluster]\nkind = 'slurm'\nworkers = 3\ncores = 2\n\
             memory = 'auto'\nwalltime = 'auto'\n"
        ),
    );
    let workers = place.run(["script", "run.toml"]).ok().stdout;
    let said = place.run(["submit", "run.toml"]).ok().stdout;
    assert!(said.contains("as job 57: "), "{said}");
    let [call] = &fake.calls("sbatch")[..] else { panic!("sbatch is called once") };
    let run = place.runs().into_iter().find(|run| run.join("submission-0.json").exists()).expect("one run");
    let driver = Script::of(fs::read_to_string(run.join("job-0.sh")).expect("its script"));
    assert!(call.contains("--requeue") && !call.contains("--no-requeue"), "{call}");
    assert!(driver.text.contains("\n#SBATCH --requeue\n") && workers.contains("\n#SBATCH --no-requeue\n"));
    // Arguments override a script's lines, so both have to say the same.
    let asked = call.split(' ').find_map(|word| word.strip_prefix("--mem=")).expect("memory is asked for");
    assert_eq!(bytes(asked), driver.memory);
    (driver, Script::of(workers))
}

/// The figures of the comments: what was asked for, and what of it was computed.
fn check(driver: &Script, workers: &Script) -> u64 {
    let memory = workers.comment("memory ");
    let asked = memory.split_once(": ").expect("figure and reason").0;
    assert_eq!(bytes(asked), workers.memory, "{}", workers.text);
    assert_eq!(driver.comment("workers: memory "), memory);
    assert!(memory.contains(" for the process, 2 threads of "), "{memory}");
    let walltime = driver.comment("workers: walltime ");
    for part in ["00:0", " elements at ", " on 3 workers of 2 cores, times 3 and a minute"] {
        assert!(walltime.contains(part), "no `{part}` in {walltime}");
    }
    let (asked, reason) = driver.comment("memory ").split_once(": ").expect("figure and reason");
    assert_eq!(bytes(asked), driver.memory, "{}", driver.text);
    let needed = reason.strip_suffix(" for the driver, and room for Slurm's own processes");
    bytes(needed.expect("what the driver needs"))
}

#[test]
fn requests_of_auto_are_figures_with_their_reasons_in_the_job_script() {
    let (driver, workers) = scripts("results.middle = 'median(random.normal(0, 1, size=4_000_000))'");
    let needed = check(&driver, &workers);
    assert_eq!(driver.memory, 256 << 20, "what most drivers get");
    assert!((16 << 20..=128 << 20).contains(&needed), "{needed}");
    assert!((32 << 20..128 << 20).contains(&workers.memory), "{}", workers.memory);
    assert!(driver.text.contains("exec ") && driver.text.contains("/squall run run.toml --into "));
}

#[test]
fn driver_that_gathers_a_large_array_asks_for_memory_to_hold_it() {
    let (driver, workers) = scripts("results.all = 'random.random(30_000_000)'");
    let needed = check(&driver, &workers);
    assert!((240_000_000..1_200_000_000).contains(&needed), "{needed}");
    assert!(driver.memory >= needed + (128 << 20) && driver.memory < needed + (129 << 20), "{}", driver.text);
    assert!(workers.memory < 128 << 20, "workers hold none of it: {}", workers.text);
}
