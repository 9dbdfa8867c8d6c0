//! Partitions as `scontrol --oneliner show partition` lists them: a line each, `Key=value` between blanks.

use crate::slurm::site::MemoryLimit;
use crate::units::Walltime;

/// What a partition lets a job have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Partition {
    /// Its name.
    pub name: String,
    /// Whether jobs that name none go there.
    pub is_default: bool,
    /// Whether it can be named to anybody: it is neither hidden nor kept for some groups, accounts or QOS.
    pub is_public: bool,
    /// UP, DOWN, DRAIN or INACTIVE.
    pub state: String,
    /// MaxTime.
    pub max_time: Walltime,
    /// MaxNodes, of a job; none where there is no limit.
    pub max_nodes: Option<u32>,
    /// MaxCPUsPerNode, of all its jobs; none where there is no limit.
    pub max_cpus_per_node: Option<u32>,
    /// MaxMemPerCPU or MaxMemPerNode.
    pub memory_limit: Option<MemoryLimit>,
    /// CPUs of all its nodes together; none where it is not said.
    pub cpus: Option<u32>,
    /// Its nodes; none where it is not said.
    pub nodes: Option<u32>,
}

impl Partition {
    /// Reads Slurm's listing; lines that are none of a partition are left out.
    pub fn parse_all(listing: &str) -> Vec<Partition> {
        listing.lines().filter_map(Partition::parse).collect()
    }

    fn parse(line: &str) -> Option<Partition> {
        let mut partition = Partition {
            name: line.trim_start().strip_prefix("PartitionName=")?.split_whitespace().next()?.to_owned(),
            is_default: false,
            is_public: true,
            state: String::new(),
            max_time: Walltime::UNLIMITED,
            max_nodes: None,
            max_cpus_per_node: None,
            memory_limit: None,
            cpus: None,
            nodes: None,
        };
        for (key, value) in line.split_whitespace().filter_map(|word| word.split_once('=')) {
            // UNLIMITED is no number.
            let count = || value.parse::<u32>().ok();
            match key {
                "Default" => partition.is_default = value == "YES",
                "Hidden" | "RootOnly" => partition.is_public &= value == "NO",
                "AllowGroups" | "AllowAccounts" | "AllowQos" => partition.is_public &= value == "ALL",
                "State" => value.clone_into(&mut partition.state),
                "MaxTime" => partition.max_time = value.parse().unwrap_or(Walltime::UNLIMITED),
                "MaxNodes" => partition.max_nodes = count(),
                "MaxCPUsPerNode" => partition.max_cpus_per_node = count(),
                "TotalCPUs" => partition.cpus = count(),
                "TotalNodes" => partition.nodes = count(),
                _ => partition.memory_limit = MemoryLimit::parse(key, value).or(partition.memory_limit),
            }
        }
        Some(partition)
    }

    /// More CPUs than this no node of it can have: every other node has at least one.
    pub(crate) fn most_cpus(&self) -> Option<u32> {
        let others = self.nodes.map_or(0, |nodes| nodes.saturating_sub(1));
        let largest = self.cpus.map(|cpus| cpus.saturating_sub(others));
        largest.into_iter().chain(self.max_cpus_per_node).min()
    }

