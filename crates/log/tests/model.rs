//! Any sequence of appends, reads, trims, restarts and power cuts against vectors that do the same.
//!
//! A power cut leaves of the group that was being written any of its pages, in any mixture; a partition's next file only where all
//! that lies before it is whole. What was acknowledged before is there whatever happens.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use proptest::{prelude::*, sample::Index};
use throughline_log::{
    Cause, FetchError, Kind, Log, NewRecord, Position, ReadError, Reader, Record, Settings,
};

const PARTITIONS: u32 = 2;
/// Small, so that files change often.
const SEGMENT_BYTES: u64 = 16 << 10;
const PAGE: usize = 4096;
/// What happens in the background is waited for at most this long.
const DEADLINE: Duration = Duration::from_secs(20);

/// Partition, bytes of the payload, whether it has a tenant and a cause.
type Spec = (u32, usize, bool);

#[derive(Clone, Debug)]
enum Action {
    Append(Vec<Spec>),
    Read(u32, usize),
    Fetch(u32, Index),
    Trim(u32, Index),
    Reopen,
    PowerCut(Vec<Spec>, u64),
}

fn specs() -> impl Strategy<Value = Vec<Spec>> {
    let bytes =
        prop_oneof![3 => 0..200_usize, 3 => 200..5000_usize, 1 => 5000..(SEGMENT_BYTES as usize - 100)];
    prop::collection::vec((0..PARTITIONS, bytes, any::<bool>()), 1..6)
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => specs().prop_map(Action::Append),
        3 => (0..PARTITIONS, 0..20_usize).prop_map(|(partition, count)| Action::Read(partition, count)),
        2 => (0..PARTITIONS, any::<Index>()).prop_map(|(partition, at)| Action::Fetch(partition, at)),
        2 => (0..PARTITIONS, any::<Index>()).prop_map(|(partition, at)| Action::Trim(partition, at)),
        1 => Just(Action::Reopen),
        2 => (specs(), any::<u64>()).prop_map(|(specs, seed)| Action::PowerCut(specs, seed)),
    ]
}

/// A record as it must come back.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    position: Position,
    next: Position,
    tenant: String,
    cause: Option<Cause>,
    payload: Vec<u8>,
}

impl Known {
    fn of(record: &Record) -> Self {
        Self {
            position: record.position,
            next: record.next,
            tenant: record.tenant.to_string(),
            cause: record.cause,
            payload: record.payload.to_vec(),
        }
    }
}

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

