//! A decided row as the diagnosis and the topology are told of it: borrowed, nothing copied.

use std::borrow::Cow;

use throughline_analysis::{
    HopKind,
    alerts::CallStep,
    diagnosis::{Finished, FinishedHop, Outcome},
};

use crate::configuration::place;
use crate::general::general;
use crate::records::{self, Closed, Hops, Transaction};

/// Ends of the names of attributes that hold an amount of money.
const AMOUNT: [&str; 2] = [".amount", "amount"];

/// Names of attributes that say who asked.
const CUSTOMER: [&str; 6] =
    ["customer.id", "bank.customer.id", "customer", "enduser.id", "user.id", "account.holder"];

/// Hands a decision's row to `take`; `with_ids` leaves names as they came. Only a first row: an amendment tells of what was told already.
pub fn with_finished(closed: &Closed, with_ids: bool, take: impl FnOnce(&Finished<'_>)) {
    let Some(row) = closed.row.as_ref().filter(|_| closed.before.is_none()) else { return };
    let named = row.hops.as_ref().map(|columns| operations(columns, with_ids)).unwrap_or_default();
    let hops = row.hops.as_ref().map(|columns| hops(columns, &named)).unwrap_or_default();
    let (transaction_type, reason) = match with_ids {
        true => (Cow::Borrowed(row.r#type.as_str()), Cow::Borrowed(row.outcome_reason.as_str())),
        false => (type_of(&row.r#type, &hops), general(&row.outcome_reason)),
    };
    let attributes: Vec<(&str, &str)> =
        row.attributes.iter().map(|each| (each.key.as_str(), each.value.as_str())).collect();
    let outcome = outcome(row);
    let amount = attributes.iter().find(|(key, _)| AMOUNT.iter().any(|end| key.ends_with(end)));
    let customer = CUSTOMER.iter().find_map(|name| attributes.iter().find(|(key, _)| key == name));
    take(&Finished {
        id: &row.transaction_id,
        tenant: &row.tenant,
        transaction_type: &transaction_type,
        start: row.start,
        end: row.end,
        outcome,
        reason: &reason,
        missing_terminal: outcome == Outcome::Incomplete,
        amount: amount.and_then(|(_, text)| text.parse().ok()),
        customer: customer.map_or("", |(_, value)| value),
        attributes: &attributes,
        hops: &hops,
    });
}

fn outcome(row: &Transaction) -> Outcome {
    match records::Outcome::try_from(row.outcome) {
        Ok(records::Outcome::Error) => Outcome::Error,
        Ok(records::Outcome::Incomplete) => Outcome::Incomplete,
        Ok(records::Outcome::Ok | records::Outcome::Unspecified) | Err(_) => Outcome::Ok,
    }
}

/// What OpenTelemetry calls a service without a name: it can be suspected as any other.
const UNKNOWN: &str = "unknown_service";

fn named(service: &str) -> &str {
    if service.is_empty() { UNKNOWN } else { service }
}

/// Names of the operations, by hop, without what changes from call to call.
fn operations(columns: &Hops, with_ids: bool) -> Vec<Cow<'_, str>> {
    let names = columns.operation.iter().map(|name| columns.text(*name));
    names.map(|name| if with_ids { Cow::Borrowed(name) } else { general(name) }).collect()
}

/// A type that is called after the root's service and operation is so without what changes from call to call; one that has a name of its own keeps it.
fn type_of<'a>(name: &'a str, hops: &[FinishedHop<'_>]) -> Cow<'a, str> {
    if matches!(general(name), Cow::Borrowed(_)) {
        return Cow::Borrowed(name);
    }
    let of = |service: &str| name.strip_prefix(service).and_then(|rest| rest.strip_prefix(' '));
    // The root's may be one with the server that it calls.
    let Some((service, operation)) = hops.iter().find_map(|hop| Some((hop.service, of(hop.service)?))) else {
        return Cow::Borrowed(name);
    };
    match general(operation) {
        Cow::Borrowed(_) => Cow::Borrowed(name),
        Cow::Owned(operation) => Cow::Owned(format!("{service} {operation}")),
    }
}

/// What hops of one resource have in common, and where it lies in the columns.
type OfResource<'a> = ([u32; 7], FinishedHop<'a>);

/// Columns as rows. A record whose columns differ in length was not made by this program: what is missing reads as nothing.
fn hops<'a>(columns: &'a Hops, operations: &'a [Cow<'a, str>]) -> Vec<FinishedHop<'a>> {
    let number = |column: &[u64], at: usize| column.get(at).copied().unwrap_or_default();
    let mut resources: Vec<OfResource<'a>> = Vec::with_capacity(RESOURCES);
    let hop = |at: usize| FinishedHop {
        operation: operations.get(at).map_or("", AsRef::as_ref),
        kind: kind(columns.kind.get(at).copied().unwrap_or_default()),
        parent: columns.parent.get(at).copied().unwrap_or(-1),
        count: columns.count.get(at).copied().unwrap_or(1),
        start: columns.start.get(at).copied().unwrap_or_default(),
        duration: number(&columns.duration, at),
        self_time: number(&columns.self_, at),
        network: number(&columns.network, at),
        queue: number(&columns.queue, at),
        critical: number(&columns.critical, at),
        critical_network: number(&columns.critical_network, at),
        critical_queue: number(&columns.critical_queue, at),
        errors: columns.errors.get(at).copied().unwrap_or_default(),
        ..of_resource(columns, at, &mut resources)
    };
    (0..columns.service.len()).map(hop).collect()
}

/// Resources of a transaction that are looked through, the latest ones: of more, a hop's texts are looked up again.
const RESOURCES: usize = 32;

/// What the hop has of its resource. Most are of one that was met before: its texts are looked up once.
fn of_resource<'a>(columns: &'a Hops, at: usize, known: &mut Vec<OfResource<'a>>) -> FinishedHop<'a> {
    let index = |column: &[u32]| column.get(at).copied().unwrap_or_default();
    let key = [
        &columns.service,
        &columns.instance,
        &columns.version,
        &columns.host,
        &columns.department,
        &columns.configuration,
        &columns.place,
    ]
    .map(|column| index(column));
    if let Some((_, hop)) = known.iter().rev().take(RESOURCES).find(|(other, _)| *other == key) {
        return *hop;
    }
    let [service, instance, version, host, department, configuration, of_place] =
        key.map(|index| columns.text(index));
    let [region, zone, cluster] = place(of_place);
    let service = named(service);
    let hop = FinishedHop {
        department,
        service,
        version,
        instance,
        host,
        configuration,
        region,
        zone,
        cluster,
        ..FinishedHop::default()
    };
    known.push((key, hop));
    hop
}

fn kind(number: u32) -> HopKind {
    [HopKind::Database, HopKind::Network, HopKind::Queue, HopKind::Partner]
        .into_iter()
        .find(|kind| *kind as u32 == number)
        .unwrap_or(HopKind::Own)
}

/// The hops of a transaction as steps of the topology.
pub(super) fn steps<'a>(finished: &'a Finished<'a>) -> impl Iterator<Item = CallStep<'a>> {
    finished.hops.iter().map(|hop| {
        let caller = usize::try_from(hop.parent).ok().and_then(|parent| finished.hops.get(parent));
        CallStep {
            service: hop.service,
            department: hop.department,
            instance: hop.instance,
            caller: caller.map_or("", |caller| caller.service),
        }
    })
}
