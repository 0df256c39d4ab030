//! What conditions can name.

use crate::facts::Transaction;

/// Told where something else is named.
pub(super) const KNOWN: &str = "there are type, outcome, tenant, duration, usual, ratio, amount, attributes[\"…\"], departments, hops, spans, traces, bytes, \
     missing_terminal, longest_trace, and worst.department, worst.service, worst.operation, worst.kind, worst.critical";

/// A field of a transaction and its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Field {
    Text(TextField),
    Number(NumberField),
    /// Nanoseconds.
    Time(TimeField),
    Departments,
    MissingTerminal,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum TextField {
    Type,
    Outcome,
    Tenant,
    WorstDepartment,
    WorstService,
    WorstOperation,
    WorstKind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum NumberField {
    Hops,
    Spans,
    Traces,
    Bytes,
    Departments,
    /// Duration over what is usual.
    Ratio,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum TimeField {
    Duration,
    Usual,
    LongestTrace,
    WorstCritical,
}

/// The field of a name.
pub(super) fn field(name: &str) -> Option<Field> {
    use self::{Field::*, NumberField as N, TextField as T, TimeField as D};
    Some(match name {
        "type" => Text(T::Type),
        "outcome" => Text(T::Outcome),
        "tenant" => Text(T::Tenant),
        "worst.department" => Text(T::WorstDepartment),
        "worst.service" => Text(T::WorstService),
        "worst.operation" => Text(T::WorstOperation),
        "worst.kind" => Text(T::WorstKind),
        "hops" => Number(N::Hops),
        "spans" => Number(N::Spans),
        "traces" => Number(N::Traces),
        "bytes" => Number(N::Bytes),
        "ratio" => Number(N::Ratio),
        "duration" => Time(D::Duration),
        "usual" => Time(D::Usual),
        "longest_trace" => Time(D::LongestTrace),
        "worst.critical" => Time(D::WorstCritical),
        "departments" => Departments,
        "missing_terminal" => MissingTerminal,
        _ => return None,
    })
}

impl TextField {
    pub(super) fn of<'a>(self, transaction: &Transaction<'a>) -> &'a str {
        match self {
            Self::Type => transaction.kind,
            Self::Outcome => transaction.outcome,
            Self::Tenant => transaction.tenant,
            Self::WorstDepartment => transaction.worst.department,
            Self::WorstService => transaction.worst.service,
            Self::WorstOperation => transaction.worst.operation,
            Self::WorstKind => transaction.worst.kind,
        }
    }
}

impl NumberField {
    /// A ratio is not known where it is not known what is usual.
    pub(super) fn of(self, transaction: &Transaction<'_>) -> Option<f64> {
        Some(match self {
            Self::Hops => transaction.hops as f64,
            Self::Spans => transaction.facts.spans as f64,
            Self::Traces => transaction.traces as f64,
            Self::Bytes => transaction.bytes as f64,
            Self::Departments => transaction.departments.len() as f64,
            Self::Ratio => {
                let usual = transaction.usual_ns.filter(|usual| *usual > 0)?;
                transaction.facts.duration_ns as f64 / usual as f64
            }
        })
    }
}

impl TimeField {
    pub(super) fn of(self, transaction: &Transaction<'_>) -> Option<f64> {
        Some(match self {
            Self::Duration => transaction.facts.duration_ns as f64,
            Self::Usual => transaction.usual_ns? as f64,
            Self::LongestTrace => transaction.facts.longest_trace_ns as f64,
            Self::WorstCritical => transaction.worst.critical_ns as f64,
        })
    }
}
