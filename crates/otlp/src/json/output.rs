//! What has been written so far, and which spans were taken out of it again.

use crate::{
    refusal::{RejectReason, Rejections, SpanPath},
    schema::{Kind, Message, RESOURCE_SPANS, SCOPE_SPANS, SPAN},
};

/// Longest text about what is wrong with a span, bytes: it may quote a value of any length.
const MAX_DETAIL_BYTES: usize = 256;

/// A request in protobuf while it is written.
#[derive(Default)]
pub(super) struct Output {
    pub(super) bytes: Vec<u8>,
    pub(super) rejected: Rejections,
    /// The span that is being read, or the next one.
    path: SpanPath,
    is_in_span: bool,
    is_span_refused: bool,
}

impl Output {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ..Self::default() }
    }

    /// Whether what is read now belongs to a span, so that a fault of it concerns that span only.
    pub(super) fn is_in_span(&self) -> bool {
        self.is_in_span
    }

    /// Refuses the span that is being read; the rest of it may still be written.
    pub(super) fn refuse_span(&mut self, detail: impl FnOnce() -> String) {
        if !std::mem::replace(&mut self.is_span_refused, true) {
            self.rejected.add_detailed(RejectReason::Value, self.path, || short(detail()));
        }
    }

    /// An object begins.
    pub(super) fn enter(&mut self, message: &'static Message) {
        self.is_in_span |= std::ptr::eq(message, &raw const SPAN);
    }

    /// An object that was written from `start` on has ended. A refused span is taken out.
    pub(super) fn leave(&mut self, message: &'static Message, start: usize) {
        if !std::ptr::eq(message, &raw const SPAN) {
            return;
        }
        self.is_in_span = false;
        if std::mem::take(&mut self.is_span_refused) {
            self.bytes.truncate(start);
        }
    }

    /// A list begins.
    pub(super) fn begin_list(&mut self, of: Kind) {
        if let Some(index) = self.index(of) {
            *index = 0;
        }
    }

    /// An element of a list has ended.
    pub(super) fn next_element(&mut self, of: Kind) {
        if let Some(index) = self.index(of) {
            *index += 1;
        }
    }

    fn index(&mut self, of: Kind) -> Option<&mut u32> {
        let Kind::Message(message) = of else { return None };
        if std::ptr::eq(message, &raw const SPAN) {
            Some(&mut self.path.span)
        } else if std::ptr::eq(message, &raw const SCOPE_SPANS) {
            Some(&mut self.path.scope)
        } else if std::ptr::eq(message, &raw const RESOURCE_SPANS) {
            Some(&mut self.path.resource)
        } else {
            None
        }
    }
}

fn short(mut detail: String) -> String {
    if detail.len() > MAX_DETAIL_BYTES {
        detail.truncate(detail.floor_char_boundary(MAX_DETAIL_BYTES));
        detail.push('…');
    }
    detail
}
