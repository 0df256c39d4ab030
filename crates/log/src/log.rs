//! The log as its users hold it.

use std::{
    fmt, fs,
    fs::File,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use crate::{
    AppendError, Damage, FetchError, FreeSpace, Kind, LogId, NewRecord, OpenError, Pending, Position, Reader,
    Record, Recovery, Settings,
    disk::{Disk, System},
    format::{self, MAX_RECORD_BYTES, PAGE},
    keeper::Keeper,
    metrics::Meters,
    partition::Partition,
    queue::Queue,
    recover::{self, FoundLog},
    segment::{Found, Segment},
    space::{FileSystem, Space},
    stored::{self, LastTenant},
    writer::Writer,
};

/// When a client may try again whose data found no room: trimming and outages of the store take seconds.
pub(crate) const FULL_RETRY: Duration = Duration::from_secs(2);
/// Damage remembered by name; beyond it is only counted and logged.
const MAX_DAMAGE_REMEMBERED: usize = 1000;

/// What handles, readers and threads share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) id: LogId,
    pub(crate) partitions: Vec<Partition>,
    pub(crate) queue: Queue,
    pub(crate) space: Arc<Space>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) meters: Arc<Meters>,
    damaged: Mutex<Vec<Damage>>,
}

impl Shared {
    /// The first reason wins. Readers are woken: they read what is durable, then learn it.
    pub(crate) fn stop(&self, reason: &str) -> Arc<str> {
        let reason = self.queue.stop(reason);
        self.partitions.iter().for_each(|partition| partition.changed.notify_waiters());
        reason
    }

    /// Tells once of each damage.
    pub(crate) fn report(&self, damage: Damage) {
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        if damaged.contains(&damage) {
            return;
        }
        tracing::error!(%damage, "the log is damaged; what lies after it is read");
        self.meters.damaged.increment(1);
        if damaged.len() < MAX_DAMAGE_REMEMBERED {
            damaged.push(damage);
        }
    }

    fn live_bytes(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.end() - partition.start()).sum()
    }
}

/// How full the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes between start and end, all partitions.
    pub live_bytes: u64,
    /// Bytes of files that are ready to be used.
    pub spare_bytes: u64,
    /// Bytes queued and not yet durable.
    pub pending_bytes: u64,
    /// Bytes that the disk has free; nothing where the system does not tell.
    pub free_bytes: Option<u64>,
}

/// Closes the log when the last handle is dropped.
struct Open {
    shared: Arc<Shared>,
    keeper: Arc<Keeper>,
    recovery: Recovery,
    threads: Vec<JoinHandle<()>>,
    _lock: File,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.queue.close();
        for thread in self.threads.drain(..) {
            // The writer ends first, then the keeper, which it may still need.
            if thread.join().is_err() {
                tracing::error!(dir = %self.shared.settings.dir.display(), "a thread of the log panicked");
            }
            self.keeper.close();
        }
    }
}

/// A handle to an open log. Dropping the last one writes what waits and closes it, which takes as long as the disk takes.
#[derive(Clone)]
pub struct Log(Arc<Open>);

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("dir", &self.0.shared.settings.dir)
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

