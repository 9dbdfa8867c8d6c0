//! A request beside what the site's limits leave of it, before anything is submitted.
//!
//! `sbatch` takes jobs that can never start, such as one whose time limit is above its partition's, and lets them
//! wait for ever. What cannot start is refused here; what would surprise is said. Where Slurm cannot be asked
//! nothing is refused on that ground.

use crate::error::{Error, Result, nearest};
use crate::slurm::specification::{JobCommand, JobSpecification, MemoryOption};
use crate::slurm::{Commands, MemoryLimit, Partition, Site};
use crate::units::{Memory, Walltime};

/// What Slurm says of the site, and of a request that it does not rule out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checked {
    /// The site's configuration, or Slurm's defaults where it could not be asked.
    pub site: Site,
    /// What whoever asked for the jobs should know.
    pub notices: Vec<String>,
    /// The longest time limit that the wanted partitions give.
    pub longest: Walltime,
}

/// What Slurm said of the site's limits.
#[derive(Clone, Debug)]
pub struct SiteLimits {
    site: Site,
    /// None where it could not be asked.
    partitions: Vec<Partition>,
    /// Why it could not, if so.
    unknown: Option<String>,
    /// What the user's own variables choose for jobs that name none.
    partition: Option<String>,
    has_qos: bool,
}

impl Commands {
    /// Asks Slurm once for its configuration and its partitions.
    pub async fn limits(&self) -> SiteLimits {
        let (site, partitions) = tokio::join!(self.site(), self.partitions());
        let error = site.as_ref().err().or(partitions.as_ref().err());
        let unknown = error.map(|error| {
            let causes = error.causes().join(", ");
            format!("the site's limits are not known and nothing is checked against them: {causes}")
        });
        SiteLimits {
            site: site.unwrap_or_default(),
            partitions: partitions.unwrap_or_default(),
            unknown,
            partition: self.variable("SBATCH_PARTITION").map(str::to_owned),
            has_qos: self.variable("SBATCH_QOS").is_some(),
        }
    }
}

impl SiteLimits {
    /// Refuses jobs that could never start, and says what should be known of others.
    pub fn check(&self, specification: &JobSpecification) -> Result<Checked> {
        let (site, mut notices) = (self.site, Vec::from_iter(self.unknown.clone()));
        let elsewhere =
            |directive: &String| directive.starts_with("--clusters") || directive.starts_with("-M");
        if self.partitions.is_empty() || specification.directives.iter().any(elsewhere) {
            return Ok(Checked { site, notices, longest: Walltime::UNLIMITED });
        }
        let request = Request {
            job: specification,
            site: &self.site,
            partitions: &self.partitions,
            wanted: specification.partition.as_deref().or(self.partition.as_deref()),
            has_qos: specification.qos.is_some() || self.has_qos,
        };
        notices.extend(request.judge()?);
        let longest = request.wanted()?.iter().map(|partition| partition.max_time).max();
        Ok(Checked { site, notices, longest: longest.unwrap_or(Walltime::UNLIMITED) })
    }
}

/// Jobs, and where they would go.
struct Request<'a> {
    job: &'a JobSpecification,
    site: &'a Site,
    partitions: &'a [Partition],
    /// Names of partitions, between commas; none for the default one.
    wanted: Option<&'a str>,
    /// A QOS may lift the limits of a partition.
    has_qos: bool,
}

