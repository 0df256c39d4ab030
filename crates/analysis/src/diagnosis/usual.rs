//! What is usual, for whoever asks.

use serde::Serialize;

use super::Diagnosis;
use super::series::Measure;

/// What is usual of one time of one operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Usual {
    /// Whose.
    pub tenant: String,
    /// Type of transactions.
    pub transaction_type: String,
    /// The service.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// Who calls, of a way between two; else empty.
    pub caller: String,
    /// `own`, `database`, `partner`, `queue` or `network`.
    pub kind: &'static str,
    /// Nanoseconds: half of the observations stay below.
    pub median: f64,
    /// Nanoseconds.
    pub mean: f64,
    /// Observations that it goes by; old ones count for less.
    pub weight: f64,
    /// It is enough to judge by.
    pub judges: bool,
}

impl Diagnosis {
    /// All that is known of times, in the order in which it was met.
    #[must_use]
    pub fn baselines(&self) -> Vec<Usual> {
        let name = |number| self.names.name(number).to_owned();
        let known = self.series.iter().filter(|(_, _, series)| series.baseline.weight() > 0.0);
        let usual = known.filter_map(|(_, key, series)| {
            let group = self.groups.key(key.group)?;
            Some(Usual {
                tenant: name(group.tenant),
                transaction_type: name(group.transaction_type),
                service: name(key.service),
                operation: name(key.operation),
                caller: name(key.caller),
                kind: match key.measure {
                    Measure::Own => "own",
                    Measure::Database => "database",
                    Measure::Partner => "partner",
                    Measure::Queue => "queue",
                    Measure::Network => "network",
                },
                median: series.baseline.median_ns(),
                mean: series.baseline.mean_ns(),
                weight: f64::from(series.baseline.weight()),
                judges: series.is_mature(),
            })
        });
        usual.collect()
    }
}
