//! What one pass found: facts, and where their bytes lie. Reused from request to request.

use crate::{
    facts::{Facts, Range},
    limits::MAX_IDLE_SPANS,
    refusal::Rejections,
};

/// A `ResourceSpans` or a `ScopeSpans` that has accepted spans.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Envelope {
    /// Of a scope: index of its resource.
    pub(crate) resource: u32,
    /// Its fields other than the repeated one (resource or scope, schema URL, unknown ones): a range of [`Found::common`].
    pub(crate) common: (u32, u32),
    /// How many bytes they are.
    pub(crate) common_bytes: u32,
    /// Of a resource: the range of [`Facts::text`] that holds what was captured of it.
    pub(crate) text: (u32, u32),
}

/// Where a span lies; parallel to [`Facts::spans`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    pub(crate) partition: u32,
    /// Index in [`Found::scopes`].
    pub(crate) scope: u32,
    /// Offset of its field's tag.
    pub(crate) field: u32,
    /// Lengths of the sparse lists after this span: its own part begins where the span before it ended.
    pub(crate) after: Sparse,
}

/// Lengths of text, captures and links.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sparse {
    pub(crate) text: u32,
    pub(crate) captures: u32,
    pub(crate) links: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) facts: Facts,
    pub(crate) places: Vec<Place>,
    pub(crate) scopes: Vec<Envelope>,
    /// Parallel to [`Facts::resources`].
    pub(crate) resources: Vec<Envelope>,
    /// Ranges of the request.
    pub(crate) common: Vec<Range>,
    pub(crate) rejected: Rejections,
    pub(crate) clamped: u64,
    /// For each slot of span attributes, the stamp of the last span that filled it: the first attribute of a name wins.
    pub(super) filled: Vec<u32>,
    pub(super) stamp: u32,
}

impl Found {
    pub(super) fn clear(&mut self, version: u64, span_slots: usize) {
        let facts = &mut self.facts;
        facts.version = version;
        facts.spans.clear();
        facts.resources.clear();
        facts.resource_values.clear();
        facts.captures.clear();
        facts.links.clear();
        facts.text.clear();
        self.places.clear();
        self.scopes.clear();
        self.resources.clear();
        self.common.clear();
        self.rejected = Rejections::default();
        self.clamped = 0;
        self.filled.clear();
        self.filled.resize(span_slots, 0);
        self.stamp = 0;
    }

    /// Gives back what one rare large request took.
    pub(super) fn shrink(&mut self) {
        let facts = &mut self.facts;
        facts.spans.shrink_to(MAX_IDLE_SPANS);
        facts.resources.shrink_to(MAX_IDLE_SPANS);
        facts.resource_values.shrink_to(MAX_IDLE_SPANS);
        facts.captures.shrink_to(MAX_IDLE_SPANS);
        facts.links.shrink_to(MAX_IDLE_SPANS);
        facts.text.shrink_to(MAX_IDLE_SPANS * 64);
        self.places.shrink_to(MAX_IDLE_SPANS);
        self.scopes.shrink_to(MAX_IDLE_SPANS);
        self.resources.shrink_to(MAX_IDLE_SPANS);
        self.common.shrink_to(MAX_IDLE_SPANS);
    }

    pub(super) fn sparse(&self) -> Sparse {
        Sparse {
            text: self.facts.text.len() as u32,
            captures: self.facts.captures.len() as u32,
            links: self.facts.links.len() as u32,
        }
    }

    /// Forgets what was found since.
    pub(super) fn roll_back(&mut self, to: Sparse) {
        self.facts.text.truncate(to.text as usize);
        self.facts.captures.truncate(to.captures as usize);
        self.facts.links.truncate(to.links as usize);
    }

    /// Adds bytes that are copied with an envelope; what lies side by side becomes one range.
    pub(super) fn add_common(&mut self, first: usize, range: Range) {
        if let Some(last) = self.common.get_mut(first..).and_then(<[Range]>::last_mut)
            && last.start + last.len == range.start
        {
            last.len += range.len;
        } else {
            self.common.push(range);
        }
    }

    /// The end of a list of common ranges that began at `first`.
    pub(super) fn common_since(&self, first: usize) -> ((u32, u32), u32) {
        let bytes = self.common.iter().skip(first).map(|range| range.len).sum();
        ((first as u32, self.common.len() as u32), bytes)
    }
}
