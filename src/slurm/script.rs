//! Job scripts: the built-in template, its placeholders, and rendering a template into a linted script.
//!
//! A template is minijinja. What stands on a directive's line goes through the filter `directive`, since it is
//! read by `sbatch`; what stands elsewhere goes through `sh`, since it is read by the shell.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};

use crate::error::{Error, Result, nearest};
use crate::slurm::arguments::array_indices;
use crate::slurm::lint::lint;
use crate::slurm::specification::{JobSpecification, MemoryOption, unfit_for_directive};

/// The job script that is used unless `slurm.template` names another.
pub const WORKER_TEMPLATE: &str = include_str!("../../templates/worker.sh");

const TEMPLATE_NAME: &str = "template.sh";

/// More instructions than any job script needs; a template that loops for ever ends here.
const FUEL: u64 = 1_000_000;

/// The job script for a specification.
pub fn render(template: &str, specification: &JobSpecification) -> Result<String> {
    specification.check()?;
    let command = shell_words(&specification.command_words()?)?;
    let placeholders = placeholders(specification, &command);
    let environment = environment(template)?;
    let compiled = environment.get_template(TEMPLATE_NAME).map_err(refusal)?;
    let named = compiled.undeclared_variables(false);
    check_placeholders(&named, &placeholders)?;
    check_use(&named, specification)?;
    let script = compiled.render(&placeholders).map_err(refusal)?;
    lint(&script, &command)?;
    Ok(script)
}

fn environment(template: &str) -> Result<Environment<'_>> {
    // `${#array[@]}` is bash, and `{#` would open a comment.
    let syntax = SyntaxConfig::builder()
        .comment_delimiters("{##", "##}")
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .expect("delimiters are not empty and differ");
    let mut environment = Environment::new();
    environment.set_syntax(syntax);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("sh", |value: &Value| shell_filter(value));
    environment.add_filter("directive", |value: &Value| directive_filter(value));
    // A value that is not set would be written as the word `none`.
    environment.set_formatter(|output, state, value| {
        text_of_value(value)?;
        minijinja::escape_formatter(output, state, value)
    });
    environment.add_template(TEMPLATE_NAME, template).map_err(refusal)?;
    Ok(environment)
}

type Placeholders = BTreeMap<&'static str, Value>;

/// What a template may name. An option that is not asked for is none, which `{% if %}` takes for false.
fn placeholders(specification: &JobSpecification, command: &str) -> Placeholders {
    let array = specification.is_array().then(|| array_indices(&(0..specification.workers)));
    let (mem, mem_per_cpu) = match specification.memory_option {
        MemoryOption::Mem => (Some(specification.memory.to_string()), None),
        MemoryOption::MemPerCpu => (None, Some(specification.memory_per_cpu())),
        MemoryOption::None => (None, None),
    };
    let path = |path: &Path| Value::from(path.to_string_lossy());
    Placeholders::from([
        ("name", Value::from(specification.name.clone())),
        ("workers", specification.workers.into()),
        ("array", array.into()),
        ("cores", specification.cores.into()),
        ("memory", specification.memory.to_string().into()),
        ("mem", mem.into()),
        ("mem_per_cpu", mem_per_cpu.into()),
        ("walltime", specification.walltime.to_string().into()),
        ("partition", specification.partition.clone().into()),
        ("account", specification.account.clone().into()),
        ("qos", specification.qos.clone().into()),
        ("constraint", specification.constraint.clone().into()),
        ("reservation", specification.reservation.clone().into()),
        ("requeue", specification.is_requeued().into()),
        ("directives", specification.directives.clone().into()),
        // One that breaks would go on as shell.
        ("comments", specification.comments.iter().flat_map(|comment| comment.lines()).collect::<Value>()),
        ("output", specification.log_pattern(specification.is_array()).into()),
        ("prologue", specification.prologue.clone().into()),
        ("epilogue", specification.epilogue.clone().into()),
        ("command", command.into()),
        ("program", path(&specification.program)),
        ("run_directory", path(&specification.run_directory)),
        ("log_directory", path(&specification.log_directory)),
    ])
}

