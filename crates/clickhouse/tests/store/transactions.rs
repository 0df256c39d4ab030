//! Transactions read as they were closed, once each; sums are those of their hops.

use bytes::Bytes;
use throughline_assembly::records::{Attribute, Closed, ClosedBy, Hops, Outcome, Transaction, Vote};
use throughline_clickhouse::questions::CompareFilter;
use throughline_clickhouse::schema::table;
use throughline_clickhouse::{DecisionRows, Encoded, TransactionFilter};

use crate::engine::{Scene, batch};
use crate::sample::{DAY, START};

/// Ten seconds before midnight, so that later hops fall on the next day.
const LATE: u64 = (DAY as u64 + 1) * 86_400_000_000_000 - 10_000_000_000;

fn vote(policy: &str, verdict: &str) -> Vote {
    Vote { policy: policy.to_owned(), verdict: verdict.to_owned() }
}

/// A transaction of five hops; the last starts `gap` after the first.
pub(crate) fn closed(number: u64, start: u64, gap: i64) -> Closed {
    let strings = [
        "",
        "payments",
        "core",
        "api",
        "ledger",
        "POST /transfers",
        "book",
        "SELECT",
        "v1",
        "v2",
        "pod-1",
        "bank",
        "north\u{1e}north-2\u{1e}",
        "south\u{1e}\u{1e}blue",
    ];
    let mut hops = Hops {
        department: vec![1, 2, 2, 1, 2],
        service: vec![3, 4, 4, 3, 4],
        operation: vec![5, 6, 7, 11, 6],
        version: vec![8, 9, 9, 8, 9],
        instance: vec![10, 10, 0, 0, 10],
        kind: vec![0, 0, 1, 4, 0],
        parent: vec![-1, 0, 1, 0, 0],
        count: vec![1, 1, 4, 1, 1],
        start: vec![0, 1_000_000, 1_500_000, -20, gap],
        duration: vec![50_000_000 + number, 8_000_000, 4_000_000, 7, 1_000_000],
        self_: vec![30_000_000, 4_000_000, 4_000_000, 7, 1_000_001],
        network: vec![0, 300_000, 0, 0, 0],
        queue: vec![0, 0, 0, 0, 5_000],
        critical: vec![30_000_000, 4_300_000, 1, 0, 1_005_001],
        critical_network: vec![0, 300_000, 0, 0, 0],
        critical_queue: vec![0, 0, 0, 0, 5_000],
        errors: vec![0, 0, 0, 1, 0],
        place: vec![12, 13, 0, 12, 12],
        ..Hops::default()
    };
    for text in strings {
        hops.push_text(text);
    }
    let row = Transaction {
        tenant: "acme".to_owned(),
        transaction_id: format!("tx-{number}"),
        keys: vec![format!("a-{number}"), format!("tx-{number}")],
        r#type: "transfer".to_owned(),
        start,
        end: start + 50_000_000 + number,
        outcome: Outcome::Error.into(),
        outcome_reason: "root failed".to_owned(),
        trace_ids: vec![Bytes::from(vec![number as u8; 16]), Bytes::from(vec![0xee; 16])],
        spans: 9,
        errors: 1,
        services: vec!["api".to_owned(), "ledger".to_owned()],
        departments: vec!["core".to_owned(), "payments".to_owned()],
        kept: true,
        kept_by: "errors".to_owned(),
        keep_reason: "status".to_owned(),
        votes: vec![vote("errors", "keep"), vote("rest", "limit")],
        weight: 1.5,
        spans_lost: 2,
        skew_corrected: 77,
        closed_by: ClosedBy::Terminal.into(),
        attributes: vec![
            Attribute { key: "payment.amount".to_owned(), value: "12.50".to_owned() },
            Attribute { key: "bank.channel".to_owned(), value: String::new() },
        ],
        hops: Some(hops),
    };
    Closed { row: Some(row), version: 1, first_start: start, ..Closed::default() }
}

/// Rows of a block at most.
const MAX_ROWS: usize = 100_000;

