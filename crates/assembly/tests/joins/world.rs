//! Several owners with their logs, records under way between them in any order, folds that die and come back, and the table that all of it ends in.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use throughline_assembly::{
    decide::{Decided, Decider},
    names::NameHash,
    place::Place,
    records::{Closed, Moved, Offer, TraceSummary, Transaction},
    rules::{Rules, RulesSettings},
    time::SECOND,
    transactions::{
        CauseKey, EmittedBody, Found, Link, StoredDecisions, SummaryEvent, TraceHead, Transactions, link,
    },
};

use crate::common::BASE;

pub(crate) const PARTITIONS: u32 = 3;

/// A small generator: the same seed, the same run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % below
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.next(100) < percent
    }
}

#[derive(Clone)]
pub(crate) enum Body {
    Summary(Arc<TraceSummary>),
    Links(Vec<Link>),
    Move(Moved),
    Time(u64),
    Closed(Arc<Closed>),
    Offer(Arc<Offer>),
}

#[derive(Clone)]
struct Record {
    source: u32,
    cause: CauseKey,
    body: Body,
}

/// What left a fold, found again in its log.
struct Gone<'a>(&'a [Record], &'a HashMap<[u8; 16], u64>);

impl StoredDecisions for Gone<'_> {
    fn find(&mut self, name: NameHash) -> Option<Found> {
        let position = *self.1.get(&name.0.to_be_bytes())?;
        match &self.0[position as usize].body {
            Body::Closed(closed) => Some(Found::Closed(position, Arc::clone(closed))),
            Body::Links(links) => {
                links.iter().find(|(greater, _)| *greater == name).map(|(_, parent)| Found::Parent(*parent))
            }
            _ => None,
        }
    }
}

/// One partition of the summary log and its fold.
pub(crate) struct Owner {
    pub(crate) fold: Transactions,
    log: Vec<Record>,
    read: usize,
    decided: u64,
    settled: u64,
    /// State and place in the log at the last save.
    saved: (Vec<u8>, usize),
    pub(crate) gone: HashMap<[u8; 16], u64>,
}

/// The table `transactions`, by id and sorting column: the highest version counts, and may be an end.
#[derive(Default)]
pub(crate) struct Table {
    rows: HashMap<(String, u64), (u32, Option<Transaction>)>,
    /// Signed sum of the rows' spans, as the minute tables have it.
    pub(crate) spans: i64,
    /// Summaries whose spans were written, and how often.
    written: HashMap<u64, u32>,
}

impl Table {
    fn take(&mut self, closed: &Closed) {
        if let Some(before) = &closed.before {
            self.spans -= i64::from(before.spans);
            if closed.row.as_ref().is_none_or(|row| row.transaction_id != before.transaction_id) {
                self.put(&before.transaction_id, closed, None);
            }
        }
        closed.kept.iter().for_each(|kept| *self.written.entry(kept.summary).or_default() += 1);
        if let Some(row) = &closed.row {
            self.spans += i64::from(row.spans);
            self.put(&row.transaction_id, closed, Some(row.clone()));
        }
    }

    fn put(&mut self, id: &str, closed: &Closed, row: Option<Transaction>) {
        let known = self.rows.entry((id.to_owned(), closed.first_start)).or_insert((0, None));
        assert_ne!(known.0, closed.version, "two rows of {id} have one version");
        if closed.version > known.0 {
            *known = (closed.version, row);
        }
    }

    pub(crate) fn live(&self) -> Vec<&Transaction> {
        self.rows.values().filter_map(|(_, row)| row.as_ref()).collect()
    }
}

pub(crate) struct World {
    pub(crate) rules: Arc<Rules>,
    pub(crate) owners: Vec<Owner>,
    /// What is on its way, by source and destination: each in order, and all of them in any.
    under_way: BTreeMap<(u32, u32), VecDeque<Record>>,
    ordinal: u32,
    now: u64,
    pub(crate) table: Table,
    /// Decisions read, and whether they had an effect.
    written: HashMap<(u32, usize), bool>,
}

