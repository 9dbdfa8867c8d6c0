//! What has to be known of a site's configuration, read from `scontrol show config`.

use crate::units::Memory;
use std::time::Duration;

/// The settings that decide how jobs are submitted, watched, and ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Site {
    /// MaxArraySize: indices go up to one less; 0 means that the site has no arrays.
    pub max_array_size: u32,
    /// KillWait: seconds between Slurm's TERM and its KILL.
    pub kill_wait_seconds: u64,
    /// MinJobAge: Slurm knows a job for so long after its end.
    pub min_job_age: Duration,
    /// MessageTimeout: Slurm's programs wait for each other for so long.
    pub message_timeout: Duration,
    /// Memory limits, where a partition has none of its own.
    pub memory_limit: Option<MemoryLimit>,
    /// Whether the site's own rules (JobSubmitPlugins) may change what a job asks for.
    pub has_rules: bool,
    /// Slurm's release, such as 24.11; none where it is not said.
    pub release: Option<(u32, u32)>,
}

/// A limit of memory: Slurm knows one or the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemoryLimit {
    /// MaxMemPerCPU: a job that wants more is given more CPUs, and they are billed.
    PerCpu(Memory),
    /// MaxMemPerNode: a job that wants more waits for ever.
    PerNode(Memory),
}

impl Default for Site {
    /// Slurm's own defaults.
    fn default() -> Self {
        Site {
            max_array_size: 1001,
            kill_wait_seconds: 30,
            min_job_age: Duration::from_secs(300),
            message_timeout: Duration::from_secs(10),
            memory_limit: None,
            has_rules: false,
            release: None,
        }
    }
}

impl Site {
    /// How many elements one array with indices from 0 may have; 1 where there are no arrays.
    pub fn largest_array(self) -> u32 {
        self.max_array_size.max(1)
    }

    /// Reads Slurm's listing; a setting that is not in it keeps Slurm's default.
    pub fn parse(listing: &str) -> Site {
        let mut site = Site::default();
        for line in listing.lines() {
            let Some((key, value)) = line.split_once('=') else { continue };
            let (key, value) = (key.trim(), value.trim());
            // Times come with their unit: `30 sec`.
            let number = value.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
            match (key, number) {
                ("MaxArraySize", Some(number)) => {
                    site.max_array_size = u32::try_from(number).unwrap_or(u32::MAX);
                }
                ("KillWait", Some(number)) => site.kill_wait_seconds = number,
                ("MinJobAge", Some(number)) => site.min_job_age = Duration::from_secs(number),
                ("MessageTimeout", Some(number)) => site.message_timeout = Duration::from_secs(number),
                ("JobSubmitPlugins", _) => site.has_rules = !matches!(value, "" | "(null)" | "none"),
                ("SLURM_VERSION", _) => site.release = release(value),
                _ => site.memory_limit = MemoryLimit::parse(key, value).or(site.memory_limit),
            }
        }
        site
    }
}

impl MemoryLimit {
    /// The limit that a key and its value say; none if the key is another one, or there is no limit.
    pub(crate) fn parse(key: &str, value: &str) -> Option<MemoryLimit> {
        // A bare number is MiB, and `UNLIMITED` is no memory.
        let memory = || value.parse::<Memory>().ok();
        match key {
            "MaxMemPerCPU" => memory().map(MemoryLimit::PerCpu),
            "MaxMemPerNode" => memory().map(MemoryLimit::PerNode),
            _ => None,
        }
    }
}

/// `22.05.8` is release 22.5.
fn release(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(['.', '-']).map_while(|part| part.parse().ok());
    numbers.next().zip(numbers.next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_from_the_listing() {
        let listing = "Configuration data as of 2024-01-01T00:00:00\n\
            JobSubmitPlugins        = lua\n\
            KillOnBadExit           = 0\nKillWait                = 5 sec\n\
            LaunchParameters        = (null)\nMaxArraySize            = 50\nMaxJobCount             = 10000\n\
            MaxMemPerCPU            = 4000\nMessageTimeout          = 60 sec\nMinJobAge               = 30 sec\n\
            SLURM_VERSION           = 22.05.8\n\nSlurmctld(primary) at vm is UP\n";
        let site = Site {
            max_array_size: 50,
            kill_wait_seconds: 5,
            min_job_age: Duration::from_secs(30),
            message_timeout: Duration::from_secs(60),
            memory_limit: Some(MemoryLimit::PerCpu(Memory::from_bytes(4000 << 20))),
            has_rules: true,
            release: Some((22, 5)),
        };
        assert_eq!(Site::parse(listing), site);
    }

    #[test]
    fn listing_without_them_means_slurms_defaults() {
        let listing = "KillWait = soon\ngarbage\nJobSubmitPlugins = (null)\nMaxMemPerNode = UNLIMITED";
        assert_eq!(Site::parse(listing), Site::default());
        assert_eq!(Site::parse("MaxArraySize = 0").largest_array(), 1);
    }
}
