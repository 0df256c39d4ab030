//! What is normal, for whoever asks: the baselines that judgement goes by.

use serde::Serialize;

use super::Diagnosis;
use super::names::EMPTY;
use super::scale::{nanoseconds, position};
use super::series::Measure;

/// What is normal for one time. Times are nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Usual {
    /// Whose transactions.
    pub tenant: String,
    /// Their type.
    pub transaction_type: String,
    /// Which service.
    pub service: String,
    /// Which operation of it.
    pub operation: String,
    /// From whom, where the way is timed; else empty.
    pub caller: String,
    /// What is timed: `own`, `database`, `partner`, `network` or `queue`.
    pub kind: &'static str,
    /// Observations that it is made of, the old ones for less.
    pub observations: f64,
    /// Median over all, without what an hour brings.
    pub median_ns: f64,
    /// Mean that is expected now.
    pub expected_ns: f64,
    /// Octaves by which this hour of the week is above the median over all; below where negative.
    pub hour_shift: f32,
    /// Octaves by which the last half hour is above that.
    pub level: f32,
    /// Hours of the week that something is known of, of 168.
    pub known_hours: usize,
    /// Whether it is enough to judge by.
    pub is_mature: bool,
}

impl Diagnosis {
    /// All baselines, with what is expected now; in the order in which they were met first.
    pub fn usual(&self) -> impl Iterator<Item = Usual> {
        self.series.iter().map(|(_, key, series)| {
            let name = |id: u32| self.names.name(id).to_owned();
            let group = self.groups.key(key.group);
            let hour_shift = series.season.of_hours(self.slot);
            let shift = hour_shift + series.season.level();
            Usual {
                tenant: name(group.map_or(EMPTY, |group| group.tenant)),
                transaction_type: name(group.map_or(EMPTY, |group| group.transaction_type)),
                service: name(key.service),
                operation: name(key.operation),
                caller: name(key.caller),
                kind: match key.measure {
                    Measure::Own => "own",
                    Measure::Database => "database",
                    Measure::Partner => "partner",
                    Measure::Network => "network",
                    Measure::Queue => "queue",
                },
                observations: f64::from(series.baseline.weight()),
                median_ns: series.baseline.median_ns(),
                expected_ns: nanoseconds((position(series.baseline.mean_ns() as u64) + shift).max(0.0)),
                hour_shift,
                level: series.season.level(),
                known_hours: series.season.known_hours(),
                is_mature: series.is_mature(),
            }
        })
    }
}
