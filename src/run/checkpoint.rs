//! The checkpoint of a run as two files of which one is always whole: each write takes the older one's place.
//!
//! What is in one is not known here. A file is a magic line, the writer's nonce, a rising number, the SHA-256 of
//! what follows, and that. It is written under another name, synchronized and renamed, so a driver that is killed
//! while it writes, or a disk that is full, leaves the one before. No lock is held: locks fail on network file
//! systems. Instead every write first looks whether the run is still the writer's. The files are reached through
//! [`Disk`], so that `tests/simulation` puts the same steps on a disk that tears.

use crate::error::{Error, Result};
use crate::run::{Owner, RunDirectory, read_plain};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

/// The first line; another version of what follows has another one.
const MAGIC: &[u8; 20] = b"squall checkpoint 1\n";
/// Magic line, nonce, number, SHA-256.
const HEADER: usize = 20 + 8 + 8 + 32;
/// The files' names.
/// None is larger, in bytes: it is what a driver holds.
const LARGEST: u64 = 4 << 30;
const NAMES: [&str; 2] = ["checkpoint-0", "checkpoint-1"];

/// What has come of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It is on the disk.
    Kept,
    /// It is not written: the run has another driver by now, which is this one.
    Superseded(String),
}

/// What keeping checkpoints asks of a run directory.
pub trait Disk {
    /// Who drives the run, read anew.
    fn owner(&self) -> Result<Owner>;
    /// The first bytes of a file, so many at most.
    fn read(&self, name: &str, most: u64) -> io::Result<Vec<u8>>;
    /// Writes a file of these parts. When this returns it is on the disk, under some name.
    fn write(&self, name: &str, parts: &[&[u8]]) -> io::Result<()>;
    /// Gives a file another name, in place of what had that. When this returns the name is on the disk.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file, if it can be.
    fn remove(&self, name: &str);
}

/// Writes a checkpoint in place of the older one of two, if the run's owner still has this nonce. When this
/// returns it is on the disk.
pub fn write(disk: &impl Disk, nonce: u64, content: &[u8]) -> Result<Written> {
    let owner = disk.owner()?;
    if owner.nonce != nonce {
        let now = format!("process {} on {}", owner.process.id, owner.process.host);
        return Ok(Written::Superseded(now));
    }
    let newest = NAMES.iter().filter_map(|name| number(&disk.read(name, HEADER as u64).ok()?)).max();
    let number = newest.unwrap_or(0).saturating_add(1);
    let name = NAMES[(number % 2) as usize];
    let partial = format!(".{name}.partial");
    let written = disk.write(&partial, &[&header(nonce, number, content), content]);
    written.and_then(|()| disk.rename(&partial, name)).map(|()| Written::Kept).map_err(|error| {
        // What is left of it would only take room that there is none of.
        disk.remove(&partial);
        Error::system(format!("cannot write the checkpoint `{name}`"), &error)
    })
}

/// The newest checkpoint that is whole.
pub fn newest(disk: &impl Disk) -> Option<Vec<u8>> {
    let whole = NAMES.iter().filter_map(|name| whole(disk.read(name, u64::MAX).ok()?));
    whole.max_by_key(|(number, _)| *number).map(|(_, content)| content)
}

/// Removes the checkpoints of a run that needs none any more.
pub fn remove(disk: &impl Disk) {
    // One that cannot be removed takes some room, and is never read: the run has ended.
    NAMES.iter().for_each(|name| disk.remove(name));
}

impl RunDirectory {
    /// Writes a checkpoint, as [`write`].
    pub fn write_checkpoint(&self, nonce: u64, content: &[u8]) -> Result<Written> {
        let place = || format!("in `{}`", self.path().display());
        write(self, nonce, content).map_err(|error| error.cause(place()))
    }

    /// The newest checkpoint that is whole.
    pub fn checkpoint(&self) -> Option<Vec<u8>> {
        newest(self)
    }

