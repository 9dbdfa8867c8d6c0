//! The files that a computation writes: checked before it begins, and given their names when all is done.

use crate::array::{Expr, Target};
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

/// Files that do not have their names yet. Dropping them removes them.
pub(super) struct Unfinished(Vec<Target>);

impl Unfinished {
    /// Makes the files at their full length.
    pub(super) fn create(targets: &[Target]) -> Result<Unfinished> {
        let mut files = Unfinished(Vec::new());
        for target in targets {
            files.0.push(target.clone());
            target.create()?;
        }
        Ok(files)
    }

    /// Gives the files their names.
    pub(super) fn finish(mut self) -> Result<()> {
        while let Some(target) = self.0.pop() {
            target.finish()?;
        }
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.0.iter().for_each(Target::discard);
    }
}
