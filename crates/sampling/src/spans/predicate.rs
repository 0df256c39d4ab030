//! Conditions over one span, or one event of it.

use super::{EventView, SpanView};
use crate::{
    text::TextTest,
    trace_state::{is_valid, member},
};

/// A condition over one span, or over one event of it.
#[derive(Clone, Debug)]
pub(crate) enum Predicate {
    Constant(bool),
    /// A bit of the scan's.
    Bit(u8),
    Name(TextTest),
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

    pub(super) fn holds(&self, span: &SpanView<'_>, event: &EventView<'_>) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::Bit(bit) => span.matches >> bit & 1 == 1,
            Self::Name(test) => test.holds(span.name),
            Self::Kind(kinds) => kinds.checked_shr(u32::from(span.kind)).unwrap_or(0) & 1 == 1,
            Self::Status(statuses) => span.status & statuses != 0,
            Self::LongerThan(nanoseconds) => span.duration_ns > *nanoseconds,
            Self::Root => span.root,
            Self::Flags(flags) => span.flags & flags != 0,
            Self::TraceState { key, values } => member(span.trace_state, key).is_some_and(|found| {
                values.iter().any(|value| **value == *found) && is_valid(span.trace_state)
            }),
            Self::EventName(test) => test.holds(event.name),
            Self::EventBit(bit) => event.matches >> bit & 1 == 1,
            Self::And(parts) => parts.iter().all(|part| part.holds(span, event)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(span, event)),
            Self::Not(part) => !part.holds(span, event),
        }
    }

    pub(super) fn visit(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.visit(visit)),
            Self::Not(part) => part.visit(visit),
            _ => {}
        }
    }
}
