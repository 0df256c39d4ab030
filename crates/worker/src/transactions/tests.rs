//! The driver over logs of its own, step by step: what it decides when, and by how much.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use throughline_assembly::{
    records::{Closed, ClosedBy, Key as BusinessKey, Resource, Root, TraceSummary},
    rules::{RulesSettings, SamplingSettings, TraceSettings, TransactionSettings},
    time::SECOND,
    traces::{Emit, EmitBody, TraceKey, Traces},
};
use throughline_log::{Settings, Sync};

use super::*;
use crate::{
    Behind,
    events::emitted,
    looking::{Looking, OpenTraces},
};

fn rules() -> Rules {
    let settings = RulesSettings {
        partitions: 1,
        traces: TraceSettings {
            quiet_time: SECOND,
            quiet_time_without_root: SECOND,
            max_age: 60 * SECOND,
            max_spans: 1000,
            max_skew: SECOND,
            error_attributes: None,
        },
        partners: Vec::new(),
        departments: Vec::new(),
        network_department: None,
        database_department: None,
        transactions: TransactionSettings {
            keys: vec!["key".into()],
            links: false,
            quiet_time: 2 * SECOND,
            max_age: 600 * SECOND,
            max_traces: 1000,
            types: Vec::new(),
            attributes: Vec::new(),
        },
        policies: Vec::new(),
        sampling: SamplingSettings::default(),
        diagnosis: throughline_analysis::diagnosis::DiagnosisSettings::default(),
        change_attributes: Vec::new(),
        batch_rows: 1_000_000,
        batch_delay: 600 * SECOND,
        retention: 7200 * SECOND,
    };
    Rules::compile(settings).unwrap()
}

/// A driver whose log nobody else writes to.
struct Scene {
    driver: TransactionsDriver,
    rules: Arc<Rules>,
    /// Records written so far.
    written: u64,
    /// The first fold's end of questions.
    looking: Vec<Looking>,
    _dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = |name: &str| {
            let mut settings = Settings::new(dir.path().join(name), name, 1);
            (settings.reserve_bytes, settings.gather, settings.sync) = (0, Duration::ZERO, Sync::Never);
            Log::open(settings).unwrap()
        };
        let (summary_log, rules) = (log("summaries"), Arc::new(rules()));
        let parts = Parts {
            span_log: log("spans"),
            analysis_log: log("analysis"),
            snapshots: Snapshots::open(dir.path().join("snapshots")).unwrap(),
            outbox: Outbox::open(dir.path().join("outbox"), 1 << 30).unwrap(),
            rules: Arc::clone(&rules),
            retention: Retention { age: Duration::from_hours(1), bytes: 1 << 40 },
            index: dir.path().join("index"),
            summary_log: summary_log.clone(),
        };
        let (open_traces, looking) = OpenTraces::new(&parts.span_log);
        let in_flight = InFlight::new(summary_log, Arc::clone(&rules), open_traces);
        let driver = TransactionsDriver::open(0, &parts, Arc::new(Bounds::new(1)), in_flight).unwrap();
        Self { driver, rules, written: 0, looking, _dir: dir }
    }

    async fn append(&mut self, body: EmitBody) {
        self.written += 1;
        let emit = Emit { partition: 0, ordinal: 0, body };
        append(&self.driver.log, vec![(0, emitted(0, Position(self.written), &emit))]).await.unwrap();
    }

    /// A trace of one span, under a key; its summary takes more than so many bytes.
    async fn trace(&mut self, key: &str, number: u64, bytes: usize) {
        let summary = self.summary(key, number, bytes);
        self.append(EmitBody::Summary(Arc::new(summary))).await;
    }

    fn summary(&self, key: &str, number: u64, bytes: usize) -> TraceSummary {
        let mut summary = TraceSummary {
            trace_id: u128::from(number).to_be_bytes().to_vec().into(),
            rules_version: self.rules.version,
            keys: vec![BusinessKey { place: 0, value: key.into() }],
            string_ends: vec![0],
            span_id: vec![1],
            parent_id: vec![0],
            start: vec![0],
            duration: vec![SECOND],
            flags: vec![2],
            operation: vec![0],
            resource: vec![0],
            peer: vec![0],
            record: vec![0],
            offset: vec![0],
            resources: vec![Resource::default()],
            root: Some(Root::default()),
            base: SECOND * number,
            ..TraceSummary::default()
        };
        // Nobody's name: it takes room and nothing else.
        summary.push_text(&"x".repeat(bytes));
        summary
    }

    /// A first fold that has read all there is and has no open trace, only closed ones that are not in the summary log.
    fn first_fold(&mut self, unplaced: HashMap<TraceKey, Vec<Arc<TraceSummary>>>) {
        const ALL: Position = Position(u64::MAX);
        let (mut looking, rules) = (self.looking.remove(0), Arc::clone(&self.rules));
        tokio::spawn(async move {
            let mut fold = Traces::new(0, rules);
            loop {
                looking.wanted(ALL).await;
                looking.look(&mut fold, ALL, &unplaced);
            }
        });
    }

    async fn time(&mut self, seconds: u64) {
        self.append(EmitBody::SourceTime { now: seconds * SECOND, oldest: 0 }).await;
    }

    /// Decisions in the log.
    fn closed(&self) -> Vec<Arc<Closed>> {
        let mut reader = self.driver.log.reader(0, self.driver.log.start(0));
        let mut closed = Vec::new();
        while let Some(record) = reader.try_next().unwrap() {
            closed.extend((record.kind == Kind::Closed).then(|| closed_of(&record).unwrap()));
        }
        closed
    }
}

