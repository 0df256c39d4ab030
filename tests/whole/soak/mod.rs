//! The bank's transfers over a rough way, into a server that is killed again and again: every transfer is one row with exactly its traces, kept or dropped whole.
//!
//! A short form with every run of all tests. At full length, 200 transfers a second for ten minutes and ten kills, with `make test-slow`, best on a release build
//! (`THROUGHLINE_BINARY`). `THROUGHLINE_SOAK_SEED`, `_RATE`, `_SECONDS`, `_LATE` (seconds) and `_KILLS` say other numbers.

mod account;
mod rough;

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use throughline_bank::{Fault, FaultKind};
use throughline_harness::{Server, Start};

use self::rough::{Rough, Sent};
use crate::load::binary;

/// Transactions as long as this are kept in any case: about one of ten.
const SLOW: Duration = Duration::from_secs(12);

/// Of those that nothing else keeps, so many are.
const SHARE: f64 = 0.25;

/// Kills that follow another so soon that they meet a server that starts: one of so many.
const SOON: f64 = 0.3;

/// When transactions close, against what comes late.
#[derive(Clone, Copy)]
enum Closes {
    /// What comes late is waited for.
    After,
    /// Rows are written before, and amended.
    Before,
}

/// How much of everything.
#[derive(Clone, Copy)]
struct Size {
    seed: u64,
    rate: u64,
    seconds: u64,
    late: u64,
    kills: u64,
}

impl Size {
    /// As the environment says it, else as it is.
    fn or_as_told(self) -> Self {
        let told = |name: &str, usual: u64| {
            let text = std::env::var(format!("THROUGHLINE_SOAK_{name}"));
            text.map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name}: {text} is no number")))
        };
        Self {
            seed: told("SEED", self.seed),
            rate: told("RATE", self.rate),
            seconds: told("SECONDS", self.seconds),
            late: told("LATE", self.late),
            kills: told("KILLS", self.kills),
        }
    }

    /// Each kind of fault for a while, one after the other, each twice as long as it has the stage alone.
    fn faults(self) -> Vec<Fault> {
        let part = Duration::from_secs(self.seconds) / FaultKind::ALL.len() as u32;
        (0..).zip(FaultKind::ALL).map(|(at, kind)| Fault::new(kind, part * at, part * 2)).collect()
    }

    fn config(self, closes: Closes) -> String {
        let (settle, deadline) = match closes {
            // Beyond the lateness: the shuffling, and the trace's own quiet time.
            Closes::After => (self.late + 20, 2 * self.late + 60),
            Closes::Before => (3, 15),
        };
        let slow = SLOW.as_millis();
        let share = SHARE * 100.0;
        format!(
            r#"
log: {{ reserve_gib: 0, retention: {{ size_gib: 4 }} }}
traces: {{ quiet_time: 2s, quiet_time_without_root: 4s }}
departments: [{{ attribute: department }}]
transactions:
  quiet_time: {settle}s
  types:
    - name: transfer
      match: root.name == "POST /transfers"
      terminal: span.name == "settlement.confirm"
      settle: {settle}s
      deadline: {deadline}s
batch: {{ max_delay: 1s }}
sampling:
  policies:
    - {{ name: errors, type: status_code, status_code: {{ status_codes: [ERROR] }} }}
    - {{ name: slow, type: latency, latency: {{ threshold_ms: {slow}, of: transaction }} }}
    - {{ name: rest, type: probabilistic, probabilistic: {{ sampling_percentage: {share} }} }}
"#
        )
    }
}

/// Moments of kills, from the start: anywhere, some of them so soon after another that the server has not come back.
fn moments(size: Size) -> Vec<Duration> {
    let mut dice = StdRng::seed_from_u64(size.seed ^ 0x6b69_6c6c);
    let mut moments: Vec<Duration> = Vec::new();
    for kill in 0..size.kills {
        let part = Duration::from_secs(size.seconds) / size.kills as u32;
        let moment = match moments.last() {
            Some(last) if dice.random_bool(SOON) => {
                *last + Duration::from_millis(dice.random_range(50..2_500))
            }
            _ => part * kill as u32 + part.mul_f64(dice.random_range(0.1..0.9)),
        };
        moments.push(moment);
    }
    moments
}

/// Sends all while the server is killed; returns the server that runs in the end, and what was sent.
async fn send_and_kill(size: Size, start: Start) -> (Server, Sent) {
    let mut server = start.ready().await;
    let rough = Rough {
        seed: size.seed,
        transfers_per_second: size.rate as f64,
        lasts: Duration::from_secs(size.seconds),
        shuffle: Duration::from_secs(2),
        late: Duration::from_secs(size.late),
        late_share: 0.05,
        faults: size.faults(),
    };
    let sending = tokio::spawn(rough.send(server.start.ports.grpc));
    let began = tokio::time::Instant::now();
    for moment in moments(size) {
        tokio::time::sleep_until(began + moment).await;
        let ended = server.ended();
        assert!(ended.is_none(), "it ended by itself, with {ended:?}:\n{}", server.output());
        server = server.kill().spawn();
    }
    let sent = sending.await.unwrap();
    server.wait_ready().await;
    (server, sent)
}

async fn soak(size: Size, closes: Closes) {
    let size = size.or_as_told();
    let dir = tempfile::tempdir().unwrap();
    let start = Start::new(binary(), dir.path(), &size.config(closes));
    let (server, sent) = send_and_kill(size, start).await;
    eprintln!(
        "seed {}: {} transfers, {} spans, {} requests, {} times refused",
        size.seed,
        sent.transfers.len(),
        sent.spans,
        sent.requests,
        sent.refused
    );
    let patience = Duration::from_secs(60 + 4 * size.late + size.seconds / 2);
    account::settled(&server, &sent, patience).await;
    account::check(&server, &sent).await;
    let amended = server.count("SELECT countIf(Version > 1) FROM transactions_data FINAL").await;
    eprintln!("{amended} rows were amended");
    if matches!(closes, Closes::Before) {
        assert!(amended > 0, "nothing came late: nothing was tested");
    }
    // What is settled stays so, over one more kill and all that is made again by it.
    let server = server.kill().ready().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    account::settled(&server, &sent, patience).await;
    account::check(&server, &sent).await;
}

const SHORT: Size = Size { seed: 1, rate: 25, seconds: 20, late: 10, kills: 3 };

const FULL: Size = Size { seed: 1, rate: 200, seconds: 600, late: 60, kills: 10 };

/// Scenario: some seconds of transfers under all faults; requests cut anew, shuffled and sent twice; some traces come when their transactions are closed; kills.
/// Guarantee: each transfer is one row with exactly its traces and its outcome; all its spans are stored once, or none; sums are those of the rows.
#[tokio::test(flavor = "multi_thread")]
async fn a_rough_way_and_kills_change_nothing() {
    soak(SHORT, Closes::Before).await;
}

/// Scenario: the same for ten minutes at 200 transfers a second, 5 % of traces 60 s late, ten kills; rows are written before what is late comes.
/// Guarantee: the same.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "twelve minutes"]
async fn ten_minutes_of_a_rough_way_with_rows_amended() {
    soak(FULL, Closes::Before).await;
}

/// Scenario: the same; what is late is waited for.
/// Guarantee: the same.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "fourteen minutes"]
async fn ten_minutes_of_a_rough_way_with_all_waited_for() {
    soak(FULL, Closes::After).await;
}