    /// Whether jobs can be submitted to it; a DOWN one takes jobs, and starts none.
    pub(crate) fn takes_jobs(&self) -> bool {
        !matches!(self.state.as_str(), "DRAIN" | "INACTIVE")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::units::Memory;

    /// What a real Slurm said of some partitions.
    pub(crate) const LISTING: &str = "\
        PartitionName=main AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL AllocNodes=ALL Default=YES QoS=N/A DefaultTime=NONE DisableRootJobs=NO ExclusiveUser=NO GraceTime=0 Hidden=NO MaxNodes=UNLIMITED MaxTime=UNLIMITED MinNodes=0 LLN=NO MaxCPUsPerNode=UNLIMITED Nodes=node-[1-3] PriorityJobFactor=1 PriorityTier=1 RootOnly=NO ReqResv=NO OverSubscribe=NO OverTimeLimit=NONE PreemptMode=OFF State=UP TotalCPUs=6 TotalNodes=3 SelectTypeParameters=NONE JobDefaults=(null) DefMemPerCPU=256 MaxMemPerNode=UNLIMITED TRES=cpu=6,mem=24000M,node=3,billing=6\n\
        PartitionName=short AllowGroups=ALL Default=NO DefaultTime=NONE Hidden=NO MaxNodes=UNLIMITED MaxTime=00:02:00 MinNodes=0 MaxCPUsPerNode=UNLIMITED Nodes=node-[1-3] State=UP TotalCPUs=6 TotalNodes=3 JobDefaults=(null) DefMemPerCPU=256 MaxMemPerNode=UNLIMITED TRES=cpu=6,mem=24000M,node=3,billing=6\n\
        PartitionName=closed AllowGroups=ALL Default=NO MaxNodes=UNLIMITED MaxTime=UNLIMITED MaxCPUsPerNode=UNLIMITED Nodes=node-[1-3] State=DOWN TotalCPUs=6 TotalNodes=3 MaxMemPerNode=UNLIMITED\n\
        PartitionName=drain AllowGroups=ALL Default=NO MaxNodes=UNLIMITED MaxTime=UNLIMITED MaxCPUsPerNode=UNLIMITED Nodes=node-[1-3] State=DRAIN TotalCPUs=6 TotalNodes=3 MaxMemPerNode=UNLIMITED\n\
        PartitionName=percpu AllowGroups=ALL Default=NO DefaultTime=00:30:00 MaxNodes=UNLIMITED MaxTime=1-12:00:00 MaxCPUsPerNode=UNLIMITED Nodes=node-[1-3] State=UP TotalCPUs=6 TotalNodes=3 DefMemPerNode=UNLIMITED MaxMemPerCPU=512\n\
        PartitionName=pernode AllowGroups=ALL Default=NO MaxNodes=UNLIMITED MaxTime=UNLIMITED MaxCPUsPerNode=1 Nodes=node-[1-3] State=UP TotalCPUs=6 TotalNodes=3 DefMemPerNode=UNLIMITED MaxMemPerNode=2000\n\
        PartitionName=empty AllowGroups=ALL Default=NO MaxNodes=0 MaxTime=UNLIMITED MaxCPUsPerNode=UNLIMITED Nodes=(null) State=UP TotalCPUs=0 TotalNodes=0 MaxMemPerNode=UNLIMITED TRES=(null)\n";

    #[test]
    fn partitions_are_read_from_the_listing() {
        let all = Partition::parse_all(LISTING);
        let main = Partition {
            name: "main".to_owned(),
            is_default: true,
            is_public: true,
            state: "UP".to_owned(),
            max_time: Walltime::UNLIMITED,
            max_nodes: None,
            max_cpus_per_node: None,
            memory_limit: None,
            cpus: Some(6),
            nodes: Some(3),
        };
        assert_eq!(all[0], main);
        assert!(all[1..].iter().all(|partition| !partition.is_default));
        assert_eq!(all[1].max_time.to_string(), "00:02:00");
        assert_eq!(all[4].max_time.to_string(), "1-12:00:00");
        assert_eq!(all[4].memory_limit, Some(MemoryLimit::PerCpu(Memory::from_bytes(512 << 20))));
        assert_eq!(all[5].memory_limit, Some(MemoryLimit::PerNode(Memory::from_bytes(2000 << 20))));
        assert_eq!((all[6].max_nodes, all[6].cpus), (Some(0), Some(0)));
        let taken: Vec<&str> = all.iter().filter(|one| !one.takes_jobs()).map(|one| &*one.name).collect();
        assert_eq!(taken, ["drain"]);
    }

    #[test]
    fn no_node_has_more_cpus_than_the_others_leave() {
        let most: Vec<_> = Partition::parse_all(LISTING).iter().map(Partition::most_cpus).collect();
        assert_eq!(most, [Some(4), Some(4), Some(4), Some(4), Some(4), Some(1), Some(0)]);
    }

    #[test]
    fn what_is_no_listing_holds_no_partition() {
        assert_eq!(Partition::parse_all("MaxArraySize = 1001\n\nPartitionName=\nState=UP"), []);
    }
}
