//! Links between a driver and its workers that are cut, slow, or reset. Those that lose packets are in `loss.rs`.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use serde_json::Value;

use crate::space::{Space, WORKERS, possible};
use crate::support::events::Events;
use crate::support::running::{Outcome, Running};
use crate::support::{PATIENCE, until};
use crate::{UNDISTURBED, cases};

cases![possible;
    link_cut_for_five_seconds_loses_nothing,
    link_cut_for_good_costs_one_worker_and_no_bit,
    links_cut_for_good_end_the_run_with_a_true_word,
    link_that_delays_and_stalls_changes_no_bit,
    connections_that_are_reset_change_no_bit,
];

/// How long TCP may take to try again after a cut of 5 s: it waits twice as long each time.
const TRIES_AGAIN: Duration = Duration::from_secs(15);

pub(crate) fn at(event: &Value) -> f64 {
    event["at"].as_f64().expect("a time")
}

fn counted(events: &Events) -> usize {
    events.all("answered").filter(|answer| answer["counted"] == true).count()
}

/// Waits until a worker is busy; returns the number that the worker on the first host registered with.
pub(crate) fn busy(running: &mut Running) -> u64 {
    running.until_events("each worker answered a lease", |events| {
        let answered = |worker: u64| events.counted_answers(worker) >= 1;
        (events.jobs().len() == WORKERS && events.jobs().iter().all(|(worker, _)| answered(*worker)))
            .then_some(())
    });
    let jobs = running.events().expect("just read").jobs();
    jobs.into_iter().find(|(_, job)| job == "57_0").expect("the first element").0
}

fn assert_gone(space: &Space, worker: usize, limit: Duration) {
    let none = || space.processes(worker).is_empty().then_some(());
    until("the worker's host is empty", limit, none, || format!("{:?}", space.processes(worker)));
}

pub(crate) fn assert_undisturbed(space: &Space, outcome: Outcome) {
    assert_eq!(outcome.ok().bits()["result"], *UNDISTURBED);
    (0..WORKERS).for_each(|worker| assert_gone(space, worker, Duration::from_secs(10)));
}

fn link_cut_for_five_seconds_loses_nothing() {
    let space = Space::new();
    let mut running = space.start(&[]);
    busy(&mut running);
    let run = running.run_directory().expect("it runs");
    let events = || Events::of(&run).expect("there are events");
    (0..WORKERS).for_each(|worker| space.cut(worker));
    let cut = Instant::now();
    // What was on its way has come by then.
    thread::sleep(Duration::from_secs(1));
    let before = counted(&events());
    let held = events().all("leased").count() - events().all("answered").count();
    thread::sleep(Duration::from_secs(5).saturating_sub(cut.elapsed()));
    assert_eq!(counted(&events()), before, "answers came over a link that was cut");
    assert!(held >= 1, "nothing was under way");
    assert!((0..WORKERS).all(|worker| !space.is_up(worker)));
    (0..WORKERS).for_each(|worker| space.join(worker));
    let joined = Instant::now();
    running.until_events("answers come again", |events| (counted(events) > before).then_some(()));
    assert!(joined.elapsed() < TRIES_AGAIN, "{:?}", joined.elapsed());
    assert_undisturbed(&space, running.wait());
    assert_eq!(events().all("lost").count(), 0);
    assert_eq!(events().jobs().len(), WORKERS);
}

fn link_cut_for_good_costs_one_worker_and_no_bit() {
    let space = Space::new();
    let mut running = space.start(&["--set=cluster.death_timeout=5"]);
    let worker = busy(&mut running);
    let run = running.run_directory().expect("it runs");
    space.cut(0);
    let cut = Instant::now();
    running.until_events("the worker is lost", |events| events.leases_lost(worker));
    assert!(cut.elapsed() < Duration::from_secs(10), "{:?}", cut.elapsed());
    // It looks for its driver no longer than that, and takes nothing with it.
    assert_gone(&space, 0, Duration::from_secs(15));
    let outcome = running.wait();
    assert!(!space.is_up(0));
    let events = Events::of(&run).expect("they stay");
    let lost = events.all("lost").find(|event| event["worker"] == worker).expect("just seen");
    assert!(lost["leases"].as_u64() >= Some(1), "{lost}");
    let others = events.all("answered").filter(|answer| answer["worker"] != worker && at(answer) > at(lost));
    assert!(others.count() >= 1, "the run was over when the worker was lost");
    assert_undisturbed(&space, outcome);
}

