//! No setting injects shell or directives: hostile values are refused, or arrive as exactly what they are. Scripts are
//! read back as sbatch reads them, and run by the bash that would run them.

use std::fs;
use std::ops::Range;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use squall::slurm::{JobCommand, JobSpecification, WORKER_TEMPLATE, render, sbatch_arguments};

use crate::fake::Fake;
use crate::jobs::job;

/// What values are put together of. Whatever runs one as shell makes a file `canary`.
const PIECES: &[&str] = &[
    "\n",
    "\r\n",
    "\r",
    "\"",
    "'",
    "`touch canary`",
    "$(touch canary)",
    "${HOME}",
    ";touch canary;",
    "&&touch canary",
    "|touch canary",
    "\ntouch canary\n",
    "#",
    "#SBATCH --mem=0",
    "\n#SBATCH --array=0-99\n",
    " ",
    "\t",
    "\u{b}",
    "\u{c}",
    "\\",
    "\\\n",
    "\0",
    "\u{fc}",
    "\u{2028}",
    "\u{85}",
    "\u{a0}",
    "%",
    "%%j",
    "--wrap=touch",
    " --wrap=touch",
    "-",
    "a",
    "B7",
    "{{ x }}",
    "{% if %}",
    "{##",
    "*",
    "~",
    "!",
    "<",
    ">canary",
    "(",
    ")",
    "=",
    ",",
    "[1-3]",
    "\u{1b}[2J",
    "'\"'\"'",
];

/// Parsed as `_get_argument` of sbatch does it: blanks of C separate, quotes join, backslashes escape, `#` ends.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (_, '\\') if quote != Some('\'') => {
                word.get_or_insert_default().extend(characters.next());
            }
            (Some(_), _) => word.get_or_insert_default().push(character),
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '#') => break,
            (None, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

/// The directives that sbatch reads: all before the first line that is neither blank nor a remark.
fn directives(script: &str) -> Vec<String> {
    let head = script.split('\n').take_while(|line| line.trim().is_empty() || line.starts_with('#'));
    head.filter_map(|line| line.strip_prefix("#SBATCH")).flat_map(words).collect()
}

/// What a specification is to ask for: what its command line says, and its further directives.
fn intended(job: &JobSpecification) -> Vec<String> {
    let array: Option<Range<u32>> = job.is_array().then_some(0..job.workers);
    let arguments = sbatch_arguments(job, array, Path::new("job.sh"));
    let arguments = arguments.into_iter().map(|argument| argument.into_string().expect("UTF-8"));
    let own = arguments.filter(|argument| argument != "--parsable" && argument != "job.sh");
    own.chain(job.directives.iter().flat_map(|directive| words(directive))).collect()
}

fn sorted(mut words: Vec<String>) -> Vec<String> {
    words.sort_unstable();
    words
}

fn hostile(rng: &mut StdRng) -> String {
    (0..rng.random_range(1..6)).map(|_| PIECES[rng.random_range(0..PIECES.len())]).collect()
}

/// A place for scripts to run in, with a program that writes down its arguments.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().expect("a directory"));
        // Written by a process of its own: one that is still open for writing cannot be run.
        let write = r#"printf '#!/bin/sh\nprintf "%%s\\\\0" "$@" >"$ARGUMENTS"\n' >stub && chmod 700 stub"#;
        let written = Command::new("/bin/sh").args(["-c", write]).current_dir(place.0.path()).status();
        assert!(written.expect("a shell runs").success());
        place
    }

    fn job(&self) -> JobSpecification {
        let run_directory = self.0.path().join("run");
        JobSpecification { run_directory, ..job(self.0.path(), "stub") }
    }

    /// Runs a script as Slurm would; the arguments that the program got.
    fn arguments(&self, script: &str) -> Vec<String> {
        let (here, file) = (self.0.path(), self.0.path().join("arguments"));
        fs::write(here.join("job.sh"), script).expect("written");
        let _ = fs::remove_file(&file);
        let mut bash = Command::new("/bin/bash");
        bash.arg("job.sh").current_dir(here).env("ARGUMENTS", &file).stdin(Stdio::null());
        let ran = bash.output().expect("bash runs");
        assert!(ran.status.success(), "{}\n{script}", String::from_utf8_lossy(&ran.stderr));
        let text = fs::read(file).unwrap_or_else(|error| panic!("the program never ran: {error}\n{script}"));
        let text = String::from_utf8(text).expect("UTF-8");
        text.split_terminator('\0').map(str::to_owned).collect()
    }
}

