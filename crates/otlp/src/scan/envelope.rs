//! The envelopes around spans: requests, resources and scopes.

use super::{
    Pass, Stop,
    attributes::{capture, matches},
    found::{Envelope, Place},
    value::{Faults, check_attribute, key_value},
};
use crate::{
    facts::{Range, ResourceFact, SpanFact},
    ids::partition_of,
    refusal::RejectReason,
    wire::{Reader, WireError},
};

/// Field numbers as tags: `number << 3 | wire type`. Those of `ResourceSpans` and `ScopeSpans` are alike.
mod tag {
    pub(super) const RESOURCE_SPANS: u32 = 0x0a;

    pub(super) const HEAD: u32 = 0x0a;
    pub(super) const ITEM: u32 = 0x12;
    pub(super) const SCHEMA_URL: u32 = 0x1a;

    pub(super) mod resource {
        pub(in super::super) const ATTRIBUTE: u32 = 0x0a;
        pub(in super::super) const DROPPED_ATTRIBUTES: u32 = 0x10;
        pub(in super::super) const ENTITY: u32 = 0x1a;
    }

    pub(super) mod entity {
        pub(in super::super) const TEXTS: [u32; 4] = [0x0a, 0x12, 0x1a, 0x22];
    }

    pub(super) mod scope {
        pub(in super::super) const NAME: u32 = 0x0a;
        pub(in super::super) const VERSION: u32 = 0x12;
        pub(in super::super) const ATTRIBUTE: u32 = 0x1a;
        pub(in super::super) const DROPPED_ATTRIBUTES: u32 = 0x20;
    }
}

