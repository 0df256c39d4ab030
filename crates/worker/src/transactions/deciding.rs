//! What closes becomes decisions: records that are appended before they have an effect.

use throughline_assembly::{
    decide::Decided,
    place::Place,
    transactions::{Closing, Member},
};
use throughline_log::{FetchError, Position};

use super::{TransactionsDriver, lost::mark_lost};
use crate::{
    WorkerError,
    append::append,
    events::{closed_record, offer_record},
    limits::{DECISIONS_PER_APPEND, MAX_SUMMARY_BYTES},
    metrics::LIMIT_HITS,
};

impl TransactionsDriver {
    /// Decides some of what is closing; whether there was any.
    pub(super) async fn decide(&mut self) -> Result<bool, WorkerError> {
        let settled: Vec<_> = self.fold.settled(self.settled).take(DECISIONS_PER_APPEND).collect();
        self.settled = settled.last().map_or(self.settled, |(number, _)| number + 1);
        let room = DECISIONS_PER_APPEND - settled.len();
        let closings: Vec<Closing> = self.fold.closing(self.decided).take(room).collect();
        self.decided = closings.last().map_or(self.decided, |last| last.sequence + 1);
        let mut records = Vec::with_capacity(settled.len() + closings.len());
        for closing in settled.iter().map(|(_, closing)| closing).chain(&closings) {
            let record = match self.decide_one(closing)? {
                Decided::Closed(closed) => closed_record(closed),
                Decided::Offer(offer, draft) => {
                    self.drafts.add(*draft);
                    offer_record(offer.into())
                }
            };
            records.push((self.partition, record));
        }
        if records.is_empty() {
            return Ok(false);
        }
        append(&self.log, records).await?;
        Ok(true)
    }

    /// Reads the summaries of these members, as many as there is room for; how many there was none for.
    fn read<'m>(&mut self, members: impl Iterator<Item = &'m Member>) -> Result<u64, WorkerError> {
        self.summaries.clear();
        let (mut room, mut over) = (MAX_SUMMARY_BYTES, 0);
        for place in members.map(|member| member.place()) {
            match self.log.fetch(place.partition(), Position(place.position())) {
                Ok(record) => match room.checked_sub(record.payload.len()) {
                    Some(left) => {
                        room = left;
                        self.summaries.read(place, &record);
                    }
                    None => over += 1,
                },
                Err(FetchError::Trimmed { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(over)
    }

    fn decide_one(&mut self, closing: &Closing) -> Result<Decided, WorkerError> {
        if !self.fold.rules().settings.sampling.dry_run
            && let Some(closed) = self.drafts.take(closing)
        {
            return Ok(Decided::Closed(closed.into()));
        }
        let mut over = self.read(closing.members.iter())?;
        if over > 0 && closing.previous.is_some() {
            // What is new is what counts then.
            over = self.read(closing.members.iter().rev())?;
        }
        if over > 0 {
            tracing::warn!(over, "a transaction is too large: a part of its traces is left out");
            metrics::counter!(LIMIT_HITS, "limit" => "transactions.bytes").increment(over);
        }
        self.summaries.each(|summary| self.again.look(summary, self.fold.rules()));
        let before = closing.previous.map(|position| Place::new(self.partition, position));
        let [before, joined] = [before, closing.kept_from].map(|place| self.decisions.at(place?).transpose());
        let (before, joined) = (before.transpose()?, joined.transpose()?);
        let summaries: Vec<_> = self.summaries.iter().collect();
        let by = (&**self.fold.rules(), self.fold.sampler());
        let (before, joined) = (before.as_deref(), joined.as_deref());
        let mut decided = self.decider.decide(by, closing, &summaries, before, joined);
        if let Decided::Closed(closed) = &mut decided {
            if self.unsaved.decided(closed, &summaries) {
                self.bounds.set_unsaved(self.partition, self.unsaved.needed());
            }
            mark_lost(closed, &summaries, |partition| self.span_log.start(partition).0);
        }
        Ok(decided)
    }
}
