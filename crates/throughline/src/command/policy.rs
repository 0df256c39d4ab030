//! `throughline policy test`

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use throughline_assembly::rules::RulesSettings;
use throughline_config::{Config, Sources};
use throughline_log::{Kind, LogFiles};
use throughline_offline::{Comparison, Recorded};
use throughline_recorded::{LeftOut, Records};

use crate::client::Output;
use crate::draw;
use crate::process::exit::{Exit, Failure, Outcome};
use crate::process::output::{answer, tell};

/// Work that is over sooner shows no progress.
const SILENT: Duration = Duration::from_secs(2);

/// What can be done with policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// What a changed configuration would keep of recorded or logged traffic, against what the present one keeps
    #[command(after_help = "\
Reads .json, .jsonl (one ExportTraceServiceRequest a line) and .pb (length-delimited), each plain, .gz or .zst; a directory
means all such files in it. It runs them through the same core as a server, in the time of their spans, without one.

A server's data folder (or its log folder) means what its log holds, in the time in which it came: that is what it received
since log.retention. It is read beside the running server, without a lock, and nothing is written. What began before the
log begins, or goes on at its end, is seen in part.

Examples:
  throughline policy test recorded.jsonl --config new.yaml --config-old throughline.yaml
  throughline policy test /var/lib/throughline --config new.yaml --config-old throughline.yaml
  throughline policy test recorded/ --config throughline.yaml --set 'sampling.policies=[{ name: all, type: always_sample }]'
  throughline policy test recorded/ --config new.yaml --output json | jq '.new.kept'

What cannot be read in files is left out, counted, and told of on standard error.

Exit status: 0 done, 1 nothing could be read or a configuration has faults, 3 the files hold no transaction.")]
    Test(TestArgs),
}

/// Flags.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Files or directories of recorded OTLP, or a server's data folder
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

/// Hands it all requests: those of logs, then those of files.
fn read(mut comparison: Comparison, paths: &[PathBuf]) -> Result<Comparison, Failure> {
    let mut progress = Progress::new()?;
    let (logs, files): (Vec<_>, Vec<_>) = paths.iter().partition(|path| log_of(path).is_some());
    for log in logs.into_iter().filter_map(|path| log_of(path)) {
        read_log(&mut comparison, &log, &mut progress)?;
    }
    if !files.is_empty() {
        let files: Vec<_> = files.into_iter().cloned().collect();
        read_files(&mut comparison, &files, &mut progress)?;
    }
    progress.bar.finish_and_clear();
    Ok(comparison)
}

/// The span log that a folder is or has: that of a server's data, of its logs, or itself.
fn log_of(path: &Path) -> Option<PathBuf> {
    let places = [path.to_owned(), path.join("span"), path.join("log").join("span")];
    places.into_iter().find(|place| LogFiles::is_log(place))
}

fn read_log(comparison: &mut Comparison, log: &Path, progress: &mut Progress) -> Result<(), Failure> {
    let mut files = LogFiles::open(log)?;
    while let Some(record) = files.next_record()? {
        if record.kind == Kind::Spans {
            comparison.take(&record.tenant, record.wall_ns, &record.payload);
        }
        progress.show(|| {
            let (passed, all) = files.progress();
            line(comparison.recorded(), &format!("{} of at most {} MiB read", passed >> 20, all >> 20))
        });
    }
    for damage in files.left_out() {
        tell(&format!("left out: {damage}"));
    }
    Ok(())
}

fn read_files(
    comparison: &mut Comparison,
    files: &[PathBuf],
    progress: &mut Progress,
) -> Result<(), Failure> {
    let mut records = Records::open(files)?;
    let (mut left_out, mut fault, mut taken) = (LeftOut::default(), None, false);
    while let Some(record) = records.next() {
        match record {
            Ok(record) => {
                // As if it came when the last of its spans had ended.
                comparison.take("", record.last_end_unix_nano, &record.request);
                taken = true;
            }
            Err(error) => {
                left_out.add(&error);
                fault.get_or_insert(error);
            }
        }
        progress.show(|| line(comparison.recorded(), &format!("{} files left", records.files_left())));
    }
    if let Some(error) = fault.filter(|_| !taken) {
        return Err(error.into());
    }
    left_out.lines().for_each(|line| tell(&line));
    for file in records.skipped() {
        tell(&format!("{}: left out, it holds no recorded OTLP", file.display()));
    }
    Ok(())
}

/// How far it is, on standard error, once it takes long.
struct Progress {
    bar: ProgressBar,
    started: Instant,
}

impl Progress {
    fn new() -> Result<Self, Failure> {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
            .with_style(ProgressStyle::with_template("{spinner} {msg}")?);
        Ok(Self { bar, started: Instant::now() })
    }

    fn show(&mut self, message: impl FnOnce() -> String) {
        if self.started.elapsed() <= SILENT {
            return;
        }
        if self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_message(message());
        self.bar.tick();
    }
}

fn line(recorded: &Recorded, how_far: &str) -> String {
    let Recorded { requests, spans, .. } = recorded;
    format!("{requests} requests, {spans} spans, {how_far}")
}
