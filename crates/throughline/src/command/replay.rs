//! `throughline replay`

use indicatif::{ProgressBar, ProgressStyle};
use throughline_clickhouse::schema::SchemaSettings;
use throughline_recorded::cli::Args;
use throughline_recorded::{Progress, ReplayError, ReplayOptions, ReplayReport, replay};

use crate::command::block_on;
use crate::process::exit::{Exit, Failure, Outcome};
use crate::process::output::{answer, tell};
use crate::process::signals;

pub(crate) fn run(args: Args) -> Outcome {
    let mut options = ReplayOptions::from(args);
    options.warn_older_than = Some(SchemaSettings::default().retention_spans);
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
        report.left_out.lines().for_each(|line| tell(&line));
        if report.too_old > 0 {
            tell(&too_old(&report));
        }
        Ok(if report.failed + report.rejected == 0 { Exit::Done } else { Exit::Failed })
    })
}

/// The server's own retention is not known here: what is said holds for the usual one.
fn too_old(report: &ReplayReport) -> String {
    let usual = humantime::format_duration(SchemaSettings::default().retention_spans);
    format!(
        "warning: {} spans are older than {usual}, for which a store keeps spans unless clickhouse.retention says otherwise: it deletes them soon. Raise \
         clickhouse.retention.spans and clickhouse.retention.transactions there, or replay with --shift-to-now",
        report.too_old
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_spans_are_told_with_what_to_do() {
        let text = too_old(&ReplayReport { too_old: 3, ..ReplayReport::default() });
        assert!(text.starts_with("warning: 3 spans are older than 7days"), "{text}");
        assert!(text.contains("clickhouse.retention.spans") && text.contains("--shift-to-now"), "{text}");
    }
}
