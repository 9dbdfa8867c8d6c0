//! A file that is to be written: checked early, made at its full length, and given its name when all is done.
//!
//! Until then it has a name of its own beside the target, so a file of the target's name is always whole. Elements
//! are `write`'s. Messages are in `tests/target.rs`.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use rustix::fs::{CWD, FallocateFlags, RenameFlags, fallocate, renameat_with, statvfs};
use rustix::io::Errno;

use crate::array::{DType, Shape, Target};
use crate::error::{Error, ErrorKind, Result};
use crate::store::header;

impl Target {
    /// Checks that `path` can be written later, by the run of the given id. Nothing stays behind.
    pub fn new(path: &str, dtype: DType, shape: &Shape, run: &str) -> Result<Target> {
        let refused = |cause: String| Error::refused(format!("cannot save to `{path}`")).cause(cause);
        let absolute = std::path::absolute(path).map_err(|error| refused(error.to_string()))?;
        let utf8 = |path: &Path| {
            path.to_str().map(str::to_owned).ok_or_else(|| refused("its path is not UTF-8".into()))
        };
        let (Some(name), Some(directory), true) =
            (absolute.file_name().and_then(OsStr::to_str), absolute.parent(), path.ends_with(".npy"))
        else {
            return Err(
                refused("its name does not end in `.npy`".into()).hint("arrays are saved as `.npy` files")
            );
        };
        if absolute.symlink_metadata().is_ok() {
            return Err(refused(format!("{} exists", absolute.display()))
                .hint("nothing is overwritten: choose another name, or remove the file"));
        }
        if !directory.is_dir() {
            return Err(
                refused(format!("there is no directory {}", directory.display())).hint("make it first")
            );
        }
        let temporary = directory.join(format!(".{name}.{run}.partial"));
        let target = Target {
            path: utf8(&absolute)?,
            temporary: utf8(&temporary)?,
            dtype,
            shape: shape.extents().to_vec(),
            offset: header::ELEMENTS_AT,
        };
        let Some(bytes) = target.bytes() else {
            return Err(refused(format!("an array of shape {shape} is too large for a file")));
        };
        // Where the file system does not tell, making the file will.
        if let Ok(system) = statvfs(directory)
            && system.f_blocks > 0
            && system.f_bavail.saturating_mul(system.f_frsize) < bytes
        {
            let free = system.f_bavail.saturating_mul(system.f_frsize);
            return Err(refused(format!(
                "the file has {bytes} bytes, and {} has {free} free",
                directory.display()
            ))
            .hint("save to another file system, or save less"));
        }
        // Whether a directory can be written is only known by writing.
        OpenOptions::new().write(true).create_new(true).open(&target.temporary).map_err(|error| {
            let cause = format!("{}: {error}", directory.display());
            Error::new(ErrorKind::System, format!("cannot save to `{path}`")).cause(cause)
        })?;
        target.discard();
        Ok(target)
    }

    /// The number of elements.
    pub(super) fn elements(&self) -> Result<u64> {
        Ok(Shape::new(self.shape.clone())?.size())
    }

    /// Bytes of the whole file, if a file can have so many.
    fn bytes(&self) -> Option<u64> {
        let elements = self.elements().ok()?;
        let bytes = elements.checked_mul(self.dtype.itemsize())?.checked_add(self.offset)?;
        i64::try_from(bytes).is_ok().then_some(bytes)
    }

    /// Makes the temporary file with its header and room for all elements.
    pub fn create(&self) -> Result<()> {
        let made = OpenOptions::new().write(true).create_new(true).open(&self.temporary);
        let mut file = made.map_err(|error| self.failed("make", &error))?;
        self.fill(&mut file).map_err(|error| {
            self.discard();
            let error = self.failed("make room for", &error);
            error.cause(format!("it needs {} bytes", self.bytes().unwrap_or(u64::MAX)))
        })
    }

    /// Refuses to go on with a file that is no longer as it was made, or whose name is taken by now.
    pub fn check_begun(&self) -> Result<()> {
        let begun = fs::metadata(&self.temporary).map_err(|error| {
            self.failed("go on with", &error).cause(format!("`{}` holds what is done of it", self.temporary))
        })?;
        if Some(begun.len()) != self.bytes() {
            return Err(Error::refused(format!("cannot go on with `{}`", self.path)).cause(format!(
                "`{}`, which holds what is done of it, has {} bytes",
                self.temporary,
                begun.len()
            )));
        }
        if Path::new(&self.path).symlink_metadata().is_ok() {
            return Err(Error::refused(format!("cannot go on with `{}`", self.path))
                .cause("a file of that name has appeared since")
                .hint("nothing is overwritten: move the file out of the way"));
        }
        Ok(())
    }

    fn fill(&self, file: &mut File) -> io::Result<()> {
        let shape =
            Shape::new(self.shape.clone()).map_err(|error| io::Error::other(error.what().to_owned()))?;
        let bytes = self.bytes().ok_or(io::ErrorKind::FileTooLarge)?;
        reserve(file, bytes)?;
        file.write_all(&header::write(self.dtype, &shape))?;
        // Workers on other machines open it as soon as this returns.
        file.sync_all()
    }

    /// Gives the whole file its name. When this fails, the temporary file stays as it is.
    pub fn finish(&self) -> Result<()> {
        let name = || -> io::Result<()> {
            File::open(&self.temporary)?.sync_all()?;
            rename(&self.temporary, &self.path)?;
            let directory = Path::new(&self.path).parent().unwrap_or(Path::new("/"));
            File::open(directory)?.sync_all()
        };
        name().map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Error::refused(format!("cannot save to `{}`", self.path))
                .cause("a file of that name has appeared during the run")
                .hint(format!("nothing is overwritten: the array is whole in `{}`", self.temporary)),
            _ => self.failed("finish", &error),
        })
    }

    /// The same where an earlier driver may have done it.
    pub fn finish_again(&self) -> Result<()> {
        let there = |path: &str| Path::new(path).symlink_metadata().is_ok();
        if there(&self.path) && !there(&self.temporary) {
            return Ok(());
        }
        self.check_begun()?;
        self.finish()
    }

    /// Removes the temporary file, if it is there.
    pub fn discard(&self) {
        // What is not there, or cannot be removed now, is no one's loss: its name is never used again.
        let _ = fs::remove_file(&self.temporary);
    }

    fn failed(&self, what: &str, error: &io::Error) -> Error {
        Error::system(format!("cannot {what} `{}`", self.path), error)
    }
}

/// Takes the room on the disk where the file system can; elsewhere the file only gets its length.
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    loop {
        return match fallocate(file, FallocateFlags::empty(), 0, bytes) {
            Err(Errno::INTR) => continue,
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => file.set_len(bytes),
            other => Ok(other?),
        };
    }
}

/// Renames without replacing.
fn rename(from: &str, to: &str) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // File systems of a network often do not know the flag.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        other => Ok(other?),
    }
}
