//! What every engine of the log promises. An engine's tests call [`all`] with a way to open a log that outlives its handle.
#![allow(
    unreachable_pub,
    missing_docs,
    dead_code,
    reason = "shared by several test binaries, each using a part"
)]

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use throughline_log::{
    AppendError, Cause, FetchError, Kind, Log, LogId, NewRecord, Position, ReadError, Reader, Record,
};

/// A reader waits at most this long for what must come.
const DEADLINE: Duration = Duration::from_secs(20);

/// The contract, as the suite sees it.
#[allow(async_fn_in_trait, reason = "tests are generic over it; nobody sends its futures")]
pub trait SpanLog: Clone + Send + Sync + 'static {
    type Reader: SpanReader;
    fn id(&self) -> LogId;
    fn append(
        &self,
        records: Vec<(u32, NewRecord)>,
    ) -> impl Future<Output = Result<Vec<Position>, AppendError>> + Send + use<Self>;
    fn start(&self, partition: u32) -> Position;
    fn end(&self, partition: u32) -> Position;
    fn reader(&self, partition: u32, from: Position) -> Self::Reader;
    fn fetch(&self, partition: u32, position: Position) -> Result<Record, FetchError>;
    fn trim(&self, partition: u32, before: Position);
}

/// A reader of such a log.
#[allow(async_fn_in_trait, reason = "tests are generic over it; nobody sends its futures")]
pub trait SpanReader: Send + 'static {
    fn next(&mut self) -> impl Future<Output = Result<Record, ReadError>> + Send;
    fn try_next(&mut self) -> Result<Option<Record>, ReadError>;
}

impl SpanLog for Log {
    type Reader = Reader;
    fn id(&self) -> LogId {
        Log::id(self)
    }
    fn append(
        &self,
        records: Vec<(u32, NewRecord)>,
    ) -> impl Future<Output = Result<Vec<Position>, AppendError>> + Send + use<> {
        Log::append(self, records)
    }
    fn start(&self, partition: u32) -> Position {
        Log::start(self, partition)
    }
    fn end(&self, partition: u32) -> Position {
        Log::end(self, partition)
    }
    fn reader(&self, partition: u32, from: Position) -> Reader {
        Log::reader(self, partition, from)
    }
    fn fetch(&self, partition: u32, position: Position) -> Result<Record, FetchError> {
        Log::fetch(self, partition, position)
    }
    fn trim(&self, partition: u32, before: Position) {
        Log::trim(self, partition, before);
    }
}

impl SpanReader for Reader {
    fn next(&mut self) -> impl Future<Output = Result<Record, ReadError>> + Send {
        Reader::next(self)
    }
    fn try_next(&mut self) -> Result<Option<Record>, ReadError> {
        Reader::try_next(self)
    }
}

pub fn record(kind: Kind, payload: impl Into<Bytes>) -> NewRecord {
    NewRecord { kind, tenant: "".into(), cause: None, payload: payload.into(), cache: None }
}

pub fn spans(payload: impl Into<Bytes>) -> NewRecord {
    record(Kind::Spans, payload)
}

/// Runs every promise, each against logs of three partitions that `open` makes under a name, or opens again.
pub async fn all<L: SpanLog>(open: impl Fn(&str) -> L) {
    what_was_appended_is_read_back(open("read back")).await;
    the_cache_travels_while_in_memory(open("cache")).await;
    a_reader_waits(open("waits")).await;
    order_is_that_of_calls(open("order")).await;
    trim_spares_what_is_later(open("trim")).await;
    positions_outside_are_told_apart(open("outside")).await;
    reopening_changes_nothing(open).await;
}

/// All fields come back, by reader and by fetch, under the positions that append gave; each `next` is the position that follows.
async fn what_was_appended_is_read_back(log: impl SpanLog) {
    let cause = Some(Cause { source: 2, position: Position(12), ordinal: 1 });
    let news = [
        NewRecord { tenant: "north".into(), ..spans("a") },
        NewRecord { cause, ..record(Kind::Summary, vec![7; 5000]) },
        record(Kind::Tick, ""),
    ];
    let positions = log.append(news.iter().cloned().map(|new| (1, new)).collect()).await.unwrap();
    let mut reader = log.reader(1, log.start(1));
    for (at, new) in news.iter().enumerate() {
        let read = reader.try_next().unwrap().unwrap();
        let fetched = log.fetch(1, positions[at]).unwrap();
        for record in [&read, &fetched] {
            assert_eq!(record.position, positions[at]);
            assert_eq!(record.next, positions.get(at + 1).copied().unwrap_or(log.end(1)));
            assert_eq!((record.kind, &record.tenant, record.cause), (new.kind, &new.tenant, new.cause));
            assert_eq!(record.payload, new.payload);
            assert!(record.wall_ns > 1_700_000_000_000_000_000);
        }
    }
    assert!(reader.try_next().unwrap().is_none());
    assert!(log.reader(0, log.start(0)).try_next().unwrap().is_none());
}

