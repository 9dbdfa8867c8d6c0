//! A whole run under a seed, in one thread and without a clock: the production's driver core, scheduler, codec,
//! checkpoints and tasks in a world whose network, disk, Slurm and processes fail in every way.
//!
//! `driver.rs` carries what happens to the core; `network.rs`, `disk.rs`, `slurm.rs` and `worker.rs` are the world;
//! `faults.rs` and `wrong.rs` say what goes wrong; `checker.rs` judges, and knows none of them. A seed that fails is
//! printed, and `SQUALL_SEED=N cargo test --test simulation -- --nocapture` tells all that happened in it.
//! `SQUALL_TEST_SEEDS=N` tries so many seeds.

mod checker;
mod disk;
mod driver;
mod faults;
mod mutation;
mod network;
mod plans;
mod slurm;
mod wire;
mod worker;
mod world;
mod wrong;

use crate::faults::{ALL, Counts, Fault};
use crate::mutation::Mutation;
use crate::plans::Works;
use crate::world::{History, Trace, World};
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// Seeds that are tried where nothing else is said.
const SEEDS: u64 = 10_000;

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

fn simulate(seed: u64, works: &Rc<Works>, mutation: Option<Mutation>, trace: Trace) -> History {
    World::new(seed, works.clone(), mutation, trace).run()
}

/// What the checkers say against a seed, if they do.
fn judged(seed: u64, works: &Rc<Works>, mutation: Option<Mutation>) -> Result<History, String> {
    catch_unwind(AssertUnwindSafe(|| simulate(seed, works, mutation, Trace::Nothing))).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
    })
}

#[test]
fn runs_lose_nothing_and_leave_nothing_whatever_goes_wrong() {
    let works = Rc::new(Works::new());
    if let Some(seed) = number("SQUALL_SEED") {
        simulate(seed, &works, None, Trace::Print);
        return;
    }
    let seeds = number("SQUALL_TEST_SEEDS").unwrap_or(SEEDS);
    let (mut counts, mut happenings, mut lives) = (Counts::new(), 0, 0);
    for seed in 0..seeds {
        let history = judged(seed, &works, None).unwrap_or_else(|why| {
            panic!("{why}\nreplay: SQUALL_SEED={seed} cargo test --test simulation -- --nocapture");
        });
        happenings += history.happenings;
        lives += history.lives;
        for (fault, count) in history.faults {
            *counts.entry(fault).or_default() += count;
        }
    }
    println!(
        "{seeds} seeds, {lives} drivers, {happenings} happenings, {} faults",
        counts.values().sum::<u64>()
    );
    for fault in ALL {
        println!("{:>9} {fault:?}", counts.get(&fault).copied().unwrap_or(0));
    }
    let seldom = |fault: &Fault| counts.get(fault).is_none_or(|&count| count < seeds / 100);
    let seldom: Vec<Fault> = ALL.into_iter().filter(seldom).collect();
    assert!(seldom.is_empty(), "these happened too seldom: {seldom:?}");
}

#[test]
fn seed_has_one_history() {
    let works = Rc::new(Works::new());
    let history = |seed| simulate(seed, &works, None, Trace::Hash(0)).trace;
    for seed in 0..100 {
        assert_eq!(history(seed), history(seed), "seed {seed}");
    }
    assert_ne!(history(0), history(1));
}

#[test]
fn deliberate_defects_are_seen() {
    let works = Rc::new(Works::new());
    for mutation in mutation::ALL {
        let seen = (0..SEEDS).find_map(|seed| {
            let why = judged(seed, &works, Some(mutation)).err()?;
            // It is the defect that is seen, where the same seed without it is well.
            judged(seed, &works, None).is_ok().then_some((seed, why))
        });
        let (seed, why) = seen.unwrap_or_else(|| panic!("{mutation:?} is not seen in {SEEDS} seeds"));
        println!("{mutation:?} is seen by seed {seed}: {why}");
    }
}
