//! Trace states as they are stored: with the threshold that the span was kept by.

use std::borrow::Cow;

use throughline_sampling::{Threshold, trace_state::with_threshold};

use crate::native::Dictionary;

/// The trace states of a batch.
#[derive(Debug, Default)]
pub(super) struct States {
    texts: Dictionary,
    /// That of a span without one, and its threshold: spans of one transaction follow each other.
    last: Option<(Threshold, String)>,
}

impl States {
    /// The number of a span's trace state. One that is no UTF-8 stays as it is; so does one that the specification says is not to be changed.
    pub(super) fn push(&mut self, state: &[u8], threshold: Option<Threshold>) -> u32 {
        let Some(threshold) = threshold else { return self.texts.intern(state) };
        if state.is_empty() {
            if self.last.as_ref().is_none_or(|(last, _)| *last != threshold) {
                self.last = with_threshold("", threshold).map(|text| (threshold, text));
            }
            let text = self.last.as_ref().map(|(_, text)| text.as_bytes());
            return self.texts.intern(text.unwrap_or_default());
        }
        let changed = std::str::from_utf8(state).ok().and_then(|state| with_threshold(state, threshold));
        let text = changed.map_or(Cow::Borrowed(state), |text| Cow::Owned(text.into_bytes()));
        self.texts.intern(&text)
    }

    pub(super) fn get(&self, number: u32) -> &[u8] {
        self.texts.get(number)
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.texts.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_says_by_what_the_span_was_kept() {
        let mut states = States::default();
        let quarter = Threshold::from_probability(0.25);
        let mut stored = |state: &[u8], threshold| {
            let number = states.push(state, threshold);
            String::from_utf8_lossy(states.get(number)).into_owned()
        };
        assert_eq!(stored(b"", None), "");
        assert_eq!(stored(b"vendor=x", None), "vendor=x");
        assert_eq!(stored(b"", quarter), "ot=th:c");
        assert_eq!(stored(b"", quarter), "ot=th:c");
        assert_eq!(stored(b"", Threshold::from_probability(1.0)), "ot=th:0");
        assert_eq!(stored(b"vendor=x", quarter), "ot=th:c,vendor=x");
        assert_eq!(stored(b"ot=th:e", quarter), "ot=th:e", "sampled more strictly before");
        assert_eq!(
            stored(b"ot=rv:00000000000001", quarter),
            "ot=rv:00000000000001",
            "denied by its randomness"
        );
        assert_eq!(stored(b"\xff", quarter), "\u{fffd}", "no text: as it was");
    }
}
