//! What the memory proof says to people: what a bound is made of, and which result asks for it.

use crate::plan::graph::{Id, operands};
use crate::plan::memory::{PARTIALS, PROCESS, THREAD};
use crate::plan::stage::Stage;
use crate::plan::{Pass, Plan, describe::DEPTH};

/// What a worker needs at most, in bytes, while it works on the stage that needs most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerNeed {
    /// For the process, whatever its threads do.
    pub process: u64,
    /// For each compute thread.
    pub thread: u64,
    /// Which stage that is.
    pub stage: usize,
}

impl WorkerNeed {
    /// With this many compute threads.
    pub fn with(&self, cores: u32) -> u64 {
        u64::from(cores).saturating_mul(self.thread).saturating_add(self.process)
    }

    /// How many threads fit into so many bytes.
    pub fn cores_in(&self, bytes: u64) -> u64 {
        bytes.saturating_sub(self.process) / self.thread
    }
}

/// A result, or a file, as people know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The result's name, or the file's path.
    pub name: String,
    /// What it is, as a formula.
    pub formula: String,
    /// Elements of the largest array that it takes to be gathered.
    pub elements: u64,
}

impl Plan {
    /// What a worker with this many compute threads needs.
    pub fn worker_need(&self, cores: u32) -> WorkerNeed {
        let of = |(stage, pass): (usize, &Pass)| {
            let own = &pass.footprint;
            let process = PROCESS.saturating_add(PARTIALS * own.partial).saturating_add(own.stage);
            WorkerNeed { process, thread: THREAD + own.thread + own.partial, stage }
        };
        let needs = self.trials.iter().enumerate().map(of);
        let none = WorkerNeed { process: PROCESS, thread: THREAD, stage: 0 };
        needs.max_by_key(|need| need.with(cores)).unwrap_or(none)
    }

    /// A bound for the memory of a process that is the driver and computes with so many threads besides.
    pub fn process_memory(&self, cores: u32) -> u64 {
        self.driver_memory().saturating_add(self.worker_memory(cores) - PROCESS)
    }

    /// A stage as it would be if every number were known: what it takes, not what comes out.
    pub fn trial(&self, stage: usize) -> &Stage {
        &self.trials[stage].stage
    }

    /// The result for whose sake a stage gathers most.
    pub fn wanted_in(&self, stage: usize) -> Option<Wanted> {
        let made = self.trials.get(stage)?.products.iter().map(|product| product.id);
        let saved = self.ends.saved.iter().map(|(_, id)| *id).filter(|&id| self.graph[id].after == stage);
        self.wanted(made.chain(saved).max_by_key(|&id| self.graph[id].shape.size())?)
    }

    /// The result for whose sake the driver gathers most.
    pub fn wanted_in_driver(&self) -> Option<Wanted> {
        let made = self.trials.iter().flat_map(|pass| pass.products.iter().map(|product| product.id));
        self.wanted(made.max_by_key(|&id| self.graph[id].shape.size())?)
    }

    /// A result that needs a node.
    fn wanted(&self, needed: Id) -> Option<Wanted> {
        let ends = self.results.iter().chain(&self.ends.saved);
        let (name, id) = ends.into_iter().find(|(_, id)| self.needs(*id, needed))?;
        let elements = self.graph[needed].shape.size();
        Some(Wanted { name: name.clone(), formula: self.formula(*id, DEPTH), elements })
    }

    fn needs(&self, id: Id, needed: Id) -> bool {
        let mut reached = vec![false; id + 1];
        reached[id] = true;
        for at in (0..=id).rev().filter(|_| needed <= id) {
            if reached[at] {
                operands(&self.graph[at].node).into_iter().for_each(|operand| reached[operand] = true);
            }
        }
        reached.get(needed).copied().unwrap_or(false)
    }
}
