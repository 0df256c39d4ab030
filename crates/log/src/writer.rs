//! The one thread that writes: takes all that waits, writes it, makes it durable, tells everyone.

use std::{
    io,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use crate::{
    AppendError, LogId, Record, Sync,
    disk::{is_full, write_all},
    format::{Head, PAGE},
    keeper::Keeper,
    log::{FULL_RETRY, Shared},
    plan::{Lane, Plan, Write},
    queue::Append,
    segment::Segment,
    stored,
    sync::Syncers,
};

pub(crate) struct Writer {
    shared: Arc<Shared>,
    keeper: Arc<Keeper>,
    lanes: Vec<Lane>,
    /// By lane: the segment for which the next one has been asked for.
    asked: Vec<u64>,
    syncers: Syncers,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, keeper: Arc<Keeper>) -> io::Result<Self> {
        let lanes: Vec<Lane> = shared
            .partitions
            .iter()
            .map(|partition| Lane { segment: partition.last(), position: partition.end() })
            .collect();
        let syncers = Syncers::start(shared.settings.partitions, &shared.disk)?;
        Ok(Self { asked: vec![0; lanes.len()], shared, keeper, lanes, syncers })
    }

    /// Until the log is closed, or stops.
    pub(crate) fn run(mut self) {
        let _stop = StopAtEnd(Arc::clone(&self.shared));
        let mut began = None;
        while let Some(appends) = self.shared.queue.take(began) {
            began = Some(Instant::now());
            let bytes = appends.iter().map(|append| append.bytes).sum();
            self.commit(appends);
            self.shared.queue.done(bytes);
        }
    }

    fn commit(&mut self, appends: Vec<Append>) {
        let wall_ns = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        let (keeper, id) = (&self.keeper, self.shared.id);
        let open = |partition, base| open(keeper, id, partition, base);
        match Plan::make(&appends, self.lanes.clone(), wall_ns, open) {
            Ok(plan) => match self.write(&plan, &appends) {
                Ok(()) => self.publish(plan, appends),
                Err(error) => {
                    let undone = self.undo(&plan);
                    self.refuse(error, undone, appends);
                }
            },
            Err(failed) => {
                let (error, plan) = *failed;
                self.keeper.trimmed(
                    plan.writes.into_iter().filter(|write| write.begins).map(|write| write.segment).collect(),
                );
                self.refuse(error, Ok(()), appends);
            }
        }
    }

    /// Round by round: what a partition had before is durable before its next segment begins.
    fn write(&self, plan: &Plan, appends: &[Append]) -> io::Result<()> {
        let rounds = plan.writes.iter().map(|write| write.round + 1).max().unwrap_or(0);
        for round in 0..rounds {
            let mut touched = Vec::with_capacity(plan.writes.len());
            for write in plan.writes.iter().filter(|write| write.round == round) {
                if write.begins {
                    let head = write.segment.head(self.shared.id).encode();
                    self.put(&write.segment, &mut [io::IoSlice::new(&head)], 0)?;
                }
                let offset = write.segment.offset(write.start);
                self.put(&write.segment, &mut plan.bytes(write, appends), offset)?;
                touched.push(Arc::clone(&write.segment));
            }
            self.sync(&touched)?;
        }
        Ok(())
    }

    fn put(&self, segment: &Segment, pieces: &mut [io::IoSlice<'_>], offset: u64) -> io::Result<()> {
        write_all(&*self.shared.disk, segment.file(), pieces, offset)
    }

    fn sync(&self, segments: &[Arc<Segment>]) -> io::Result<()> {
        if self.shared.settings.sync == Sync::Never {
            return Ok(());
        }
        let began = Instant::now();
        let result = self.syncers.sync(segments);
        self.shared.meters.sync_seconds.record(began.elapsed());
        result
    }

    fn publish(&mut self, plan: Plan, appends: Vec<Append>) {
        let Plan { wall_ns, writes, places, lanes, .. } = plan;
        let mut records: Vec<Vec<Record>> = vec![Vec::new(); lanes.len()];
        let mut answers = Vec::with_capacity(appends.len());
        let mut counted = (0, 0);
        for (mut append, places) in appends.into_iter().zip(places) {
            counted.0 += append.bytes as u64;
            counted.1 += append.records.len() as u64;
            for ((partition, new), place) in append.records.drain(..).zip(&places) {
                let record = stored::just_written(&writes[place.write].segment, place.position, wall_ns, new);
                records[partition as usize].push(record);
            }
            answers.push((append, places.into_iter().map(|place| place.position).collect()));
        }
        for write in writes.iter().filter(|write| write.begins) {
            let partition = &self.shared.partitions[write.segment.partition as usize];
            self.keeper.let_go(partition.add(Arc::clone(&write.segment)));
        }
        self.lanes = lanes;
        for (at, records) in records.into_iter().enumerate().filter(|(_, records)| !records.is_empty()) {
            self.shared.partitions[at].publish(records.into_iter(), self.lanes[at].position);
            self.ask_for_next(at);
        }
        self.shared.meters.append_bytes.increment(counted.0);
        self.shared.meters.append_records.increment(counted.1);
        self.shared.meters.groups.increment(1);
        for (append, positions) in answers {
            append.answer(Ok(positions));
        }
    }

    /// Half a segment ahead, so that the next one is ready when it is needed.
    fn ask_for_next(&mut self, at: usize) {
        let Lane { segment: Some(segment), position } = &self.lanes[at] else { return };
        if self.asked[at] != segment.generation && *position - segment.base > segment.capacity / 2 {
            self.asked[at] = segment.generation;
            self.keeper.want_one();
        }
    }

    /// Nothing of the group counts. A full disk is answered and forgotten, once the group is taken back; any other error stops the log.
    fn refuse(&self, error: io::Error, undone: io::Result<()>, appends: Vec<Append>) {
        let passes = if is_full(&error) { undone } else { Err(error) };
        let answer = match passes {
            Ok(()) => {
                tracing::warn!(dir = %self.shared.settings.dir.display(), "the disk is full");
                self.shared.meters.refused_disk.increment(appends.len() as u64);
                AppendError::Full { retry_after: FULL_RETRY }
            }
            Err(error) => {
                let dir = self.shared.settings.dir.display();
                tracing::error!(%error, %dir, "the log stops: what was being written may be lost");
                AppendError::Stopped { reason: self.shared.stop(&error.to_string()) }
            }
        };
        for append in appends {
            append.answer(Err(answer.clone()));
        }
    }

    /// Takes back what a group wrote, and never writes there again in the same generation: nothing that was refused comes back.
    ///
    /// After a failed flush the system takes the pages for clean though the disk may not have them: a second flush would succeed and
    /// mean nothing, and who reads them finds the records. So they are written over with zeros whatever the error was. All is tried,
    /// and the first error told.
    fn undo(&mut self, plan: &Plan) -> io::Result<()> {
        let mut result = Ok(());
        for write in plan.writes.iter().rev() {
            let lane = &mut self.lanes[write.segment.partition as usize];
            let holds_nothing = write.segment.base == lane.position;
            lane.segment = None;
            let undone = if write.begins || holds_nothing {
                if !write.begins {
                    self.shared.partitions[write.segment.partition as usize].remove_last();
                }
                let retired = self.keeper.retire(&write.segment);
                self.keeper.trimmed(vec![Arc::clone(&write.segment)]);
                retired
            } else {
                self.blank(write)
            };
            result = result.and(undone);
        }
        result
    }

    /// Zeros over what a write left. The blocks are there, so a full disk does not hinder it.
    fn blank(&self, write: &Write) -> io::Result<()> {
        let zeros = [0; PAGE as usize];
        let mut at = write.segment.offset(write.start);
        let end = write.segment.offset(write.end);
        while at < end {
            let bytes = (PAGE - at % PAGE).min(end - at) as usize;
            self.put(&write.segment, &mut [io::IoSlice::new(&zeros[..bytes])], at)?;
            at += bytes as u64;
        }
        self.shared.disk.sync(write.segment.file())
    }
}

/// A new segment of a partition, from those made ahead if there is one.
fn open(keeper: &Keeper, log: LogId, partition: u32, base: u64) -> io::Result<Arc<Segment>> {
    let generation = uuid::Uuid::new_v4().as_u64_pair();
    let head = Head { log, partition, base, generation: generation.0 ^ generation.1 };
    Ok(Arc::new(keeper.take()?.become_segment(&head)))
}

/// However the thread ends, nobody waits for it in vain.
struct StopAtEnd(Arc<Shared>);

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        let reason = if std::thread::panicking() { "the writer panicked" } else { "closed" };
        self.0.stop(reason);
    }
}
