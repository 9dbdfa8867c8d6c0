//! Links that lose packets. They need `iptables` beside what other links need.

use std::time::Duration;

use crate::network::{assert_undisturbed, at, busy};
use crate::space::{self, Space};
use crate::support::events::Events;
use crate::{cases, command};

cases![possible; links_that_lose_packets_change_no_bit];

/// More than a link loses that anybody would still use.
const ONE_IN: u32 = 10;

/// In which somebody is given work. TCP sends again what is lost after a fraction of a second, and again after twice
/// as long: both workers would have to lose the same packet four times or more.
const SPELL: Duration = Duration::from_secs(5);

fn possible() -> Result<(), String> {
    command(&["iptables", "--version"])?;
    space::possible()
}

/// From the first packet of the workers' registration to the last of the run.
fn links_that_lose_packets_change_no_bit() {
    let space = Space::new();
    space.lose_one_in(ONE_IN);
    let mut running = space.start(&[]);
    busy(&mut running);
    let before = space.packets_lost();
    let run = running.run_directory().expect("it runs");
    let outcome = running.wait();
    let during = space.packets_lost().into_iter().zip(before).map(|(all, before)| all - before);
    let during = during.collect::<Vec<_>>();
    assert!(during.iter().all(|lost| *lost >= 1), "lost by the driver's host and the workers': {during:?}");
    assert_undisturbed(&space, outcome);
    let events = Events::of(&run).expect("they stay");
    assert_eq!(["away", "lost"].map(|kind| events.all(kind).count()), [0, 0], "TCP sends them again");
    let leases = events.all("leased").map(at).collect::<Vec<_>>();
    assert!(leases.len() >= 10, "too few to tell: {}", leases.len());
    let longest = leases.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
    assert!(longest < SPELL.as_secs_f64(), "{longest} s without a lease");
}
