//! Transfers whose traces share no one key: some know the UETR, some the transfer id, some nothing but a span link.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;
use throughline_bank::plan::{Transfer, to_otlp};
use throughline_bank::truth::Record;

use crate::load::{PATIENCE, check, send, start, transfers};

const UETR: &str = "payment.uetr";
const TRANSFER_ID: &str = "bank.transfer.id";

/// What each trace of a transfer says of the transaction that it belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    /// UETR and transfer id: it is what ties the others together.
    Both,
    TransferId,
    /// A span link to the trace before.
    Link,
}

fn says(transfer: &Transfer, trace: &[u8]) -> Says {
    match transfer.trace_ids.iter().position(|id| id.as_slice() == trace) {
        Some(0) => Says::Both,
        Some(number) if number % 2 == 0 => Says::Link,
        _ => Says::TransferId,
    }
}

/// The requests of one transfer, by what their traces say.
fn requests(transfer: &Transfer, wanted: impl Fn(Says) -> bool) -> Vec<Bytes> {
    let mut whole = to_otlp(std::slice::from_ref(transfer));
    let first_span_of: BTreeMap<Vec<u8>, Vec<u8>> = whole
        .iter()
        .flat_map(|request| &request.resource_spans)
        .flat_map(|resource| &resource.scope_spans)
        .flat_map(|scope| &scope.spans)
        .map(|span| (span.trace_id.clone(), span.span_id.clone()))
        .collect();
    for request in &mut whole {
        for scope in request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans) {
            scope.spans.retain(|span| wanted(says(transfer, &span.trace_id)));
            for span in &mut scope.spans {
                let said = says(transfer, &span.trace_id);
                let mut also = Vec::new();
                for attribute in span.attributes.iter_mut().filter(|attribute| attribute.key == UETR) {
                    if said == Says::Both {
                        also.push(attribute.clone());
                    }
                    attribute.key = if said == Says::Link { "other".into() } else { TRANSFER_ID.into() };
                }
                span.attributes.extend(also);
                span.links.clear();
                let number = transfer.trace_ids.iter().position(|id| id.as_slice() == span.trace_id);
                if said == Says::Link
                    && let Some(before) = number.and_then(|number| transfer.trace_ids.get(number - 1))
                {
                    span.links.push(Default::default());
                    let link = span.links.last_mut().unwrap();
                    link.trace_id = before.to_vec();
                    link.span_id.clone_from(&first_span_of[&link.trace_id]);
                }
            }
        }
    }
    whole.iter().map(|request| Bytes::from(request.encode_to_vec())).collect()
}

/// Scenario: of each transfer, the traces that know only a part arrive, and become transactions of their own; then the server dies; then comes the trace that knows
/// both keys.
/// Guarantee: in the end each transfer is one row with all its traces, nothing is left of what was apart, sums are those of the rows, every span is stored once.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_tied_together_late_is_one_row() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path()).ready().await;
    let port = server.start.ports.grpc;
    let all = transfers(900, 30);
    let apart: Vec<_> =
        all.iter().flat_map(|transfer| requests(transfer, |says| says != Says::Both)).collect();
    send(port, &apart).await;
    let parts = all.iter().filter(|transfer| transfer.trace_ids.len() > 1).count() as u64;
    server.wait_for("SELECT count() FROM transactions", parts, PATIENCE).await;
    let server = server.kill().ready().await;
    let tied: Vec<_> =
        all.iter().flat_map(|transfer| requests(transfer, |says| says == Says::Both)).collect();
    send(port, &tied).await;
    let traces = all.iter().map(|transfer| transfer.trace_ids.len() as u64).sum::<u64>();
    let rows = "SELECT sum(length(TraceIds)) * 1000 + count() FROM transactions";
    server.wait_for(rows, traces * 1000 + all.len() as u64, PATIENCE).await;
    check(&server, all.len() as u64, all.iter().map(|transfer| transfer.spans.len() as u64).sum()).await;
    for transfer in &all {
        let truth = Record::new(transfer, &[]);
        let mut wanted = truth.trace_ids.clone();
        wanted.sort();
        let asked = format!(
            "SELECT arrayStringConcat(TraceIds, ' ') FROM transactions WHERE TransactionId = '{}'",
            truth.uetr
        );
        assert_eq!(server.query(&asked).await, wanted.join(" "), "{}", truth.uetr);
    }
}
