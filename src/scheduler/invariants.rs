//! What must hold of a scheduler between any two events.

use crate::scheduler::{LEASES_PER_WORKER, Scheduler};

impl Scheduler {
    /// Checks what must hold between any two events; the simulator calls it after each.
    ///
    /// # Panics
    /// If the waiting, leased and done tasks do not partition the stage, or the two sides of a lease differ.
    pub fn check_invariants(&self) {
        let live: usize = self.workers.values().map(|worker| worker.leases.len()).sum();
        let Some(stage) = &self.stage else {
            assert_eq!(live, 0, "leases without a stage");
            return;
        };
        let leased: u64 = stage.leased.values().map(|leased| leased.tasks.end - leased.tasks.start).sum();
        let waiting = stage.waiting.len() + stage.suspects.len();
        assert_eq!(waiting + leased + stage.done.len(), stage.tasks, "tasks got lost");
        assert_eq!(stage.ids.len(), live, "the ids alive are those held");
        assert!(stage.leased.is_right(), "what is noted of leased ranges is what they are");
        for leased in stage.leased.values() {
            assert!(matches!(leased.holders.len(), 1 | 2), "one id, or two");
            for holder in &leased.holders {
                let worker = &self.workers[&holder.worker];
                let position = worker.leases.iter().position(|lease| *lease == holder.lease);
                let position = position.expect("held by its holder");
                assert_eq!(holder.queued, position > 0 && !worker.away, "queued behind another one");
            }
        }
        for (id, worker) in &self.workers {
            assert!(worker.leases.len() <= LEASES_PER_WORKER, "{id:?} holds too many leases");
            let open = !worker.draining && !worker.away;
            assert_eq!(self.open.contains(&(worker.leases.len(), *id)), open);
            assert!(worker.end.is_none_or(|end| !worker.draining && self.ends.contains(&(end, *id))));
        }
        let ends = self.workers.values().filter(|worker| worker.end.is_some()).count();
        assert_eq!(self.ends.len(), ends, "ends are of workers that are there");
    }
}
