//! What a run has kept of itself: what it computes, with which settings, and how far it is. From there it is gone on
//! with, and when it is done it can be extended.

use crate::array::{Expr, Target, resize};
use crate::cli::run::{definitions, expressions};
use crate::cluster::computed_before;
use crate::driver::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::plan::{Plan, plan};
use crate::settings::Settings;
use crate::store::LocalFiles;
use std::path::Path;
use std::sync::Arc;

/// A run that has ended, or that begins where another one has ended.
pub(super) struct Kept {
    pub(super) settings: Settings,
    pub(super) plan: Plan,
    pub(super) checkpoint: Checkpoint,
}

impl Kept {
    /// What the bytes of a checkpoint say, with the settings of its run. What has changed since is refused.
    pub(super) fn of(mut settings: Settings, content: &[u8]) -> Result<Kept> {
        let checkpoint = Checkpoint::decode(content)?;
        let mut now = planned(&settings, &checkpoint.targets)?;
        // The checkpoint is what counts: a driver that extends a run may die before or after it has written its
        // settings.
        if let (Some(extent), Ok((stream, _))) = (checkpoint.extent, now.extendable()) {
            let stream = stream.to_owned();
            settings = resized(&settings, &stream, extent.size)?;
            now = planned(&settings, &[])?;
            if extent.counted > 0 {
                now = now.beyond(&planned(&resized(&settings, &stream, extent.counted)?, &[])?)?;
            }
        }
        // What has changed is told before anything is started.
        checkpoint.identity.check(&now.identity())?;
        Ok(Kept { settings, plan: now, checkpoint })
    }

    /// The same with more elements, of which those of this one need not be computed again.
    pub(super) fn extended(self, size: u64) -> Result<Kept> {
        let Kept { settings, plan, checkpoint } = self;
        let (stream, before) = plan.extendable().map(|(stream, size)| (stream.to_owned(), size))?;
        if computed_before(&Arc::new(plan), &checkpoint)?.is_none() {
            return Err(Error::refused("the run is not finished")
                .hint("go on with it first, without --size; then it can be extended"));
        }
        let settings = resized(&settings, &stream, size)?;
        let plan = planned(&settings, &[])?;
        let earlier = planned(&resized(&settings, &stream, before)?, &[])?;
        let plan = plan.beyond(&earlier)?;
        let checkpoint = checkpoint.extended_by(&plan);
        Ok(Kept { settings, plan, checkpoint })
    }
}

/// Refuses what cannot be extended, whatever was kept of it.
pub(super) fn check_extendable(settings: &Settings) -> Result<()> {
    let plan = planned(settings, &[])?;
    plan.extendable().map(|_| ())
}

/// The plan of what the settings ask for, with files that have been begun.
fn planned(settings: &Settings, targets: &[Target]) -> Result<Plan> {
    let parsed = expressions(settings)?;
    let begun = |target: &Target| {
        let is_path = |(path, _): &&(String, Expr)| {
            std::path::absolute(path).is_ok_and(|path| path == Path::new(&target.path))
        };
        parsed.saves.iter().find(is_path).map(|(_, expr)| (target.clone(), expr.clone()))
    };
    let saves: Vec<(Target, Expr)> = targets.iter().filter_map(begun).collect();
    let seed = settings.seed.ok_or_else(|| Error::refused("the run has no seed"))?;
    plan(&parsed.results, &saves, seed)
}

/// The settings with another size of the random arrays of a stream.
fn resized(settings: &Settings, stream: &str, size: u64) -> Result<Settings> {
    let definitions = resize(&definitions(settings), &LocalFiles, stream, size)?;
    let mut settings = settings.clone();
    (settings.arrays, settings.results) = (definitions.arrays, definitions.results);
    Ok(settings)
}
