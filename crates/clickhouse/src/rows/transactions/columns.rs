//! The rows of one batch of transactions.

use bytes::Bytes;
use throughline_assembly::records::{Closed, Transaction};

use super::hops::{HopArrays, HopColumns};
use super::names::{CLOSED_BY, OUTCOMES, closed_by, joined, outcome};
use crate::native::{Arrays, Block, Dictionary, put_string};
use crate::rows::{RowsError, stored_time};

/// The columns of a block, in order, for the statement that inserts it.
pub(crate) const COLUMNS: [&str; 35] = [
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

/// Transactions that become one block of the table `transactions_data`. All must have their `first_start` on one day ([`crate::rows::day_of`]).
#[derive(Debug, Default)]
pub struct TransactionsBlock {
    rows: Vec<Row>,
    texts: Vec<u8>,
    words: Words,
    more_keys: Arrays<(u32, u32)>,
    traces: Arrays<[u8; 16]>,
    hops: HopArrays,
    scratch: Vec<u8>,
}

/// Dictionaries of what repeats.
#[derive(Debug, Default)]
struct Words {
    tenants: Dictionary,
    types: Dictionary,
    services: Dictionary,
    departments: Dictionary,
    policies: Dictionary,
    reasons: Dictionary,
    attribute_keys: Dictionary,
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
    closed_by: u32,
    attribute_keys: u32,
    deleted: bool,
    id_is_key: bool,
    kept: bool,
}

impl TransactionsBlock {
    /// An empty block.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many rows it holds.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Takes a closed transaction, or the next version of one.
    ///
    /// # Errors
    /// [`RowsError::Hops`] where the record does not hold together: it is left out.
    pub fn push(&mut self, closed: &Closed) -> Result<(), RowsError> {
        self.push_row(closed, false)
    }

    /// Takes back a transaction that was joined into another: `closed` is what was written last, with the next version.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_deleted(&mut self, closed: &Closed) -> Result<(), RowsError> {
        self.push_row(closed, true)
    }

    fn push_row(&mut self, closed: &Closed, deleted: bool) -> Result<(), RowsError> {
        let absent = Transaction::default();
        let row = closed.row.as_ref().unwrap_or(&absent);
        let hops = HopColumns::of(row)?;
        self.hops.push(hops);
        let mut keys: Vec<&String> = row.keys.iter().collect();
        let id_at = keys.iter().position(|key| **key == row.transaction_id);
        id_at.map(|at| keys.remove(at));
        let Self { more_keys, texts, traces, .. } = self;
        more_keys.push(keys.into_iter().map(|key| keep(texts, key.as_bytes())));
        traces.push(row.trace_ids.iter().map(trace_id));
        let row = self.row(row, closed, deleted, id_at.is_some());
        self.rows.push(row);
        Ok(())
    }

    fn row(&mut self, row: &Transaction, closed: &Closed, deleted: bool, id_is_key: bool) -> Row {
        let Self { texts, words, scratch, .. } = self;
        let mut list = |dictionary: &mut Dictionary, names: &[String]| {
            joined(names.iter().map(String::as_str), scratch);
            dictionary.intern(scratch)
        };
        let (services, departments) =
            (list(&mut words.services, &row.services), list(&mut words.departments, &row.departments));
        joined(row.attributes.iter().map(|attribute| attribute.key.as_str()), scratch);
        let attribute_keys = words.attribute_keys.intern(scratch);
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
            tenant: words.tenants.intern(row.tenant.as_bytes()),
            kind: words.types.intern(row.r#type.as_bytes()),
            outcome: outcome(row.outcome),
            services,
            departments,
            policy: words.policies.intern(row.kept_by.as_bytes()),
            reason: words.reasons.intern(row.keep_reason.as_bytes()),
            closed_by: closed_by(row.closed_by),
            attribute_keys,
            deleted,
            id_is_key,
            kept: row.kept,
        }
    }

    /// The block's bytes. The same pushes give the same bytes.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let order = self.order();
        let mut block = Block::new(COLUMNS.len(), self.rows.len(), self.rows.len() * 1600 + 4096);
        let sorted = || order.iter().map(|&row| &self.rows[row as usize]);
        let words = &self.words;
        block.low("Tenant", &words.tenants, sorted().map(|row| row.tenant));
        block.u64s("FirstStart", "DateTime64(9)", sorted().map(|row| row.first_start));
        block.strings("TransactionId", sorted().map(|row| self.text(row.id)));
        block.u32s("Version", "UInt32", sorted().map(|row| row.version));
        block.u8s("Deleted", "UInt8", sorted().map(|row| row.deleted.into()));
        block.u8s("IdIsKey", "Bool", sorted().map(|row| row.id_is_key.into()));
        self.more_keys.write(&mut block, "MoreKeys", "Array(String)", &order, |&key, out| {
            put_string(out, self.text(key));
        });
        block.low("Type", &words.types, sorted().map(|row| row.kind));
        block.u64s("Start", "DateTime64(9)", sorted().map(|row| row.start));
        block.u64s("Duration", "UInt64", sorted().map(|row| row.duration));
        block.low("Outcome", &Dictionary::of(&OUTCOMES), sorted().map(|row| row.outcome));
        block.strings("OutcomeReason", sorted().map(|row| self.text(row.outcome_reason)));
        self.traces.write(&mut block, "Traces", "Array(FixedString(16))", &order, |trace, out| {
            out.extend_from_slice(trace);
        });
        self.write_rest(&mut block, &order);
        self.hops.write(&mut block, &order);
        block.finish()
    }

    fn write_rest(&self, block: &mut Block, order: &[u32]) {
        let sorted = || order.iter().map(|&row| &self.rows[row as usize]);
        let words = &self.words;
        block.u32s("Spans", "UInt32", sorted().map(|row| row.spans));
        block.u32s("Errors", "UInt32", sorted().map(|row| row.errors));
        block.low("Services", &words.services, sorted().map(|row| row.services));
        block.low("Departments", &words.departments, sorted().map(|row| row.departments));
        block.u8s("Kept", "Bool", sorted().map(|row| row.kept.into()));
        block.low("KeptBy", &words.policies, sorted().map(|row| row.policy));
        block.low("KeepReason", &words.reasons, sorted().map(|row| row.reason));
        block.u64s("Weight", "Float64", sorted().map(|row| row.weight.to_bits()));
        block.u32s("SpansLost", "UInt32", sorted().map(|row| row.spans_lost));
        block.u64s("SkewCorrected", "UInt64", sorted().map(|row| row.skew_corrected));
        block.low("ClosedBy", &Dictionary::of(&CLOSED_BY), sorted().map(|row| row.closed_by));
        block.low("AttributeKeys", &words.attribute_keys, sorted().map(|row| row.attribute_keys));
        block.strings("AttributeValues", sorted().map(|row| self.text(row.attribute_values)));
    }

    /// Rows in the order of the table's sorting key; versions of one row as they came.
    fn order(&self) -> Vec<u32> {
        let tenants = self.words.tenants.ranks();
        let key = |row: &Row| (tenants[row.tenant as usize], row.first_start, self.text(row.id));
        let mut order: Vec<u32> = (0..self.rows.len() as u32).collect();
        order.sort_by(|&a, &b| key(&self.rows[a as usize]).cmp(&key(&self.rows[b as usize])));
        order
    }

    fn text(&self, (start, end): (u32, u32)) -> &[u8] {
        &self.texts[start as usize..end as usize]
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
