//! `squall graph`: the task graph of what would be computed, to a file or to the terminal. Nothing is computed.

use crate::cli::exit::print;
use crate::cli::flags::SettingsFlags;
use crate::cli::run::expressions;
use crate::draw::draw;
use crate::error::Result;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct GraphArguments {
    #[command(flatten)]
    settings: SettingsFlags,
    /// The file to draw to: .svg, .dot, .txt or .png, replaced if it is there; the terminal otherwise
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn graph(arguments: &GraphArguments) -> Result<()> {
    let parsed = expressions(&arguments.settings.resolve()?)?;
    let drawing = draw(&[parsed.results, parsed.saves].concat());
    match &arguments.output {
        Some(path) => drawing.write(path),
        None => print(&drawing.to_text()),
    }
}
