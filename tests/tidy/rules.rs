//! The rules, each a function from what a file mentions to what is wrong with it.

use crate::source::{Mention, Source, What};
use crate::table::Table;
use std::collections::BTreeSet;
use std::fmt;

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;
/// What the first line of a generated file says.
const GENERATED: &str = "not to be edited";

/// What is wrong, where, and what to do instead.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Violation {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) rule: String,
    pub(crate) instead: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; instead: {}", self.path, self.line, self.rule, self.instead)
    }
}

fn violation(source: &Source, line: usize, rule: impl Into<String>, instead: &str) -> Violation {
    Violation { path: source.path.clone(), line, rule: rule.into(), instead: instead.to_owned() }
}

/// The rooms that a file imports, with the lines. Unit tests count: what they need is a dependency too.
pub(crate) fn imports<'a>(
    source: &'a Source,
    rooms: &'a BTreeSet<String>,
) -> impl Iterator<Item = (&'a str, usize)> {
    source.mentions.iter().filter_map(|mention| match &mention.what {
        What::Path(path) if path[0] == "crate" => {
            let room = rooms.get(path.get(1)?)?;
            (room != source.room()).then_some((room.as_str(), mention.line))
        }
        _ => None,
    })
}

/// Who imports whom.
pub(crate) fn import_table(source: &Source, table: &Table) -> Vec<Violation> {
    if matches!(source.room(), "lib" | "main") {
        return Vec::new();
    }
    let rooms = table.rooms();
    let forbidden = imports(source, &rooms).filter(|(room, _)| !table.allows(source.room(), room));
    let room = source.room();
    let row = table.row(room);
    let mut violations: Vec<Violation> = forbidden
        .map(|(imported, line)| {
            let rule = format!("`{room}` may not import `{imported}`, only {row}");
            violation(source, line, rule, "move the code to the room that may, or pass a plain value in")
        })
        .collect();
    violations.extend(source.mentions.iter().filter_map(|mention| match &mention.what {
        What::Path(path) if path[0] == "crate" && path.len() > 1 && !rooms.contains(&path[1]) => {
            let rule = format!("`{}` does not say which room it is of", path.join("::"));
            Some(violation(source, mention.line, rule, "write crate::ROOM::name"))
        }
        _ => None,
    }));
    violations
}

/// `//!` in every file.
pub(crate) fn module_doc(source: &Source) -> Vec<Violation> {
    let documented =
        source.text.lines().next().is_some_and(|line| line.starts_with("//! ") && line.len() > 20);
    let missing = violation(
        source,
        1,
        "no module doc",
        "begin the file with a //! that says what it owns, what it leaves to others, and where its tests are",
    );
    if documented { Vec::new() } else { vec![missing] }
}

/// No long files, but for generated ones.
pub(crate) fn file_length(source: &Source) -> Vec<Violation> {
    let lines = source.text.lines().count();
    let generated = source.text.lines().next().is_some_and(|line| line.contains(GENERATED));
    if lines <= FILE_LINES || generated {
        return Vec::new();
    }
    let rule = format!("{lines} lines in a file, more than {FILE_LINES}");
    vec![violation(source, lines, rule, "split it by what its parts are about")]
}

/// No long functions.
pub(crate) fn function_length(source: &Source) -> Vec<Violation> {
    let long = |mention: &Mention| match &mention.what {
        What::Function { name, lines } if *lines > FUNCTION_LINES => {
            let rule = format!("{lines} lines in `{name}`, more than {FUNCTION_LINES}");
            Some(violation(source, mention.line, rule, "give its steps names of their own"))
        }
        _ => None,
    };
    source.mentions.iter().filter_map(long).collect()
}

/// Names that only some rooms may mention, or that some may not.
pub(crate) struct Absence {
    pub(crate) what: &'static str,
    pub(crate) rooms: Rooms,
    /// Paths; what begins with one is meant too.
    pub(crate) paths: &'static [&'static str],
    pub(crate) macros: &'static [&'static str],
    pub(crate) instead: &'static str,
}

