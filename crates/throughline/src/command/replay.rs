//! `throughline replay`

use indicatif::{ProgressBar, ProgressStyle};
use throughline_recorded::cli::Args;
use throughline_recorded::{Progress, ReplayError, ReplayOptions, replay};

use crate::command::block_on;
use crate::process::exit::{Exit, Failure, Outcome};
use crate::process::output::{answer, tell};
use crate::process::signals;

pub(crate) fn run(args: Args) -> Outcome {
    let options = ReplayOptions::from(args);
    block_on(async move {
        let shutdown = signals::shutdown()?;
        let bar = ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{spinner} {msg}")?);
        let shown = bar.clone();
        let show = move |progress: &Progress| shown.set_message(line(progress));
        let report =
            replay(options, show, shutdown.cancelled_owned()).await.map_err(|error| failure(&error))?;
        bar.finish_and_clear();
        answer(&report.to_string());
        if let Some(refusal) = &report.refusal {
            tell(&format!("the server said: {refusal}"));
        }
        Ok(if report.failed + report.rejected == 0 { Exit::Done } else { Exit::Failed })
    })
}

fn line(progress: &Progress) -> String {
    format!("{}, {} files left, {} in flight", progress.report, progress.files_left, progress.in_flight)
}

fn failure(error: &ReplayError) -> Failure {
    if let Some(report) = error.report() {
        tell(&format!("until then: {report}"));
    }
    match error {
        ReplayError::Endpoint(_) => Failure::usage(error),
        ReplayError::Read { .. } | ReplayError::GaveUp { .. } => Failure::of(error),
    }
}