impl World {
    pub(crate) fn new(settings: RulesSettings) -> Self {
        let rules = Arc::new(Rules::compile(RulesSettings { partitions: PARTITIONS, ..settings }).unwrap());
        let owner = |partition| {
            let fold = Transactions::new(partition, Arc::clone(&rules));
            let saved = (fold.snapshot(Vec::new()).unwrap(), 0);
            Owner { fold, log: Vec::new(), read: 0, decided: 0, settled: 0, saved, gone: HashMap::new() }
        };
        let mut world = Self {
            owners: (0..PARTITIONS).map(owner).collect(),
            rules,
            under_way: BTreeMap::new(),
            ordinal: 0,
            now: BASE,
            table: Table::default(),
            written: HashMap::new(),
        };
        world.tick(1);
        world
    }

    /// What a fold over the span log writes for a closed trace.
    pub(crate) fn send(&mut self, source: u32, summary: TraceSummary) {
        let head = TraceHead::from(&summary);
        let least = head.name();
        let targets = summary.links.iter().map(|link| NameHash::of_trace("", &link.trace_id));
        let links: Vec<Link> = head.names().chain(targets).filter_map(|name| link(name, least)).collect();
        let owner = least.partition(PARTITIONS);
        self.put(source, owner, Body::Summary(Arc::new(summary)));
        for link in links {
            self.put(source, link.0.partition(PARTITIONS), Body::Links(vec![link]));
        }
    }

    pub(crate) fn put(&mut self, source: u32, owner: u32, body: Body) {
        self.ordinal += 1;
        let cause = CauseKey { position: u64::from(self.ordinal), ordinal: 0 };
        self.under_way.entry((source, owner)).or_default().push_back(Record { source, cause, body });
    }

    /// Every source tells that so many seconds went by.
    fn tick(&mut self, seconds: u64) {
        self.now += seconds * SECOND;
        for (source, owner) in
            (0..PARTITIONS).flat_map(|source| (0..PARTITIONS).map(move |owner| (source, owner)))
        {
            self.put(source, owner, Body::Time(self.now));
        }
    }

    /// One record of what is under way, from any source, reaches its log.
    fn deliver(&mut self, random: &mut Random) -> bool {
        let waiting: Vec<_> =
            self.under_way.iter().filter(|(_, queue)| !queue.is_empty()).map(|(key, _)| *key).collect();
        if waiting.is_empty() {
            return false;
        }
        let key = waiting[random.next(waiting.len())];
        let record = self.under_way.get_mut(&key).unwrap().pop_front().unwrap();
        self.owners[key.1 as usize].log.push(record);
        true
    }

    /// One record of a log is read by its fold; `replay` has seen its effects outside before.
    fn read(&mut self, partition: u32) -> bool {
        let owner = &mut self.owners[partition as usize];
        let position = owner.read;
        let Some(record) = owner.log.get(position).cloned() else { return false };
        let (source, cause) = (record.source, record.cause);
        let event = match &record.body {
            Body::Summary(summary) => SummaryEvent::Summary { source, cause, summary: (&**summary).into() },
            Body::Links(links) => SummaryEvent::Links { source, cause, links },
            Body::Move(moved) => SummaryEvent::Move { source, cause, moved },
            Body::Time(now) => SummaryEvent::SourceTime { source, cause, now: *now, oldest: 0 },
            Body::Closed(closed) => SummaryEvent::Closed(closed),
            Body::Offer(offer) => SummaryEvent::Offer(offer),
        };
        let had_effect = owner.fold.apply(position as u64, event, &mut Gone(&owner.log, &owner.gone));
        while let Some(chunk) = owner.fold.take_chunk() {
            owner.gone.extend(chunk.entries);
        }
        owner.read += 1;
        for emitted in owner.fold.take_emitted() {
            let body = match emitted.body {
                EmittedBody::Links(links) => Body::Links(links.to_vec()),
                EmittedBody::Move(moved) => Body::Move(*moved),
            };
            let source = SummaryEvent::source_of_fold(partition, PARTITIONS);
            let cause = CauseKey { position: position as u64 + 1, ordinal: emitted.ordinal };
            let queue = self.under_way.entry((source, emitted.partition)).or_default();
            queue.push_back(Record { source, cause, body });
        }
        if let Body::Closed(closed) = &record.body {
            match self.written.insert((partition, position), had_effect) {
                Some(before) => assert_eq!(before, had_effect, "a replay obeys what the log has"),
                None if had_effect => self.table.take(closed),
                None => {}
            }
        }
        true
    }

