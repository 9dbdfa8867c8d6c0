//! The behaviours that all kinds of cluster share, on a real Slurm.

use crate::program::Place;
use crate::program::conformance::{self, Kind, for_each_behaviour};
use crate::support::Testbed;
use crate::support::harness::cases;
use std::time::Duration;

/// One case a behaviour.
macro_rules! behaviours {
    ($($name:ident),* $(,)?) => {
        cases![$($name),*];
        $(
            fn $name(testbed: &'static Testbed) {
                on_slurm(testbed, conformance::$name);
            }
        )*
    };
}

for_each_behaviour!(behaviours);

fn on_slurm(testbed: &'static Testbed, behaviour: fn(&Kind<'_>)) {
    let program = || {
        let mut command = testbed.command("/usr/bin/env");
        command.arg("--default-signal=HUP").arg(testbed.program());
        command
    };
    let place = || Place::elsewhere(testbed.directory("conform"), program);
    let flags = |workers: u32| {
        let words = ["--cluster=slurm", "--cores=1", "--memory=500M", "--walltime=5"].map(str::to_owned);
        let numbers = [format!("--workers={workers}"), format!("--set=cluster.minimum_workers={workers}")];
        words.into_iter().chain(numbers).collect()
    };
    let gone =
        |_: &Place| testbed.wait_until("no job is left", Duration::from_secs(10), || testbed.no_job_left());
    behaviour(&Kind { place: &place, flags: &flags, outside: true, assert_nothing_left: &gone });
}
