//! The faults that come by themselves, rather than where something is being done.

use crate::disk::Death;
use crate::faults::Fault;
use crate::network::Side;
use crate::world::{Happening, SECOND, World};
use rand::RngExt;
use squall::launch::Phase;

/// Microseconds after which nothing goes wrong any more: links that break every second for ever let no run end.
const FAULTY: u64 = 1200 * SECOND;

impl World {
    /// Something goes wrong, where there is something that can, and then something else.
    pub(crate) fn goes_wrong(&mut self) {
        if self.faults.healed || self.checker.is_finished() {
            return;
        }
        if self.now > FAULTY {
            return self.heal();
        }
        if let Some(fault) = self.faults.any(&mut self.rng) {
            let happened = self.worker_fault(fault) || self.link_fault(fault) || self.driver_fault(fault);
            if happened {
                self.remark(|| format!("{fault:?}"));
                self.faults.count(fault);
            }
        }
        let pause = self.rng.random_range(0..2 * self.faults.every);
        self.after(pause, Happening::GoesWrong);
    }

    fn any(&mut self, those: &[usize]) -> Option<usize> {
        (!those.is_empty()).then(|| those[self.rng.random_range(0..those.len())])
    }

    /// A job whose process is there.
    fn any_running_job(&mut self) -> Option<usize> {
        let running = |number: &usize| self.jobs[*number].phase == Phase::Running;
        let running: Vec<usize> = (0..self.jobs.len()).filter(running).collect();
        self.any(&running)
    }

    fn worker_fault(&mut self, fault: Fault) -> bool {
        let Some(job) = self.any_running_job() else { return false };
        let worker = self.jobs[job].worker.expect("it runs");
        match fault {
            Fault::WorkerStops => {
                let pause = self.rng.random_range(SECOND..90 * SECOND);
                self.workers[worker].stopped_until = self.now + pause;
            }
            Fault::WorkerSlows => {
                self.workers[worker].pace *= 10;
                // One that is slower than any patience would only make the run long.
                self.workers[worker].pace = self.workers[worker].pace.min(20 * SECOND);
            }
            Fault::WorkerCrashes => self.job_ends(job, "FAILED"),
            Fault::OutOfMemory => self.job_ends(job, "OUT_OF_MEMORY"),
            Fault::NodeFails => self.job_ends(job, "NODE_FAIL"),
            Fault::Preempted => self.terminate(job, "PREEMPTED"),
            Fault::CancelledBySomeone => self.terminate(job, "CANCELLED"),
            Fault::JobForgotten => self.forget(job),
            _ => return false,
        }
        true
    }

    fn link_fault(&mut self, fault: Fault) -> bool {
        if !matches!(fault, Fault::ConnectionCut | Fault::HalfOpen | Fault::LinkStalls) {
            return false;
        }
        let open = |number: &usize| {
            let link = &self.connections[*number];
            !link.is_closed(Side::Driver) && !link.is_closed(Side::Worker)
        };
        let open: Vec<usize> = (0..self.connections.len()).filter(open).collect();
        let Some(connection) = self.any(&open) else { return false };
        let to = [Side::Driver, Side::Worker][self.rng.random_range(0..2)];
        match fault {
            // A switch takes others with it.
            Fault::ConnectionCut => {
                for other in open {
                    if other == connection || self.rng.random_bool(0.5) {
                        self.cut(other);
                    }
                }
            }
            Fault::HalfOpen => {
                self.swallow(connection, to);
                if self.rng.random_bool(0.5) {
                    self.swallow(connection, to.other());
                }
            }
            _ => {
                let until = self.now + self.rng.random_range(SECOND..40 * SECOND);
                self.stall(connection, to, until);
            }
        }
        true
    }

    fn driver_fault(&mut self, fault: Fault) -> bool {
        let life = self.lives.len() - 1;
        if !self.lives[life].alive || self.lives[life].computed.is_some() {
            return false;
        }
        match fault {
            Fault::DriverKilled => self.driver_dies(life, &Death::Process),
            Fault::DriverNodeLost => self.driver_dies(life, &Death::Machine),
            Fault::DriverStops | Fault::SecondDriver if self.lives[life].stopped_until <= self.now => {
                let pause = self.rng.random_range(SECOND..120 * SECOND);
                self.lives[life].stopped_until = self.now + pause;
                if fault == Fault::SecondDriver {
                    let patience = self.rng.random_range(0..pause);
                    self.after(patience, Happening::DriverStarts { after: life });
                }
            }
            Fault::Interrupted if !self.lives[life].closing => self.interrupts(life),
            Fault::DiskFills | Fault::DiskFails => {
                if fault == Fault::DiskFills {
                    let free = self.rng.random_range(0..1000);
                    self.disk.fill(free);
                } else {
                    self.disk.fail(true);
                }
                let lasts = self.rng.random_range(SECOND..30 * SECOND);
                self.after(lasts, Happening::DiskHeals);
            }
            _ => return false,
        }
        true
    }
}