async fn store(scene: &Scene, cut: u64, made: Vec<(&'static str, Encoded)>) {
    let batches =
        made.into_iter().map(|(table, block)| batch(cut, table, block.day, block.rows, block.bytes));
    scene.write(batches.collect()).await;
}

pub(crate) async fn write(scene: &Scene, cut: u64, rows: &[&Closed]) {
    let mut made = DecisionRows::new(MAX_ROWS);
    rows.iter().for_each(|closed| made.add(closed).unwrap());
    store(scene, cut, made.finish()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_reads_as_it_was_closed() {
    let scene = Scene::new().await;
    let sent: Vec<Closed> = (1..=9).map(|number| closed(number, START - number, 2_000_000)).collect();
    write(&scene, 1, &sent.iter().collect::<Vec<_>>()).await;
    for closed in &sent {
        let was = closed.row.as_ref().unwrap();
        let read =
            scene.store.transaction_by_key("", &was.keys[0]).await.unwrap().expect("found by another key");
        assert_eq!(
            scene.store.transaction_by_key("", &was.transaction_id).await.unwrap().as_ref(),
            Some(&read)
        );
        assert_eq!(
            scene.store.transaction_by_key("", &hex::encode(&was.trace_ids[0])).await.unwrap().as_ref(),
            Some(&read)
        );
        assert_eq!(
            (&read.tenant, &read.transaction_id, &read.keys, &read.kind),
            (&was.tenant, &was.transaction_id, &was.keys, &was.r#type)
        );
        assert_eq!((read.start, read.end, read.duration), (was.start, was.end, was.end - was.start));
        assert_eq!((read.outcome.as_str(), &read.outcome_reason), ("error", &was.outcome_reason));
        let traces: Vec<String> = was.trace_ids.iter().map(hex::encode).collect();
        assert_eq!((&read.trace_ids, read.spans, read.errors), (&traces, 9, 1));
        assert_eq!((&read.services, &read.departments), (&was.services, &was.departments));
        assert_eq!(
            (read.kept, read.kept_by.as_str(), read.keep_reason.as_str(), read.weight),
            (true, "errors", "status", 1.5)
        );
        let votes: Vec<_> =
            read.votes.iter().map(|(policy, vote)| (policy.as_str(), vote.as_str())).collect();
        assert_eq!(votes, [("errors", "keep"), ("rest", "limit")]);
        assert_eq!((read.spans_lost, read.skew_corrected, read.closed_by.as_str()), (2, 77, "terminal"));
        assert_eq!(read.attributes.get("payment.amount").map(String::as_str), Some("12.50"));
        assert_eq!(read.attributes.get("bank.channel").map(String::as_str), Some(""));
        let (hops, were) = (&read.hops, was.hops.as_ref().unwrap());
        let words =
            |column: &[u32]| -> Vec<String> { column.iter().map(|&at| were.text(at).to_owned()).collect() };
        assert_eq!(
            (&hops.department, &hops.service, &hops.operation),
            (&words(&were.department), &words(&were.service), &words(&were.operation))
        );
        assert_eq!((&hops.version, &hops.instance), (&words(&were.version), &words(&were.instance)));
        assert_eq!(hops.kind, ["own", "own", "database", "partner", "own"]);
        assert_eq!(
            (&hops.parent, &hops.count, &hops.start, &hops.errors),
            (&were.parent, &were.count, &were.start, &were.errors)
        );
        assert_eq!(
            (&hops.duration, &hops.own, &hops.network, &hops.queue),
            (&were.duration, &were.self_, &were.network, &were.queue)
        );
        assert_eq!(
            (&hops.critical, &hops.critical_network, &hops.critical_queue),
            (&were.critical, &were.critical_network, &were.critical_queue)
        );
    }
    assert_eq!(scene.store.transaction_by_key("", "nobody").await.unwrap(), None);
    for (by, values) in [("region", ["north", "south"]), ("zone", ["north-2", ""]), ("cluster", ["blue", ""])]
    {
        let filter =
            CompareFilter { service: "ledger".to_owned(), by: by.to_owned(), ..CompareFilter::default() };
        let found = scene.store.compared_values(&filter).await.unwrap();
        let mut found: Vec<&str> = found.iter().map(|value| value.value.as_str()).collect();
        found.sort_unstable();
        let known: Vec<&str> = values.into_iter().filter(|value| !value.is_empty()).collect();
        assert_eq!(found, known, "{by}");
    }
}

/// The same key and the same trace of two tenants.
/// A transaction of one hop that takes `time`, and begins and waits as long.
fn lasting(number: u64, time: u64) -> Closed {
    let mut closed = closed(number, START, 0);
    let row = closed.row.as_mut().unwrap();
    row.end = row.start + time;
    let hops = row.hops.as_mut().unwrap();
    hops.start = vec![0, 1, 2, 3, time.cast_signed()];
    hops.duration[0] = time;
    hops.self_[0] = 0;
    hops.network[1] = time;
    hops.critical[2] = time;
    closed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_of_any_width_read_as_they_were() {
    const WIDEST: u64 = u32::MAX as u64;
    let scene = Scene::new().await;
    // A block that 32 bits are enough for, one that they are not, and one of both.
    let blocks = [vec![WIDEST, 5], vec![WIDEST + 1], vec![7, 1 << 40, WIDEST]];
    let mut number = 0;
    for (cut, times) in (1..).zip(blocks) {
        let sent: Vec<Closed> = times.iter().zip(number..).map(|(&time, at)| lasting(at, time)).collect();
        number += 10;
        write(&scene, cut, &sent.iter().collect::<Vec<_>>()).await;
        for closed in &sent {
            let was = closed.row.as_ref().unwrap();
            let read = scene.store.transaction_by_key("", &was.transaction_id).await.unwrap().unwrap();
            let (hops, were) = (&read.hops, was.hops.as_ref().unwrap());
            assert_eq!((&hops.start, &hops.duration, &hops.own), (&were.start, &were.duration, &were.self_));
            assert_eq!((&hops.network, &hops.critical), (&were.network, &were.critical));
        }
    }
}

/// A block is written where the last one was, once nobody holds that: what either holds does not show in the other.
#[test]
fn a_block_does_not_change_what_was_written_before() {
    let bytes = |made: &mut DecisionRows, rows: std::ops::Range<u64>| {
        rows.for_each(|number| made.add(&closed(number, START, 0)).unwrap());
        made.finish().into_iter().map(|(_, block)| block.bytes).collect::<Vec<Bytes>>()
    };
    let mut made = DecisionRows::new(MAX_ROWS);
    let (first, alone) = (bytes(&mut made, 0..50), bytes(&mut DecisionRows::new(MAX_ROWS), 0..50));
    let held = bytes(&mut made, 50..90);
    assert_eq!(first, alone, "it is held while the next is written");
    drop((first, held));
    assert_eq!(bytes(&mut made, 0..50), alone);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_that_of_the_tenant_who_asks() {
    let scene = Scene::new().await;
    let (north, mut south) = (closed(1, START, 0), closed(1, START + 1, 0));
    south.row.as_mut().unwrap().tenant = "south".to_owned();
    write(&scene, 1, &[&north, &south]).await;
    for key in ["tx-1", "a-1", &"01".repeat(16)] {
        for (asked, found) in
            [("acme", Some("acme")), ("south", Some("south")), ("", Some("south")), ("x", None)]
        {
            let row = scene.store.transaction_by_key(asked, key).await.unwrap();
            assert_eq!(row.as_ref().map(|row| row.tenant.as_str()), found, "{asked:?} asks for {key}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_of_nothing_reads_as_nothing() {
    let scene = Scene::new().await;
    let bare = Closed {
        row: Some(Transaction {
            transaction_id: "bare".to_owned(),
            start: START,
            end: START,
            ..Transaction::default()
        }),
        version: 1,
        first_start: START,
        ..Closed::default()
    };
    write(&scene, 1, &[&bare]).await;
    let read = scene.store.transaction_by_key("", "bare").await.unwrap().unwrap();
    assert_eq!(
        (read.keys.len(), read.services.len(), read.attributes.len(), read.hops.service.len(), read.duration),
        (0, 0, 0, 0, 0)
    );
    let mut broken = closed(1, START, 0);
    broken.row.as_mut().unwrap().hops.as_mut().unwrap().queue.pop();
    let mut made = DecisionRows::new(MAX_ROWS);
    assert!(made.add(&broken).is_err());
    assert!(made.add(&Closed { before: broken.row.clone(), ..bare }).is_err());
    assert!(made.add(&Closed { row: None, before: broken.row.clone(), ..broken }).is_err());
    assert_eq!(made.finish(), [], "of what does not hold together nothing is taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_version_counts_and_a_joined_one_is_gone() {
    let scene = Scene::new().await;
    let (first, other) = (closed(1, START, 0), closed(2, START, 0));
    write(&scene, 1, &[&first, &other]).await;
    let mut amended = closed(1, START - 5, 0);
    amended.version = 2;
    amended.first_start = START;
    amended.row.as_mut().unwrap().outcome = Outcome::Ok.into();
    let joined = Closed { row: None, before: other.row.clone(), version: 2, ..other };
    write(&scene, 2, &[&amended, &joined]).await;
    for _ in ["as written", "as merged"] {
        let rows = scene.ask("SELECT TransactionId, Outcome, toUnixTimestamp64Nano(Start), count() OVER () FROM transactions").await;
        assert_eq!(rows, format!("tx-1\tok\t{}\t1", START - 5));
        assert_eq!(scene.store.transaction_by_key("", "tx-2").await.unwrap(), None);
        scene.run("OPTIMIZE TABLE transactions_data FINAL").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sums_are_those_of_the_hops_amendments_included() {
    let scene = Scene::new().await;
    let all: Vec<Closed> = (1..=30).map(|number| closed(number, LATE, 20_000_000_000)).collect();
    let before = closed(31, LATE, 3_000_000_000);
    let mut after = closed(31, LATE, 90_000_000_000);
    after.version = 2;
    let mut made = DecisionRows::new(MAX_ROWS);
    all.iter().chain([&before]).for_each(|closed| made.add(closed).unwrap());
    store(&scene, 1, made.finish()).await;
    after.before = before.row;
    made.add(&after).unwrap();
    store(&scene, 2, made.finish()).await;
    let of_hops = "SELECT toStartOfMinute(fromUnixTimestamp64Nano(toUnixTimestamp64Nano(Start) + s)) AS m, Type AS ty, d, v, o, r, \
        toInt64(sum(c)), toInt64(sum(e)), toInt64(sum(t)), toInt64(sum(w)), toInt64(sum(p)) FROM transactions ARRAY JOIN Hops.Start AS s, Hops.Department AS d, Hops.Service AS v, \
        Hops.Operation AS o, Hops.Version AS r, Hops.Count AS c, Hops.Errors AS e, Hops.Duration AS t, Hops.Self AS w, Hops.Critical AS p GROUP BY ALL ORDER BY ALL";
    let of_minutes = "SELECT Minute, Type, Department, Service, Operation, Version, sum(Count), sum(Errors), sum(Duration), sum(Self), sum(Critical) \
        FROM operation_minutes GROUP BY ALL HAVING sum(Count) != 0 ORDER BY ALL";
    let wanted = scene.ask(of_hops).await;
    assert_eq!(wanted.lines().count(), 6, "five operations, the last of them in two minutes:\n{wanted}");
    for _ in ["as written", "as merged"] {
        assert_eq!(scene.ask(of_minutes).await, wanted);
        let counted = scene.ask("SELECT groupArray((Operation, Minute, Count, Durations)) FROM operation_minutes WHERE Count != arraySum(mapValues(Durations))").await;
        assert_eq!(counted, "[]");
        let stats = scene.ask("SELECT Count, round(P50 / 50e6, 1), round(P99 / 50e6, 1) FROM operation_stats WHERE Operation = 'POST /transfers'").await;
        assert_eq!(stats, "31\t1\t1");
        let edges = "SELECT CallerService, CalleeService, Kind, sum(Count), sum(Errors), sum(Network), sum(Queue) FROM edge_minutes GROUP BY ALL ORDER BY ALL";
        assert_eq!(
            scene.ask(edges).await,
            "api\tapi\tpartner\t31\t31\t0\t0\napi\tledger\town\t62\t0\t9300000\t155000\nledger\tledger\tdatabase\t124\t0\t0\t0"
        );
        scene.run("OPTIMIZE TABLE operation_minutes FINAL").await;
        scene.run("OPTIMIZE TABLE edge_minutes FINAL").await;
    }
}

#[test]
fn what_adds_up_to_nothing_is_not_written() {
    let mut made = DecisionRows::new(MAX_ROWS);
    let closed = closed(1, START, 0);
    made.add(&closed).unwrap();
    made.add(&Closed { row: None, before: closed.row.clone(), version: 2, ..closed }).unwrap();
    let tables: Vec<_> = made.finish().into_iter().map(|(table, block)| (table, block.rows)).collect();
    assert_eq!(tables, [(table::TRANSACTIONS, 2)], "both versions, and no sums");
}

#[test]
fn what_was_made_before_does_not_show() {
    let batch = |made: &mut DecisionRows| {
        for number in 1..=50 {
            made.add(&closed(number, START - number % 7, 3)).unwrap();
        }
        made.finish()
    };
    let mut used = DecisionRows::new(MAX_ROWS);
    let mut other = closed(9, START, 0);
    let hops = other.row.as_mut().unwrap().hops.as_mut().unwrap();
    let texts: Vec<String> = hops.texts().map(|text| format!("{text}x")).collect();
    (hops.strings, hops.string_ends) = Default::default();
    for text in &texts {
        hops.push_text(text);
    }
    other.row.as_mut().unwrap().r#type = "other".to_owned();
    used.add(&other).unwrap();
    assert!(!used.finish().is_empty());
    let fresh = batch(&mut DecisionRows::new(MAX_ROWS));
    assert_eq!(batch(&mut used), fresh, "the same decisions give the same bytes");
    assert_eq!(batch(&mut used), fresh, "again and again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zero_in_a_name_reads_as_the_replacement_character() {
    let scene = Scene::new().await;
    let mut odd = closed(1, START, 0);
    let row = odd.row.as_mut().unwrap();
    row.services[1] = "led\0ger".to_owned();
    let hops = row.hops.as_mut().unwrap();
    hops.push_text("led\0ger");
    let odd_name = hops.string_ends.len() as u32 - 1;
    hops.service.iter_mut().filter(|service| **service == 4).for_each(|service| *service = odd_name);
    write(&scene, 1, &[&odd]).await;
    let read = scene.store.transaction_by_key("", "tx-1").await.unwrap().unwrap();
    assert_eq!(read.services, ["api", "led\u{FFFD}ger"]);
    assert_eq!(read.hops.service[1], "led\u{FFFD}ger");
    let sums = scene.ask("SELECT DISTINCT Service FROM operation_minutes ORDER BY ALL").await;
    assert_eq!(sums, "api\nled\u{FFFD}ger");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_filtered_and_ordered() {
    let scene = Scene::new().await;
    let all: Vec<Closed> = (1..=5).map(|number| closed(number, START + number * 1000, 0)).collect();
    write(&scene, 1, &all.iter().collect::<Vec<_>>()).await;
    let ids = async |filter: TransactionFilter| -> Vec<String> {
        let found = scene.store.find_transactions(&TransactionFilter { limit: 3, ..filter }).await.unwrap();
        found.into_iter().map(|row| row.transaction_id).collect()
    };
    assert_eq!(ids(TransactionFilter::default()).await, ["tx-5", "tx-4", "tx-3"]);
    let since = TransactionFilter {
        since: Some(START + 4000),
        kind: Some("transfer".into()),
        outcome: Some("error".into()),
        ..Default::default()
    };
    assert_eq!(ids(since).await, ["tx-5", "tx-4"]);
    let until = TransactionFilter {
        until: Some(START + 3000),
        kept: Some(true),
        department: Some("core".into()),
        service: Some("api".into()),
        ..Default::default()
    };
    assert_eq!(ids(until).await, ["tx-2", "tx-1"]);
    let slow = TransactionFilter {
        slower_than: Some(std::time::Duration::from_nanos(50_000_003)),
        slowest_first: true,
        ..Default::default()
    };
    assert_eq!(ids(slow).await, ["tx-5", "tx-4"]);
    let of = |tenant: &str| TransactionFilter { tenant: Some(tenant.into()), ..Default::default() };
    assert_eq!((ids(of("acme")).await.len(), ids(of("other")).await.len()), (3, 0));
    assert!(
        ids(TransactionFilter { kind: Some("it's \"\\ none".into()), ..Default::default() }).await.is_empty()
    );
}
