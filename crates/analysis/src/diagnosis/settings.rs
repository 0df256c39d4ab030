//! What can be set, and the limits of what is held.

use serde::{Deserialize, Serialize};

/// What a diagnosis goes by. Each can be switched off. A state that is kept knows them by their place: new ones come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// What operations call, and what transactions are made of.
    Shapes,
    /// Waves of times that hardly ever were.
    Strange,
    /// Slow ways are blamed on the end that more of them have in common; without it, on the callee.
    Ways,
    /// Calls that break off are blamed on the callee where callers of several kinds do so.
    Families,
    /// Several findings against one service open an incident together.
    Together,
    /// What belongs to an incident does not become normal.
    Holding,
    /// What an hour of the week brings, and what drifts slowly, is normal; of times.
    Seasons,
    /// What those that are hit share and healthy ones lack; hosts that several services run on.
    Shared,
    /// Falls of the number of transactions.
    Volume,
    /// What the operations of a service show together, over all types.
    Pooled,
    /// Times that are longer than usual.
    Times,
    /// What incidents brought on three days at one hour is usual at that hour: errors, shapes and missing steps.
    Habits,
    /// A new type borrows what is usual of the same work in another.
    Borrowing,
    /// Operations that fail.
    Errors,
    /// Transactions whose last step does not come.
    Missing,
    /// Ids and literals are left out of names of operations and types.
    Names,
    /// Calls that are not answered are blamed on whoever should have answered; without it, on whoever asked.
    Unanswered,
    /// The one version, configuration, instance or host that deviates while others do not.
    Confined,
    /// Changes that somebody tells of make suspects.
    Changes,
}

impl Method {
    /// All of them, in the order of docs/root-cause.md.
    pub const ALL: [Self; 19] = [
        Self::Times,
        Self::Strange,
        Self::Seasons,
        Self::Habits,
        Self::Borrowing,
        Self::Shapes,
        Self::Errors,
        Self::Missing,
        Self::Names,
        Self::Unanswered,
        Self::Ways,
        Self::Families,
        Self::Confined,
        Self::Shared,
        Self::Volume,
        Self::Pooled,
        Self::Changes,
        Self::Together,
        Self::Holding,
    ];

    /// Its name in a configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Times => "times",
            Self::Strange => "strange",
            Self::Seasons => "seasons",
            Self::Habits => "habits",
            Self::Borrowing => "borrowing",
            Self::Shapes => "shapes",
            Self::Errors => "errors",
            Self::Missing => "missing",
            Self::Names => "names",
            Self::Unanswered => "unanswered",
            Self::Ways => "ways",
            Self::Families => "families",
            Self::Confined => "confined",
            Self::Shared => "shared",
            Self::Volume => "volume",
            Self::Pooled => "pooled",
            Self::Changes => "changes",
            Self::Together => "together",
            Self::Holding => "holding",
        }
    }
}

/// Settings of a diagnosis. They are part of its state: one that is restored goes on with those that it had.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiagnosisSettings {
    /// A department with one of these words in its name is security's: its own time is blamed as `security`.
    pub security_words: Vec<String>,
    /// Who owns time on the network, if not the service at the end that is blamed (`departments.kinds`).
    pub network_department: Option<String>,
    /// Methods that are switched off, to see what each is worth.
    pub without: Vec<Method>,
    /// Whether versions that come are compared with those before.
    #[serde(default = "yes")]
    pub deployments: bool,
    /// Transactions a second and partition that are looked at, by whoever tells of them.
    #[serde(default = "usual_rate")]
    pub max_per_second: u32,
    /// The rest.
    #[serde(default)]
    pub thresholds: Thresholds,
}

/// What has to be for something to be wrong, and to be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Thresholds {
    /// Nothing is judged where this is off; what is known stays.
    pub enabled: bool,
    /// Scores that open an incident, in percent of those that were set on recorded faults: 200 asks for twice as much.
    pub caution_percent: u32,
    /// Percent of what is usual from which on a longer time matters.
    pub min_percent: u32,
    /// Nanoseconds from which on a longer time matters.
    pub min_excess: u64,
    /// Transactions that have to show it.
    pub min_transactions: u32,
    /// Time without a finding after which an incident is over, nanoseconds.
    pub recovered_after: u64,
    /// A suspect of its own that comes so long after an incident began is an incident of its own, nanoseconds.
    pub apart: u64,
}

/// Some 30 µs each where they come slowly: 0.3 % of a core.
fn usual_rate() -> u32 {
    100
}

fn yes() -> bool {
    true
}

impl Default for Thresholds {
    /// Those that recorded faults were measured with.
    fn default() -> Self {
        Self {
            enabled: true,
            caution_percent: 100,
            min_percent: 130,
            min_excess: 500_000,
            min_transactions: 2,
            recovered_after: 90_000_000_000,
            apart: 300_000_000_000,
        }
    }
}

impl Default for DiagnosisSettings {
    /// Own time of a department with `security` in its name is security's; the network has no owner.
    fn default() -> Self {
        Self {
            security_words: vec!["security".to_owned()],
            network_department: None,
            without: Vec::new(),
            deployments: true,
            max_per_second: usual_rate(),
            thresholds: Thresholds::default(),
        }
    }
}

impl Thresholds {
    /// What scores are multiplied by.
    pub(crate) fn caution(&self) -> f64 {
        f64::from(self.caution_percent) / 100.0
    }

    /// Ratio of now to usual from which on a longer time matters.
    pub(crate) fn min_ratio(&self) -> f64 {
        f64::from(self.min_percent) / 100.0
    }
}

impl DiagnosisSettings {
    /// Whether a method is on.
    #[must_use]
    pub fn has(&self, method: Method) -> bool {
        !self.without.contains(&method)
    }
}
