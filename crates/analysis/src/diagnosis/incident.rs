//! What the diagnosis answers.

use serde::{Deserialize, Serialize};

use super::times;

/// What in a suspect is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SuspectKind {
    /// Its own code.
    #[default]
    Own,
    /// Its database.
    Database,
    /// The network to it.
    Network,
    /// The queue before it.
    Queue,
    /// A partner that it waits for.
    Partner,
    /// A security component.
    Security,
    /// One version of it.
    Version,
    /// One state of its configuration.
    Configuration,
    /// One host, pod or instance of it.
    Host,
    /// A step that no longer comes.
    Missing,
    /// Nothing in it: fewer come to it than usual.
    Outside,
}

impl SuspectKind {
    /// Its name in output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Database => "database",
            Self::Network => "network",
            Self::Queue => "queue",
            Self::Partner => "partner",
            Self::Security => "security",
            Self::Version => "version",
            Self::Configuration => "configuration",
            Self::Host => "host",
            Self::Missing => "missing",
            Self::Outside => "outside",
        }
    }
}

/// Whether an incident goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It goes on.
    #[default]
    Open,
    /// It is over.
    Recovered,
}

/// Who may be the cause, the likeliest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Suspect {
    /// From 1 on.
    pub rank: u32,
    /// Name of the service.
    pub service: String,
    /// Who owns it.
    pub department: String,
    /// The operation that shows it most.
    pub operation: String,
    /// The one instance that it is confined to, else, where the service has only one, that; else empty.
    pub instance: String,
    /// The one version that it is confined to, or for the kind `configuration` the one revision; else empty.
    pub version: String,
    /// What in it is wrong.
    pub kind: SuspectKind,
    /// Share of the whole incident that it explains, 0 to 1.
    pub score: f64,
    /// Time beyond what is normal, milliseconds, summed over the transactions hit.
    pub excess_ms: f64,
    /// Transactions hit.
    pub transactions: u64,
    /// Why we say so, one sentence each.
    pub evidence: Vec<String>,
    /// The same in figures, the heaviest first.
    #[serde(default)]
    pub figures: Vec<Figure>,
}

/// One thing of a suspect that is out of the normal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// `own`, `database`, `partner`, `queue` or `network`: milliseconds; `error`, `missing`, `shape` or `unanswered`: shares, 0 to 1.
    pub what: String,
    /// The operation that shows it.
    pub operation: String,
    /// What is usual.
    pub usual: f64,
    /// What it is now.
    pub now: f64,
    /// Observations that show it.
    pub hits: u32,
    /// Of so many.
    pub of: u32,
}

/// What those that are hit have in common and healthy ones lack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Common {
    /// An attribute's key; or of which service it is the version, configuration or instance; or `host`, or `service`: they went through it.
    pub what: String,
    /// Its value.
    pub value: String,
    /// Share of those that are hit, 0 to 1.
    pub share: f64,
    /// Share of healthy ones of the same types, 0 to 1.
    pub healthy: f64,
}

/// Something that is or was wrong, with one cause as far as can be told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Made of tenant, start and first suspect; never changes.
    pub id: String,
    /// Whose transactions it hits.
    pub tenant: String,
    /// Whether it goes on.
    pub state: State,
    /// When it was known, Unix nanoseconds; RFC 3339 in readable formats, as all times here.
    #[serde(with = "times")]
    pub detected_at: u64,
    /// End of the first transaction that it hit.
    #[serde(with = "times")]
    pub start: u64,
    /// End of the last transaction that it hit, once it is over.
    #[serde(with = "times::optional")]
    pub end: Option<u64>,
    /// Types of transactions that it hits, sorted.
    pub types: Vec<String>,
    /// The likeliest first; at least one.
    pub suspects: Vec<Suspect>,
    /// One or two sentences in plain words.
    pub summary: String,
    /// Transactions hit.
    pub transactions: u64,
    /// Not every transaction was looked at: counts, money and time are estimates, each that was looked at standing for those that were not.
    #[serde(default)]
    pub estimated: bool,
    /// Share of the transactions of these types since its start, 0 to 1.
    pub share: f64,
    /// Customers hit, as far as transactions say; counted exactly up to a limit, a lower bound beyond.
    pub customers: u64,
    /// Money in the transactions hit, in whatever currencies they have.
    pub amount: f64,
    /// Time beyond what is normal, milliseconds, summed over the transactions hit.
    pub excess_ms: f64,
    /// What those that are hit have in common, the largest effect first.
    #[serde(default)]
    pub shared: Vec<Common>,
    /// Ids of some transactions hit.
    pub examples: Vec<String>,
    /// Ids of some transactions of these types from before.
    pub before: Vec<String>,
}

/// What became of an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// It is new.
    Opened(Incident),
    /// It goes on, and more is known.
    Updated(Incident),
    /// It is over.
    Recovered(Incident),
}

impl Change {
    /// The incident as it is now.
    #[must_use]
    pub fn incident(&self) -> &Incident {
        match self {
            Self::Opened(incident) | Self::Updated(incident) | Self::Recovered(incident) => incident,
        }
    }
}

impl Incident {
    /// One of which nothing is known yet.
    pub(crate) fn new(id: String, tenant: String, detected_at: u64) -> Self {
        Self { id, tenant, detected_at, ..Self::default() }
    }
}
