//! What the tests send, and the server that they send it to.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use prost::Message;
use throughline_bank::plan::{PlanOptions, Transfer, generate, to_otlp};
use throughline_harness::{Sender, Server, Start};

/// How long the store may take to have everything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long a request is sent again and again, across restarts.
pub(crate) const RESEND: Duration = Duration::from_secs(60);

/// Requests that a trace's spans are spread over.
const SLICES: usize = 3;

/// What a server is started with that keeps all, with quiet times short enough for a test, and longer than a restart takes.
pub(crate) const CONFIG: &str = r#"
log: { reserve_gib: 0, retention: { size_gib: 1 } }
traces: { quiet_time: 3s, quiet_time_without_root: 6s }
departments: [{ attribute: department }]
transactions:
  quiet_time: 6s
  types:
    - name: transfer
      match: root.name == "POST /transfers"
      terminal: span.name == "settlement.confirm"
      settle: 4s
      deadline: 20s
batch: { max_delay: 1s }
sampling: { policies: [{ name: all, type: always_sample }] }
"#;

/// The program under test: the one just built, or that which `THROUGHLINE_BINARY` names, a release build for example.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("THROUGHLINE_BINARY")
        .map_or_else(|| env!("CARGO_BIN_EXE_throughline").into(), PathBuf::from)
}

/// A server that keeps all.
pub(crate) fn start(dir: &Path) -> Start {
    Start::new(binary(), dir, CONFIG)
}

/// The first `count` transfers of a seed.
pub(crate) fn transfers(seed: u64, count: usize) -> Vec<Transfer> {
    // Of now: what is older than the store's retention would age out of it.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    generate(&PlanOptions { seed, start_unix_nano: now, ..PlanOptions::default() }, count)
}

/// The transfers as requests, each trace's spans spread over several of them, one soon after the other.
pub(crate) fn requests(transfers: &[Transfer]) -> Vec<Bytes> {
    counted_requests(transfers).into_iter().map(|(request, _)| request).collect()
}

/// The same, each with the count of its spans.
pub(crate) fn counted_requests(transfers: &[Transfer]) -> Vec<(Bytes, u64)> {
    let mut list = Vec::new();
    for chunk in transfers.chunks(5) {
        let whole = to_otlp(chunk);
        for slice in 0..SLICES {
            list.extend(whole.iter().map(|request| {
                let mut part = request.clone();
                let mut spans = 0;
                let scopes = part.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
                scopes.for_each(|scope| {
                    let mut at = 0;
                    scope.spans.retain(|_| {
                        at += 1;
                        at % SLICES == slice
                    });
                    spans += scope.spans.len() as u64;
                });
                (Bytes::from(part.encode_to_vec()), spans)
            }));
        }
    }
    list
}

/// Sends all, each until it is acknowledged.
pub(crate) async fn send(port: u16, requests: &[Bytes]) {
    let sender = Sender::new(port);
    for request in requests {
        sender.send_until_taken(request, RESEND).await;
    }
}

/// Everything that must hold once all of `spans` spans of `transactions` transfers are in the store.
pub(crate) async fn check(server: &Server, transactions: u64, spans: u64) {
    server.wait_for("SELECT count() FROM otel_traces", spans, PATIENCE).await;
    server.wait_for("SELECT sum(Spans) FROM transactions", spans, PATIENCE).await;
    assert_eq!(server.count("SELECT uniqExact(TraceId, SpanId) FROM otel_traces").await, spans);
    assert_eq!(server.count("SELECT count() FROM transactions").await, transactions);
    assert_eq!(server.count("SELECT uniqExact(TransactionId) FROM transactions").await, transactions);
    assert_eq!(
        server.count("SELECT countIf(arraySum(Hops.Critical) != Duration) FROM transactions").await,
        0
    );
    for (sum, hops) in [("Count", "Hops.Count"), ("Errors", "Hops.Errors"), ("Critical", "Hops.Critical")] {
        let minutes = server.query(&format!("SELECT sum({sum}) FROM operation_minutes")).await;
        let rows = server.query(&format!("SELECT sum(arraySum({hops})) FROM transactions")).await;
        assert_eq!(minutes, rows, "operation_minutes.{sum}");
    }
    assert_eq!(server.count("SELECT count() - uniqExact(Name) FROM batches").await, 0);
}
