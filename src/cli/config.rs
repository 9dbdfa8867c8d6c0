//! `squall config`: every resolved setting, and which layer set it.

use crate::cli::exit::print;
use crate::cli::flags::SettingsFlags;
use crate::error::Result;
use crate::settings::show;
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct ConfigArguments {
    #[command(flatten)]
    settings: SettingsFlags,
    /// Say which layer set each
    #[arg(long)]
    origin: bool,
}

pub(super) fn config(arguments: &ConfigArguments) -> Result<()> {
    print(&show(&arguments.settings.resolve()?, arguments.origin))
}