fn links_cut_for_good_end_the_run_with_a_true_word() {
    let space = Space::new();
    let mut running = space.start(&["--set=cluster.death_timeout=5"]);
    let worker = busy(&mut running);
    let run = running.run_directory().expect("it runs");
    (0..WORKERS).for_each(|worker| space.cut(worker));
    let cut = Instant::now();
    let outcome = running.wait();
    let took = cut.elapsed();
    assert_eq!((outcome.code(), outcome.stdout.as_str()), (4, ""), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("error: no worker is left"), "{}", outcome.stderr);
    assert!(took < Duration::from_secs(40), "{took:?}");
    assert!(Events::of(&run).expect("they stay").leases_lost(worker) >= Some(1));
    (0..WORKERS).for_each(|worker| assert_gone(&space, worker, Duration::from_secs(10)));
}

/// Not shorter, as a busy link far away; stalled now and then for as long as TCP waits before it sends anew what
/// was lost.
const DELAY: Duration = Duration::from_millis(80);
const STALL: Duration = Duration::from_millis(600);
const STALL_EVERY: u64 = 8;

/// Listens on the loopback of a worker's host, and passes everything on to the driver, late.
fn slow_link(host: PathBuf, driver: String, port: u16) {
    thread::spawn(move || {
        let namespace = std::fs::File::open(&host).expect("the host is there");
        setns(&namespace, CloneFlags::CLONE_NEWNET).expect("root may enter it");
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("nobody else is here");
        for near in listener.incoming().flatten() {
            // Threads begin where the one is that starts them.
            let Ok(far) = TcpStream::connect((driver.as_str(), port)) else { continue };
            let copies = [(&near, &far), (&far, &near)];
            for (from, to) in copies.map(|(from, to)| (from.try_clone(), to.try_clone())) {
                let (from, to) = (from.expect("a descriptor"), to.expect("a descriptor"));
                thread::spawn(move || pass_on(from, to));
            }
        }
    });
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 1400];
    let mut packets: u64 = 0;
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        packets += 1;
        thread::sleep(if packets.is_multiple_of(STALL_EVERY) { STALL } else { DELAY });
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

fn link_that_delays_and_stalls_changes_no_bit() {
    let space = Space::new();
    let port = 4077;
    for worker in 0..WORKERS {
        slow_link(space.host(worker), format!("10.77.{worker}.1"), port);
    }
    let port = format!("--set=cluster.port={port}");
    let mut running = space.start(&["--set=cluster.host=127.0.0.1", &port]);
    busy(&mut running);
    let run = running.run_directory().expect("it runs");
    assert_undisturbed(&space, running.wait_for(PATIENCE));
    let events = Events::of(&run).expect("they stay");
    assert_eq!(events.all("lost").count(), 0);
    // Every answer came late: the first lease of a worker takes milliseconds.
    let leased = events.all("leased").next().expect("a lease");
    let answer = events.all("answered").find(|answer| answer["lease"] == leased["lease"]).expect("answered");
    let took = at(answer) - at(leased);
    assert!(took >= 2.0 * DELAY.as_secs_f64(), "the link was not slow: {took} s");
}

/// The worker comes back, over another connection.
fn connections_that_are_reset_change_no_bit() {
    let space = Space::new();
    let mut running = space.start(&[]);
    let worker = busy(&mut running);
    let run = running.run_directory().expect("it runs");
    let answers = |events: &Events| {
        let jobs = events.jobs();
        let comings = jobs.iter().filter(|(_, job)| job == "57_0");
        comings.map(|(worker, _)| events.counted_answers(*worker)).sum::<usize>()
    };
    let before = answers(&Events::of(&run).expect("there are events"));
    let connections = space.connections(0);
    assert_eq!(connections.len(), 1, "{connections:?}");
    space.reset(0);
    let since = Instant::now();
    // Two may have been on their way.
    running.until_events("the worker answers again", |events| (answers(events) >= before + 3).then_some(()));
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    let again = space.connections(0);
    assert!(again.len() == 1 && again != connections, "it was not reset: {connections:?}, {again:?}");
    assert_undisturbed(&space, running.wait());
    let events = Events::of(&run).expect("they stay");
    let of_worker = |kind| events.all(kind).filter(|event| event["worker"] == worker).count();
    assert_eq!(["away", "returned", "lost"].map(of_worker), [1, 1, 0], "it comes back as itself");
    assert_eq!(events.jobs().len(), WORKERS);
}