/// What travels with a record reaches a reader near the end.
async fn the_cache_travels_while_in_memory(log: impl SpanLog) {
    let cached = NewRecord { cache: Some(std::sync::Arc::new(42_u32)), ..spans("x") };
    log.append(vec![(0, cached)]).await.unwrap();
    let read = log.reader(0, log.start(0)).try_next().unwrap().unwrap();
    assert_eq!(read.cache.unwrap().downcast_ref::<u32>(), Some(&42));
}

/// A reader at the end waits, and is woken by the append; dropping a wait loses nothing.
async fn a_reader_waits(log: impl SpanLog) {
    let mut reader = log.reader(2, log.end(2));
    tokio::select! {
        biased;
        _ = reader.next() => panic!("nothing was appended"),
        () = tokio::task::yield_now() => {}
    }
    let waiting = tokio::spawn(async move { reader.next().await.unwrap().payload });
    log.append(vec![(2, spans("woken"))]).await.unwrap();
    assert_eq!(tokio::time::timeout(DEADLINE, waiting).await.unwrap().unwrap(), "woken");
}

/// Calls of one caller keep their order in a partition though nobody awaits between them; many callers each keep theirs.
async fn order_is_that_of_calls(log: impl SpanLog) {
    let callers: Vec<_> = (0..4_u8)
        .map(|caller| {
            let log = log.clone();
            tokio::spawn(async move {
                let calls: Vec<_> =
                    (0..100_u8).map(|call| log.append(vec![(0, spans(vec![caller, call]))])).collect();
                // Awaited backwards: the order is that of the calls all the same.
                for call in calls.into_iter().rev() {
                    call.await.unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let mut reader = log.reader(0, log.start(0));
    let mut seen: HashMap<u8, Vec<u8>> = HashMap::new();
    while let Some(record) = reader.try_next().unwrap() {
        seen.entry(record.payload[0]).or_default().push(record.payload[1]);
    }
    assert_eq!(seen.len(), 4);
    assert!(seen.values().all(|calls| *calls == (0..100).collect::<Vec<_>>()));
}

/// Trimming spares all that lies at or after the position, and readers of what is gone are told.
async fn trim_spares_what_is_later(log: impl SpanLog) {
    let begin = log.start(0);
    let mut positions = Vec::new();
    for byte in 0..40 {
        positions.extend(log.append(vec![(0, spans(vec![byte; 9000]))]).await.unwrap());
    }
    log.trim(0, positions[30]);
    assert!(log.start(0) > begin && log.start(0) <= positions[30]);
    for (byte, position) in positions.iter().enumerate().skip(30) {
        assert_eq!(log.fetch(0, *position).unwrap().payload, vec![byte as u8; 9000]);
    }
    let mut reader = log.reader(0, positions[30]);
    assert_eq!(reader.try_next().unwrap().unwrap().payload[0], 30);
    assert!(matches!(log.fetch(0, begin), Err(FetchError::Trimmed { .. })));
    let error = log.reader(0, begin).try_next().unwrap_err();
    assert!(matches!(error, ReadError::Trimmed { start, .. } if start == log.start(0)));
}

/// What lies past the end is neither there nor gone.
async fn positions_outside_are_told_apart(log: impl SpanLog) {
    log.append(vec![(0, spans("one"))]).await.unwrap();
    let end = log.end(0);
    assert!(matches!(log.fetch(0, end), Err(FetchError::Beyond { .. })));
    let mut beyond = log.reader(0, Position(end.0 + 1000));
    assert!(matches!(beyond.try_next(), Err(ReadError::Beyond { .. })));
    assert!(matches!(log.append(vec![(99, spans("x"))]).await, Err(AppendError::NoPartition { .. })));
}

/// Closing and opening again keeps the id, the ends and every record.
async fn reopening_changes_nothing<L: SpanLog>(open: impl Fn(&str) -> L) {
    let log = open("reopen");
    let positions =
        log.append((0..30).map(|byte| (byte % 3, spans(vec![byte as u8; 700]))).collect()).await.unwrap();
    let before = (log.id(), log.end(0), log.end(1), log.end(2));
    drop(log);
    let log = open("reopen");
    assert_eq!((log.id(), log.end(0), log.end(1), log.end(2)), before);
    for (byte, position) in positions.iter().enumerate() {
        assert_eq!(log.fetch(byte as u32 % 3, *position).unwrap().payload, vec![byte as u8; 700]);
    }
    let more = log.append(vec![(0, spans("more"))]).await.unwrap();
    assert_eq!(more[0], before.1);
}
