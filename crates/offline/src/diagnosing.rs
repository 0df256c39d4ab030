//! Recorded requests to incidents.

use throughline_analysis::diagnosis::Incident;
use throughline_assembly::{
    incidents::{Analysis, Report, Row},
    records::{Closed, Outcome},
    rules::{RuleFault, RulesSettings},
    time::SECOND,
};
use throughline_otlp::Malformed;

use crate::{Event, Offline, Timeline};

/// After the last transaction so much time passes, nanoseconds: what is open then is over.
const AFTER: u64 = 300 * SECOND;

/// Time is told in steps of so long, nanoseconds: as a server's ticks do.
const STEP: u64 = SECOND;

/// Looks that are worth their time: a third found nothing that the second did not.
pub const LOOKS: u32 = 2;

/// The core and a diagnosis of what it makes of requests, in the time of their spans.
pub struct Diagnosing {
    offline: Offline,
    heard: Heard,
}

/// What has been recorded, and what was wrong.
#[derive(Clone, Debug, Default)]
pub struct Diagnosed {
    /// Spans that were taken in.
    pub spans: u64,
    /// Requests that are no valid OTLP, left out.
    pub malformed: u64,
    /// Transactions that were looked at.
    pub transactions: u64,
    /// Incidents as they were in the end, in the order in which they were known.
    pub incidents: Vec<Incident>,
}

struct Heard {
    timeline: Timeline,
    analysis: Analysis,
    /// Time that it was told last, in steps.
    step: u64,
    last: u64,
    diagnosed: Diagnosed,
    /// What looks before this one found.
    known: Vec<Incident>,
}

impl Diagnosing {
    /// One that has seen nothing, under these rules. Recordings are of any origin: where the rules do not say otherwise, a span without a status failed
    /// where its attributes say so.
    ///
    /// # Errors
    /// Every fault of the rules.
    pub fn new(rules: &RulesSettings) -> Result<Self, Vec<RuleFault>> {
        let mut rules = rules.clone();
        rules.traces.error_attributes.get_or_insert(true);
        Ok(Self { offline: Offline::new(&rules)?, heard: Heard::new(&rules) })
    }

    /// Takes a request whose last span ended at `time`, Unix nanoseconds.
    pub fn take(&mut self, time: u64, request: &[u8]) {
        let Self { offline, heard } = self;
        let taken: Result<_, Malformed> = offline.take("", time, request, &mut |event| heard.hear(event));
        match taken {
            Ok(taken) => heard.diagnosed.spans += taken.spans,
            Err(_) => heard.diagnosed.malformed += 1,
        }
    }

    /// The same requests will be taken once more, from the first on: what they taught is normal then from the beginning. What was found stays where nothing is
    /// found at that time any more.
    ///
    /// # Errors
    /// None that [`Diagnosing::new`] did not have.
    pub fn look_again(self) -> Result<Self, Vec<RuleFault>> {
        let rules = self.offline.rules().settings.clone();
        let mut heard = self.finish_hearing();
        let known = heard.known_by_now();
        heard = Heard { analysis: heard.analysis.look_again(), known, ..Heard::new(&rules) };
        Ok(Self { offline: Offline::new(&rules)?, heard })
    }

    /// What has been found so far.
    #[must_use]
    pub fn so_far(&self) -> &Diagnosed {
        &self.heard.diagnosed
    }

    /// No more requests come.
    #[must_use]
    pub fn finish(self) -> Diagnosed {
        let mut heard = self.finish_hearing();
        heard.diagnosed.incidents = heard.known_by_now();
        heard.diagnosed
    }

    fn finish_hearing(self) -> Heard {
        let Self { offline, mut heard } = self;
        offline.finish(&mut |event| heard.hear(event));
        heard.drain(true);
        let end = heard.last + AFTER;
        heard.analysis.advance(end);
        heard.note();
        heard
    }
}

impl Heard {
    fn new(rules: &RulesSettings) -> Self {
        Self {
            timeline: Timeline::default(),
            analysis: Analysis::new(rules.diagnosis()),
            step: 0,
            last: 0,
            diagnosed: Diagnosed::default(),
            known: Vec::new(),
        }
    }

    /// What was found in this look, and before it where this one found nothing, in the order in which it was known.
    fn known_by_now(&mut self) -> Vec<Incident> {
        let found = std::mem::take(&mut self.diagnosed.incidents);
        let mut all = std::mem::take(&mut self.known);
        all.retain(|incident| !found.iter().any(|other| meet(incident, other)));
        all.extend(found);
        all.sort_by_key(|incident| incident.detected_at);
        all
    }

    fn hear(&mut self, event: Event<'_>) {
        match event {
            Event::Closed { closed, row, at, .. } => {
                // That a step is missing is known when its deadline has passed.
                let time = if row.outcome == Outcome::Incomplete as i32 { at } else { row.end };
                self.timeline.push(time, closed.clone());
            }
            Event::Time(time) => {
                self.timeline.advance(time);
                self.drain(false);
            }
        }
    }

    fn drain(&mut self, all: bool) {
        while let Some((time, closed)) = self.timeline.pop(all) {
            self.observe(time, &closed);
        }
    }

    fn observe(&mut self, time: u64, closed: &Closed) {
        self.last = self.last.max(time);
        if time / STEP > self.step {
            self.step = time / STEP;
            self.analysis.advance(time);
            self.note();
        }
        self.diagnosed.transactions += 1;
        self.analysis.observe(closed, time);
    }

    /// Each incident as it was last told of.
    fn note(&mut self) {
        for row in self.analysis.take_found() {
            let Row::Incident(report) = row else { continue };
            let Report { incident, part_of, .. } = *report;
            let incidents = &mut self.diagnosed.incidents;
            let known = incidents.iter().rposition(|known| known.id == incident.id);
            match known {
                // What turned out to be a part of another is told of there.
                Some(at) if !part_of.is_empty() => drop(incidents.remove(at)),
                Some(at) => incidents[at] = incident,
                None => incidents.push(incident),
            }
        }
    }
}

/// Whether two incidents were at one time, be it of different looks.
#[must_use]
pub fn meet(one: &Incident, other: &Incident) -> bool {
    let end = |incident: &Incident| incident.end.unwrap_or(u64::MAX).max(incident.detected_at);
    one.tenant == other.tenant && one.start <= end(other) && other.start <= end(one)
}
