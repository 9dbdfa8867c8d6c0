//! A disk that fills, fails, and tears when its machine dies: what was not synchronized is there in part.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use squall::error::{Error, Result};
use squall::run::{Owner, Process, Written, checkpoint};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

/// A run directory.
pub(crate) struct Disk {
    state: RefCell<State>,
}

struct State {
    rng: StdRng,
    owner: u64,
    files: BTreeMap<String, Vec<u8>>,
    /// Bytes that are still free.
    free: usize,
    /// Whether operations fail.
    broken: bool,
    /// How many bytes and names are still written before the writer dies.
    dies_after: Option<usize>,
    /// What the writer believes to be the owner, having looked a while ago.
    believed: Option<u64>,
    /// Whether content is on the disk when a write returns: not, where a test is to see that it matters.
    synchronizes: bool,
    unsynchronized: Vec<String>,
}

/// What has become of a write that its writer did not survive.
pub(crate) enum Death {
    /// The process alone is gone, and what it wrote is there.
    Process,
    /// So is its machine, with all that was not synchronized.
    Machine,
}

impl Disk {
    pub(crate) fn new(seed: u64, synchronizes: bool) -> Disk {
        Disk {
            state: RefCell::new(State {
                rng: StdRng::seed_from_u64(seed),
                owner: 0,
                files: BTreeMap::new(),
                free: usize::MAX,
                broken: false,
                dies_after: None,
                believed: None,
                synchronizes,
                unsynchronized: Vec::new(),
            }),
        }
    }

    pub(crate) fn owned_by(&self, nonce: u64) {
        self.state.borrow_mut().owner = nonce;
    }

    pub(crate) fn nonce(&self) -> u64 {
        self.state.borrow().owner
    }

    pub(crate) fn fill(&self, free: usize) {
        self.state.borrow_mut().free = free;
    }

    pub(crate) fn fail(&self, broken: bool) {
        self.state.borrow_mut().broken = broken;
    }

    pub(crate) fn heal(&self) {
        self.fill(usize::MAX);
        self.fail(false);
    }

    /// Writes a checkpoint by the production's steps, as one who saw the owner when it had `believed`.
    pub(crate) fn write(&self, nonce: u64, believed: Option<u64>, content: &[u8]) -> Result<Written> {
        self.state.borrow_mut().believed = believed;
        let written = checkpoint::write(self, nonce, content);
        self.state.borrow_mut().believed = None;
        written
    }

    /// The same, by a writer that dies at any moment of it.
    pub(crate) fn torn_write(&self, nonce: u64, content: &[u8]) {
        {
            let mut state = self.state.borrow_mut();
            let moments = content.len() + 200;
            state.dies_after = Some(state.rng.random_range(0..moments));
        }
        // Nobody is left to be told.
        let _ = checkpoint::write(self, nonce, content);
        let mut state = self.state.borrow_mut();
        state.dies_after = None;
    }

    /// What a machine's death leaves of files that were never synchronized: the beginning of each.
    pub(crate) fn lose(&self, death: &Death) {
        let mut state = self.state.borrow_mut();
        let unsynchronized = std::mem::take(&mut state.unsynchronized);
        if let Death::Machine = death {
            for name in unsynchronized {
                let kept = state.files.get(&name).map_or(0, Vec::len);
                let kept = if kept == 0 { 0 } else { state.rng.random_range(0..kept) };
                if let Some(file) = state.files.get_mut(&name) {
                    file.truncate(kept);
                }
            }
        }
    }

    /// The content of the newest checkpoint that is whole.
    pub(crate) fn newest(&self) -> Option<Vec<u8>> {
        checkpoint::newest(self)
    }

    pub(crate) fn remove_checkpoints(&self) {
        checkpoint::remove(self);
    }
}

impl State {
    /// Whether the writer lives to do something of so many bytes, and how many it does.
    fn lives(&mut self, bytes: usize) -> (bool, usize) {
        let Some(left) = &mut self.dies_after else { return (true, bytes) };
        let done = bytes.min(*left);
        *left -= done;
        (done == bytes, done)
    }
}

fn gone() -> io::Error {
    io::Error::other("the writer is dead")
}

impl checkpoint::Disk for Disk {
    fn owner(&self) -> Result<Owner> {
        let state = self.state.borrow();
        if state.broken {
            return Err(Error::system("cannot read the owner", &io::Error::other("input/output error")));
        }
        let nonce = state.believed.unwrap_or(state.owner);
        Ok(Owner { process: Process::this(), job: None, directory: PathBuf::new(), nonce })
    }

    fn read(&self, name: &str, most: u64) -> io::Result<Vec<u8>> {
        let state = self.state.borrow();
        let file = state.files.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(file[..file.len().min(most as usize)].to_vec())
    }

    fn write(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        let bytes = parts.concat();
        let (lives, done) = state.lives(bytes.len());
        if !lives && done == 0 {
            return Err(gone());
        }
        if state.broken {
            return Err(io::Error::other("input/output error"));
        }
        let done = done.min(state.free);
        state.files.insert(name.to_owned(), bytes[..done].to_vec());
        if !state.synchronizes {
            state.unsynchronized.push(name.to_owned());
        }
        match (lives, done == bytes.len()) {
            (false, _) => Err(gone()),
            (true, true) => Ok(()),
            (true, false) => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        // As long as a hundred bytes, so that some die before it.
        if !state.lives(100).0 {
            return Err(gone());
        }
        let file = state.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(to.to_owned(), file);
        for name in state.unsynchronized.iter_mut().filter(|name| *name == from) {
            to.clone_into(name);
        }
        Ok(())
    }

    fn remove(&self, name: &str) {
        let mut state = self.state.borrow_mut();
        if state.lives(1).0 {
            state.files.remove(name);
        }
    }
}
