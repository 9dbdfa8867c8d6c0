//! The files that a computation writes: checked before it begins, and given their names when all is done.

use crate::array::{Expr, Target};
use crate::driver::Kept;
use crate::error::{Error, Result};
use rand::RngExt;
use std::collections::BTreeSet;

/// Checks that every path can be written, and pairs it with what is written there.
pub fn targets(saves: &[(String, Expr)]) -> Result<Vec<(Target, Expr)>> {
    // Two runs that save to one path must not share the file in which they do.
    let run = format!("{:08x}", rand::rng().random::<u32>());
    let target = |(path, expr): &(String, Expr)| {
        Ok((Target::new(path, expr.dtype(), expr.shape(), &run)?, expr.clone()))
    };
    let targets: Vec<(Target, Expr)> = saves.iter().map(target).collect::<Result<_>>()?;
    let mut paths = BTreeSet::new();
    if let Some((twice, _)) = targets.iter().find(|(target, _)| !paths.insert(&target.path)) {
        return Err(Error::refused(format!("two arrays would be saved to `{}`", twice.path))
            .hint("give each a file of its own"));
    }
    Ok(targets)
}

/// Files that do not have their names yet. Dropping them removes them, unless the run can be gone on with.
pub(super) struct Unfinished {
    targets: Vec<Target>,
    kept: Kept,
}

impl Unfinished {
    /// Makes the files at their full length.
    pub(super) fn create(targets: &[Target], kept: Kept) -> Result<Unfinished> {
        let mut files = Unfinished { targets: Vec::new(), kept };
        for target in targets {
            files.targets.push(target.clone());
            target.create()?;
        }
        Ok(files)
    }

    /// The files as an earlier driver of the run has left them.
    pub(super) fn reopen(targets: &[Target], kept: Kept) -> Result<Unfinished> {
        targets.iter().try_for_each(Target::check_begun)?;
        Ok(Unfinished { targets: targets.to_vec(), kept })
    }

    /// Gives the files their names.
    pub(super) fn finish(mut self) -> Result<()> {
        while let Some(target) = self.targets.pop() {
            target.finish()?;
        }
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.kept.get().is_none() {
            self.targets.iter().for_each(Target::discard);
        }
    }
}