    /// Whether there are checkpoints, whole or not.
    pub fn keeps_checkpoints(&self) -> bool {
        NAMES.iter().any(|name| self.path().join(name).exists())
    }

    /// Removes the checkpoints of a run that needs none any more.
    pub fn remove_checkpoints(&self) {
        remove(self);
    }
}

impl Disk for RunDirectory {
    fn owner(&self) -> Result<Owner> {
        RunDirectory::owner(self)
    }

    fn read(&self, name: &str, most: u64) -> io::Result<Vec<u8>> {
        read_plain(&self.path().join(name), LARGEST, most)
    }

    fn write(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let options = options.create(true).write(true).truncate(true).mode(0o600);
        let mut file = options.open(self.path().join(name))?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path().join(from), self.path().join(to))?;
        File::open(self.path())?.sync_all()
    }

    fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.path().join(name));
    }
}

fn header(nonce: u64, number: u64, content: &[u8]) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&nonce.to_le_bytes());
    header.extend_from_slice(&number.to_le_bytes());
    header.extend_from_slice(&Sha256::digest(content));
    header
}

fn number(bytes: &[u8]) -> Option<u64> {
    let number = bytes.get(..HEADER)?.strip_prefix(MAGIC)?.get(8..16)?;
    Some(u64::from_le_bytes(number.try_into().ok()?))
}

/// Number and content of a file, if nothing of it is missing or has changed.
fn whole(mut bytes: Vec<u8>) -> Option<(u64, Vec<u8>)> {
    let number = number(&bytes)?;
    let content = bytes.split_off(HEADER);
    (Sha256::digest(&content)[..] == bytes[HEADER - 32..]).then_some((number, content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Owner, RunId};

    fn run() -> (tempfile::TempDir, RunDirectory, u64) {
        let base = tempfile::tempdir().expect("a directory");
        let run = RunDirectory::create(&base.path().join("runs"), RunId::generate()).expect("created");
        let owner = Owner::this(None);
        run.write_owner(&owner).expect("written");
        (base, run, owner.nonce)
    }

    #[test]
    fn newest_whole_checkpoint_is_read() {
        let (_base, run, nonce) = run();
        assert_eq!(run.checkpoint(), None);
        for content in [b"one".as_slice(), b"two", b"three"] {
            run.write_checkpoint(nonce, content).expect("written");
            assert_eq!(run.checkpoint().as_deref(), Some(content));
        }
        run.remove_checkpoints();
        assert_eq!(run.checkpoint(), None);
    }

    #[test]
    fn any_change_of_the_newest_brings_back_the_one_before() {
        let (_base, run, nonce) = run();
        run.write_checkpoint(nonce, b"before").expect("written");
        run.write_checkpoint(nonce, b"after").expect("written");
        let newest = run.path().join(NAMES[0]);
        let bytes = fs::read(&newest).expect("there");
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            // The nonce says who wrote it, and the number which is newer; neither is what was computed.
            let told = !(20..36).contains(&place);
            fs::write(&newest, changed).expect("written");
            if told {
                assert_eq!(run.checkpoint().as_deref(), Some(b"before".as_slice()), "byte {place}");
            }
            fs::write(&newest, &bytes[..place]).expect("written");
            assert_eq!(run.checkpoint().as_deref(), Some(b"before".as_slice()), "cut at {place}");
        }
    }

    #[test]
    fn driver_that_was_replaced_writes_no_more() {
        let (_base, run, nonce) = run();
        run.write_checkpoint(nonce, b"mine").expect("written");
        run.write_owner(&Owner::this(None)).expect("written");
        let written = run.write_checkpoint(nonce, b"late").expect("looked at");
        assert!(matches!(written, Written::Superseded(now) if now.starts_with("process ")));
        assert_eq!(run.checkpoint().as_deref(), Some(b"mine".as_slice()));
    }
}
