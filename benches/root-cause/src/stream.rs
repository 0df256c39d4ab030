//! Requests to finished transactions in the order of their time, and to incidents.

use std::error::Error;
use std::path::PathBuf;

use throughline_analysis::diagnosis::{Diagnosis, DiagnosisSettings, Incident, Method, ToldChange};
use throughline_assembly::{
    incidents::with_finished,
    records::{Closed, Outcome},
    rules::RulesSettings,
};
use throughline_offline::{Event, Offline, Timeline, meet};
use throughline_recorded::Records;

/// Finished transactions, each with the time at which it is known.
pub(crate) type Stream = Vec<(u64, Closed)>;

/// After the last transaction so much time passes, nanoseconds: what is open then is over.
const AFTER: u64 = 300_000_000_000;

/// An incident, when it was known and as it was in the end.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) first: Incident,
    pub(crate) last: Incident,
}

/// A diagnosis, and what it has said so far.
struct Listener {
    diagnosis: Diagnosis,
    told: Vec<Told>,
    /// What looks before this one told of.
    known: Vec<Told>,
    end: u64,
    with_ids: bool,
}

impl Listener {
    fn new(settings: DiagnosisSettings, changes: &[ToldChange]) -> Self {
        let with_ids = !settings.has(Method::Names);
        let mut diagnosis = Diagnosis::new(settings);
        for change in changes {
            diagnosis.tell(change.clone());
        }
        Self { diagnosis, told: Vec::new(), known: Vec::new(), end: 0, with_ids }
    }

    fn advance(&mut self, time: u64) {
        for change in self.diagnosis.advance(time) {
            let incident = change.incident().clone();
            match self.told.iter_mut().find(|told| told.first.id == incident.id) {
                Some(told) => told.last = incident,
                None => self.told.push(Told { first: incident.clone(), last: incident }),
            }
        }
        self.end = time;
    }

    fn hear(&mut self, time: u64, closed: &Closed) {
        self.advance(time);
        with_finished(closed, self.with_ids, |finished| self.diagnosis.observe(finished));
    }

    fn look_again(&mut self) {
        self.advance(self.end + AFTER);
        self.diagnosis.look_again();
        self.known = self.known_by_now();
        self.end = 0;
    }

    /// As the command line has it: what was told before stays where this look told of nothing.
    fn known_by_now(&mut self) -> Vec<Told> {
        let told = std::mem::take(&mut self.told);
        let mut all = std::mem::take(&mut self.known);
        all.retain(|one| !told.iter().any(|other| meet(&one.last, &other.last)));
        all.extend(told);
        all.sort_by_key(|told| told.first.detected_at);
        all
    }

    fn finish(mut self) -> Vec<Told> {
        self.advance(self.end + AFTER);
        self.known_by_now()
    }
}

/// The core over requests as they come: what closes is handed on in the order of its time, nothing is kept.
pub(crate) struct Live<S> {
    offline: Offline,
    timeline: Timeline,
    see: S,
}

impl<S: FnMut(u64, Closed)> Live<S> {
    pub(crate) fn new(rules: &RulesSettings, see: S) -> Result<Self, Box<dyn Error>> {
        let offline = Offline::new(rules).map_err(|faults| format!("{faults:?}"))?;
        Ok(Self { offline, timeline: Timeline::default(), see })
    }

    /// Takes a request that came at this time.
    pub(crate) fn take(&mut self, time: u64, body: &[u8]) -> Result<(), Box<dyn Error>> {
        let Self { offline, timeline, .. } = self;
        offline
            .take("", time, body, &mut |event| note(timeline, event))
            .map_err(|malformed| format!("{malformed:?}"))?;
        while let Some((time, closed)) = self.timeline.pop(false) {
            (self.see)(time, closed);
        }
        Ok(())
    }

    /// No more requests come.
    pub(crate) fn finish(self) {
        let Self { offline, mut timeline, mut see } = self;
        offline.finish(&mut |event| note(&mut timeline, event));
        while let Some((time, closed)) = timeline.pop(true) {
            see(time, closed);
        }
    }
}

fn note(timeline: &mut Timeline, event: Event<'_>) {
    match event {
        Event::Closed { closed, row, at, .. } => {
            // That a step is missing is known when its deadline has passed.
            let time = if row.outcome == Outcome::Incomplete as i32 { at } else { row.end };
            timeline.push(time, closed.clone());
        }
        Event::Time(time) => timeline.advance(time),
    }
}

/// The transactions that are recorded in these files.
pub(crate) fn read(rules: &RulesSettings, paths: &[PathBuf]) -> Result<Stream, Box<dyn Error>> {
    let mut stream = Stream::new();
    let mut live = Live::new(rules, |time, closed| stream.push((time, closed)))?;
    for record in Records::open(paths)? {
        let record = record?;
        live.take(record.last_end_unix_nano, record.request.as_ref())?;
    }
    live.finish();
    // Files need not be in the order of time.
    stream.sort_by_key(|(time, _)| *time);
    Ok(stream)
}

/// The transactions of requests, each with the time at which it came.
pub(crate) fn read_requests(
    rules: &RulesSettings,
    requests: impl Iterator<Item = (u64, Vec<u8>)>,
) -> Result<Stream, Box<dyn Error>> {
    let mut stream = Stream::new();
    let mut live = Live::new(rules, |time, closed| stream.push((time, closed)))?;
    for (time, body) in requests {
        live.take(time, &body)?;
    }
    live.finish();
    stream.sort_by_key(|(time, _)| *time);
    Ok(stream)
}

/// What a diagnosis says of a recorded stream, in the last of so many looks.
pub(crate) fn diagnose(stream: &Stream, settings: DiagnosisSettings, looks: u32) -> Vec<Told> {
    let mut listener = Listener::new(settings, &[]);
    for look in 1..=looks {
        for (time, closed) in stream {
            listener.hear(*time, closed);
        }
        if look < looks {
            listener.look_again();
        }
    }
    listener.finish()
}

/// What a diagnosis says of requests, each with the time at which it came, and of how many transactions. `look` sees each of these.
pub(crate) fn diagnose_requests(
    rules: &RulesSettings,
    settings: DiagnosisSettings,
    requests: impl Iterator<Item = (u64, Vec<u8>)>,
    mut look: impl FnMut(u64, &Closed),
) -> Result<(Vec<Told>, u64), Box<dyn Error>> {
    let mut count = 0;
    let told = diagnose_each(rules, &[settings], &[], requests, |time, closed| {
        look(time, closed);
        count += 1;
    })?;
    Ok((told.into_iter().next().unwrap_or_default(), count))
}

/// What diagnoses with each of these settings say of the same requests, where all are told of these changes.
pub(crate) fn diagnose_each(
    rules: &RulesSettings,
    settings: &[DiagnosisSettings],
    changes: &[ToldChange],
    requests: impl Iterator<Item = (u64, Vec<u8>)>,
    mut look: impl FnMut(u64, &Closed),
) -> Result<Vec<Vec<Told>>, Box<dyn Error>> {
    let mut listeners: Vec<Listener> =
        settings.iter().map(|settings| Listener::new(settings.clone(), changes)).collect();
    let mut live = Live::new(rules, |time, closed: Closed| {
        for listener in &mut listeners {
            listener.hear(time, &closed);
        }
        look(time, &closed);
    })?;
    for (time, body) in requests {
        live.take(time, &body)?;
    }
    live.finish();
    Ok(listeners.into_iter().map(Listener::finish).collect())
}