/// Modules, as `plan` or `driver::core`.
pub(crate) enum Rooms {
    Only(&'static [&'static str]),
    NotIn(&'static [&'static str]),
}

/// The rooms that are pure, and the pure part of one that is not.
const PURE: &[&str] = &["kernel", "array", "plan", "scheduler", "driver::core"];

pub(crate) const ABSENCES: &[Absence] = &[
    Absence {
        what: "I/O in a pure room",
        rooms: Rooms::NotIn(PURE),
        paths: &[
            "tokio",
            "tokio_rustls",
            "rustls",
            "nix",
            "rustix",
            "libc",
            "std::fs",
            "std::net",
            "std::process",
            "std::thread",
            "std::env",
            "std::os",
            "std::io",
        ],
        macros: &[],
        instead: "let the caller do it, and pass the value in",
    },
    Absence {
        what: "a clock in a pure room",
        rooms: Rooms::NotIn(PURE),
        paths: &["std::time::Instant", "std::time::SystemTime", "std::time::UNIX_EPOCH"],
        macros: &[],
        instead: "take the time as an argument, as the scheduler does",
    },
    Absence {
        what: "entropy in a pure room",
        rooms: Rooms::NotIn(PURE),
        paths: &[
            "rand::rng",
            "rand::random",
            "rand::random_range",
            "rand::make_rng",
            "rand::rngs::ThreadRng",
            "rand::rngs::SysRng",
            "getrandom",
            "std::collections::HashMap",
            "std::collections::HashSet",
            "std::collections::hash_map",
            "std::collections::hash_set",
            "std::hash::RandomState",
        ],
        macros: &[],
        instead: "take a seed as an argument; for a map use BTreeMap or BTreeSet, whose order is always the same",
    },
    Absence {
        what: "a process started outside of slurm and launch",
        rooms: Rooms::Only(&["slurm", "launch"]),
        paths: &[
            "std::process::Command",
            "tokio::process",
            "nix::unistd::fork",
            "nix::unistd::execv",
            "nix::unistd::execve",
            "nix::unistd::execvp",
            "nix::spawn",
            "libc::fork",
            "libc::execv",
            "libc::execve",
            "libc::execvp",
            "libc::posix_spawn",
            "libc::system",
        ],
        macros: &[],
        instead: "use slurm::Commands, or a Launcher",
    },
    Absence {
        what: "printing outside of main, cli and monitor",
        rooms: Rooms::Only(&["main", "cli", "monitor"]),
        paths: &["std::io::stdout", "std::io::stderr"],
        macros: &["println", "print", "eprintln", "eprint", "dbg"],
        instead: "return an Error, or tell a RunEvent",
    },
    Absence {
        what: "bincode outside of codec",
        rooms: Rooms::Only(&["codec"]),
        paths: &["bincode"],
        macros: &[],
        instead: "use codec::encode and codec::decode, which have limits",
    },
    Absence {
        what: "the environment read outside of settings and slurm",
        rooms: Rooms::Only(&["settings", "slurm"]),
        paths: &[
            "std::env::var",
            "std::env::var_os",
            "std::env::vars",
            "std::env::vars_os",
            "std::env::set_var",
            "std::env::remove_var",
            "std::env::home_dir",
            "std::env::temp_dir",
        ],
        macros: &[],
        instead: "make it a setting, or a field of slurm::Allocation",
    },
];

impl Absence {
    pub(crate) fn check(&self, source: &Source) -> Vec<Violation> {
        if !self.concerns(source) {
            return Vec::new();
        }
        let found = source.product().filter_map(|mention| {
            let name = match &mention.what {
                What::Path(path) if self.paths.iter().any(|name| meets(path, name)) => path.join("::"),
                What::Macro(name) if self.macros.contains(&name.as_str()) => format!("{name}!"),
                _ => return None,
            };
            Some(violation(source, mention.line, format!("{}: `{name}`", self.what), self.instead))
        });
        found.collect()
    }

