//! Finds what a mistyped or misplaced key was meant to be.
//!
//! Pure text work over the known keys; `parse` and `sources` decide when to ask.

use crate::settings::layer::{POOL, RUN_FILE_SECTIONS, SECTIONS};

/// Words of sbatch, dask and neighbours for which squall has another one.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("cpus", "cluster.cores"),
    ("cpus_per_task", "cluster.cores"),
    ("threads", "cluster.cores"),
    ("ntasks", "cluster.workers"),
    ("nodes", "cluster.workers"),
    ("jobs", "cluster.workers"),
    ("queue", "slurm.partition"),
    ("project", "slurm.account"),
];

/// The hint for a key that does not exist in its section.
pub(super) fn hint_for_key(section: &str, key: &str) -> String {
    let known = keys_of(section);
    if let Some(home) = SECTIONS.iter().find(|(_, keys)| keys.contains(&key)).map(|(home, _)| home) {
        return format!("you wrote `{key}` in [{section}]; it belongs in [{home}]");
    }
    let near = match OTHER_WORDS.iter().any(|(theirs, _)| *theirs == key) {
        false => nearest(key, known.iter().copied()).map(str::to_owned),
        true => None,
    };
    if let Some(near) = near.or_else(|| nearest_full(key)) {
        return format!("did you mean `{near}`?");
    }
    format!("[{section}] has {}", known.join(", "))
}

/// The hint for a section, or a key outside any section, that does not exist.
pub(super) fn hint_for_section(name: &str) -> String {
    if let Some((home, _)) = SECTIONS.iter().find(|(_, keys)| keys.contains(&name)) {
        return format!("`{name}` belongs in [{home}]");
    }
    let sections = || {
        let settings = SECTIONS.iter().chain([&POOL]).map(|(section, _)| *section);
        settings.chain(RUN_FILE_SECTIONS.iter().copied())
    };
    if let Some(near) = nearest(name, sections()) {
        return format!("did you mean [{near}]?");
    }
    if let Some(near) = nearest_full(name) {
        return format!("did you mean `{near}`?");
    }
    let sections = sections().map(|section| format!("[{section}]")).collect::<Vec<_>>();
    format!("the sections are {}", sections.join(", "))
}

/// The full name, like `cluster.workers`, nearest to a key alone or to a full name.
pub(super) fn nearest_full(key: &str) -> Option<String> {
    let (section, last) = key.rsplit_once('.').unwrap_or(("", key));
    if is_pool(section) {
        return nearest(last, POOL.1.iter().copied()).map(|near| format!("{section}.{near}"));
    }
    if let Some((_, ours)) = OTHER_WORDS.iter().find(|(theirs, _)| *theirs == last) {
        return Some((*ours).to_owned());
    }
    let names = full_names();
    if let Some(name) =
        names.iter().find(|name| name.rsplit_once('.').is_some_and(|(_, known)| known == last))
    {
        return Some(name.clone());
    }
    let near = nearest(key, names.iter().map(String::as_str)).map(str::to_owned);
    near.or_else(|| {
        let near = nearest(last, SECTIONS.iter().flat_map(|(_, keys)| keys.iter().copied()))?;
        names.into_iter().find(|name| name.rsplit_once('.').is_some_and(|(_, known)| known == near))
    })
}

/// Every key as `section.key`.
pub(super) fn full_names() -> Vec<String> {
    let names =
        |(section, keys): &(&str, &[&str])| keys.iter().map(|key| format!("{section}.{key}")).collect();
    SECTIONS.iter().map(names).collect::<Vec<Vec<_>>>().concat()
}

/// Whether there is a key of this full name.
pub(super) fn is_known(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(section, key)| keys_of(section).contains(&key))
}

/// Whether a section is that of a pool, whose name follows.
fn is_pool(section: &str) -> bool {
    section.strip_prefix(POOL.0).is_some_and(|name| name.len() > 1 && name.starts_with('.'))
}

/// The keys of a section; none for a section that does not exist.
pub(super) fn keys_of(section: &str) -> &'static [&'static str] {
    if is_pool(section) {
        return POOL.1;
    }
    SECTIONS.iter().find(|(name, _)| *name == section).map_or(&[], |(_, keys)| keys)
}

/// The key that a mistyped one was meant to be, or one that is part of it or of which it is part.
fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let word = word.to_lowercase().replace('-', "_");
    let within = |known: &&str| word.len() > 2 && (known.contains(&word) || word.contains(known));
    crate::error::nearest(&word, candidates.clone()).or_else(|| candidates.clone().find(within))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_slurm_and_dask_lead_to_the_key() {
        for (theirs, ours) in [
            ("mem", "cluster.memory"),
            ("time", "cluster.walltime"),
            ("n_workers", "cluster.workers"),
            ("cpus_per_task", "cluster.cores"),
            ("queue", "slurm.partition"),
            ("job_script_prologue", "slurm.prologue"),
            ("death-timeout", "cluster.death_timeout"),
            ("clutser.workers", "cluster.workers"),
            ("run.seed", "random.seed"),
        ] {
            assert_eq!(nearest_full(theirs).as_deref(), Some(ours), "{theirs}");
        }
    }

    #[test]
    fn nothing_is_suggested_for_a_word_like_no_other() {
        assert_eq!(nearest_full("xylophone_count_of_the_orchestra"), None);
    }

    #[test]
    fn every_key_is_nearest_to_itself() {
        for (section, keys) in SECTIONS {
            for key in *keys {
                assert_eq!(nearest(key, keys_of(section).iter().copied()), Some(*key));
            }
        }
    }
}
