//! Job scripts: the built-in template, its placeholders, and rendering a template into a linted script.
//!
//! A template is minijinja. What stands on a directive's line goes through the filter `directive`, since it is
//! read by `sbatch`; what stands elsewhere goes through `sh`, since it is read by the shell.

use std::collections::BTreeMap;
use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};

use crate::error::{Error, Result};
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
    check_placeholders(compiled.undeclared_variables(false), &placeholders)?;
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
        ("directives", specification.directives.clone().into()),
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
fn check_placeholders(named: impl IntoIterator<Item = String>, known: &Placeholders) -> Result<()> {
    let unknown = named.into_iter().filter(|name| !known.contains_key(name.as_str()));
    let Some(unknown) = unknown.filter(|name| !FUNCTIONS.contains(&name.as_str())).min() else {
        return Ok(());
    };
    let error = Error::refused(format!("unknown placeholder `{unknown}` in the job script template"))
        .hint("correct the file of slurm.template");
    let nearest = known.keys().min_by_key(|name| edit_distance(name, &unknown));
    Err(match nearest.filter(|name| edit_distance(name, &unknown) <= 3) {
        Some(nearest) => error.hint(format!("did you mean `{nearest}`?")),
        None => error.hint(format!("known are {}", known.keys().copied().collect::<Vec<_>>().join(", "))),
    })
}

/// How many single-character changes make one word of the other.
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, character) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, &other) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(character != other);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
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