struct World {
    root: tempfile::TempDir,
    lives: u32,
    log: Option<Log>,
    /// By partition: all that was ever acknowledged.
    known: Vec<Vec<Known>>,
    /// By partition: where it must begin, at the latest.
    trimmed: Vec<Position>,
    /// By partition: where groups that were never acknowledged left holes; the log names them each time.
    holes: Vec<Vec<u64>>,
    readers: Vec<Option<Reader>>,
    written: u64,
    runtime: tokio::runtime::Runtime,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            root: tempfile::tempdir().unwrap(),
            lives: 0,
            log: None,
            known: vec![Vec::new(); PARTITIONS as usize],
            trimmed: vec![Position(0); PARTITIONS as usize],
            holes: vec![Vec::new(); PARTITIONS as usize],
            readers: (0..PARTITIONS).map(|_| None).collect(),
            written: 0,
            runtime: tokio::runtime::Builder::new_current_thread().build().unwrap(),
        };
        world.open();
        world
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join(self.lives.to_string())
    }

    fn log(&self) -> &Log {
        self.log.as_ref().unwrap()
    }

    fn open(&mut self) {
        let settings = Settings {
            segment_bytes: SEGMENT_BYTES,
            reserve_bytes: 0,
            tail_bytes: 20_000,
            gather: Duration::ZERO,
            ..Settings::new(self.dir(), "model", PARTITIONS)
        };
        self.log = Some(Log::open(settings).unwrap());
    }

    fn records(&mut self, specs: &[Spec]) -> Vec<(u32, NewRecord)> {
        let mut record = |&(partition, bytes, marked): &Spec| {
            self.written += 1;
            let cause = Cause { source: 1, position: Position(self.written), ordinal: bytes as u32 };
            let payload: Vec<u8> = (0..bytes as u64).map(|at| (at * 7 + self.written * 31) as u8).collect();
            let new = NewRecord {
                kind: Kind::Summary,
                tenant: if marked { format!("tenant {}", self.written % 3).into() } else { "".into() },
                cause: marked.then_some(cause),
                payload: payload.into(),
                cache: None,
            };
            (partition, new)
        };
        specs.iter().map(&mut record).collect()
    }

    /// Appends; what has been acknowledged, by partition.
    fn append(&mut self, specs: &[Spec]) -> Vec<Vec<Known>> {
        let records = self.records(specs);
        let positions = self.runtime.block_on(self.log().append(records.clone())).unwrap();
        let mut known = vec![Vec::new(); PARTITIONS as usize];
        for ((partition, new), position) in records.into_iter().zip(positions) {
            let bytes = 40 + new.tenant.len() + new.payload.len();
            known[partition as usize].push(Known {
                position,
                next: Position(position.0 + bytes as u64),
                tenant: new.tenant.to_string(),
                cause: new.cause,
                payload: new.payload.to_vec(),
            });
        }
        known
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Append(specs) => {
                let known = self.append(specs);
                self.known.iter_mut().zip(known).for_each(|(all, new)| all.extend(new));
            }
            Action::Read(partition, count) => self.read(*partition as usize, *count),
            Action::Fetch(partition, at) => self.fetch(*partition, *at),
            Action::Trim(partition, at) => self.trim(*partition, *at),
            Action::Reopen => {
                self.close();
                self.open();
                self.check_damage(&[Position(u64::MAX); PARTITIONS as usize]);
                self.check();
            }
            Action::PowerCut(specs, seed) => self.cut_power(specs, &mut Random(*seed)),
        }
    }

    fn close(&mut self) {
        self.readers.iter_mut().for_each(|reader| *reader = None);
        self.log = None;
    }

    /// A reader goes on where it was; one that fell behind the trimming is told, and begins anew.
    fn read(&mut self, partition: usize, count: usize) {
        let start = self.log().start(partition as u32);
        let mut reader =
            self.readers[partition].take().unwrap_or_else(|| self.log().reader(partition as u32, start));
        for _ in 0..count {
            // Past a hole, if there is one.
            let expected = self.known[partition].iter().find(|known| known.position >= reader.position());
            match reader.try_next() {
                Ok(record) => assert_eq!(record.as_ref().map(Known::of).as_ref(), expected),
                Err(ReadError::Trimmed { start: told, wanted }) => {
                    assert!(told == start && wanted < start);
                    return;
                }
                Err(error) => panic!("{error}"),
            }
        }
        self.readers[partition] = Some(reader);
    }

    fn fetch(&self, partition: u32, at: Index) {
        let known = &self.known[partition as usize];
        if known.is_empty() {
            return;
        }
        let known = at.get(known);
        match self.log().fetch(partition, known.position) {
            Ok(record) => assert_eq!(Known::of(&record), *known),
            Err(FetchError::Trimmed { start, .. }) => {
                assert!(known.position < start && start <= self.trimmed[partition as usize]);
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn trim(&mut self, partition: u32, at: Index) {
        let known = &self.known[partition as usize];
        if known.is_empty() {
            return;
        }
        let before = at.get(known).position;
        let start = self.log().start(partition);
        self.log().trim(partition, before);
        let latest = before.max(self.trimmed[partition as usize]);
        self.trimmed[partition as usize] = latest;
        let start_now = self.log().start(partition);
        assert!((start..=latest).contains(&start_now));
        // Files are given up in the background; a picture of the folder taken meanwhile would show what never was at one time.
        let until = Instant::now() + DEADLINE;
        while files(&self.dir())
            .values()
            .any(|file| place(file).is_some_and(|(of, base)| of == partition && base < start_now.0))
        {
            assert!(Instant::now() < until, "trimmed files stay");
            std::thread::yield_now();
        }
    }

    /// All that must be there is there, in order, and nothing else.
    fn check(&self) {
        for (partition, known) in self.known.iter().enumerate() {
            let partition = partition as u32;
            let (start, end) = (self.log().start(partition), self.log().end(partition));
            assert!(start <= self.trimmed[partition as usize], "{start} was not trimmed");
            let expected: Vec<_> = known.iter().filter(|known| known.position >= start).cloned().collect();
            assert_eq!(all(self.log(), partition), expected);
            assert!(known.last().is_none_or(|last| last.next <= end));
        }
    }

    /// Nothing before these ends is damaged that was not a hole already; what is from there on may be one from now on.
    fn check_damage(&mut self, ends: &[Position]) {
        for damage in self.log().recovery().damaged.clone() {
            let partition = damage.partition as usize;
            let holes = &mut self.holes[partition];
            assert!(
                damage.position >= ends[partition].0 || holes.contains(&damage.position),
                "{damage} was acknowledged"
            );
            holes.push(damage.position);
        }
    }

    /// Power goes while a group is written.
    fn cut_power(&mut self, specs: &[Spec], random: &mut Random) {
        let before = files(&self.dir());
        let ends: Vec<_> = (0..PARTITIONS).map(|at| self.log().end(at)).collect();
        let group = self.append(specs);
        let after = files(&self.dir());
        self.close();
        self.lives += 1;
        torn(&before, &after, &self.dir(), random);
        self.open();
        self.check_damage(&ends);
        for (partition, group) in group.into_iter().enumerate() {
            let found = all(self.log(), partition as u32);
            let mut new = found.into_iter().filter(|found| found.position >= ends[partition]).peekable();
            let survived = group.into_iter().filter(|known| new.next_if_eq(known).is_some());
            self.known[partition].extend(survived.collect::<Vec<_>>());
            assert!(new.peek().is_none(), "{:?} was never written", new.peek());
        }
        self.check();
    }
}

fn all(log: &Log, partition: u32) -> Vec<Known> {
    let mut reader = log.reader(partition, log.start(partition));
    std::iter::from_fn(|| reader.try_next().unwrap()).map(|record| Known::of(&record)).collect()
}

/// What lies in a folder; what vanishes meanwhile is not there.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let names = fs::read_dir(dir).unwrap().map(|entry| PathBuf::from(entry.unwrap().file_name()));
    names.filter_map(|name| Some((name.clone(), fs::read(dir.join(name)).ok()?))).collect()
}

/// The page that says what a segment file is used for.
fn head(file: &[u8]) -> &[u8] {
    file.get(..PAGE).unwrap_or_default()
}

/// Partition and base of a segment that is in use.
fn place(file: &[u8]) -> Option<(u32, u64)> {
    let head = head(file);
    let in_use = head.starts_with(b"THRUSEG");
    let partition = u32::from_le_bytes(head.get(24..28)?.try_into().unwrap());
    let base = u64::from_le_bytes(head.get(32..40)?.try_into().unwrap());
    in_use.then_some((partition, base))
}

/// How many writes of a group must be whole before this file is written: none where it was in use, else those of the partition's files
/// before it.
fn round(before: &BTreeMap<PathBuf, Vec<u8>>, after: &BTreeMap<PathBuf, Vec<u8>>, name: &Path) -> u64 {
    let begun = |name: &Path| before.get(name).is_none_or(|old| head(old) != head(&after[name]));
    if !begun(name) {
        return 0;
    }
    let Some((partition, base)) = place(&after[name]) else { return 0 };
    let precedes = |(of, other): (u32, u64)| of == partition && other < base;
    let earlier = |other: &&PathBuf| begun(other) && place(&after[*other]).is_some_and(precedes);
    1 + after.keys().filter(earlier).count() as u64
}

/// What the disk may hold after power went between two states of a folder.
fn torn(
    before: &BTreeMap<PathBuf, Vec<u8>>,
    after: &BTreeMap<PathBuf, Vec<u8>>,
    dir: &Path,
    random: &mut Random,
) {
    fs::create_dir_all(dir).unwrap();
    let torn = random.next() % 4;
    for (name, new) in after {
        let is_segment = name.extension().is_some_and(|extension| extension == "segment");
        let round = if is_segment { round(before, after, name) } else { 0 };
        let mut bytes =
            before.get(name).filter(|old| old.len() == new.len()).cloned().unwrap_or(vec![0; new.len()]);
        if round > 0 {
            // A file is emptied, durably, before it is used again.
            bytes.iter_mut().take(PAGE).for_each(|byte| *byte = 0);
        }
        let odds = random.next() % 4;
        for (page, new) in bytes.chunks_mut(PAGE).zip(new.chunks(PAGE)) {
            if !is_segment || round < torn || (round == torn && random.next() % 4 >= odds) {
                page.copy_from_slice(new);
            }
        }
        fs::write(dir.join(name), bytes).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_log_does_what_vectors_do(actions in prop::collection::vec(action(), 1..40)) {
        let mut world = World::new();
        actions.iter().for_each(|action| world.act(action));
        world.check();
        world.close();
        world.open();
        world.check();
    }
}