impl<'r> Pass<'r, '_> {
    /// Reads the whole request.
    pub(super) fn request(&mut self) -> Result<(), Stop> {
        let mut reader = Reader::new(self.request);
        while let Some(tag) = reader.next_tag()? {
            match tag {
                tag::RESOURCE_SPANS => {
                    self.resource_spans(reader.bytes()?)?;
                    self.path.resource += 1;
                }
                _ => reader.skip_unknown(tag, 1)?,
            }
        }
        Ok(())
    }

    /// Reads one `ResourceSpans` in two steps, for its resource may stand after its spans, and spans need what it says.
    fn resource_spans(&mut self, body: &'r [u8]) -> Result<(), Stop> {
        let before = self.found.sparse();
        let first_common = self.found.common.len();
        let first_value = self.found.facts.resource_values.len();
        self.resource_matches = 0;
        let slots = self.plan.resource.slot_count;
        self.found.facts.resource_values.resize(first_value + slots, Range::default());

        let has_scopes = self.heads(body, first_common, first_value)?;
        let (common, common_bytes) = self.found.common_since(first_common);
        let text = (before.text, self.found.facts.text.len() as u32);
        let spans = self.found.facts.spans.len();
        if has_scopes {
            self.scopes(body)?;
        }
        if self.found.facts.spans.len() > spans {
            self.found.resources.push(Envelope { resource: 0, common, common_bytes, text });
            self.found.facts.resources.push(ResourceFact { first_value: first_value as u32 });
        } else {
            self.found.roll_back(before);
            self.found.common.truncate(first_common);
            self.found.facts.resource_values.truncate(first_value);
        }
        Ok(())
    }

    /// The first step: all but the scopes. Says whether there are any.
    fn heads(&mut self, body: &'r [u8], first_common: usize, first_value: usize) -> Result<bool, Stop> {
        let base = self.range_of(body).start;
        let mut faults = Faults::default();
        let mut has_scopes = false;
        let mut reader = Reader::new(body);
        let mut start = 0;
        while let Some(tag) = reader.next_tag()? {
            match tag {
                tag::ITEM => {
                    reader.bytes()?;
                    has_scopes = true;
                }
                tag::HEAD => self.resource(reader.bytes()?, first_value, &mut faults)?,
                tag::SCHEMA_URL => faults.check_text(reader.bytes()?),
                _ => reader.skip_unknown(tag, 3)?,
            }
            let end = reader.offset();
            if tag != tag::ITEM {
                let range = Range { start: base + start as u32, len: (end - start) as u32 };
                self.found.add_common(first_common, range);
            }
            start = end;
        }
        if faults.any() { Err(Stop::Content) } else { Ok(has_scopes) }
    }

    fn resource(&mut self, body: &'r [u8], first_value: usize, faults: &mut Faults) -> Result<(), WireError> {
        let mut reader = Reader::new(body);
        while let Some(tag) = reader.next_tag()? {
            match tag {
                tag::resource::ATTRIBUTE => self.resource_attribute(reader.bytes()?, first_value, faults)?,
                tag::resource::DROPPED_ATTRIBUTES => drop(reader.varint()?),
                tag::resource::ENTITY => entity(reader.bytes()?, faults)?,
                _ => reader.skip_unknown(tag, 3)?,
            }
        }
        Ok(())
    }

    fn resource_attribute(
        &mut self,
        bytes: &'r [u8],
        first_value: usize,
        faults: &mut Faults,
    ) -> Result<(), WireError> {
        let (key, value) = key_value(bytes, 1, faults)?;
        let plan = self.plan;
        let Some(interest) = plan.resource.find(key) else { return Ok(()) };
        self.resource_matches |= matches(plan.resource.matchers(interest), value);
        let facts = &mut self.found.facts;
        let slots = plan.resource.slots(interest);
        // Of a repeated name the first one with text counts; its slots are filled together.
        let is_filled = |slot: &u16| facts.resource_values[first_value + usize::from(*slot)].len > 0;
        if slots.first().is_none_or(is_filled) {
            return Ok(());
        }
        if let Some(text) = capture(&mut facts.text, value).filter(|text| text.len > 0) {
            for slot in slots {
                facts.resource_values[first_value + usize::from(*slot)] = text;
            }
        }
        Ok(())
    }

    /// The second step: the scopes and their spans.
    fn scopes(&mut self, body: &'r [u8]) -> Result<(), Stop> {
        self.path.scope = 0;
        let mut reader = Reader::new(body);
        while let Some(tag) = reader.next_tag()? {
            if tag == tag::ITEM {
                self.scope_spans(reader.bytes()?)?;
                self.path.scope += 1;
            } else {
                reader.skip(tag)?;
            }
        }
        Ok(())
    }

    fn scope_spans(&mut self, body: &'r [u8]) -> Result<(), Stop> {
        let base = self.range_of(body).start;
        let first_common = self.found.common.len();
        let spans = self.found.facts.spans.len();
        let mut faults = Faults::default();
        self.path.span = 0;
        let mut reader = Reader::new(body);
        let mut start = 0;
        while let Some(tag) = reader.next_tag()? {
            match tag {
                tag::ITEM => {
                    self.add_span(base + start as u32, reader.bytes()?)?;
                    self.path.span += 1;
                }
                tag::HEAD => scope(reader.bytes()?, &mut faults)?,
                tag::SCHEMA_URL => faults.check_text(reader.bytes()?),
                _ => reader.skip_unknown(tag, 3)?,
            }
            let end = reader.offset();
            if tag != tag::ITEM {
                let range = Range { start: base + start as u32, len: (end - start) as u32 };
                self.found.add_common(first_common, range);
            }
            start = end;
        }
        if faults.any() {
            return Err(Stop::Content);
        }
        if self.found.facts.spans.len() > spans {
            let (common, common_bytes) = self.found.common_since(first_common);
            let resource = self.found.resources.len() as u32;
            self.found.scopes.push(Envelope { resource, common, common_bytes, text: (0, 0) });
        } else {
            self.found.common.truncate(first_common);
        }
        Ok(())
    }

    #[inline]
    fn add_span(&mut self, field: u32, body: &'r [u8]) -> Result<(), WireError> {
        let before = self.found.sparse();
        match self.span(body)? {
            Ok(fact) => self.accept(field, fact),
            Err(reason) => self.reject(reason, before),
        }
        Ok(())
    }

    #[inline]
    fn accept(&mut self, field: u32, fact: SpanFact) {
        let found = &mut *self.found;
        found.clamped += u64::from(fact.flags & crate::facts::flag::CLAMPED != 0);
        let partition = partition_of(fact.trace_id, self.partitions);
        let scope = found.scopes.len() as u32;
        found.facts.spans.push(fact);
        let after = found.sparse();
        found.places.push(Place { partition, scope, field, after });
    }

    #[cold]
    fn reject(&mut self, reason: RejectReason, before: super::found::Sparse) {
        let path = self.path;
        self.found.rejected.add_with(reason, || path);
        self.found.roll_back(before);
    }
}

fn entity(bytes: &[u8], faults: &mut Faults) -> Result<(), WireError> {
    let mut reader = Reader::new(bytes);
    while let Some(tag) = reader.next_tag()? {
        if tag::entity::TEXTS.contains(&tag) {
            faults.check_text(reader.bytes()?);
        } else {
            reader.skip_unknown(tag, 4)?;
        }
    }
    Ok(())
}

fn scope(bytes: &[u8], faults: &mut Faults) -> Result<(), WireError> {
    let mut reader = Reader::new(bytes);
    while let Some(tag) = reader.next_tag()? {
        match tag {
            tag::scope::NAME | tag::scope::VERSION => faults.check_text(reader.bytes()?),
            tag::scope::ATTRIBUTE => check_attribute(reader.bytes()?, faults)?,
            tag::scope::DROPPED_ATTRIBUTES => drop(reader.varint()?),
            _ => reader.skip_unknown(tag, 4)?,
        }
    }
    Ok(())
}
