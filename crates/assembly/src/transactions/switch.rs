//! Other rules from here on: what waits stays what it was, as far as both know it.

use std::sync::Arc;

use throughline_otlp::facts::flag;

use super::{Transactions, transaction::NO_TYPE};
use crate::{
    records::TraceSummary,
    rules::{Rules, TransactionType},
};

impl Transactions {
    /// Types and terminal steps are numbered by the rules. A type that both have stays, and a step that both have was seen; a transaction of another type has none
    /// until its next trace says it again: it closes by quiet time then, and is amended by what comes later.
    pub(super) fn switch(&mut self, rules: Arc<Rules>) {
        let before = std::mem::replace(&mut self.rules, rules);
        if before.version == self.rules.version {
            return;
        }
        self.sampling.switch(&before, &self.rules, self.now);
        let kinds = kinds(&before, &self.rules);
        let bits = bits(&before, &self.rules);
        for slot in 0..self.slots.len() as u32 {
            if let Some(Some(transaction)) = self.slots.get_mut(slot as usize) {
                transaction.kind = kinds.get(usize::from(transaction.kind)).copied().unwrap_or(NO_TYPE);
                transaction.terminals = bits
                    .iter()
                    .filter(|(old, _)| transaction.terminals & 1 << old != 0)
                    .fold(0, |seen, (_, new)| seen | 1 << new);
                if transaction.kind == NO_TYPE {
                    transaction.first_start = u64::MAX;
                }
                if !transaction.is_complete(&self.rules) {
                    transaction.terminal = 0;
                }
            }
            self.watch(slot);
        }
    }
}

/// Index of each type of before in the rules of now.
fn kinds(before: &Rules, now: &Rules) -> Vec<u16> {
    let new = &now.settings.transactions.types;
    let same = before
        .settings
        .transactions
        .types
        .iter()
        .map(|old| new.iter().position(|kind| kind.name == old.name && kind.matches == old.matches));
    same.map(|index| index.map_or(NO_TYPE, |index| index as u16)).collect()
}

/// Bits of the terminal steps that both have: before and now.
fn bits(before: &Rules, now: &Rules) -> Vec<(u32, u32)> {
    let new: Vec<_> = steps(now).collect();
    let same = steps(before).filter_map(|(text, bit)| {
        let (_, now) = new.iter().find(|(other, _)| *other == text)?;
        Some((bit, *now))
    });
    same.collect()
}

/// Terminal steps as they are written, and their bits.
fn steps(rules: &Rules) -> impl Iterator<Item = (&str, u32)> {
    let bit = |kind: &TransactionType| Some(kind.terminal.as_ref()?.0);
    let types = rules.settings.transactions.types.iter().zip(&rules.types);
    types.filter_map(move |(settings, kind)| Some((settings.terminal.as_deref()?, bit(kind)?)))
}

impl Rules {
    /// Bits of the terminal steps that a summary shows, whatever rules it was made under.
    #[must_use]
    pub fn terminals_of(&self, summary: &TraceSummary) -> u64 {
        let spans = summary.operation.iter().zip(&summary.resource).zip(&summary.flags);
        let mut bits = 0;
        for ((operation, resource), flags) in spans {
            let service = summary.resources.get(*resource as usize).map_or("", |of| summary.text(of.service));
            let kind = (flags & u32::from(flag::KIND)) as u8;
            for (bit, step) in self.types.iter().filter_map(|kind| kind.terminal.as_ref()) {
                if bits & 1 << bit == 0 && step.eval(summary.text(*operation), service, kind) {
                    bits |= 1 << bit;
                }
            }
        }
        bits
    }
}
