//! Questions to one span that take more than one of its attributes, or something else than attributes. The scan answers the attribute part
//! ([`throughline_otlp::plan::Matcher`]); whoever holds the rest of the span's facts asks [`SpanQuestions::answer`] and ORs the bits to the span's.

use crate::{text::TextTest, trace_state::member};

/// What is known of a span when it is asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Name of its instrumentation scope.
    pub scope: &'a str,
    /// Its kind as OTLP numbers it.
    pub kind: u8,
    /// Its status: one bit of [`crate::status`].
    pub status: u8,
    /// How long it took, nanoseconds.
    pub duration_ns: u64,
    /// It has no parent.
    pub root: bool,
    /// Bits of the scan's matchers, those of its resource included.
    pub matches: u64,
    /// Its flags, as OTLP has them: the lowest 8 bits are those of the W3C.
    pub flags: u32,
    /// Its trace state.
    pub trace_state: &'a str,
}

/// What is known of an event of a span when it is asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Bits of [`SpanQuestions::event_matchers`] over its attributes.
    pub matches: u64,
}

/// A condition over one span, or over one event of it.
#[derive(Clone, Debug)]
pub(crate) enum Predicate {
    Constant(bool),
    /// A bit of the scan's.
    Bit(u8),
    Name(TextTest),
    Scope(TextTest),
    /// Bit n: kind n.
    Kind(u8),
    /// Bits of [`crate::status`].
    Status(u8),
    /// Longer than so many nanoseconds.
    LongerThan(u64),
    Root,
    /// Any of these flags.
    Flags(u32),
    /// A member of the trace state has one of these values.
    TraceState {
        key: Box<str>,
        values: Vec<Box<str>>,
    },
    EventName(TextTest),
    /// A bit of the event's matchers.
    EventBit(u8),
    And(Vec<Predicate>),
    Or(Vec<Predicate>),
    Not(Box<Predicate>),
}

impl Predicate {
    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Constant(value) => Self::Constant(!value),
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// All of them; one alone stands for itself.
    pub(crate) fn all(mut list: Vec<Self>) -> Self {
        match list.len() {
            1 => list.remove(0),
            _ => Self::And(list),
        }
    }

    /// Any of them; one alone stands for itself.
    pub(crate) fn any(mut list: Vec<Self>) -> Self {
        match list.len() {
            1 => list.remove(0),
            _ => Self::Or(list),
        }
    }

    fn holds(&self, span: &SpanView<'_>, event: &EventView<'_>) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::Bit(bit) => span.matches >> bit & 1 == 1,
            Self::Name(test) => test.holds(span.name),
            Self::Scope(test) => test.holds(span.scope),
            Self::Kind(kinds) => kinds.checked_shr(u32::from(span.kind)).unwrap_or(0) & 1 == 1,
            Self::Status(statuses) => span.status & statuses != 0,
            Self::LongerThan(nanoseconds) => span.duration_ns > *nanoseconds,
            Self::Root => span.root,
            Self::Flags(flags) => span.flags & flags != 0,
            Self::TraceState { key, values } => member(span.trace_state, key)
                .is_some_and(|found| values.iter().any(|value| **value == *found)),
            Self::EventName(test) => test.holds(event.name),
            Self::EventBit(bit) => event.matches >> bit & 1 == 1,
            Self::And(parts) => parts.iter().all(|part| part.holds(span, event)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(span, event)),
            Self::Not(part) => !part.holds(span, event),
        }
    }

    fn visit(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.visit(visit)),
            Self::Not(part) => part.visit(visit),
            _ => {}
        }
    }
}

/// What has to be known of spans for all questions to be answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanNeeds {
    /// [`SpanView::trace_state`].
    pub trace_state: bool,
    /// [`SpanView::flags`].
    pub flags: bool,
    /// [`SpanView::scope`].
    pub scope: bool,
    /// Events: [`SpanQuestions::answer_event`] for each.
    pub events: bool,
}

/// Questions to spans, each with the bit that its answer goes to.
#[derive(Clone, Debug, Default)]
pub struct SpanQuestions {
    pub(crate) spans: Vec<(u8, Predicate)>,
    pub(crate) events: Vec<(u8, Predicate)>,
    pub(crate) event_matchers: Vec<throughline_otlp::plan::Matcher>,
}

impl SpanQuestions {
    /// Whether there is nothing to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty() && self.events.is_empty()
    }

    /// What has to be known of spans.
    #[must_use]
    pub fn needs(&self) -> SpanNeeds {
        let mut needs = SpanNeeds { events: !self.events.is_empty(), ..SpanNeeds::default() };
        for (_, predicate) in self.spans.iter().chain(&self.events) {
            predicate.visit(&mut |part| match part {
                Predicate::TraceState { .. } => needs.trace_state = true,
                Predicate::Flags(_) => needs.flags = true,
                Predicate::Scope(_) => needs.scope = true,
                _ => {}
            });
        }
        needs
    }

    /// Questions to attributes of events; the bits of their answers go to [`EventView::matches`].
    #[must_use]
    pub fn event_matchers(&self) -> &[throughline_otlp::plan::Matcher] {
        &self.event_matchers
    }

    /// Bits of the questions that this span answers with yes, to be ORed to [`SpanView::matches`].
    #[must_use]
    pub fn answer(&self, span: &SpanView<'_>) -> u64 {
        answered(&self.spans, span, &EventView::default())
    }

    /// Bits of the questions that this event of the span answers with yes, to be ORed to [`SpanView::matches`].
    #[must_use]
    pub fn answer_event(&self, span: &SpanView<'_>, event: &EventView<'_>) -> u64 {
        answered(&self.events, span, event)
    }
}

fn answered(questions: &[(u8, Predicate)], span: &SpanView<'_>, event: &EventView<'_>) -> u64 {
    let yes = questions.iter().filter(|(_, predicate)| predicate.holds(span, event));
    yes.fold(0, |bits, (bit, _)| bits | 1 << bit)
}