    fn concerns(&self, source: &Source) -> bool {
        let module = source.module.join("::");
        let is_in = |place: &&str| {
            module.strip_prefix(*place).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        match self.rooms {
            Rooms::Only(places) => !places.iter().any(is_in),
            Rooms::NotIn(places) => places.iter().any(is_in),
        }
    }
}

/// Whether a path is, is below, or by its `*` reaches what the name means.
fn meets(path: &[String], name: &str) -> bool {
    let name: Vec<&str> = name.split("::").collect();
    match path.split_last() {
        Some((star, before)) if star == "*" => {
            let common = before.len().min(name.len());
            !before.is_empty() && before.iter().zip(&name).take(common).all(|(a, b)| a == b)
        }
        _ => path.len() >= name.len() && path.iter().zip(&name).all(|(a, b)| a == b),
    }
}

/// Functions whose bits depend on the platform's library, and the fused operation, whose bits depend on the CPU
/// unless it is spelt out.
const LIBM: &[&str] = &[
    "exp", "exp2", "exp_m1", "ln", "ln_1p", "log", "log2", "log10", "sin", "cos", "tan", "sin_cos", "asin",
    "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "powf", "powi", "cbrt",
    "hypot", "gamma", "ln_gamma", "mul_add",
];
/// The rooms whose arithmetic reaches results.
const NUMERIC: &[&str] = &["kernel", "array", "plan", "execute"];

/// No platform library in anything that reaches a result.
pub(crate) fn platform_libm(source: &Source) -> Vec<Violation> {
    if !NUMERIC.contains(&source.room()) {
        return Vec::new();
    }
    let of_libm = |mention: &Mention| {
        let name = match &mention.what {
            What::Method { name, .. } => name,
            What::Path(path) => match path.as_slice() {
                [.., float, name] if float == "f64" || float == "f32" => name,
                _ => return None,
            },
            _ => return None,
        };
        let rule = || format!("`{name}` of the platform in what reaches a result");
        LIBM.contains(&name.as_str()).then(|| {
            violation(
                source,
                mention.line,
                rule(),
                "use kernel::elementary, whose bits are the same everywhere",
            )
        })
    };
    source.product().filter_map(of_libm).collect()
}

/// No float sum but by the accumulators.
pub(crate) fn float_sums(source: &Source) -> Vec<Violation> {
    if source.room() == "kernel" {
        return Vec::new();
    }
    let is_float = |text: &str| text.contains("f64") || text.contains("f32");
    let is_float_literal = |text: &str| {
        let number = text.starts_with(|first: char| first.is_ascii_digit());
        number && (text.contains('.') || is_float(text))
    };
    let sums = |mention: &Mention| {
        let What::Method { name, turbofish, first } = &mention.what else { return None };
        let sum = match name.as_str() {
            "sum" | "product" => is_float(turbofish),
            "fold" | "try_fold" | "scan" => is_float_literal(first),
            _ => false,
        };
        let rule = || format!("floats added by `{name}`, so that the order shows in the bits");
        sum.then(|| violation(source, mention.line, rule(), "use kernel::accumulate::Sums or Moments"))
    };
    source.product().filter_map(sums).collect()
}

/// `unsafe` in kernels alone.
pub(crate) fn unsafe_code(source: &Source) -> Vec<Violation> {
    if source.room() == "kernel" {
        return Vec::new();
    }
    let found = source.mentions.iter().filter(|mention| mention.what == What::Unsafe);
    found
        .map(|mention| {
            violation(
                source,
                mention.line,
                "`unsafe` outside of kernel",
                "use nix or rustix for system calls",
            )
        })
        .collect()
}
