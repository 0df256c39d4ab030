//! Questions to one span that take more than one of its attributes, or something else than attributes. The scan answers the attribute part
//! ([`throughline_otlp::plan::Matcher`]); whoever holds the rest of the span's facts and its bytes asks [`SpanQuestions::answer_body`] and ORs the bits to
//! the span's.

mod predicate;
mod wire;

use throughline_otlp::plan::Matcher;

pub(crate) use self::predicate::Predicate;

/// What is known of a span when it is asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanView<'a> {
    /// Its name.
    pub name: &'a str,
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

/// What has to be known of spans for all questions to be answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanNeeds {
    /// [`SpanView::trace_state`].
    pub trace_state: bool,
    /// [`SpanView::flags`].
    pub flags: bool,
    /// Events: [`SpanQuestions::answer_event`] for each.
    pub events: bool,
}

/// Questions to spans, each with the bit that its answer goes to.
#[derive(Clone, Debug, Default)]
pub struct SpanQuestions {
    pub(crate) spans: Vec<(u8, Predicate)>,
    pub(crate) events: Vec<(u8, Predicate)>,
    pub(crate) event_matchers: Vec<Matcher>,
    needs: SpanNeeds,
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
        self.needs
    }

    /// Finds what has to be known, once all questions are asked.
    pub(crate) fn finish(&mut self) {
        self.needs = SpanNeeds { events: !self.events.is_empty(), ..SpanNeeds::default() };
        for (_, predicate) in self.spans.iter().chain(&self.events) {
            predicate.visit(&mut |part| match part {
                Predicate::TraceState { .. } => self.needs.trace_state = true,
                Predicate::Flags(_) => self.needs.flags = true,
                _ => {}
            });
        }
    }

    /// Questions to attributes of events; the bits of their answers go to [`EventView::matches`].
    #[must_use]
    pub fn event_matchers(&self) -> &[Matcher] {
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
