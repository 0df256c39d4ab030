//! What policies see of a closing transaction: its row, its path, and what its summaries say beside.

use smallvec::SmallVec;
use throughline_analysis::{HopKind, Path};
use throughline_sampling::{Policies, Sampled, Transaction, TransactionFacts, WorstHop};

use super::{Closing, input::Input};
use crate::{
    records::{self, Attribute, Offer, Outcome},
    rules::Rules,
};

/// Lists that the facts of one transaction borrow.
pub(super) struct Lists<'a> {
    departments: SmallVec<[&'a str; 8]>,
    attributes: SmallVec<[Option<&'a str>; 8]>,
}

impl<'a> Lists<'a> {
    /// `captured` are all attributes of the transaction, those that only policies name among them.
    pub(super) fn new(row: &'a records::Transaction, captured: &'a [Attribute], policies: &Policies) -> Self {
        let value = |key: &str| {
            captured.iter().find(|attribute| attribute.key == key).map(|attribute| attribute.value.as_str())
        };
        Self {
            departments: row.departments.iter().map(String::as_str).collect(),
            attributes: policies.attributes().iter().map(|key| value(key)).collect(),
        }
    }
}

/// The facts. `row` holds everything but the decision.
pub(super) fn of<'a>(
    input: &'a Input<'_>,
    path: &Path,
    row: &'a records::Transaction,
    lists: &'a Lists<'_>,
    (id, rules, kind): (&'a str, &Rules, Option<usize>),
    usual_ns: Option<u64>,
) -> Transaction<'a> {
    let sampled = input.sampled();
    let terminal = kind.and_then(|kind| rules.types.get(kind)).and_then(|kind| kind.terminal.as_ref());
    Transaction {
        facts: TransactionFacts {
            id,
            matches: input.matches,
            statuses: input.statuses,
            spans: input.spans.len() as u64,
            longest_trace_ns: input.longest_trace(),
            duration_ns: path.end - path.start,
        },
        bytes: input.summaries.iter().map(|summary| summary.bytes).sum(),
        kind: &row.r#type,
        tenant: &row.tenant,
        outcome: Outcome::try_from(row.outcome).unwrap_or_default().as_text(),
        traces: input.traces.len() as u64,
        hops: path.hops.len() as u64,
        departments: &lists.departments,
        worst: worst(input, path),
        missing_terminal: terminal.is_some_and(|(bit, _)| input.terminals() & 1 << bit == 0),
        usual_ns,
        attributes: &lists.attributes,
        randomness: sampled.randomness,
        sampled_before: sampled.threshold,
    }
}

/// The hop that most of the critical path was spent in; of equals the first.
fn worst<'a>(input: &'a Input<'_>, path: &Path) -> WorstHop<'a> {
    let Some(hop) = path.hops.iter().rev().max_by_key(|hop| hop.critical) else { return WorstHop::default() };
    WorstHop {
        department: input.department(hop.department),
        service: input.names.text(hop.service),
        operation: input.names.text(hop.operation),
        kind: match hop.kind {
            HopKind::Own => "own",
            HopKind::Database => "database",
            HopKind::Network => "network",
            HopKind::Queue => "queue",
            HopKind::Partner => "partner",
        },
        critical_ns: hop.critical,
    }
}

/// The facts as a record.
pub(super) fn offer(closing: &Closing, rules: &Rules, facts: &Transaction<'_>) -> Offer {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let attributes = || (0u32..).zip(facts.attributes).filter_map(|(slot, text)| Some((slot, (*text)?)));
    let sampled = Sampled { randomness: facts.randomness, threshold: facts.sampled_before };
    let (name_high, name_low) = closing.name.halves();
    Offer {
        name_high,
        name_low,
        version: closing.version,
        summaries: closing.members.len() as u32,
        closed_by: closing.closed_by.into(),
        rules_version: rules.version,
        share: closing.share,
        id: facts.facts.id.to_owned(),
        matches: facts.facts.matches,
        statuses: facts.facts.statuses.into(),
        spans: facts.facts.spans,
        longest_trace: facts.facts.longest_trace_ns,
        duration: facts.facts.duration_ns,
        bytes: facts.bytes,
        kind: facts.kind.to_owned(),
        tenant: facts.tenant.to_owned(),
        outcome: facts.outcome.to_owned(),
        traces: facts.traces,
        hops: facts.hops,
        departments: owned(facts.departments),
        worst: Some(records::WorstHop {
            department: facts.worst.department.to_owned(),
            service: facts.worst.service.to_owned(),
            operation: facts.worst.operation.to_owned(),
            kind: facts.worst.kind.to_owned(),
            critical: facts.worst.critical_ns,
        }),
        missing_terminal: facts.missing_terminal,
        usual: facts.usual_ns.unwrap_or(0),
        attribute_slots: attributes().map(|(slot, _)| slot).collect(),
        attribute_values: attributes().map(|(_, text)| text.to_owned()).collect(),
        sampled: sampled.to_string(),
    }
}

/// Calls `take` with the facts of a record.
pub(crate) fn with<R>(offer: &Offer, take: impl FnOnce(&Transaction<'_>) -> R) -> R {
    let departments: SmallVec<[&str; 8]> = offer.departments.iter().map(String::as_str).collect();
    let slots = offer.attribute_slots.iter().map(|slot| *slot as usize);
    let mut attributes: SmallVec<[Option<&str>; 8]> = SmallVec::new();
    // Slots rise, and those of a record that another program wrote are as many as it has values.
    for (slot, value) in slots.zip(&offer.attribute_values).take_while(|(slot, _)| *slot < MAX_ATTRIBUTES) {
        if attributes.len() <= slot {
            attributes.resize(slot + 1, None);
        }
        attributes[slot] = Some(value);
    }
    let none = records::WorstHop::default();
    let worst = offer.worst.as_ref().unwrap_or(&none);
    let sampled = Sampled::parse(&offer.sampled);
    take(&Transaction {
        facts: TransactionFacts {
            id: &offer.id,
            matches: offer.matches,
            statuses: offer.statuses as u8,
            spans: offer.spans,
            longest_trace_ns: offer.longest_trace,
            duration_ns: offer.duration,
        },
        bytes: offer.bytes,
        kind: &offer.kind,
        tenant: &offer.tenant,
        outcome: &offer.outcome,
        traces: offer.traces,
        hops: offer.hops,
        departments: &departments,
        worst: WorstHop {
            department: &worst.department,
            service: &worst.service,
            operation: &worst.operation,
            kind: &worst.kind,
            critical_ns: worst.critical,
        },
        missing_terminal: offer.missing_terminal,
        usual_ns: (offer.usual > 0).then_some(offer.usual),
        attributes: &attributes,
        randomness: sampled.randomness,
        sampled_before: sampled.threshold,
    })
}

/// Attributes that policies can name: as many as a scan has slots.
const MAX_ATTRIBUTES: usize = u16::MAX as usize;