impl Log {
    /// Opens the log in a folder, and makes it if there is none.
    ///
    /// # Errors
    /// [`OpenError`]; nothing was changed then.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        let probe = Box::new(FileSystem(settings.dir.clone()));
        Self::open_with(settings, probe)
    }

    /// The same, told about free space by another than the file system: a quota, for example.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_with(settings: Settings, free: Box<dyn FreeSpace>) -> Result<Self, OpenError> {
        Self::open_on(settings, free, Arc::new(System))
    }

    pub(crate) fn open_on(
        mut settings: Settings,
        free: Box<dyn FreeSpace>,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, OpenError> {
        if settings.partitions == 0 {
            return Err(OpenError::Settings("at least one partition"));
        }
        settings.segment_bytes = settings.segment_bytes.max(PAGE).next_multiple_of(PAGE);
        fs::create_dir_all(&settings.dir).map_err(OpenError::io(&settings.dir))?;
        let lock = recover::lock(&settings.dir)?;
        let found = recover::recover(&settings, &*disk)?;
        start(settings, free, disk, found, lock)
    }

    /// Its random name.
    #[must_use]
    pub fn id(&self) -> LogId {
        self.0.shared.id
    }

    /// How many partitions it has.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        self.0.shared.settings.partitions
    }

    /// What opening found.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.0.recovery
    }

    /// All damage found since it was opened, by recovery and by readers.
    #[must_use]
    pub fn damaged(&self) -> Vec<Damage> {
        self.0.shared.damaged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Appends to the partitions named, and waits until all is durable; one position for each record. The order of records in a
    /// partition is that of the calls: a call takes its place when it is made, not when it is first polled.
    ///
    /// # Errors
    /// [`AppendError`]: none of the records counts, though after a crash some may be found.
    pub fn append(
        &self,
        records: Vec<(u32, NewRecord)>,
    ) -> impl Future<Output = Result<Vec<Position>, AppendError>> + Send + use<> {
        let pending = self.enqueue(records);
        async move { pending?.await }
    }

    /// Takes a place in the queue; what is returned resolves when all is durable.
    ///
    /// # Errors
    /// [`AppendError`].
    pub fn enqueue(&self, records: Vec<(u32, NewRecord)>) -> Result<Pending, AppendError> {
        let shared = &self.0.shared;
        shared.admit(&records)?;
        shared.queue.push(records).inspect_err(|error| match error {
            AppendError::Overloaded { .. } => shared.meters.refused_pending.increment(1),
            _ => shared.meters.refused_stopped.increment(1),
        })
    }

    /// The position after the last durable record.
    ///
    /// # Panics
    /// If there is no such partition.
    #[must_use]
    pub fn end(&self, partition: u32) -> Position {
        Position(self.0.shared.partitions[partition as usize].end())
    }

    /// The position of the first record that was not trimmed.
    ///
    /// # Panics
    /// If there is no such partition.
    #[must_use]
    pub fn start(&self, partition: u32) -> Position {
        Position(self.0.shared.partitions[partition as usize].start())
    }

    /// Reads in order from a position that is a record's, or the end.
    ///
    /// # Panics
    /// If there is no such partition.
    #[must_use]
    pub fn reader(&self, partition: u32, from: Position) -> Reader {
        assert!(partition < self.partitions(), "partition {partition} of {}", self.partitions());
        Reader::new(Arc::clone(&self.0.shared), partition, from)
    }

    /// The record at a position; its checksum is verified. The payload is not copied, and keeps its file from being used again.
    ///
    /// # Errors
    /// [`FetchError`].
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn fetch(&self, partition: u32, position: Position) -> Result<Record, FetchError> {
        let lane = &self.0.shared.partitions[partition as usize];
        let (start, end) = (Position(lane.start()), Position(lane.end()));
        if position < start {
            return Err(FetchError::Trimmed { start, wanted: position });
        }
        if position >= end {
            return Err(FetchError::Beyond { end, wanted: position });
        }
        let Some(segment) = lane.segment(position.0) else {
            return Err(FetchError::Trimmed { start: Position(lane.start()), wanted: position });
        };
        lane.warm.read(position.0, end.0);
        fetch_from(&segment, position, end)
    }

    /// Forgets what lies before a position, in whole segments. What is at or after it stays.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn trim(&self, partition: u32, before: Position) {
        let gone = self.0.shared.partitions[partition as usize].trim(before.0);
        if !gone.is_empty() {
            self.0.keeper.trimmed(gone);
            self.0.shared.meters.live_bytes.set(self.0.shared.live_bytes() as f64);
        }
    }

    /// How full it is. Asks the system.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let shared = &self.0.shared;
        let live_bytes = shared.live_bytes();
        shared.meters.live_bytes.set(live_bytes as f64);
        Usage {
            live_bytes,
            spare_bytes: self.0.keeper.spare_bytes(),
            pending_bytes: shared.queue.pending_bytes() as u64,
            free_bytes: shared.space.free_bytes(),
        }
    }
}

