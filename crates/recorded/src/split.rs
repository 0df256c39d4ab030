//! Cuts a request that is too large into valid smaller ones, between spans, by copying bytes.

use throughline_otlp::wire::{Reader, Value, WireError};

/// Room for the tags and lengths of the envelopes around a span.
const ENVELOPES: usize = 64;

/// Requests of at most `limit` bytes each, unless a single span is larger.
pub(crate) fn split(request: &[u8], limit: usize) -> Result<Vec<Vec<u8>>, WireError> {
    let mut pieces = Pieces { limit, ..Pieces::default() };
    let mut reader = Reader::new(request);
    while let Some((field, value)) = reader.next_field()? {
        if field == 1 {
            pieces.add_resource(value.bytes(field)?)?;
        }
    }
    pieces.close_piece();
    Ok(pieces.done)
}

/// The piece that is being filled: fields of the scope, resource and request that are open.
#[derive(Default)]
struct Pieces {
    limit: usize,
    done: Vec<Vec<u8>>,
    request: Vec<u8>,
    resource_head: Vec<u8>,
    scopes: Vec<u8>,
    scope_head: Vec<u8>,
    spans: Vec<u8>,
}

impl Pieces {
    fn add_resource(&mut self, resource: &[u8]) -> Result<(), WireError> {
        self.resource_head = head(resource)?;
        let mut reader = Reader::new(resource);
        while let Some((field, value)) = reader.next_field()? {
            if field == 2 {
                self.add_scope(value.bytes(field)?)?;
            }
        }
        self.close_resource();
        Ok(())
    }

    fn add_scope(&mut self, scope: &[u8]) -> Result<(), WireError> {
        self.scope_head = head(scope)?;
        let mut reader = Reader::new(scope);
        while let Some((field, value)) = reader.next_field()? {
            if field == 2 {
                self.add_span(value.bytes(field)?);
            }
        }
        self.close_scope();
        Ok(())
    }

    fn add_span(&mut self, span: &[u8]) {
        let open = self.request.len() + self.resource_head.len() + self.scopes.len() + self.scope_head.len();
        if open + self.spans.len() + span.len() + ENVELOPES > self.limit {
            self.close_piece();
        }
        put(&mut self.spans, 2, &[span]);
    }

    /// The heads stay: what follows is still of this resource and scope.
    fn close_piece(&mut self) {
        self.close_scope();
        self.close_resource();
        if !self.request.is_empty() {
            self.done.push(std::mem::take(&mut self.request));
        }
    }

    fn close_scope(&mut self) {
        if !self.spans.is_empty() {
            put(&mut self.scopes, 2, &[&self.scope_head, &self.spans]);
            self.spans.clear();
        }
    }

    fn close_resource(&mut self) {
        if !self.scopes.is_empty() {
            put(&mut self.request, 1, &[&self.resource_head, &self.scopes]);
            self.scopes.clear();
        }
    }
}

/// All fields of a message but field 2, as they are.
fn head(message: &[u8]) -> Result<Vec<u8>, WireError> {
    let (mut reader, mut head, mut from) = (Reader::new(message), Vec::new(), 0);
    while let Some((field, value)) = reader.next_field()? {
        let to = reader.offset();
        if !(field == 2 && matches!(value, Value::Bytes(_))) {
            head.extend_from_slice(&message[from..to]);
        }
        from = to;
    }
    Ok(head)
}

/// Appends a length-delimited field made of parts.
fn put(out: &mut Vec<u8>, field: u64, parts: &[&[u8]]) {
    put_varint(out, field << 3 | 2);
    put_varint(out, parts.iter().map(|part| part.len() as u64).sum());
    for part in parts {
        out.extend_from_slice(part);
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
    use prost::Message;
    use throughline_bank::plan::{PlanOptions, generate, to_otlp};

    use super::*;

    /// Each span with a resource and a scope without spans around it.
    fn flat(requests: &[ExportTraceServiceRequest]) -> Vec<(ResourceSpans, Span)> {
        let mut spans = Vec::new();
        for resource in requests.iter().flat_map(|request| &request.resource_spans) {
            for scope in &resource.scope_spans {
                let mut around = resource.clone();
                around.scope_spans = vec![scope.clone()];
                around.scope_spans[0].spans.clear();
                spans.extend(scope.spans.iter().map(|span| (around.clone(), span.clone())));
            }
        }
        spans
    }

    #[test]
    fn pieces_are_small_and_hold_every_span_in_order_under_its_own_resource() {
        let requests = to_otlp(&generate(&PlanOptions::default(), 20));
        let whole = ExportTraceServiceRequest {
            resource_spans: requests.into_iter().flat_map(|r| r.resource_spans).collect(),
        };
        let bytes = whole.encode_to_vec();
        for limit in [3_000, 20_000, 10_000_000] {
            let pieces = split(&bytes, limit).unwrap();
            assert!(pieces.iter().all(|piece| piece.len() <= limit));
            assert!(limit > bytes.len() || pieces.len() >= bytes.len() / limit);
            let decoded: Vec<_> = pieces
                .iter()
                .map(|piece| ExportTraceServiceRequest::decode(piece.as_slice()).unwrap())
                .collect();
            assert_eq!(flat(&decoded), flat(std::slice::from_ref(&whole)));
        }
    }

    #[test]
    fn a_span_larger_than_the_limit_goes_alone() {
        let requests = to_otlp(&generate(&PlanOptions::default(), 1));
        let spans = flat(&requests).len();
        let pieces: Vec<_> = requests.iter().flat_map(|r| split(&r.encode_to_vec(), 10).unwrap()).collect();
        assert_eq!(pieces.len(), spans);
    }
}
