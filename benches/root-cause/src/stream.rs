//! Requests to finished transactions in the order of their time.

use std::error::Error;
use std::path::PathBuf;

use throughline_analysis::diagnosis::{Change, Diagnosis, DiagnosisSettings, Incident};
use throughline_assembly::{
    incidents::with_finished,
    records::{Closed, Outcome},
    rules::RulesSettings,
};
use throughline_offline::{Event, Offline, Timeline};
use throughline_recorded::Records;

/// Finished transactions, each with the time at which it is known.
pub(crate) type Stream = Vec<(u64, Closed)>;

/// The transactions that these requests make up.
pub(crate) fn assemble(
    rules: &RulesSettings,
    requests: impl Iterator<Item = Result<(u64, impl AsRef<[u8]>), Box<dyn Error>>>,
) -> Result<Stream, Box<dyn Error>> {
    let mut offline = Offline::new(rules).map_err(|faults| format!("{faults:?}"))?;
    let mut timeline = Timeline::default();
    let mut see = |event: Event<'_>| {
        if let Event::Closed { closed, row, at, .. } = event {
            let time = if row.outcome == Outcome::Incomplete as i32 { at } else { row.end };
            timeline.push(time, closed.clone());
        }
    };
    for request in requests {
        let (time, body) = request?;
        offline.take("", time, body.as_ref(), &mut see).map_err(|malformed| format!("{malformed:?}"))?;
    }
    offline.finish(&mut see);
    let mut stream = Vec::new();
    while let Some(next) = timeline.pop(true) {
        stream.push(next);
    }
    Ok(stream)
}

/// The transactions that are recorded in these files.
pub(crate) fn read(rules: &RulesSettings, paths: &[PathBuf]) -> Result<Stream, Box<dyn Error>> {
    let records = Records::open(paths)?;
    assemble(
        rules,
        records.map(|record| {
            record.map(|record| (record.last_end_unix_nano, record.request)).map_err(Into::into)
        }),
    )
}

/// An incident, when it was known and as it was in the end.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) first: Incident,
    pub(crate) last: Incident,
}

/// What a diagnosis says of a stream.
pub(crate) fn diagnose(stream: &Stream, settings: DiagnosisSettings) -> Vec<Told> {
    let mut diagnosis = Diagnosis::new(settings);
    let mut told: Vec<Told> = Vec::new();
    let mut tell = |changes: Vec<Change>| {
        for change in changes {
            let incident = change.incident().clone();
            match told.iter_mut().find(|told| told.first.id == incident.id) {
                Some(told) => told.last = incident,
                None => told.push(Told { first: incident.clone(), last: incident }),
            }
        }
    };
    let mut end = 0;
    for (time, closed) in stream {
        tell(diagnosis.advance(*time));
        with_finished(closed, |finished| diagnosis.observe(finished));
        end = *time;
    }
    let end = end + 300_000_000_000;
    tell(diagnosis.advance(end));
    told
}