fn start(
    settings: Settings,
    free: Box<dyn FreeSpace>,
    disk: Arc<dyn Disk>,
    found: FoundLog,
    lock: File,
) -> Result<Log, OpenError> {
    let FoundLog { id, partitions, spares, next_number, recovery } = found;
    let meters = Arc::new(Meters::new(&settings.name));
    let space = Arc::new(Space::new(free, settings.reserve_bytes));
    let file_bytes = settings.segment_bytes + PAGE;
    let keeper = Keeper::new(
        settings.dir.clone(),
        file_bytes,
        settings.partitions,
        Arc::clone(&disk),
        Arc::clone(&space),
        Arc::clone(&meters),
    );
    keeper.adopt(spares, next_number);
    let tail_bytes = settings.tail_bytes / settings.partitions as usize;
    let shared = Arc::new(Shared {
        partitions: partitions
            .into_iter()
            .map(|found| Partition::new(found.segments, found.end, tail_bytes))
            .collect(),
        id,
        queue: Queue::new(settings.max_pending_bytes, settings.gather),
        space,
        disk,
        meters,
        damaged: Mutex::default(),
        settings,
    });
    shared.meters.torn_tails.increment(recovery.torn_tails);
    recovery.damaged.iter().for_each(|damage| shared.report(damage.clone()));
    let mut open = Open { shared, keeper: Arc::new(keeper), recovery, threads: Vec::new(), _lock: lock };
    let dir = open.shared.settings.dir.clone();
    let writer =
        Writer::new(Arc::clone(&open.shared), Arc::clone(&open.keeper)).map_err(OpenError::io(&dir))?;
    let keeper = Arc::clone(&open.keeper);
    open.threads.push(thread("log-write", move || writer.run()).map_err(OpenError::io(&dir))?);
    open.threads.push(thread("log-keep", move || keeper.run()).map_err(OpenError::io(&dir))?);
    Ok(Log(Arc::new(open)))
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.into()).spawn(run)
}

fn fetch_from(segment: &Arc<Segment>, position: Position, end: Position) -> Result<Record, FetchError> {
    let limit = segment.limit().min(end.0);
    match segment.find(position.0, limit) {
        Found::Sound(header) => stored::record(segment, position.0, &header, &mut LastTenant::default())
            .map_err(|kind| FetchError::UnknownKind { position, kind }),
        Found::BadBody(next) => Err(FetchError::Damaged(segment.damage(position.0, next))),
        Found::Nothing => Err(FetchError::Damaged(segment.damage(position.0, limit))),
    }
}

impl Shared {
    /// Refuses what cannot be written, and clients' data where there is no room: everything else may use the reserve.
    fn admit(&self, records: &[(u32, NewRecord)]) -> Result<(), AppendError> {
        let mut has_spans = false;
        for (partition, record) in records {
            if *partition >= self.settings.partitions {
                return Err(AppendError::NoPartition {
                    partition: *partition,
                    partitions: self.settings.partitions,
                });
            }
            let bytes = format::size(record);
            let max =
                MAX_RECORD_BYTES.min(usize::try_from(self.settings.segment_bytes).unwrap_or(usize::MAX));
            if bytes > max || record.tenant.len() > usize::from(u16::MAX) {
                self.meters.refused_large.increment(1);
                return Err(AppendError::TooLarge { bytes, max });
            }
            has_spans |= record.kind == Kind::Spans;
        }
        if has_spans && self.settings.max_bytes.is_some_and(|max| self.live_bytes() > max) {
            self.meters.refused_size.increment(1);
            return Err(AppendError::Full { retry_after: FULL_RETRY });
        }
        if has_spans && self.space.is_short() {
            self.meters.refused_disk.increment(1);
            return Err(AppendError::Full { retry_after: FULL_RETRY });
        }
        Ok(())
    }
}
