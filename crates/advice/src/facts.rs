//! What conditions can read: an incident, one of its suspects, the figures of that suspect, and what those that are hit share. All numbers are CEL doubles, so that any two can be
//! compared and divided.

use serde::Serialize;
use throughline_analysis::diagnosis::{Common, Figure, Incident, State, Suspect, SuspectKind};

/// `incident` in a condition.
#[derive(Debug, Serialize)]
pub(crate) struct IncidentFacts<'a> {
    types: &'a [String],
    transactions: f64,
    share: f64,
    customers: f64,
    amount: f64,
    excess_ms: f64,
    suspects: f64,
}

/// `suspect` in a condition.
#[derive(Debug, Serialize)]
pub(crate) struct SuspectFacts<'a> {
    rank: f64,
    service: &'a str,
    department: &'a str,
    operation: &'a str,
    instance: &'a str,
    version: &'a str,
    kind: &'a str,
    score: f64,
    excess_ms: f64,
    transactions: f64,
    evidence: &'a [String],
}

/// One of `figures` in a condition.
#[derive(Debug, Serialize)]
pub(crate) struct FigureFacts<'a> {
    what: &'a str,
    operation: &'a str,
    usual: f64,
    now: f64,
    /// Now over usual; what was never before counts as a thousandfold.
    ratio: f64,
    /// Observations that show it, of all.
    share: f64,
}

/// One of `shared` in a condition.
#[derive(Debug, Serialize)]
pub(crate) struct SharedFacts<'a> {
    what: &'a str,
    value: &'a str,
    share: f64,
    healthy: f64,
}

impl<'a> From<&'a Common> for SharedFacts<'a> {
    fn from(common: &'a Common) -> Self {
        let Common { what, value, share, healthy } = common;
        Self { what, value, share: *share, healthy: *healthy }
    }
}

/// A thing that never was before has no ratio.
const NEVER_BEFORE: f64 = 1000.0;

impl<'a> From<&'a Incident> for IncidentFacts<'a> {
    fn from(incident: &'a Incident) -> Self {
        Self {
            types: &incident.types,
            transactions: incident.transactions as f64,
            share: incident.share,
            customers: incident.customers as f64,
            amount: incident.amount,
            excess_ms: incident.excess_ms,
            suspects: incident.suspects.len() as f64,
        }
    }
}

impl<'a> From<&'a Suspect> for SuspectFacts<'a> {
    fn from(suspect: &'a Suspect) -> Self {
        Self {
            rank: f64::from(suspect.rank),
            service: &suspect.service,
            department: &suspect.department,
            operation: &suspect.operation,
            instance: &suspect.instance,
            version: &suspect.version,
            kind: suspect.kind.name(),
            score: suspect.score,
            excess_ms: suspect.excess_ms,
            transactions: suspect.transactions as f64,
            evidence: &suspect.evidence,
        }
    }
}

impl<'a> From<&'a Figure> for FigureFacts<'a> {
    fn from(figure: &'a Figure) -> Self {
        let ratio = if figure.usual > 0.0 { figure.now / figure.usual } else { NEVER_BEFORE };
        Self {
            what: &figure.what,
            operation: &figure.operation,
            usual: figure.usual,
            now: figure.now,
            ratio: ratio.min(NEVER_BEFORE),
            share: f64::from(figure.hits) / f64::from(figure.of.max(1)),
        }
    }
}

/// An incident that has everything: a condition that cannot be evaluated over it never can be.
pub(crate) fn sample(what: &str) -> Incident {
    let figure = |what: &str| Figure {
        what: what.to_owned(),
        operation: "operation".to_owned(),
        usual: 1.0,
        now: 2.0,
        hits: 1,
        of: 2,
    };
    let suspect = Suspect {
        rank: 1,
        service: "service".to_owned(),
        department: "department".to_owned(),
        operation: "operation".to_owned(),
        instance: "instance".to_owned(),
        version: "version".to_owned(),
        kind: KINDS.into_iter().find(|kind| kind.name() == what).unwrap_or(KINDS[0]),
        score: 1.0,
        excess_ms: 1.0,
        transactions: 1,
        evidence: vec!["evidence".to_owned()],
        figures: vec![figure(what)],
    };
    Incident {
        id: "id".to_owned(),
        tenant: String::new(),
        state: State::Open,
        detected_at: 1,
        start: 1,
        end: None,
        types: vec!["type".to_owned()],
        suspects: vec![suspect],
        summary: String::new(),
        transactions: 1,
        estimated: false,
        share: 1.0,
        customers: 1,
        amount: 1.0,
        excess_ms: 1.0,
        shared: vec![Common {
            what: "attribute".to_owned(),
            value: "value".to_owned(),
            share: 1.0,
            healthy: 0.0,
        }],
        examples: Vec::new(),
        before: Vec::new(),
    }
}

/// All kinds of suspects.
pub(crate) const KINDS: [SuspectKind; 11] = [
    SuspectKind::Own,
    SuspectKind::Database,
    SuspectKind::Network,
    SuspectKind::Queue,
    SuspectKind::Partner,
    SuspectKind::Security,
    SuspectKind::Version,
    SuspectKind::Configuration,
    SuspectKind::Host,
    SuspectKind::Missing,
    SuspectKind::Outside,
];
