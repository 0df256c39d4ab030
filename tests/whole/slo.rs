//! Service levels of a type, as the store and the metrics tell them.

use std::time::{Duration, Instant};

use throughline_harness::Start;

use crate::load::{CONFIG, PATIENCE, binary, requests, send, transfers};

/// Attainments of all windows, summed: the metric is told by window, and asked for twice a minute.
const METRIC: &str = "throughline_slo_attainment";

/// Scenario: transfers are sent, of which none but those that failed or are incomplete miss the objective; only errors are kept.
/// Guarantee: the view counts all of them, sampled or not, and the metrics say the same; a changed objective holds after a reload.
#[tokio::test(flavor = "multi_thread")]
async fn service_levels_count_every_transaction() {
    let dir = tempfile::tempdir().unwrap();
    let errors = "[{ name: errors, type: status_code, status_code: { status_codes: [ERROR] } }]";
    let config = CONFIG
        .replace("[{ name: all, type: always_sample }]", errors)
        .replace("deadline: 20s", "deadline: 20s\n      slo: { latency: 10m, objective: 0.9 }");
    let server = Start::new(binary(), dir.path(), &config).ready().await;
    let transfers = transfers(900, 60);
    send(server.start.ports.grpc, &requests(&transfers)).await;
    let all = transfers.len() as u64;
    server.wait_for("SELECT max(Transactions) FROM slo", all, PATIENCE).await;
    server.wait_for("SELECT countIf(ClosedBy != 'age') FROM transactions", all, PATIENCE).await;
    assert_eq!(server.count("SELECT uniqExact(Window) FROM slo WHERE Type = 'transfer'").await, 4);
    let good = "SELECT countIf(Outcome = 'ok' AND Duration <= 600e9) FROM transactions";
    assert_eq!(server.query("SELECT Good FROM slo WHERE Window = '1h'").await, server.query(good).await);
    assert!(server.count("SELECT countIf(NOT Kept) FROM transactions").await > 0, "all were kept");
    let wanted: f64 = server.query("SELECT sum(Attainment) FROM slo").await.parse().unwrap();
    let until = Instant::now() + 2 * PATIENCE;
    while (server.metric(METRIC).await - wanted).abs() > 1e-9 {
        assert!(Instant::now() < until, "{METRIC} is {}, not {wanted}", server.metric(METRIC).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let stricter = config.replace("latency: 10m", "latency: 1ms");
    std::fs::write(dir.path().join("throughline.yaml"), stricter).unwrap();
    let (_, answer) = server.api_post("/api/v1/config/reload").await;
    assert!(answer["result"] == "taken" || answer["result"] == "unchanged", "{answer}");
    server.wait_for("SELECT max(Good) FROM slo", 0, PATIENCE).await;
}
