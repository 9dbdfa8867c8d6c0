//! Connections: bytes in order along each, late, cut in the middle of a frame, or swallowed without a word.

use crate::world::{Happening, SECOND, World};
use rand::RngExt;
use std::collections::VecDeque;

/// Messages that the sockets of a connection hold before their writer waits.
const SOCKETS: usize = 32;
/// Messages that may wait for a writer, as in the shells of driver and worker.
const OUTGOING: usize = 64;

/// An end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Driver,
    Worker,
}

impl Side {
    pub(crate) fn other(self) -> Side {
        if self == Side::Driver { Side::Worker } else { Side::Driver }
    }
}

/// What arrives.
#[derive(Debug)]
pub(crate) enum Item {
    Frame(Vec<u8>),
    /// The stream breaks after these bytes of a frame.
    Broken(Vec<u8>),
    /// The other side has ended in order.
    End,
    /// Nothing: it was lost on the way.
    Lost,
}

/// One direction.
#[derive(Default)]
pub(crate) struct Pipe {
    flight: VecDeque<Item>,
    /// When the last of them arrives: no later one does before it.
    last: u64,
    stalled_until: u64,
    /// Whether everything is swallowed.
    hole: bool,
    swallowed: usize,
    /// Whether more may be sent.
    shut: bool,
}

pub(crate) struct Connection {
    pub(crate) life: usize,
    pub(crate) worker: usize,
    /// Whether the worker has registered.
    pub(crate) registered: bool,
    /// When each side last heard the other.
    pub(crate) heard: [u64; 2],
    /// Which sides are done with it.
    pub(crate) closed: [bool; 2],
    /// What travels to each side.
    pipes: [Pipe; 2],
}

impl Connection {
    pub(crate) fn is_closed(&self, side: Side) -> bool {
        self.closed[side as usize]
    }

    /// Messages to `side` that have not arrived.
    fn outstanding(&self, side: Side) -> usize {
        let pipe = &self.pipes[side as usize];
        pipe.flight.len() + pipe.swallowed
    }

    /// Whether the writer to `side` waits.
    pub(crate) fn is_blocked(&self, side: Side) -> bool {
        self.outstanding(side) >= SOCKETS
    }
}

impl World {
    pub(crate) fn connect(&mut self, life: usize, worker: usize) -> usize {
        let pipes = [Pipe::default(), Pipe::default()];
        let (heard, closed) = ([self.now; 2], [false; 2]);
        self.connections.push(Connection { life, worker, registered: false, heard, closed, pipes });
        self.connections.len() - 1
    }

    /// Sends a frame to one side of a connection; returns whether it is taken.
    pub(crate) fn send(&mut self, connection: usize, to: Side, frame: Vec<u8>) -> bool {
        let link = &self.connections[connection];
        if link.is_closed(to.other()) || link.pipes[to as usize].shut {
            return true;
        }
        let outstanding = link.outstanding(to);
        self.checker.outgoing(outstanding.saturating_sub(SOCKETS));
        if outstanding >= SOCKETS + OUTGOING {
            return false;
        }
        self.put(connection, to, Item::Frame(frame));
        true
    }

    fn put(&mut self, connection: usize, to: Side, item: Item) {
        let delay = self.delay();
        let pipe = &mut self.connections[connection].pipes[to as usize];
        if pipe.hole {
            pipe.swallowed += 1;
            return;
        }
        let at = (self.now + delay).max(pipe.stalled_until).max(pipe.last);
        pipe.last = at;
        pipe.flight.push_back(item);
        self.at(at, Happening::Arrives { connection, to });
    }

    /// What arrives next at a side that still listens.
    pub(crate) fn arrived(&mut self, connection: usize, to: Side) -> Option<Item> {
        let link = &mut self.connections[connection];
        let item = link.pipes[to as usize].flight.pop_front().expect("one for each arrival");
        let heard = !link.is_closed(to) && !matches!(item, Item::Lost);
        heard.then(|| {
            link.heard[to as usize] = self.now;
            item
        })
    }

    /// One side ends its part in order; what it sent still arrives.
    pub(crate) fn shut(&mut self, connection: usize, side: Side) {
        let pipe = &mut self.connections[connection].pipes[side.other() as usize];
        if !std::mem::replace(&mut pipe.shut, true) {
            self.put(connection, side.other(), Item::End);
        }
    }

    /// One side is done with the connection.
    pub(crate) fn close(&mut self, connection: usize, side: Side) {
        self.shut(connection, side);
        self.connections[connection].closed[side as usize] = true;
    }

    /// One side is gone without a word.
    pub(crate) fn vanish(&mut self, connection: usize, side: Side) {
        self.swallow(connection, side.other());
        self.connections[connection].closed[side as usize] = true;
    }

    /// Nothing arrives at `to` any more.
    pub(crate) fn swallow(&mut self, connection: usize, to: Side) {
        let pipe = &mut self.connections[connection].pipes[to as usize];
        pipe.hole = true;
        for item in &mut pipe.flight {
            *item = Item::Lost;
        }
    }

    /// Nothing arrives at `to` for a while.
    pub(crate) fn stall(&mut self, connection: usize, to: Side, until: u64) {
        let pipe = &mut self.connections[connection].pipes[to as usize];
        pipe.stalled_until = pipe.stalled_until.max(until);
    }

    /// Breaks the connection: what has not arrived is lost from somewhere on, mostly in the middle of a frame, and
    /// the sides see it at different times.
    pub(crate) fn cut(&mut self, connection: usize) {
        for to in [Side::Driver, Side::Worker] {
            let late = self.rng.random_range(0..10 * SECOND);
            let pipe = &mut self.connections[connection].pipes[to as usize];
            pipe.shut = true;
            let kept = self.rng.random_range(0..=pipe.flight.len());
            let mut rest = Vec::new();
            if let Some(Item::Frame(frame)) = pipe.flight.get(kept) {
                rest = frame[..self.rng.random_range(0..frame.len())].to_vec();
            }
            for item in pipe.flight.iter_mut().skip(kept) {
                *item = Item::Lost;
            }
            pipe.stalled_until = pipe.stalled_until.max(self.now + late);
            self.put(connection, to, Item::Broken(rest));
        }
    }
}