impl Request<'_> {
    /// What should be known of the request, unless it is refused: where no partition that it names can run it.
    fn judge(&self) -> Result<Vec<String>> {
        let wanted = self.wanted()?;
        let mut refusals: Vec<Error> =
            wanted.iter().filter_map(|partition| self.refusal(partition)).collect();
        if refusals.len() == wanted.len() && !refusals.is_empty() {
            let refusal = refusals.swap_remove(0);
            if self.has_qos || (self.wanted.is_none() && self.site.has_rules) {
                let causes = refusal.causes().join("; ");
                let unless = "unless a QOS, or the site's own rules, allow it";
                return Ok(vec![format!("{}: {causes}, {unless}", refusal.what())]);
            }
            return Err(self.with_others(refusal));
        }
        let left = wanted.iter().filter(|partition| self.refusal(partition).is_none());
        let left: Vec<&Partition> = left.copied().collect();
        let closed = left.first().filter(|_| left.iter().all(|partition| partition.state == "DOWN"));
        Ok(closed.map(|partition| self.closed(partition)).into_iter().chain(self.billed(&left)).collect())
    }

    /// The partitions that are named, or the default one.
    fn wanted(&self) -> Result<Vec<&Partition>> {
        let Some(names) = self.wanted else {
            return Ok(self.partitions.iter().filter(|partition| partition.is_default).collect());
        };
        let known = |name: &str| self.partitions.iter().find(|partition| partition.name == name);
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(|name| known(name).ok_or_else(|| self.unknown(name))).collect()
    }

    fn unknown(&self, name: &str) -> Error {
        let public = self.partitions.iter().filter(|partition| partition.is_public);
        let all: Vec<&str> = public.map(|partition| &*partition.name).collect();
        let hint = match nearest(name, all.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? there are {}", all.join(", ")),
            None => format!("set {} to one of {}", self.job.key("slurm.partition"), all.join(", ")),
        };
        let by = match self.job.partition {
            Some(_) => format!("{} names it", self.job.key("slurm.partition")),
            None => "the variable SBATCH_PARTITION names it".to_owned(),
        };
        Error::refused(format!("there is no partition `{name}`")).cause(by).hint(hint)
    }

    /// Why a partition can never run the job.
    fn refusal(&self, partition: &Partition) -> Option<Error> {
        let name = &partition.name;
        if !partition.takes_jobs() {
            return Some(
                Error::refused(format!("partition {name} takes no jobs"))
                    .cause(format!("its state is {}", partition.state)),
            );
        }
        let never = |reason: &str| format!("Slurm would let it wait for ever ({reason})");
        if self.job.walltime > partition.max_time {
            let (asked, most) = (self.job.walltime, partition.max_time);
            let what = format!("a time limit of {asked} is above the {most} of partition {name}");
            let hint = format!("set {} to {most} or less", self.key("walltime"));
            return Some(Error::refused(what).cause(never("PartitionTimeLimit")).hint(hint));
        }
        if partition.max_nodes == Some(0) {
            let what = format!("partition {name} gives jobs no node");
            return Some(Error::refused(what).cause("its MaxNodes is 0"));
        }
        self.memory_refusal(partition).or_else(|| self.cores_refusal(partition))
    }

    fn memory_refusal(&self, partition: &Partition) -> Option<Error> {
        let Some(MemoryLimit::PerNode(most)) = self.memory_limit(partition) else { return None };
        let asked = self.job.memory;
        if self.job.memory_option == MemoryOption::None || asked <= most {
            return None;
        }
        let what = format!(
            "memory of {asked} is above the {most} that partition {} gives on a node",
            partition.name
        );
        let cause = "Slurm would let it wait for ever (MaxMemPerLimit)";
        let hint = format!("set {} to {most} or less", self.key("memory"));
        Some(Error::refused(what).cause(cause).hint(hint))
    }

    fn cores_refusal(&self, partition: &Partition) -> Option<Error> {
        let most = partition.most_cpus()?;
        let cpus = self.cpus(partition);
        if cpus <= most {
            return None;
        }
        let name = &partition.name;
        let noun = if cpus == 1 { "CPU" } else { "CPUs" };
        let mut error =
            Error::refused(format!("no node of partition {name} can give {cpus} {noun} to one job"));
        if let (Some(cpus), Some(nodes)) = (partition.cpus, partition.nodes) {
            error = error.cause(format!("it has {cpus} CPUs on {nodes} nodes"));
        }
        if let Some(most) = partition.max_cpus_per_node {
            error = error.cause(format!("its MaxCPUsPerNode is {most}"));
        }
        if cpus > self.job.cores {
            error =
                error.cause(format!("{} of memory take as many CPUs at its MaxMemPerCPU", self.job.memory));
        }
        Some(
            error.hint(format!(
                "lower {} (`sinfo -p {name} -o '%n %c %m'` shows its nodes)",
                self.key("cores")
            )),
        )
    }

    /// The CPUs that Slurm gives the job: more than it asks for where its memory is above what they may have.
    fn cpus(&self, partition: &Partition) -> u32 {
        let cores = self.job.cores;
        let Some(MemoryLimit::PerCpu(most)) = self.memory_limit(partition) else { return cores };
        let (memory, most) = (self.job.memory.mebibytes_rounded_up(), most.mebibytes_rounded_up().max(1));
        let cpus = match self.job.memory_option {
            MemoryOption::None => return cores,
            MemoryOption::Mem => memory.div_ceil(most),
            // Each of the cores becomes several.
            MemoryOption::MemPerCpu => {
                let each = memory.div_ceil(u64::from(cores.max(1))).div_ceil(most);
                each.saturating_mul(u64::from(cores))
            }
        };
        u32::try_from(cpus).unwrap_or(u32::MAX).max(cores)
    }

    fn memory_limit(&self, partition: &Partition) -> Option<MemoryLimit> {
        partition.memory_limit.or(self.site.memory_limit)
    }

    fn billed(&self, partitions: &[&Partition]) -> Option<String> {
        let partition = partitions.first()?;
        let (cpus, Some(MemoryLimit::PerCpu(most))) = (self.cpus(partition), self.memory_limit(partition))
        else {
            return None;
        };
        let cores = self.job.cores;
        let within = Memory::from_bytes(most.bytes().saturating_mul(u64::from(cores)));
        (cpus > cores).then(|| {
            format!(
                "{cpus} CPUs billed for {}: partition {} gives {most} for each CPU (MaxMemPerCPU); {cores} would be \
                 with {} of {within}",
                self.job.memory,
                partition.name,
                self.key("memory")
            )
        })
    }

    fn closed(&self, partition: &Partition) -> String {
        let others = self.others();
        let others =
            if others.is_empty() { String::new() } else { format!("; open are {}", others.join(", ")) };
        format!(
            "partition {} is DOWN: it takes jobs, and starts none until an administrator opens it{others}",
            partition.name
        )
    }

    fn with_others(&self, refusal: Error) -> Error {
        match &self.others()[..] {
            [] => refusal,
            others => {
                let key = self.job.key("slurm.partition");
                refusal.hint(format!("or set {key} to one that can run it: {}", others.join(", ")))
            }
        }
    }

    /// Partitions that could run the job now.
    fn others(&self) -> Vec<&str> {
        let would = |partition: &&Partition| {
            partition.is_public && partition.state == "UP" && self.refusal(partition).is_none()
        };
        self.partitions.iter().filter(would).map(|partition| &*partition.name).collect()
    }

    /// The setting that a figure of the request comes from.
    fn key(&self, figure: &str) -> String {
        match (&self.job.command, figure) {
            (JobCommand::Driver { .. }, "walltime") => "--driver-walltime".to_owned(),
            _ => self.job.key(&format!("cluster.{figure}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slurm::partition::tests::LISTING;
    use crate::slurm::specification::tests::example;

    /// What is said of the example's jobs after a change, in words.
    fn said(site: Site, change: impl FnOnce(&mut JobSpecification)) -> String {
        let mut job = example();
        change(&mut job);
        let partitions = Partition::parse_all(LISTING);
        let (wanted, has_qos) = (job.partition.as_deref(), job.qos.is_some());
        let request = Request { job: &job, site: &site, partitions: &partitions, wanted, has_qos };
        request.judge().map_or_else(|error| error.to_string(), |notices| notices.join("\n"))
    }

    fn in_partition(name: &str, change: impl FnOnce(&mut JobSpecification)) -> String {
        said(Site::default(), |job| {
            job.partition = Some(name.to_owned());
            change(job);
        })
    }

    fn memory(text: &str) -> Memory {
        text.parse().unwrap()
    }

    #[test]
    fn what_a_partition_can_run_is_not_talked_of() {
        assert_eq!(said(Site::default(), |_| {}), "");
        assert_eq!(in_partition("short", |job| job.walltime = "2".parse().unwrap()), "");
        assert_eq!(in_partition("percpu", |job| job.memory = memory("512M")), "");
        assert_eq!(in_partition("short,main", |_| {}), "");
    }

    #[test]
    fn jobs_that_could_never_start_are_refused_with_figures_and_what_would_do() {
        let refusals = [
            in_partition("short", |_| {}),
            in_partition("short", |job| job.walltime = Walltime::UNLIMITED),
            in_partition("drain", |_| {}),
            in_partition("mian", |_| {}),
            in_partition("main,gpu", |_| {}),
            in_partition("main", |job| job.cores = 64),
            in_partition("pernode", |job| job.cores = 2),
            in_partition("pernode", |job| job.memory = memory("3000M")),
            in_partition("percpu", |job| job.memory = memory("4G")),
            in_partition("empty", |_| {}),
            in_partition("drain,short", |_| {}),
            in_partition("short", |job| job.command = JobCommand::Driver { arguments: Vec::new() }),
        ];
        let what: Vec<&str> = refusals.iter().filter_map(|refusal| refusal.lines().next()).collect();
        assert_eq!(
            what,
            [
                "error: a time limit of 00:05:00 is above the 00:02:00 of partition short",
                "error: a time limit of UNLIMITED is above the 00:02:00 of partition short",
                "error: partition drain takes no jobs",
                "error: there is no partition `mian`",
                "error: there is no partition `gpu`",
                "error: no node of partition main can give 64 CPUs to one job",
                "error: memory of 2G is above the 2000M that partition pernode gives on a node",
                "error: memory of 3000M is above the 2000M that partition pernode gives on a node",
                "error: no node of partition percpu can give 8 CPUs to one job",
                "error: partition empty gives jobs no node",
                "error: partition drain takes no jobs",
                "error: a time limit of 00:05:00 is above the 00:02:00 of partition short",
            ]
        );
        assert!(refusals[11].contains("hint: set --driver-walltime to 00:02:00 or less"), "{}", refusals[11]);
        assert!(refusals[0].ends_with("to one that can run it: main, percpu"), "{}", refusals[0]);
    }

    #[test]
    fn closed_partition_takes_jobs_and_that_is_said() {
        let said = in_partition("closed", |_| {});
        assert!(
            said.starts_with("partition closed is DOWN: ") && said.ends_with("; open are main, percpu"),
            "{said}"
        );
        assert_eq!(in_partition("closed,main", |_| {}), "");
    }

    #[test]
    fn memory_that_takes_more_cpus_is_billed_for_them_and_that_is_said() {
        let mem = in_partition("percpu", |job| job.memory = memory("1000M"));
        let per_cpu = in_partition("percpu", |job| {
            (job.memory, job.cores, job.memory_option) = (memory("1200M"), 2, MemoryOption::MemPerCpu);
        });
        assert!(
            mem.starts_with("2 CPUs billed for 1000M: partition percpu gives 512M for each CPU"),
            "{mem}"
        );
        assert!(mem.ends_with("; 1 would be with cluster.memory of 512M"), "{mem}");
        assert!(per_cpu.starts_with("4 CPUs billed for 1200M: "), "{per_cpu}");
        assert!(per_cpu.ends_with("; 2 would be with cluster.memory of 1G"), "{per_cpu}");
        let unasked = in_partition("percpu", |job| job.memory_option = MemoryOption::None);
        assert_eq!(unasked, "");
        let everywhere = Site { memory_limit: Some(MemoryLimit::PerCpu(memory("1G"))), ..Site::default() };
        assert!(said(everywhere, |_| {}).starts_with("2 CPUs billed for 2G: partition main gives 1G "));
    }

    #[test]
    fn limits_that_a_qos_or_a_rule_may_lift_are_said_and_not_enforced() {
        let with_qos = in_partition("short", |job| job.qos = Some("long".into()));
        assert!(with_qos.starts_with("a time limit of 00:05:00 is above the 00:02:00 of partition short: "));
        let ruled = Site { has_rules: true, ..Site::default() };
        let unnamed = said(ruled, |job| job.cores = 64);
        assert!(unnamed.starts_with("no node of partition main can give 64 CPUs"), "{unnamed}");
        let named = said(ruled, |job| (job.cores, job.partition) = (64, Some("main".into())));
        assert!(named.starts_with("error: "), "{named}");
    }
}
