//! A batch's spans as one Native block, sorted as the table is, so that the engine need not.

use super::block::{NONE, Row, SpansBlock};
use super::scan::hex_into;
use crate::native::{Block, Dictionary, put_string};

/// The columns of a block, in order, for the statement that inserts it.
pub(crate) const COLUMNS: [&str; 25] = [
    "Tenant",
    "Timestamp",
    "TransactionId",
    "TraceId",
    "Ids",
    "TraceState",
    "SpanName",
    "SpanKind",
    "ServiceName",
    "Source",
    "SourceWire",
    "Attributes",
    "Values",
    "Duration",
    "StatusCode",
    "StatusMessage",
    "Events",
    "Links",
    "Extra",
    "Department",
    "TransactionType",
    "ChildTime",
    "CriticalCode",
    "KeptBy",
    "Weight",
];

/// `SpanKind` by OTLP's number, as the Collector's exporter names it.
pub(crate) const KINDS: [&str; 6] = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"];

/// `StatusCode` by OTLP's number.
pub(crate) const STATUSES: [&str; 3] = ["Unset", "Ok", "Error"];

/// The step of time in the sorting key, nanoseconds.
const STEP_NS: u64 = 300_000_000_000;

impl SpansBlock {
    /// The block's bytes. The same pushes give the same bytes.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let mut block = Block::new(COLUMNS.len(), self.rows.len(), self.rows.len() * 220 + 4096);
        let order = self.order();
        let sorted = || order.iter().map(|&row| &self.rows[row as usize]);
        block.low("Tenant", &self.tenants, sorted().map(|row| row.tenant));
        block.u64s("Timestamp", "DateTime64(9)", sorted().map(|row| row.start));
        block.strings("TransactionId", sorted().map(|row| self.transactions.get(row.transaction)));
        put_traces(block.column("TraceId", "String"), sorted());
        let out = block.column("Ids", "FixedString(16)");
        sorted().for_each(|row| out.extend_from_slice(&row.ids));
        block.strings("TraceState", sorted().map(|row| self.states.get(row.state)));
        block.low("SpanName", &self.names, sorted().map(|row| row.name));
        block.low("SpanKind", &Dictionary::of(&KINDS), sorted().map(|row| u32::from(row.kind)));
        block.low(
            "ServiceName",
            &self.sources.services,
            sorted().map(|row| self.sources.service_of(row.source)),
        );
        block.low("Source", &self.sources.json, sorted().map(|row| self.sources.json_of(row.source)));
        block.low("SourceWire", &self.sources.wire, sorted().map(|row| row.source));
        self.put_attributes(&mut block, &order);
        block.u64s("Duration", "UInt64", sorted().map(|row| row.duration));
        block.low("StatusCode", &Dictionary::of(&STATUSES), sorted().map(|row| u32::from(row.status)));
        block.strings("StatusMessage", sorted().map(|row| self.text(row, 0)));
        block.strings("Events", sorted().map(|row| self.text(row, 1)));
        block.strings("Links", sorted().map(|row| self.text(row, 2)));
        block.strings("Extra", sorted().map(|row| self.text(row, 3)));
        block.low("Department", &self.departments, sorted().map(|row| row.department));
        block.low("TransactionType", &self.types, sorted().map(|row| row.kind_of_transaction));
        block.u64s("ChildTime", "UInt64", sorted().map(|row| row.child_time));
        block.u64s("CriticalCode", "UInt64", sorted().map(|row| row.critical_code));
        block.low("KeptBy", &self.policies, sorted().map(|row| row.policy));
        block.u64s("Weight", "Float64", sorted().map(|row| row.weight.to_bits()));
        block.finish()
    }

    /// Rows in the order of the table's sorting key; those that are equal in it, as they came.
    fn order(&self) -> Vec<u32> {
        let (tenants, transactions) = (self.tenants.ranks(), self.transactions.ranks());
        let key = |row: &Row| {
            let place =
                (tenants[row.tenant as usize], row.start / STEP_NS, transactions[row.transaction as usize]);
            (place, row.trace, row.start)
        };
        let mut keys: Vec<_> = self.rows.iter().zip(0u32..).map(|(row, number)| (key(row), number)).collect();
        keys.sort_unstable();
        keys.into_iter().map(|(_, number)| number).collect()
    }

    fn put_attributes(&self, block: &mut Block, order: &[u32]) {
        let range = |row: usize| {
            let start = if row == 0 { 0 } else { self.rows[row - 1].attributes_end };
            (start, self.rows[row].attributes_end)
        };
        let ranges: Vec<_> =
            (0..self.rows.len()).map(|row| (range(row).0, range(row).1, self.rows[row].flags)).collect();
        let learnt = self.attributes.learn(&ranges);
        block.low("Attributes", &learnt.entries, order.iter().map(|&row| learnt.rows[row as usize]));
        let out = block.column("Values", "String");
        let mut values = Vec::new();
        for &row in order {
            values.clear();
            self.attributes.put_values(range(row as usize), &learnt, &mut values);
            put_string(out, &values);
        }
    }

    fn text(&self, row: &Row, which: usize) -> &[u8] {
        if row.sparse == NONE {
            return &[];
        }
        let sparse = &self.sparse[row.sparse as usize];
        let start = if which == 0 { sparse.start } else { sparse.ends[which - 1] };
        &self.texts[start as usize..sparse.ends[which] as usize]
    }
}

fn put_traces<'a>(out: &mut Vec<u8>, rows: impl Iterator<Item = &'a Row>) {
    for row in rows {
        out.push(32);
        hex_into(&row.trace, out);
    }
}