/// Functions of minijinja that a template may call.
const FUNCTIONS: &[&str] = &["range", "dict", "namespace", "debug"];

/// Refuses a name that no placeholder has, before rendering: also one in a branch that is not taken today.
fn check_placeholders(named: &HashSet<String>, known: &Placeholders) -> Result<()> {
    let unknown = named.iter().map(String::as_str).filter(|name| !known.contains_key(name));
    let Some(unknown) = unknown.filter(|name| !FUNCTIONS.contains(name)).min() else {
        return Ok(());
    };
    let error = Error::refused(format!("unknown placeholder `{unknown}` in the job script template"));
    let error = match nearest(unknown, known.keys().copied()) {
        Some(nearest) => error.hint(format!("did you mean `{nearest}`?")),
        None => error.hint(format!("known are {}", known.keys().copied().collect::<Vec<_>>().join(", "))),
    };
    Err(error.hint("correct the file of slurm.template"))
}

/// Refuses a template that passes over lines the user has set, since nothing else would carry them.
fn check_use(named: &HashSet<String>, specification: &JobSpecification) -> Result<()> {
    let lists = [
        ("directives", &specification.directives),
        ("prologue", &specification.prologue),
        ("epilogue", &specification.epilogue),
    ];
    match lists.iter().find(|(name, lines)| !lines.is_empty() && !named.contains(*name)) {
        Some((name, _)) => Err(Error::refused(format!(
            "slurm.{name} is set, and the job script template has no place for it"
        ))
        .hint(format!("use `{name}` in the file of slurm.template, or write the lines into it"))),
        None => Ok(()),
    }
}

fn shell_words(words: &[String]) -> Result<String> {
    shlex::try_join(words.iter().map(String::as_str)).map_err(|error| {
        Error::refused("the job's command cannot be quoted for the shell").cause(error.to_string())
    })
}

fn shell_filter(value: &Value) -> std::result::Result<String, minijinja::Error> {
    let text = text_of_value(value)?;
    shlex::try_quote(&text).map(String::from).map_err(|error| filter_refusal(&error.to_string()))
}

fn directive_filter(value: &Value) -> std::result::Result<String, minijinja::Error> {
    let text = text_of_value(value)?;
    if let Some(cause) = unfit_for_directive(&text) {
        return Err(filter_refusal(cause));
    }
    // sbatch splits a directive at blanks and ends it at `#`, outside of quotes.
    let bare = !text.is_empty() && !text.contains([' ', '\t', '#']);
    Ok(if bare { text } else { format!("\"{text}\"") })
}

fn text_of_value(value: &Value) -> std::result::Result<String, minijinja::Error> {
    if value.is_none() {
        return Err(filter_refusal("it is not set: write the line between {% if ... %} and {% endif %}"));
    }
    Ok(value.to_string())
}

fn filter_refusal(cause: &str) -> minijinja::Error {
    minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, cause.to_owned())
}

