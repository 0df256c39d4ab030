//! `throughline bank`

use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};
use throughline_bank::cli::Args;
use throughline_bank::{BankError, OnProgress, Options, Progress};

use crate::command::block_on;
use crate::process::exit::{Exit, Failure, Outcome};
use crate::process::output::{answer, tell};
use crate::process::signals;

pub(crate) fn run(args: Args) -> Outcome {
    let mut options = Options::from(args);
    tell(&format!("seed {}", options.seed));
    block_on(async move {
        let shutdown = signals::shutdown()?;
        let bar = ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{spinner} {msg}")?);
        let shown = Arc::new(Mutex::new(bar.clone()));
        options.on_progress = Some(OnProgress::new(move |progress| {
            shown.lock().unwrap_or_else(PoisonError::into_inner).set_message(line(progress));
        }));
        let report = throughline_bank::run(options, shutdown.cancelled_owned())
            .await
            .map_err(|error| failure(&error))?;
        bar.finish_and_clear();
        answer(&report.to_string());
        Ok(if report.failed == 0 { Exit::Done } else { Exit::Failed })
    })
}

fn line(progress: &Progress) -> String {
    let Progress { transfers, under_way, spans, failed, .. } = progress;
    format!("{transfers} transfers sent, {under_way} under way, {spans} spans, {failed} failed")
}

fn failure(error: &BankError) -> Failure {
    match error {
        BankError::Endpoint { .. } | BankError::Setting { .. } | BankError::Fault(_) => Failure::usage(error),
        BankError::Exporter(_) | BankError::Truth { .. } => Failure::of(error),
    }
}
