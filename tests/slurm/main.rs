//! Tests on a real Slurm, which they bring up and end themselves (`testbed.sh`).
//!
//! Each module lists its cases with `cases!`; they run one after the other on one testbed, those of `limits` on another
//! that has accounting, and whatever job or process a case leaves behind fails it. Where Slurm is not installed they are
//! reported as ignored.

mod before;
mod conformance;
mod controller;
mod doctor;
mod drive;
mod ends;
mod faults;
mod janitor;
mod lesson;
mod limits;
mod losses;
mod memory;
mod pools;
#[expect(dead_code, reason = "the tests of the program use the rest of it")]
#[path = "../support/mod.rs"]
mod program;
mod requeue;
mod support;
mod testbed;
mod walltime;

use support::Kind;

fn main() -> std::process::ExitCode {
    let plain = [
        testbed::CASES,
        lesson::CASES,
        before::CASES,
        doctor::CASES,
        memory::CASES,
        conformance::CASES,
        faults::CASES,
        losses::CASES,
        controller::CASES,
        janitor::CASES,
        requeue::CASES,
        walltime::CASES,
        ends::CASES,
        pools::CASES,
    ];
    let plain = plain.map(|cases| (Kind::Plain, cases));
    support::harness::run(&[&plain[..], &[(Kind::Accounting, limits::CASES)]].concat())
}