/// Puts a hostile value in some place of the specification.
fn change(rng: &mut StdRng, job: &mut JobSpecification, here: &Path) {
    let value = hostile(rng);
    let below = |value: &str| -> PathBuf { here.join(format!("p{value}")) };
    match rng.random_range(0..11_u32) {
        0 => job.partition = Some(value),
        1 => job.account = Some(value),
        2 => job.qos = Some(value),
        3 => job.constraint = Some(value),
        4 => job.reservation = Some(value),
        5 => job.directives.push(format!("--comment={value}")),
        6 => job.comments.push(value),
        7 => job.log_directory = below(&value),
        8 => job.run_directory = below(&value),
        9 => {
            let program = below(&value);
            // A name that no file can have is refused, or is no name.
            if !value.contains('\0') && (program.exists() || symlink(here.join("stub"), &program).is_ok()) {
                job.program = program;
            }
        }
        _ => {
            let arguments = (0..rng.random_range(1..4)).map(|_| hostile(rng)).collect();
            job.command = JobCommand::Driver { arguments };
        }
    }
}

#[test]
fn hostile_settings_are_refused_or_arrive_as_what_they_are() {
    let seed: u64 = std::env::var("SQUALL_TEST_SEED")
        .map_or_else(|_| rand::random(), |seed| seed.parse().expect("a number"));
    println!("SQUALL_TEST_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let place = Place::new();
    let (mut refused, mut ran) = (0, 0);
    while ran < 150 || refused < 150 {
        let mut job = place.job();
        for _ in 0..rng.random_range(1..3_u32) {
            change(&mut rng, &mut job, place.0.path());
        }
        if rng.random::<bool>() {
            job.epilogue = vec![":".to_owned()];
        }
        let Ok(script) = render(WORKER_TEMPLATE, &job) else {
            refused += 1;
            continue;
        };
        assert_eq!(sorted(directives(&script)), sorted(intended(&job)), "{job:?}\n{script}");
        let words = job.command_words().expect("it was rendered");
        assert_eq!(place.arguments(&script), words[1..], "{job:?}\n{script}");
        assert!(!place.0.path().join("canary").exists(), "shell has run: {job:?}\n{script}");
        ran += 1;
    }
}

#[test]
fn sbatch_is_read_back_as_it_reads() {
    assert_eq!(words(" --comment=\"two words\" -J 'a b'#rest"), ["--comment=two words", "-J", "a b"]);
    assert_eq!(words(" --qos=a\u{b}--wrap=x"), ["--qos=a", "--wrap=x"]);
    let script = "#!/bin/bash\n#SBATCH --a\n# SBATCH --b\n\n#SBATCH --c\nexec x\n#SBATCH --d\n";
    assert_eq!(directives(script), ["--a", "--c"]);
}

/// Settings as their users give them, through the program.
#[test]
fn hostile_settings_reach_neither_script_nor_command_line_of_the_program() {
    let fake = Fake::new(&[("scontrol", "echo 'MaxArraySize = 1001'")]);
    let options = ["partition", "account", "qos", "constraint", "reservation"];
    let values = [
        "a$(touch canary)",
        "a\n#SBATCH --array=0-99",
        "a --wrap=touch",
        "a\u{b}--wrap=touch",
        "a;touch canary",
        "a#b",
        "`touch canary`",
        "a\"b",
        "{{ command }}",
    ];
    let (mut refused, mut taken) = (0, 0);
    for option in options {
        for value in values {
            let set = format!("--set=slurm.{option}={}", toml::Value::from(value));
            let flags = [
                "script",
                "-e",
                "random.random(10).sum()",
                "--cluster=slurm",
                "--memory=1G",
                "--walltime=5",
                &set,
            ];
            let outcome = fake.place.run(flags);
            if outcome.code() == 2 {
                refused += 1;
                continue;
            }
            let script = outcome.ok().stdout;
            let expected = format!("--{option}={value}");
            let found = directives(&script);
            assert_eq!(
                found.iter().filter(|word| **word == expected).count(),
                1,
                "{expected:?} in\n{script}"
            );
            let others = ["--wrap", "--array=0-99"];
            assert!(!found.iter().any(|word| others.iter().any(|other| word.starts_with(other))), "{script}");
            taken += 1;
        }
    }
    assert!(refused >= 15 && taken >= 20, "{refused} refused, {taken} taken");
    assert!(!fake.place.directory().join("canary").exists() && fake.calls("sbatch").is_empty());
}
