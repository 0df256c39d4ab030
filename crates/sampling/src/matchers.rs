//! The questions that policies ask of attributes, collected for the scan: each is a bit.

use std::collections::BTreeMap;

use throughline_otlp::{
    limits::MAX_MATCHERS,
    plan::{AttributeTest, MatchScope, Matcher},
};

/// Collects questions; equal ones share a bit.
#[derive(Debug, Default)]
pub struct MatcherTable {
    matchers: Vec<Matcher>,
    /// Bits of the questions asked so far, by their wording.
    known: BTreeMap<String, u8>,
}

impl MatcherTable {
    /// The matchers, in the order of their bits.
    #[must_use]
    pub fn into_matchers(self) -> Vec<Matcher> {
        self.matchers
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.matchers.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.matchers.is_empty()
    }

    /// The bit of a question to any attribute named `key`, of spans or resources. `None` where no bit is left.
    pub(crate) fn bit(&mut self, key: &str, test: AttributeTest) -> Option<u8> {
        // The debug form of a test says all of it, the source of patterns too.
        let wording = format!("{key}\0{test:?}");
        if let Some(&bit) = self.known.get(&wording) {
            return Some(bit);
        }
        let bit = u8::try_from(self.matchers.len()).ok().filter(|&bit| usize::from(bit) < MAX_MATCHERS)?;
        self.matchers.push(Matcher { scope: MatchScope::Any, key: key.into(), test, bit });
        self.known.insert(wording, bit);
        Some(bit)
    }
}
