//! Expressions to values as a cluster computes them, in this process: stages and partials go through the codec,
//! tasks are cut into leases at random, and partials are combined in random order.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use squall::array::{Definitions, Expr, Parsed, Target, parse};
use squall::codec::{decode, encode};
use squall::execute::Executor;
use squall::kernel::Isa;
use squall::plan::{Finished, Plan, Running, Stage, plan};
use squall::store::LocalFiles;
use squall::{Result, Value};

use crate::dice::Dice;

/// More than a stage or an answer may have.
const LIMIT: u64 = 16 << 20;
/// Leases of a stage, if they may be as long.
const LEASES: u64 = 7;

/// Workers of one to three threads, some of them with the portable kernels.
pub(crate) struct Engine {
    workers: Vec<Executor>,
}

impl Engine {
    pub(crate) fn new() -> Self {
        let isas = [Isa::detect(), Isa::Portable, Isa::detect(), Isa::Portable];
        let workers = isas.into_iter().zip([1, 1, 3, 2]);
        Engine {
            workers: workers.map(|(isa, threads)| Executor::new(threads, isa).expect("threads")).collect(),
        }
    }

    /// Results, and files that are written and named.
    pub(crate) fn compute(
        &self,
        results: &[(String, Expr)],
        saves: &[(Target, Expr)],
        seed: u128,
        dice: &mut Dice,
    ) -> Result<Vec<(String, Value)>> {
        let plan = plan(results, saves, seed)?;
        plan.targets().iter().try_for_each(Target::create)?;
        let values = self.carry_out(&plan, dice);
        for target in plan.targets() {
            match values {
                Ok(_) => target.finish()?,
                Err(_) => target.discard(),
            }
        }
        values
    }

    fn carry_out(&self, plan: &Plan, dice: &mut Dice) -> Result<Vec<(String, Value)>> {
        let mut finished = Finished::default();
        for _ in 0..plan.stages() {
            let mut running = plan.begin(&finished)?;
            self.stage(plan, &mut running, dice)?;
            running.finish(plan, &mut finished)?;
        }
        plan.finish(&finished)
    }

    fn stage(&self, plan: &Plan, running: &mut Running, dice: &mut Dice) -> Result<()> {
        let sent = encode(running.stage(), LIMIT).expect("a stage can be sent");
        let stage: Arc<Stage> = Arc::new(decode(&sent, LIMIT).expect("a stage can be received"));
        assert!(encode(&*stage, LIMIT).expect("as before") == sent, "a stage is received as it was sent");
        let mut leases = Vec::new();
        let mut first = 0;
        while first < stage.tasks() {
            let most = stage.lease_tasks().min(1 + 2 * stage.tasks() / LEASES);
            let end = stage.tasks().min(first + 1 + dice.below(most));
            leases.push(first..end);
            first = end;
        }
        dice.shuffle(&mut leases);
        for lease in leases {
            let worker = dice.pick(&self.workers);
            let done = worker.run(Arc::clone(&stage), lease.clone(), Arc::new(AtomicBool::new(false)))?;
            assert_eq!(done.finished, lease.end - lease.start);
            let answer = encode(&done.partial, LIMIT).expect("an answer can be sent");
            assert!(answer.len() < 4 << 20, "an answer of {} bytes", answer.len());
            running.combine(plan, lease, decode(&answer, LIMIT).expect("an answer can be received"))?;
        }
        Ok(())
    }
}

/// What lines of text mean.
pub(crate) fn parsed(arrays: &[(String, String)], results: &[(String, String)]) -> Result<Parsed> {
    let definitions = Definitions { arrays: arrays.to_vec(), results: results.to_vec(), saves: Vec::new() };
    parse(&definitions, &LocalFiles)
}
