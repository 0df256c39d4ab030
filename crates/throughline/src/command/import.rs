//! `throughline config import`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use throughline_config::import::{ImportError, Imported, otelcol, refinery};

use crate::client::Output;
use crate::process::exit::{Exit, Failure, Outcome};
use crate::process::output::{answer, tell};

/// Whose configuration is turned into ours.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// The OpenTelemetry Collector's: a whole configuration, a `tail_sampling` block, or its `policies`, also within a chart's values or a manifest
    #[command(after_help = "\
Examples:
  throughline config import otelcol collector.yaml > throughline.yaml    what has no equal is told on standard error
  throughline config check throughline.yaml
  throughline config import otelcol collector.yaml --output json | jq '.notes[]'

Exit status: 0 done, 1 nothing in it can be imported, 2 the file cannot be read.")]
    Otelcol(ImportArgs),
    /// Refinery's: its rules (`Samplers`), or its configuration (`General`, `Traces`)
    #[command(after_help = "\
Examples:
  throughline config import refinery rules.yaml > policies.yaml          what has no equal is told on standard error
  throughline config import refinery config.yaml > waits.yaml
  throughline serve --config policies.yaml --config waits.yaml

Exit status: 0 done, 1 nothing in it can be imported, 2 the file cannot be read.")]
    Refinery(ImportArgs),
}

/// Flags.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// YAML file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How the answer is given: the YAML with notes beside it, or one document with both
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(crate) fn run(command: ImportCommand) -> Outcome {
    match command {
        ImportCommand::Otelcol(args) => import(&args, otelcol),
        ImportCommand::Refinery(args) => import(&args, refinery),
    }
}

fn import(args: &ImportArgs, turn: fn(&str) -> Result<Imported, ImportError>) -> Outcome {
    let file = args.file.display();
    let text = std::fs::read_to_string(&args.file)
        .map_err(|error| Failure { exit: Exit::Usage, message: format!("{file}: {error}") })?;
    let imported = turn(&text).map_err(|error| Failure {
        exit: Exit::Failed,
        message: match &error {
            ImportError::Yaml { .. } => format!("{file}:{error}"),
            ImportError::Nothing(_) => format!("{file}: {error}"),
        },
    })?;
    match args.output {
        Output::Json => answer(&serde_json::to_string(&imported)?),
        Output::Text => {
            answer(imported.yaml.trim_end());
            for note in &imported.notes {
                let line = note.line.map_or_else(String::new, |line| format!(":{line}"));
                tell(&format!("{file}{line}: {}: {}", note.key, note.message));
            }
        }
    }
    Ok(Exit::Done)
}
