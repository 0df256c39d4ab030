//! The rows of one batch of transactions.

use bytes::Bytes;
use throughline_assembly::records::{Closed, Hops, Transaction};

use super::hops::HopArrays;
use super::names::{CLOSED_BY, OUTCOMES, closed_by, joined, outcome};
use super::words::{List, Owner, Words};
use crate::native::{Arrays, Block, Dictionary, Numbering, put_string};
use crate::rows::stored_time;

/// The columns of a block, in order, for the statement that inserts it.
pub(crate) const COLUMNS: [&str; 36] = [
    "Tenant",
    "FirstStart",
    "TransactionId",
    "Version",
    "Deleted",
    "IdIsKey",
    "MoreKeys",
    "Type",
    "Start",
    "Duration",
    "Outcome",
    "OutcomeReason",
    "Traces",
    "Spans",
    "Errors",
    "Services",
    "Departments",
    "Kept",
    "KeptBy",
    "KeepReason",
    "Votes",
    "Weight",
    "SpansLost",
    "SkewCorrected",
    "ClosedBy",
    "AttributeKeys",
    "AttributeValues",
    "HopName",
    "HopInstance",
    "HopParent",
    "HopStart",
    "HopDuration",
    "HopChildTime",
    "HopNetwork",
    "HopCriticalCode",
    "HopRare",
];

/// Transactions that become one block of the table `transactions_data`, all of one day. Its words are numbers of [`Words`].
#[derive(Debug, Default)]
pub(in crate::rows) struct TransactionsBlock {
    rows: Vec<Row>,
    texts: Vec<u8>,
    more_keys: Arrays<(u32, u32)>,
    traces: Arrays<[u8; 16]>,
    hops: HopArrays,
    scratch: Vec<u8>,
    /// What was written last. Once it is stored and no one else holds it, its memory is that of the next block: tens of MiB that the system need not find anew.
    written: Bytes,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    first_start: u64,
    start: u64,
    duration: u64,
    weight: f64,
    skew_corrected: u64,
    id: (u32, u32),
    outcome_reason: (u32, u32),
    attribute_values: (u32, u32),
    version: u32,
    spans: u32,
    errors: u32,
    spans_lost: u32,
    tenant: u32,
    kind: u32,
    outcome: u32,
    services: u32,
    departments: u32,
    policy: u32,
    reason: u32,
    votes: u32,
    closed_by: u32,
    attribute_keys: u32,
    deleted: bool,
    id_is_key: bool,
    kept: bool,
}

/// Bytes of a row beside texts, arrays and hops, about.
const ROW_BYTES: usize = 220;

/// A block that used less than one part in so many of the room it has gives it back.
const LEAST_USE: usize = 4;

impl TransactionsBlock {
    /// How many rows it holds.
    pub(in crate::rows) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Takes a closed transaction that `words` has just read.
    pub(in crate::rows) fn push(
        &mut self,
        closed: &Closed,
        row: &Transaction,
        hops: &Hops,
        owner: Owner,
        words: &mut Words,
        deleted: bool,
    ) {
        self.hops.push(hops, words);
        let id_at = row.keys.iter().position(|key| *key == row.transaction_id);
        let Self { more_keys, texts, traces, .. } = self;
        let others = row.keys.iter().enumerate().filter(|(at, _)| Some(*at) != id_at);
        more_keys.push(others.map(|(_, key)| keep(texts, key.as_bytes())));
        traces.push(row.trace_ids.iter().map(trace_id));
        let row = self.row(row, closed, owner, words);
        self.rows.push(Row { deleted, id_is_key: id_at.is_some(), ..row });
    }