/// Decisions, each with its traces.
fn traces(closed: &[Arc<Closed>]) -> Vec<usize> {
    closed.iter().map(|closed| closed.row.as_ref().unwrap().trace_ids.len()).collect()
}

#[tokio::test]
async fn what_the_log_holds_is_read_before_anything_is_decided() {
    const LARGE: usize = 3 << 20;
    assert!(2 * LARGE as u64 > MAX_UNREAD_BYTES);
    for (unread, expected) in [(LARGE, 2), (10, 1)] {
        let mut scene = Scene::new();
        scene.trace("it", 1, 10).await;
        scene.time(10).await;
        scene.time(13).await;
        scene.driver.read_to_end().await.unwrap();
        assert_eq!((scene.driver.undecided(), scene.closed().len()), (1, 0), "it is closing");
        // More of it is in the log by now, and what others sent.
        scene.trace("it", 2, unread).await;
        scene.trace("another", 3, unread).await;
        scene.driver.act().await.unwrap();
        assert_eq!(
            scene.closed().len(),
            if unread == LARGE { 0 } else { 1 },
            "{unread} bytes are to be read"
        );
        scene.driver.read_to_end().await.unwrap();
        scene.driver.act().await.unwrap();
        assert_eq!(traces(&scene.closed()), [expected]);
    }
}

#[tokio::test]
async fn what_is_on_its_way_between_the_folds_may_be_there() {
    let mut scene = Scene::new();
    let unplaced = Arc::new(scene.summary("not in the log", 7, 10));
    scene.first_fold(HashMap::from([(TraceKey::from(&*unplaced), vec![unplaced])]));
    let in_flight = scene.driver.in_flight.clone();
    assert_eq!(in_flight.find("", "it").await, Ok(None));
    let found = in_flight.find("", "not in the log").await.unwrap().unwrap();
    assert_eq!(found.keys, ["not in the log"]);
    scene.trace("it", 1, 10).await;
    assert_eq!(in_flight.find("", "it").await, Err(Behind));
    scene.driver.read_to_end().await.unwrap();
    assert_eq!(in_flight.find("", "it").await.unwrap().unwrap().keys, ["it"]);
    assert_eq!(in_flight.find("", "another").await, Ok(None));
}

#[tokio::test]
async fn where_a_first_fold_does_not_answer_there_may_be_more() {
    let scene = Scene::new();
    assert_eq!(scene.driver.in_flight.find("", "it").await, Err(Behind));
}

#[tokio::test]
async fn a_decision_is_made_of_so_many_bytes_of_summaries_and_says_so() {
    const LARGE: usize = 3 << 20;
    const TRACES: u64 = 24;
    let counted = Counted::default();
    let _guard = metrics::set_default_local_recorder(&counted);
    let mut scene = Scene::new();
    for number in 1..=TRACES {
        scene.trace("it", number, LARGE).await;
        scene.driver.read_to_end().await.unwrap();
    }
    scene.time(10).await;
    scene.time(13).await;
    scene.driver.read_to_end().await.unwrap();
    scene.driver.act().await.unwrap();
    scene.driver.read_to_end().await.unwrap();
    let fits = crate::limits::MAX_SUMMARY_BYTES / (LARGE + 200);
    assert_eq!(traces(&scene.closed()), [fits], "of {TRACES}");
    assert_eq!(counted.hits("transactions.bytes"), TRACES - fits as u64);
    // What comes then is what counts: its row overwrites nothing.
    scene.trace("it", 100, 10).await;
    scene.time(14).await;
    scene.time(17).await;
    scene.driver.read_to_end().await.unwrap();
    scene.driver.act().await.unwrap();
    let closed = scene.closed();
    assert_eq!(traces(&closed), [fits, 1]);
    assert_eq!(closed[1].row.as_ref().unwrap().closed_by(), ClosedBy::Late);
}

/// Counts hits of limits by their names.
#[derive(Default)]
struct Counted(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Counted {
    fn hits(&self, limit: &str) -> u64 {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counters.get(limit).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }
}

impl Recorder for Counted {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        if key.name() != LIMIT_HITS {
            return Counter::noop();
        }
        let limit = key.labels().map(metrics::Label::value).collect();
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Counter::from_arc(Arc::clone(counters.entry(limit).or_default()))
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
