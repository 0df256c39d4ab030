//! The questions that policies ask of spans and their attributes, collected for whoever answers them: each is a bit.

use std::collections::BTreeMap;

use throughline_otlp::{
    limits::MAX_MATCHERS,
    plan::{AttributeTest, MatchScope, Matcher},
};

use crate::spans::{Predicate, SpanQuestions};

/// Collects questions; equal ones share a bit.
#[derive(Debug, Default)]
pub struct MatcherTable {
    matchers: Vec<Matcher>,
    questions: SpanQuestions,
    /// Bits given away, of attributes and of whole spans.
    bits: u8,
    /// Bits of events' attributes.
    event_bits: u8,
    /// Bits of the questions asked so far, by their wording.
    known: BTreeMap<String, u8>,
}

impl MatcherTable {
    /// The matchers, in the order of their bits.
    #[must_use]
    pub fn into_matchers(self) -> Vec<Matcher> {
        self.matchers
    }

    /// The matchers, and the questions that take more of a span than one attribute.
    #[must_use]
    pub fn into_parts(mut self) -> (Vec<Matcher>, SpanQuestions) {
        self.questions.finish();
        (self.matchers, self.questions)
    }

    /// How many bits are used.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.bits)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bits == 0
    }

    /// Whether anything is asked of spans that their attributes do not tell.
    pub(crate) fn asks_spans(&self) -> bool {
        !self.questions.is_empty()
    }

    /// The bit of questions to the attributes named `key`: any of the tests holds. `None` where no bit is left.
    pub(crate) fn bit(&mut self, scope: MatchScope, key: &str, tests: Vec<AttributeTest>) -> Option<u8> {
        // The debug form of a test says all of it, the source of patterns too.
        let wording = format!("{scope:?}\0{key}\0{tests:?}");
        if let Some(&bit) = self.known.get(&wording) {
            return Some(bit);
        }
        let bit = take(&mut self.bits)?;
        self.matchers.extend(tests.into_iter().map(|test| Matcher { scope, key: key.into(), test, bit }));
        self.known.insert(wording, bit);
        Some(bit)
    }

    /// The bit of questions to an event's attributes.
    pub(crate) fn event_bit(&mut self, key: &str, tests: Vec<AttributeTest>) -> Option<u8> {
        let wording = format!("event\0{key}\0{tests:?}");
        if let Some(&bit) = self.known.get(&wording) {
            return Some(bit);
        }
        let bit = take(&mut self.event_bits)?;
        let matcher = |test| Matcher { scope: MatchScope::Span, key: key.into(), test, bit };
        self.questions.event_matchers.extend(tests.into_iter().map(matcher));
        self.known.insert(wording, bit);
        Some(bit)
    }

    /// The bit of a question to a whole span: that of the scan, where it is nothing else.
    pub(crate) fn span_bit(&mut self, predicate: Predicate) -> Option<u8> {
        if let Predicate::Bit(bit) = predicate {
            return Some(bit);
        }
        self.question_bit(predicate, false)
    }

    /// The bit of a question to an event.
    pub(crate) fn span_event_bit(&mut self, predicate: Predicate) -> Option<u8> {
        self.question_bit(predicate, true)
    }

    fn question_bit(&mut self, predicate: Predicate, of_event: bool) -> Option<u8> {
        let wording = format!("{of_event}\0{predicate:?}");
        if let Some(&bit) = self.known.get(&wording) {
            return Some(bit);
        }
        let bit = take(&mut self.bits)?;
        let list = if of_event { &mut self.questions.events } else { &mut self.questions.spans };
        list.push((bit, predicate));
        self.known.insert(wording, bit);
        Some(bit)
    }
}

fn take(next: &mut u8) -> Option<u8> {
    let bit = *next;
    (usize::from(bit) < MAX_MATCHERS).then(|| {
        *next += 1;
        bit
    })
}