fn refusal(error: minijinja::Error) -> Error {
    let place = error.line().map_or_else(String::new, |line| format!("line {line}: "));
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    Error::refused("the job script template cannot be rendered")
        .cause(format!("{place}{detail}"))
        .hint("correct the file of slurm.template; its language is minijinja, its comments are {## ... ##}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slurm::sbatch_arguments;
    use crate::slurm::specification::tests::example;
    use crate::slurm::specification::{JobCommand, SubmitStyle};

    fn rendered(specification: &JobSpecification) -> String {
        render(WORKER_TEMPLATE, specification).unwrap()
    }

    #[test]
    fn comments_stay_comments() {
        let mut job = example();
        job.comments = vec!["memory 41M: as bounded".into(), "one\nrm -rf everything".into()];
        let script = rendered(&job);
        let lines: Vec<&str> = script.lines().collect();
        for line in ["# memory 41M: as bounded", "# one", "# rm -rf everything"] {
            assert!(lines.contains(&line), "{script}");
        }
    }

    #[test]
    fn script_of_four_workers() {
        insta::assert_snapshot!(rendered(&example()), @"
        #!/bin/bash
        #SBATCH --job-name=squall-a
        #SBATCH --array=0-3
        #SBATCH --nodes=1
        #SBATCH --ntasks=1
        #SBATCH --cpus-per-task=1
        #SBATCH --mem=2G
        #SBATCH --time=00:05:00
        #SBATCH --output=/home/a/.squall/r1/logs/%x-%A_%a.out
        #SBATCH --open-mode=append
        #SBATCH --no-requeue
        #SBATCH --propagate=NONE

        # The program replaces this shell, so that Slurm's signals reach it.
        exec /home/a/.squall/r1/squall worker /home/a/.squall/r1
        ");
    }

    #[test]
    fn script_of_one_worker_is_a_plain_job() {
        let one = JobSpecification { workers: 1, ..example() };
        insta::assert_snapshot!(rendered(&one), @"
        #!/bin/bash
        #SBATCH --job-name=squall-a
        #SBATCH --nodes=1
        #SBATCH --ntasks=1
        #SBATCH --cpus-per-task=1
        #SBATCH --mem=2G
        #SBATCH --time=00:05:00
        #SBATCH --output=/home/a/.squall/r1/logs/%x-%j.out
        #SBATCH --open-mode=append
        #SBATCH --no-requeue
        #SBATCH --propagate=NONE

        # The program replaces this shell, so that Slurm's signals reach it.
        exec /home/a/.squall/r1/squall worker /home/a/.squall/r1
        ");
        let separate = JobSpecification { submit: SubmitStyle::Jobs, ..example() };
        assert_eq!(rendered(&separate), rendered(&one));
    }

    #[test]
    fn script_with_prologue_epilogue_and_every_option() {
        let specification = JobSpecification {
            cores: 3,
            memory_option: MemoryOption::MemPerCpu,
            partition: Some("short".into()),
            account: Some("def-a".into()),
            qos: Some("high".into()),
            constraint: Some("[rack1|rack2]".into()),
            reservation: Some("course #1".into()),
            directives: vec!["--gres=gpu:1".into(), "--comment=\"two words\"".into()],
            prologue: vec!["module load gcc".into(), "array=(a b); echo \"${#array[@]}\"".into()],
            epilogue: vec!["echo \"ended with $status\"".into()],
            run_directory: "/home/a b/.squall/r1".into(),
            ..example()
        };
        insta::assert_snapshot!(rendered(&specification), @r#"
        #!/bin/bash
        #SBATCH --job-name=squall-a
        #SBATCH --array=0-3
        #SBATCH --nodes=1
        #SBATCH --ntasks=1
        #SBATCH --cpus-per-task=3
        #SBATCH --mem-per-cpu=683M
        #SBATCH --time=00:05:00
        #SBATCH --partition=short
        #SBATCH --account=def-a
        #SBATCH --qos=high
        #SBATCH --constraint=[rack1|rack2]
        #SBATCH --reservation="course #1"
        #SBATCH --output=/home/a/.squall/r1/logs/%x-%A_%a.out
        #SBATCH --open-mode=append
        #SBATCH --no-requeue
        #SBATCH --propagate=NONE
        #SBATCH --gres=gpu:1
        #SBATCH --comment="two words"

        module load gcc
        array=(a b); echo "${#array[@]}"
        # A shell that waits for a foreground program passes no signal on, so the program runs beside it.
        again=
        for signal in TERM INT HUP USR1 USR2; do
            trap "again=yes; kill -s $signal \$! 2>/dev/null" "$signal"
        done
        /home/a/.squall/r1/squall worker '/home/a b/.squall/r1' &
        program=$!
        # A signal ends `wait` early; the program's own exit status is then still to come.
        wait "$program" && status=0 || status=$?
        while [ -n "$again" ]; do
            again=
            wait "$program" && status=0 || status=$?
        done

        echo "ended with $status"
        exit "$status"
        "#);
    }

    #[test]
    fn script_that_leaves_memory_to_the_site() {
        let specification = JobSpecification { memory_option: MemoryOption::None, ..example() };
        assert!(!rendered(&specification).contains("--mem"));
    }

    #[test]
    fn drivers_own_job_runs_the_given_command() {
        let arguments = ["run", "my file.toml", "--cluster", "slurm"].map(String::from).to_vec();
        let command = JobCommand::Driver { arguments };
        let script = rendered(&JobSpecification { workers: 1, command, ..example() });
        let last = script.lines().last().unwrap();
        assert_eq!(last, "exec /home/a/.squall/r1/squall run 'my file.toml' --cluster slurm");
    }

    #[test]
    fn script_and_command_line_ask_for_the_same() {
        for memory_option in [MemoryOption::Mem, MemoryOption::MemPerCpu, MemoryOption::None] {
            let job = JobSpecification { memory_option, partition: Some("short".into()), ..example() };
            let mut arguments: Vec<String> = sbatch_arguments(&job, Some(0..4), Path::new("job.sh"))
                .into_iter()
                .map(|argument| argument.into_string().unwrap())
                .filter(|argument| argument != "--parsable" && argument != "job.sh")
                .collect();
            let script = rendered(&job);
            let mut directives: Vec<&str> =
                script.lines().filter_map(|line| line.strip_prefix("#SBATCH ")).collect();
            arguments.sort_unstable();
            directives.sort_unstable();
            assert_eq!(directives, arguments);
        }
    }

    fn refusal(body: &str) -> String {
        render(&format!("#!/bin/bash\n{body}\nexec {{{{ command }}}}\n"), &example()).unwrap_err().to_string()
    }

    #[test]
    fn templates_with_faults_are_refused() {
        let refusals = [
            refusal("#SBATCH --partition={{ partitoin }}"),
            refusal("{% if never %}{{ nothing_of_the_kind }}{% endif %}"),
            refusal("#SBATCH --partition={{ partition }}"),
            refusal("#SBATCH --partition={{ partition | directive }}"),
            refusal("#SBATCH --comment={{ 'a\\nb' | directive }}"),
            refusal("{{ cores | quote }}"),
            refusal("{% if cores %}"),
            refusal(
                "{% for i in range(100000) %}{% for j in range(100000) %}{{ j }}{% endfor %}{% endfor %}",
            ),
            refusal("module load x\n#SBATCH --mem=2G"),
            render(
                "#!/bin/bash\nexec {{ command }}\n",
                &JobSpecification { prologue: vec!["x".into()], ..example() },
            )
            .unwrap_err()
            .to_string(),
        ];
        insta::assert_snapshot!(refusals.join("\n\n"), @"
        error: unknown placeholder `partitoin` in the job script template
        hint: did you mean `partition`?
        hint: correct the file of slurm.template

        error: unknown placeholder `never` in the job script template
        hint: known are account, array, command, comments, constraint, cores, directives, epilogue, log_directory, mem, mem_per_cpu, memory, name, output, partition, program, prologue, qos, requeue, reservation, run_directory, walltime, workers
        hint: correct the file of slurm.template

        error: the job script template cannot be rendered
        cause: line 2: it is not set: write the line between {% if ... %} and {% endif %}
        hint: correct the file of slurm.template; its language is minijinja, its comments are {## ... ##}

        error: the job script template cannot be rendered
        cause: line 2: it is not set: write the line between {% if ... %} and {% endif %}
        hint: correct the file of slurm.template; its language is minijinja, its comments are {## ... ##}

        error: the job script template cannot be rendered
        cause: line 2: a line break would end the directive
        hint: correct the file of slurm.template; its language is minijinja, its comments are {## ... ##}

        error: the job script template cannot be rendered
        cause: line 2: filter quote is unknown
        hint: correct the file of slurm.template; its language is minijinja, its comments are {## ... ##}

        error: the job script template cannot be rendered
        cause: line 3: unexpected end of input, expected end of block
        hint: correct the file of slurm.template; its language is minijinja, its comments are {## ... ##}

        error: the job script template cannot be rendered
        cause: line 2: engine ran out of fuel
        hint: correct the file of slurm.template; its language is minijinja, its comments are {## ... ##}

        error: line 3 of the job script is ignored: `#SBATCH --mem=2G`
        cause: it comes after the first command, `module load x`
        hint: move the directive up in the file of slurm.template, or from slurm.prologue to slurm.directives

        error: slurm.prologue is set, and the job script template has no place for it
        hint: use `prologue` in the file of slurm.template, or write the lines into it
        ");
    }

    #[test]
    fn template_of_a_users_own_may_use_bash_in_full_and_name_the_parts_itself() {
        let template = "#!/bin/bash\n{## gone ##}\n#SBATCH --mem={{ memory }}\narray=(a b)\necho ${#array[@]}\n\
                        exec {{ program | sh }} worker {{ run_directory | sh }}\n";
        insta::assert_snapshot!(render(template, &example()).unwrap(), @"
        #!/bin/bash
        #SBATCH --mem=2G
        array=(a b)
        echo ${#array[@]}
        exec /home/a/.squall/r1/squall worker /home/a/.squall/r1
        ");
    }

    /// Runs the script of a job with an epilogue, whose program is a shell that reads `body`.
    fn run(directory: &Path, body: &str) -> std::process::Child {
        let program = directory.join("program");
        std::fs::write(&program, body).unwrap();
        let script = render(
            WORKER_TEMPLATE,
            &JobSpecification {
                prologue: vec!["set -eu".into()],
                epilogue: vec!["echo \"epilogue after $status\"".into()],
                program: "/bin/sh".into(),
                command: JobCommand::Driver { arguments: vec![program.to_str().unwrap().into()] },
                ..example()
            },
        );
        std::fs::write(directory.join("job.sh"), script.unwrap()).unwrap();
        std::process::Command::new("/bin/bash")
            .arg(directory.join("job.sh"))
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn end(job: std::process::Child) -> (Option<i32>, String) {
        let output = job.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }

    #[test]
    fn epilogue_runs_and_the_programs_exit_status_is_the_jobs() {
        let directory = tempfile::tempdir().unwrap();
        for status in [0, 3] {
            let job = run(directory.path(), &format!("exit {status}"));
            assert_eq!(end(job), (Some(status), format!("epilogue after {status}\n")));
        }
    }

    #[test]
    fn every_signal_reaches_the_program_and_its_status_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let up = directory.path().join("up");
        nix::unistd::mkfifo(&up, nix::sys::stat::Mode::S_IRWXU).unwrap();
        // The program answers USR1, goes on, and ends on TERM with a status of its own.
        let body = format!(
            "trap 'echo again >{0}' USR1\ntrap 'exit 7' TERM\necho up >{0}\nwhile :; do sleep 0.05; done",
            up.display()
        );
        let job = run(directory.path(), &body);
        let id = nix::unistd::Pid::from_raw(i32::try_from(job.id()).unwrap());
        assert_eq!(std::fs::read_to_string(&up).unwrap(), "up\n");
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGUSR1).unwrap();
        assert_eq!(std::fs::read_to_string(&up).unwrap(), "again\n");
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert_eq!(end(job), (Some(7), "epilogue after 7\n".to_owned()));
    }
}
