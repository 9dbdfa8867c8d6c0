//! How far a computation is, so that it can go on in another process: what stages have made, and what the one that
//! runs has gathered. It only fits the plan that it was made with, which has an identity for that.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::array::{Data, Stored};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::Plan;
use crate::plan::graph::{Entry, Id, Node};
use crate::plan::known::Finished;
use crate::plan::partial::Partial;
use crate::plan::product::Running;

/// The version of the definitions of numbers: of random arrays, of exact sums, of elementwise operations.
const NUMBERS: u32 = 1;

/// What a stage that runs has gathered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gathered {
    pub(super) partial: Partial,
    pub(super) arrays: BTreeMap<Id, Data>,
    pub(super) open: BTreeMap<(u32, u64), u64>,
}

/// What a computation is of. Two plans of one identity have the same tasks and come to the same results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The version of the definitions of numbers.
    numbers: u32,
    /// SHA-256 of the plan, the state of its files apart.
    plan: [u8; 32],
    /// The files that are read: path, bytes, time of the last change.
    files: Vec<(String, u64, i128)>,
}

impl Identity {
    /// Refuses to go on with what has come to something else since.
    pub fn check(&self, now: &Identity) -> Result<()> {
        let changed = |what: String| Error::refused(what).hint("begin anew with `squall run`");
        if self.numbers != now.numbers {
            return Err(changed("the definition of numbers has changed".into())
                .cause(format!("version {} then, {} in this program", self.numbers, now.numbers)));
        }
        if self.plan != now.plan {
            return Err(changed("the plan has changed".into()).cause(
                "this program cuts other tasks, or computes something else, than the one that began",
            ));
        }
        let differs = self.files.iter().zip(&now.files).find(|(then, now)| then != now);
        match differs {
            Some(((path, bytes, _), (_, now, _))) => Err(changed(format!("`{path}` has changed"))
                .cause(format!("it had {bytes} bytes and has {now}, or it was written since"))),
            None => Ok(()),
        }
    }
}

impl Plan {
    /// What the plan is of.
    pub fn identity(&self) -> Identity {
        let mut text = format!("{:?} {:?}", self.seed, self.results);
        let mut files = Vec::new();
        for entry in &self.graph {
            let Entry { node, shape, dtype, made, .. } = entry;
            let _ = match node {
                Node::Stored(stored) => {
                    files.extend(
                        stored.parts.iter().map(|part| (part.path.clone(), part.length, part.modified)),
                    );
                    write!(text, "{:?}", timeless(stored))
                }
                node => write!(text, "{node:?}"),
            };
            let _ = write!(text, " {shape} {dtype} {made:?};");
        }
        for target in &self.ends.targets {
            let _ = write!(text, "{} {:?} {:?};", target.path, target.dtype, target.shape);
        }
        let _ = write!(text, "{:?} {:?}", self.ends.collected, self.ends.saved);
        for trial in &self.trials {
            let stage = &trial.stage;
            let _ = write!(text, "{:?} {:?};", stage.gathers, stage.lease_tasks);
            for group in &stage.groups {
                let (extents, tile, order) = (&group.extents, &group.tile, &group.order);
                let _ = write!(text, "{extents:?} {tile:?} {order:?} {:?} {:?};", group.range, group.sample);
            }
        }
        if let Some(left_out) = &self.left_out {
            let _ = write!(text, "{left_out:?}");
        }
        Identity { numbers: NUMBERS, plan: Sha256::digest(text.as_bytes()).into(), files }
    }

    /// Goes on with a stage of which something has been gathered: with tasks that are in ascending ranges which do not
    /// touch.
    pub fn resume(&self, finished: &Finished, tasks: &[Range<u64>], gathered: Gathered) -> Result<Running> {
        let mut running = self.begin(finished)?;
        gathered.partial.check(running.stage().gathers())?;
        if !self.has(&gathered.arrays) || !ascend(tasks, running.stage().tasks()) {
            return Err(damaged());
        }
        running.restore(tasks, gathered);
        Ok(running)
    }

    /// Refuses what the plan's stages cannot have made.
    pub fn check(&self, finished: &Finished) -> Result<()> {
        let sound = finished.stages <= self.stages() && self.has(&finished.arrays);
        if sound { Ok(()) } else { Err(damaged()) }
    }

    /// Whether these are elements of nodes.
    fn has(&self, arrays: &BTreeMap<Id, Data>) -> bool {
        arrays.iter().all(|(id, data)| {
            let entry = self.graph.get(*id);
            entry.is_some_and(|entry| {
                entry.dtype.is_real() == data.is_real() && entry.shape.size() == data.len() as u64
            })
        })
    }
}

/// The same files, whatever has been written to them since.
fn timeless(stored: &Stored) -> Stored {
    let mut stored = stored.clone();
    stored.parts.iter_mut().for_each(|part| (part.length, part.modified) = (0, 0));
    stored
}

/// Whether these are ascending ranges of so many tasks that do not touch.
fn ascend(ranges: &[Range<u64>], tasks: u64) -> bool {
    let apart = ranges.windows(2).all(|pair| pair[0].end < pair[1].start);
    apart && ranges.iter().all(|range| range.start < range.end && range.end <= tasks)
}

fn damaged() -> Error {
    Error::new(ErrorKind::Internal, "the checkpoint does not fit its plan")
}
