//! Protobuf by hand, for what no encoder would write.

/// A length-delimited field.
pub(crate) fn field(number: u32, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut out = varint(u64::from(number << 3 | 2));
    out.extend(varint(body.len() as u64));
    out.extend(body);
    out
}

pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// Ids of a good span.
pub(crate) fn ids() -> Vec<u8> {
    [field(1, [1; 16]), field(2, [2; 8])].concat()
}

/// A request of one resource, one scope and one span with these bytes.
pub(crate) fn with_span(span: impl AsRef<[u8]>) -> Vec<u8> {
    field(1, field(2, field(2, span)))
}

/// An attribute (`KeyValue`) with these bytes of an `AnyValue`.
pub(crate) fn key_value(key: &str, value: impl AsRef<[u8]>) -> Vec<u8> {
    [field(1, key), field(2, value)].concat()
}

/// An `AnyValue` that is a string.
pub(crate) fn text(text: impl AsRef<[u8]>) -> Vec<u8> {
    field(1, text)
}

/// An `AnyValue` of so many levels of arrays, the innermost of which is empty.
pub(crate) fn nested(levels: usize) -> Vec<u8> {
    // Built from the inside: an array (5) of a value (1).
    (0..levels)
        .fold(Vec::new(), |inner, level| field(5, if level == 0 { Vec::new() } else { field(1, inner) }))
}
