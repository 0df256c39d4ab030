//! `throughline policy test`

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use throughline_assembly::rules::RulesSettings;
use throughline_config::{Config, Sources};
use throughline_offline::{Comparison, Recorded};
use throughline_recorded::Records;

use crate::client::Output;
use crate::draw;
use crate::process::exit::{Exit, Failure, Outcome};
use crate::process::output::{answer, tell};

/// Work that is over sooner shows no progress.
const SILENT: Duration = Duration::from_secs(2);

/// What can be done with policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// What a changed configuration would keep of recorded traffic, against what the present one keeps
    #[command(after_help = "\
Reads .json, .jsonl (one ExportTraceServiceRequest a line) and .pb (length-delimited), each plain, .gz or .zst; a directory
means all such files in it. It runs them through the same core as a server, in the time of their spans, without one.

Examples:
  throughline policy test recorded.jsonl --config new.yaml --config-old throughline.yaml
  throughline policy test recorded/ --config throughline.yaml --set 'sampling.policies=[{ name: all, type: always_sample }]'
  throughline policy test recorded/ --config new.yaml --output json | jq '.new.kept'

Exit status: 0 done, 1 a file or a configuration has faults, 3 the files hold no transaction.")]
    Test(TestArgs),
}

/// Flags.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Files or directories of recorded OTLP
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The changed configuration; may be given more than once, later ones override earlier ones
    #[arg(long, required = true, value_name = "NEW")]
    config: Vec<PathBuf>,
    /// One key over the changed configuration; may be given more than once
    #[arg(long, value_name = "KEY.PATH=VALUE")]
    set: Vec<String>,
    /// The present configuration; without it nothing is compared
    #[arg(long, value_name = "OLD")]
    config_old: Vec<PathBuf>,
    /// What a GiB of spans (protobuf, as received) costs where they are kept, in a currency of yours
    #[arg(long, value_name = "PRICE", default_value_t = 0.3)]
    price_per_gib: f64,
    /// How the answer is given
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(crate) fn run(command: PolicyCommand) -> Outcome {
    let PolicyCommand::Test(args) = command;
    let new = rules(args.config, args.set)?;
    let old = if args.config_old.is_empty() { None } else { Some(rules(args.config_old, Vec::new())?) };
    let comparison = Comparison::new(old.as_ref(), &new).map_err(|faults| {
        let text: Vec<_> = faults.iter().map(ToString::to_string).collect();
        Failure { exit: Exit::Failed, message: text.join("\n") }
    })?;
    let report = read(comparison, &args.files)?.finish(args.price_per_gib);
    if report.recorded.transactions == 0 {
        tell("no transaction is in these files");
        return Ok(Exit::NothingFound);
    }
    answer(&match args.output {
        Output::Json => serde_json::to_string(&report)?,
        Output::Text => draw::policy::draw(&report),
    });
    Ok(Exit::Done)
}

/// What a configuration says to the core.
fn rules(files: Vec<PathBuf>, set: Vec<String>) -> Result<RulesSettings, Failure> {
    let config = Config::load(&Sources::of_process(files, set, None));
    Ok(config.map_err(|error| Failure::of(&error))?.rules)
}

/// Hands it all recorded requests, with progress where it takes long.
fn read(mut comparison: Comparison, files: &[PathBuf]) -> Result<Comparison, Failure> {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
        .with_style(ProgressStyle::with_template("{spinner} {msg}")?);
    let started = Instant::now();
    let mut records = Records::open(files)?;
    while let Some(record) = records.next().transpose()? {
        // As if it came when the last of its spans had ended.
        comparison.take(record.last_end_unix_nano, &record.request);
        if bar.is_hidden() && started.elapsed() > SILENT {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        bar.set_message(line(comparison.recorded(), records.files_left()));
        bar.tick();
    }
    for file in records.skipped() {
        tell(&format!("{}: left out, it holds no recorded OTLP", file.display()));
    }
    bar.finish_and_clear();
    Ok(comparison)
}

fn line(recorded: &Recorded, files_left: usize) -> String {
    let Recorded { requests, spans, .. } = recorded;
    format!("{requests} requests, {spans} spans, {files_left} files left")
}
