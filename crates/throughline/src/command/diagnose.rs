//! `throughline diagnose`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use throughline_advice::Advice;
use throughline_analysis::diagnosis::Incident;
use throughline_assembly::rules::RuleFault;
use throughline_config::{Config, Sources};
use throughline_offline::{Diagnosed, Diagnosing, LOOKS};
use throughline_recorded::{LeftOut, Records};

use crate::client::Output;
use crate::draw;
use crate::process::exit::{Exit, Failure, Outcome};
use crate::process::output::{answer, tell};

/// Work that is over sooner shows no progress.
const SILENT: Duration = Duration::from_secs(2);

/// Bytes of requests that wait until those before them have come.
const WAITING_BYTES: usize = 256 << 20;

/// Flags.
#[derive(Debug, Args)]
#[command(after_help = "\
Reads .json, .jsonl (one ExportTraceServiceRequest a line) and .pb (length-delimited), each plain, .gz or .zst; a directory
means all such files in it. All is read twice, unless it comes from a pipe: what the first look taught is normal in the second
from the beginning, so what is healthy may come before a fault, after it or between others. No configuration is needed; one may say who owns what (`departments`) and what a transaction is.

Examples:
  throughline diagnose recorded/
  throughline diagnose monday.jsonl.zst tuesday.jsonl.zst --config throughline.yaml
  throughline diagnose recorded/ --output json | jq -r '.suspects[0].service'

Requests need not lie in order: some 256 MiB of them are put in order. What cannot be read (a broken line, a file that breaks
off or holds something else) is left out, counted, and told of on standard error; the rest is diagnosed.

Exit status: 0 something was wrong, 1 nothing could be read or the configuration has faults, 3 nothing was found.")]
pub(crate) struct DiagnoseArgs {
    /// Files or directories of recorded OTLP
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// YAML file; may be given more than once, later ones override earlier ones
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// One key, over files and environment; may be given more than once
    #[arg(long, value_name = "KEY.PATH=VALUE")]
    set: Vec<String>,
    /// Read it once, as a server sees it: only what came before says what is normal
    #[arg(long)]
    once: bool,
    /// How the answer is given: json is one incident a line
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// An incident with what rule packs say of it.
#[derive(Serialize)]
struct Advised<'a> {
    #[serde(flatten)]
    incident: &'a Incident,
    advice: Vec<Advice>,
}

pub(crate) fn run(args: DiagnoseArgs) -> Outcome {
    let config = Config::load(&Sources::of_process(args.config, args.set, None));
    let config = config.map_err(|error| Failure::of(&error))?;
    let diagnosing = Diagnosing::new(&config.rules).map_err(|faults| invalid(&faults))?;
    let mut diagnosing = read(diagnosing, &args.files, true)?;
    let looks = if args.once || args.files.iter().any(|file| is_read_once(file)) { 1 } else { LOOKS };
    for _ in 1..looks {
        let again = diagnosing.look_again().map_err(|faults| invalid(&faults))?;
        diagnosing = read(again, &args.files, false)?;
    }
    let diagnosed = diagnosing.finish();
    if diagnosed.malformed > 0 {
        tell(&format!("{} requests are no valid OTLP and were left out", diagnosed.malformed));
    }
    if diagnosed.incidents.is_empty() {
        tell(&format!("nothing found in {}", seen(&diagnosed)));
        return Ok(Exit::NothingFound);
    }
    match args.output {
        Output::Json => {
            for incident in &diagnosed.incidents {
                let advice = config.advice.advise(incident);
                answer(&serde_json::to_string(&Advised { incident, advice })?);
            }
        }
        Output::Text => {
            answer(&draw::diagnosis::draw(&diagnosed.incidents, &config.advice));
            tell(&format!("{} found in {}", count(diagnosed.incidents.len(), "incident"), seen(&diagnosed)));
        }
    }
    Ok(Exit::Done)
}

fn invalid(faults: &[RuleFault]) -> Failure {
    let text: Vec<_> = faults.iter().map(ToString::to_string).collect();
    Failure { exit: Exit::Failed, message: text.join("\n") }
}

/// Whether it is a pipe, say: what was read of it is gone.
fn is_read_once(file: &Path) -> bool {
    file.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn seen(diagnosed: &Diagnosed) -> String {
    format!("{} transactions of {} spans", diagnosed.transactions, diagnosed.spans)
}

/// Requests by their time, as far as they wait together: what was recorded service by service comes out in order.
#[derive(Default)]
struct Waiting {
    requests: BTreeMap<(u64, u64), Bytes>,
    bytes: usize,
    taken: u64,
}

impl Waiting {
    fn push(&mut self, time: u64, request: Bytes) {
        self.bytes += request.len();
        self.taken += 1;
        self.requests.insert((time, self.taken), request);
    }

    /// The earliest, where more wait than may, or all are to go.
    fn pop(&mut self, all: bool) -> Option<(u64, Bytes)> {
        if !all && self.bytes <= WAITING_BYTES {
            return None;
        }
        let ((time, _), request) = self.requests.pop_first()?;
        self.bytes -= request.len();
        Some((time, request))
    }
}

fn show(bar: &ProgressBar, diagnosing: &Diagnosing, left: usize) {
    let so_far = diagnosing.so_far();
    let (spans, incidents) = (so_far.spans, so_far.incidents.len());
    bar.set_message(format!("{spans} spans, {incidents} incidents, {left} files left"));
    bar.tick();
}

/// Hands it all recorded requests, with progress where it takes long, and tells in the first look what could not be read: that is an error where nothing
/// else was there.
fn read(mut diagnosing: Diagnosing, files: &[PathBuf], is_first: bool) -> Result<Diagnosing, Failure> {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
        .with_style(ProgressStyle::with_template("{spinner} {msg}")?);
    let started = Instant::now();
    let mut records = Records::open(files)?;
    let (mut waiting, mut left_out, mut fault) = (Waiting::default(), LeftOut::default(), None);
    while let Some(record) = records.next() {
        match record {
            Ok(record) => waiting.push(record.last_end_unix_nano, record.request),
            Err(error) => {
                left_out.add(&error);
                fault.get_or_insert(error);
            }
        }
        while let Some((time, request)) = waiting.pop(false) {
            diagnosing.take(time, &request);
        }
        if bar.is_hidden() && started.elapsed() > SILENT {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        show(&bar, &diagnosing, records.files_left());
    }
    while let Some((time, request)) = waiting.pop(true) {
        diagnosing.take(time, &request);
        show(&bar, &diagnosing, 0);
    }
    if let Some(error) = fault.filter(|_| waiting.taken == 0) {
        return Err(error.into());
    }
    left_out.lines().filter(|_| is_first).for_each(|line| tell(&line));
    for file in records.skipped().iter().filter(|_| is_first) {
        tell(&format!("{}: left out, it holds no recorded OTLP", file.display()));
    }
    bar.finish_and_clear();
    Ok(diagnosing)
}
