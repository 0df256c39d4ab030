//! Recorded faults: which service was named when.

use std::error::Error;
use std::path::Path;

use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::random::Listed;
use crate::stream::{Stream, Told};

/// One injected fault.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Fault {
    #[serde(rename = "inject_time_utc")]
    time: String,
    pub(crate) pod: String,
    pub(crate) service: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) minutes: Vec<String>,
}

/// An injection may fall anywhere in its first minute.
const MINUTE: u64 = 60_000_000_000;
/// How long after an injection an incident counts as its answer.
const WINDOW: u64 = 240_000_000_000;

impl Fault {
    /// One of a made-up day.
    pub(crate) fn made_up(listed: &Listed) -> Self {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(listed.at);
        Self {
            time: humantime::format_rfc3339_nanos(time).to_string(),
            pod: listed.pod.clone(),
            service: listed.service.clone(),
            kind: listed.kind.to_owned(),
            minutes: listed.minutes.clone(),
        }
    }

    /// Unix nanoseconds.
    pub(crate) fn at(&self) -> u64 {
        let time = humantime::parse_rfc3339(&self.time).ok();
        let since = time.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        since.map_or(0, |since| since.as_nanos() as u64)
    }

    /// Whether tuning may look at it: the parity of a hash of what names it.
    pub(crate) fn is_for_tuning(&self) -> bool {
        xxh3_64(format!("{} {} {}", self.time, self.pod, self.kind).as_bytes()).is_multiple_of(2)
    }
}

pub(crate) fn read_faults(folder: &Path) -> Result<Vec<Fault>, Box<dyn Error>> {
    Ok(serde_json::from_slice(&std::fs::read(folder.join("faults.json"))?)?)
}

/// What became of one fault.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) fault: Fault,
    /// Strict rank of the right service when the incident was over, `None` where it was not named.
    pub(crate) rank: Option<usize>,
    pub(crate) instance: bool,
    pub(crate) delay: Option<f64>,
}

/// The faults that have a minute after the injection, and their answers.
pub(crate) fn judge(faults: &[Fault], stream: &Stream, told: &[Told]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for fault in faults {
        let from = fault.at();
        let until = from + WINDOW;
        if !stream.iter().any(|(time, _)| *time > from && *time < until) || fault.minutes.is_empty() {
            continue;
        }
        let during =
            |told: &&Told| told.first.detected_at < until && told.last.end.is_none_or(|end| end > from);
        let after = told.iter().filter(during).find(|told| told.first.detected_at > from);
        let answer = after.or_else(|| told.iter().find(during));
        let rank = |told: &Told| {
            let incident = &told.last;
            let own = incident.suspects.iter().find(|suspect| suspect.service == fault.service)?;
            Some(incident.suspects.iter().filter(|suspect| suspect.score >= own.score).count())
        };
        let instance = answer.is_some_and(|told| {
            told.last
                .suspects
                .iter()
                .any(|suspect| suspect.service == fault.service && suspect.instance == fault.pod)
        });
        answers.push(Answer {
            fault: fault.clone(),
            rank: answer.and_then(rank),
            instance,
            delay: answer.map(|told| (told.first.detected_at as f64 - from as f64) / 1e9),
        });
    }
    answers
}

/// Hours in which nothing was injected, as far as there are transactions, and the incidents that were told of then.
pub(crate) fn healthy(faults: &[Fault], stream: &Stream, told: &[Told]) -> (f64, Vec<Told>) {
    // An injection may fall anywhere in its first minute.
    let is_healthy = |time: u64| {
        !faults.iter().any(|fault| time >= fault.at() / MINUTE * MINUTE && time < fault.at() + WINDOW)
    };
    let mut seconds: Vec<u64> = stream.iter().map(|(time, _)| *time / 1_000_000_000).collect();
    seconds.dedup();
    // A second without an end of a transaction is still a second: gaps of up to ten count.
    let mut hours = 0.0;
    for pair in seconds.windows(2) {
        if pair[1] - pair[0] <= 10 && is_healthy(pair[1] * 1_000_000_000) {
            hours += (pair[1] - pair[0]) as f64 / 3600.0;
        }
    }
    let wrong = told.iter().filter(|told| is_healthy(told.first.detected_at));
    (hours, wrong.cloned().collect())
}
