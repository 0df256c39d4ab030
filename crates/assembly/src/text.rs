//! Tables of strings in records: one text, and where each string in it ends. A record is read and written without a string of its own for each.

use crate::records::{Hops, TraceSummary};

/// The string at `index`; empty where there is none.
fn text<'a>(strings: &'a str, ends: &[u32], index: u32) -> &'a str {
    let index = index as usize;
    let Some(&end) = ends.get(index) else { return "" };
    let start = index.checked_sub(1).map_or(0, |before| ends[before]);
    strings.get(start as usize..end as usize).unwrap_or_default()
}

/// Adds a string; its index.
fn push(strings: &mut String, ends: &mut Vec<u32>, text: &str) -> u32 {
    strings.push_str(text);
    ends.push(strings.len() as u32);
    ends.len() as u32 - 1
}

impl TraceSummary {
    /// The string at `index`; empty where there is none.
    #[must_use]
    pub fn text(&self, index: u32) -> &str {
        text(&self.strings, &self.string_ends, index)
    }

    /// Adds a string to the table; its index.
    pub fn push_text(&mut self, text: &str) -> u32 {
        push(&mut self.strings, &mut self.string_ends, text)
    }
}

impl Hops {
    /// The string at `index`; empty where there is none.
    #[must_use]
    pub fn text(&self, index: u32) -> &str {
        text(&self.strings, &self.string_ends, index)
    }

    /// All strings, in order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        (0..self.string_ends.len() as u32).map(|index| self.text(index))
    }

    /// Adds a string to the table; its index.
    pub fn push_text(&mut self, text: &str) -> u32 {
        push(&mut self.strings, &mut self.string_ends, text)
    }
}