    /// What is closing is decided, once all of the log is read.
    fn decide(&mut self, partition: u32) -> bool {
        let owner = &self.owners[partition as usize];
        if owner.read < owner.log.len() {
            return false;
        }
        let settled: Vec<_> = owner.fold.settled(owner.settled).collect();
        let next_settled = settled.last().map_or(owner.settled, |(number, _)| number + 1);
        let settled = settled.into_iter().map(|(_, closing)| closing);
        let closings: Vec<_> = settled.chain(owner.fold.closing(owner.decided)).collect();
        for closing in &closings {
            let fetch =
                |place: Place| &self.owners[place.partition() as usize].log[place.position() as usize].body;
            let places = closing.members.iter().map(|member| member.place());
            let summaries: Vec<_> = places
                .filter_map(|place| match fetch(place) {
                    Body::Summary(summary) => Some((place, &**summary)),
                    _ => None,
                })
                .collect();
            let closed = |position: u64, partition: u32| match &self.owners[partition as usize].log
                [position as usize]
                .body
            {
                Body::Closed(closed) => Some(Arc::clone(closed)),
                _ => None,
            };
            let before = closing.previous.and_then(|position| closed(position, partition));
            let joined = closing.kept_from.and_then(|place| closed(place.position(), place.partition()));
            let by = (&*self.rules, self.owners[partition as usize].fold.sampler());
            let (before, joined) = (before.as_deref(), joined.as_deref());
            let body = match Decider::default().decide(by, closing, &summaries, before, joined) {
                Decided::Closed(closed) => Body::Closed(closed.into()),
                Decided::Offer(offer, _) => Body::Offer(offer.into()),
            };
            let record = Record { source: 0, cause: CauseKey::default(), body };
            self.owners[partition as usize].log.push(record);
        }
        let owner = &mut self.owners[partition as usize];
        (owner.decided, owner.settled) = (owner.fold.next_sequence(), next_settled);
        !closings.is_empty()
    }

    /// The fold dies. What it had written stays, what was under way may be lost; it comes back from its last state, and writes again what follows from there.
    fn kill(&mut self, partition: u32, random: &mut Random) {
        let source = SummaryEvent::source_of_fold(partition, PARTITIONS);
        if random.chance(50) {
            self.under_way
                .iter_mut()
                .filter(|((from, _), _)| *from == source)
                .for_each(|(_, queue)| queue.clear());
        }
        let owner = &mut self.owners[partition as usize];
        owner.fold = Transactions::restore(partition, &owner.saved.0).unwrap();
        (owner.read, owner.settled) = (owner.saved.1, 0);
        owner.decided =
            owner.fold.closing(0).next().map_or(owner.fold.next_sequence(), |closing| closing.sequence);
    }

    /// A state is saved only when all that was caused before is in the logs.
    fn save(&mut self, partition: u32) {
        let source = SummaryEvent::source_of_fold(partition, PARTITIONS);
        if self.under_way.iter().all(|((from, _), queue)| *from != source || queue.is_empty()) {
            let owner = &mut self.owners[partition as usize];
            owner.saved = (owner.fold.snapshot(Vec::new()).unwrap(), owner.read);
        }
    }

    /// How often the spans of a trace were written.
    pub(crate) fn written(&self, trace: usize) -> u32 {
        let written = self.table.written.iter().filter(|(place, _)| {
            let place = Place::unpacked(**place);
            matches!(&self.owners[place.partition() as usize].log[place.position() as usize].body,
                Body::Summary(summary) if usize::from(summary.trace_id[0]) == trace + 1)
        });
        written.map(|(_, times)| times).sum()
    }

    pub(crate) fn step(&mut self, random: &mut Random) {
        let partition = random.next(PARTITIONS as usize) as u32;
        match random.next(100) {
            0..45 => drop(self.deliver(random)),
            45..90 => drop(self.read(partition)),
            90..96 => drop(self.decide(partition)),
            96..98 => self.save(partition),
            98 => self.kill(partition, random),
            _ => self.tick(1 + random.next(40) as u64),
        }
    }

    /// Until nothing is under way, nothing unread and nothing open.
    pub(crate) fn settle(&mut self, random: &mut Random) {
        for _ in 0..40 {
            self.tick(100);
            loop {
                let mut moved = false;
                while self.deliver(random) {
                    moved = true;
                }
                for partition in 0..PARTITIONS {
                    while self.read(partition) {
                        moved = true;
                    }
                    moved |= self.decide(partition);
                }
                if !moved {
                    break;
                }
            }
            if self.owners.iter().all(|owner| owner.fold.sizes().0 == 0) {
                return;
            }
        }
        panic!("something stays open");
    }
}
