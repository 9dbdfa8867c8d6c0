//! What has to be known of a site's configuration, read from `scontrol show config`.

/// The two settings that decide how jobs are submitted and how long they take to die.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Site {
    /// MaxArraySize: indices go up to one less; 0 means that the site has no arrays.
    pub max_array_size: u32,
    /// KillWait: seconds between Slurm's TERM and its KILL.
    pub kill_wait_seconds: u64,
}

impl Default for Site {
    /// Slurm's own defaults.
    fn default() -> Self {
        Site { max_array_size: 1001, kill_wait_seconds: 30 }
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
            // Times come with their unit: `30 sec`.
            let number = value.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
            let Some(number) = number else { continue };
            match key.trim() {
                "MaxArraySize" => site.max_array_size = u32::try_from(number).unwrap_or(u32::MAX),
                "KillWait" => site.kill_wait_seconds = number,
                _ => {}
            }
        }
        site
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_from_the_listing() {
        let listing = "Configuration data as of 2024-01-01T00:00:00\n\
            KillOnBadExit           = 0\nKillWait                = 5 sec\n\
            LaunchParameters        = (null)\nMaxArraySize            = 50\nMaxJobCount             = 10000\n";
        assert_eq!(Site::parse(listing), Site { max_array_size: 50, kill_wait_seconds: 5 });
    }

    #[test]
    fn listing_without_them_means_slurms_defaults() {
        assert_eq!(Site::parse("KillWait = soon\ngarbage"), Site::default());
        assert_eq!(Site::parse("MaxArraySize = 0").largest_array(), 1);
    }
}