    fn row(&mut self, row: &Transaction, closed: &Closed, owner: Owner, words: &mut Words) -> Row {
        let Self { texts, scratch, .. } = self;
        let mut list = |list: List, names: &[String]| {
            joined(names.iter().map(String::as_str), scratch);
            words.list(owner.kind, list, scratch)
        };
        let services = list(List::Services, &row.services);
        let departments = list(List::Departments, &row.departments);
        let votes = row.votes.iter().flat_map(|vote| [vote.policy.as_str(), vote.verdict.as_str()]);
        joined(votes, scratch);
        let votes = words.list(owner.kind, List::Votes, scratch);
        joined(row.attributes.iter().map(|attribute| attribute.key.as_str()), scratch);
        let attribute_keys = words.list(owner.kind, List::AttributeKeys, scratch);
        joined(row.attributes.iter().map(|attribute| attribute.value.as_str()), scratch);
        Row {
            first_start: stored_time(closed.first_start),
            start: stored_time(row.start),
            duration: row.end.saturating_sub(row.start),
            weight: row.weight,
            skew_corrected: row.skew_corrected,
            id: keep(texts, row.transaction_id.as_bytes()),
            outcome_reason: keep(texts, row.outcome_reason.as_bytes()),
            attribute_values: keep(texts, scratch),
            version: closed.version,
            spans: row.spans,
            errors: row.errors,
            spans_lost: row.spans_lost,
            tenant: owner.tenant,
            kind: owner.kind,
            outcome: outcome(row.outcome),
            services,
            departments,
            policy: words.list(owner.kind, List::Policy, row.kept_by.as_bytes()),
            reason: words.list(owner.kind, List::Reason, row.keep_reason.as_bytes()),
            votes,
            closed_by: closed_by(row.closed_by),
            attribute_keys,
            deleted: false,
            id_is_key: false,
            kept: row.kept,
        }
    }

    /// The block's bytes. The same pushes give the same bytes.
    pub(in crate::rows) fn write(&mut self, words: &Words, numbering: &mut Numbering) -> Bytes {
        let mut block = Block::on(self.room(), COLUMNS.len(), self.rows.len());
        self.write_to(&mut block, words, numbering);
        self.written = block.finish().into();
        self.written.clone()
    }

    /// Room for the block's bytes.
    fn room(&mut self) -> Vec<u8> {
        let needed = self.rows.len() * ROW_BYTES + self.texts.len() + self.hops.bytes() + (1 << 16);
        let mut room = std::mem::take(&mut self.written).try_into_mut().map_or_else(
            |_| Vec::new(),
            |mut free| {
                free.clear();
                Vec::from(free)
            },
        );
        if room.capacity() > needed.saturating_mul(LEAST_USE) {
            room = Vec::new();
        }
        room.reserve(needed);
        room
    }

    fn write_to(&self, block: &mut Block, words: &Words, numbering: &mut Numbering) {
        let order = self.order(words);
        // In order, so that each column is one pass over memory.
        let rows: Vec<Row> = order.iter().map(|&row| self.rows[row as usize]).collect();
        let rows = rows.as_slice();
        let strings = &words.strings;
        block.low_of("Tenant", strings, numbering, rows, |row| row.tenant);
        block.fixed("FirstStart", "DateTime64(9)", rows, |row| row.first_start.to_le_bytes());
        block.strings("TransactionId", rows.iter().map(|row| self.text(row.id)));
        block.fixed("Version", "UInt32", rows, |row| row.version.to_le_bytes());
        block.fixed("Deleted", "UInt8", rows, |row| [row.deleted.into()]);
        block.fixed("IdIsKey", "Bool", rows, |row| [row.id_is_key.into()]);
        self.more_keys.write(block, "MoreKeys", "Array(String)", &order, |&key, out| {
            put_string(out, self.text(key));
        });
        block.low_of("Type", strings, numbering, rows, |row| row.kind);
        block.fixed("Start", "DateTime64(9)", rows, |row| row.start.to_le_bytes());
        block.fixed("Duration", "UInt64", rows, |row| row.duration.to_le_bytes());
        block.low("Outcome", &Dictionary::of(&OUTCOMES), rows.iter().map(|row| row.outcome));
        block.strings("OutcomeReason", rows.iter().map(|row| self.text(row.outcome_reason)));
        self.traces.write(block, "Traces", "Array(FixedString(16))", &order, |trace, out| {
            out.extend_from_slice(trace);
        });
        self.write_rest(block, rows, strings, numbering);
        self.hops.write(block, words, numbering, &order);
    }

