//! What the decisions of one batch become: rows of transactions, and sums of their hops by minute. Each decision is read once for all of them.

use std::collections::BTreeMap;

use throughline_assembly::records::{Closed, Hops, Transaction};

use super::minutes::{EdgeMinutes, OperationMinutes};
use super::transactions::{TransactionsBlock, Words, checked};
use super::{Encoded, RowsError, day_of};
use crate::native::Numbering;
use crate::schema::table;

/// Rows of `transactions_data`, `operation_minutes` and `edge_minutes`, one batch after the other. The same decisions give the same bytes: names
/// and room are kept from batch to batch, and do not show.
#[derive(Debug)]
pub struct DecisionRows {
    max_rows: usize,
    words: Words,
    blocks: BTreeMap<u32, Vec<TransactionsBlock>>,
    /// One that the next batch begins with.
    spare: Option<TransactionsBlock>,
    operations: OperationMinutes,
    edges: EdgeMinutes,
    numbering: Numbering,
    absent: Hops,
}

impl DecisionRows {
    /// None yet. No block of transactions gets more than `max_rows` rows.
    #[must_use]
    pub fn new(max_rows: usize) -> Self {
        Self {
            max_rows,
            words: Words::default(),
            blocks: BTreeMap::new(),
            spare: None,
            operations: OperationMinutes::default(),
            edges: EdgeMinutes::default(),
            numbering: Numbering::default(),
            absent: Hops::default(),
        }
    }

    /// Takes a decision: a transaction that is closed, or the next version of it, or the end of one that was joined to another. The sums of what was written of
    /// it before are taken back; so is the row, where it has another id now or has ended.
    ///
    /// # Errors
    /// [`RowsError::Hops`] where a record does not hold together: nothing of either is taken.
    pub fn add(&mut self, closed: &Closed) -> Result<(), RowsError> {
        let absent = std::mem::take(&mut self.absent);
        let added = self.add_rows(closed, &absent);
        self.absent = absent;
        added
    }

    fn add_rows(&mut self, closed: &Closed, absent: &Hops) -> Result<(), RowsError> {
        let row = match &closed.row {
            Some(row) => Some((row, checked(row, absent)?)),
            None => None,
        };
        if let Some(before) = &closed.before {
            let hops = checked(before, absent)?;
            let stays = row.is_some_and(|(row, _)| row.transaction_id == before.transaction_id);
            let group = if stays {
                self.words.read(before, hops).group
            } else {
                self.push(closed, before, hops, true)
            };
            self.sum(group, before.start, hops, -1);
        }
        if let Some((row, hops)) = row {
            let group = self.push(closed, row, hops, false);
            self.sum(group, row.start, hops, 1);
        }
        Ok(())
    }

    /// Adds the hops that `words` has just read.
    fn sum(&mut self, group: u32, start: u64, hops: &Hops, sign: i64) {
        self.operations.add(&self.words, group, start, hops, sign);
        self.edges.add(&mut self.words, group, start, hops, sign);
    }

    /// Reads a row into `words`, and puts it in the block of its day; its group.
    fn push(&mut self, closed: &Closed, row: &Transaction, hops: &Hops, deleted: bool) -> u32 {
        let owner = self.words.read(row, hops);
        let blocks = self.blocks.entry(day_of(closed.first_start)).or_default();
        if blocks.last().is_none_or(|block| block.rows() >= self.max_rows) {
            blocks.push(self.spare.take().unwrap_or_default());
        }
        if let Some(block) = blocks.last_mut() {
            block.push(closed, row, hops, owner, &mut self.words, deleted);
        }
        owner.group
    }

    /// Every block, in the order in which they are to be stored: table and block. Nothing is left after.
    #[must_use]
    pub fn finish(&mut self) -> Vec<(&'static str, Encoded)> {
        let Self { words, numbering, .. } = self;
        let mut made = Vec::new();
        for (day, blocks) in std::mem::take(&mut self.blocks) {
            for mut block in blocks {
                let bytes = block.write(words, numbering);
                made.push((table::TRANSACTIONS, Encoded { day, rows: block.rows(), bytes }));
                self.spare = self.spare.take().or(block.emptied());
            }
        }
        made.extend(
            self.operations.finish(words, numbering).into_iter().map(|of| (table::OPERATION_MINUTES, of)),
        );
        made.extend(self.edges.finish(words, numbering).into_iter().map(|of| (table::EDGE_MINUTES, of)));
        words.trim();
        made
    }
}