    fn write_rest(&self, block: &mut Block, rows: &[Row], strings: &Dictionary, numbering: &mut Numbering) {
        block.fixed("Spans", "UInt32", rows, |row| row.spans.to_le_bytes());
        block.fixed("Errors", "UInt32", rows, |row| row.errors.to_le_bytes());
        block.low_of("Services", strings, numbering, rows, |row| row.services);
        block.low_of("Departments", strings, numbering, rows, |row| row.departments);
        block.fixed("Kept", "Bool", rows, |row| [row.kept.into()]);
        block.low_of("KeptBy", strings, numbering, rows, |row| row.policy);
        block.low_of("KeepReason", strings, numbering, rows, |row| row.reason);
        block.low_of("Votes", strings, numbering, rows, |row| row.votes);
        block.fixed("Weight", "Float64", rows, |row| row.weight.to_le_bytes());
        block.fixed("SpansLost", "UInt32", rows, |row| row.spans_lost.to_le_bytes());
        block.fixed("SkewCorrected", "UInt64", rows, |row| row.skew_corrected.to_le_bytes());
        block.low("ClosedBy", &Dictionary::of(&CLOSED_BY), rows.iter().map(|row| row.closed_by));
        block.low_of("AttributeKeys", strings, numbering, rows, |row| row.attribute_keys);
        block.strings("AttributeValues", rows.iter().map(|row| self.text(row.attribute_values)));
    }

    /// Rows in the order of the table's sorting key; versions of one row as they came.
    fn order(&self, words: &Words) -> Vec<u32> {
        let tenant = |row: &Row| words.strings.get(row.tenant);
        let place = |row: &Row, number: u32| (row.first_start, row.tenant, number);
        let mut order: Vec<_> =
            self.rows.iter().zip(0u32..).map(|(row, number)| place(row, number)).collect();
        let one = self.rows.iter().all(|row| row.tenant == self.rows[0].tenant);
        if one {
            order.sort_unstable();
        } else {
            let key =
                |&(start, _, number): &(u64, u32, u32)| (tenant(&self.rows[number as usize]), start, number);
            order.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
        }
        // The id decides between those of one nanosecond only.
        for same in order.chunk_by_mut(|a, b| (a.0, a.1) == (b.0, b.1)).filter(|same| same.len() > 1) {
            same.sort_by(|a, b| self.id(a.2).cmp(self.id(b.2)));
        }
        order.into_iter().map(|(.., number)| number).collect()
    }

    fn id(&self, row: u32) -> &[u8] {
        self.text(self.rows[row as usize].id)
    }

    fn text(&self, (start, end): (u32, u32)) -> &[u8] {
        &self.texts[start as usize..end as usize]
    }

    /// The block without its rows, for the next batch; `None` where it has far more room than it needed.
    pub(in crate::rows) fn emptied(mut self) -> Option<Self> {
        if self.rows.len() < self.rows.capacity() / LEAST_USE {
            return None;
        }
        self.rows.clear();
        self.texts.clear();
        self.more_keys.clear();
        self.traces.clear();
        self.hops.clear();
        Some(self)
    }
}

fn keep(texts: &mut Vec<u8>, text: &[u8]) -> (u32, u32) {
    let start = texts.len() as u32;
    texts.extend_from_slice(text);
    (start, texts.len() as u32)
}

fn trace_id(id: &Bytes) -> [u8; 16] {
    id.first_chunk().copied().unwrap_or_default()
}
