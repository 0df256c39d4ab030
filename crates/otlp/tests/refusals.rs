//! What is refused: requests that are broken, spans that are no good; each with its reason and place.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod common;

use std::sync::Arc;

use common::{
    encode, plan,
    raw::{field, ids, key_value, nested, text, varint, with_span},
    request, span,
};
use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span};
use prost::Message;
use throughline_otlp::{
    Fault, Malformed, RejectReason, Scanned, Scanner,
    facts::flag,
    limits::{MAX_RECORD_BYTES, MAX_VALUE_DEPTH},
    wire::WireError,
};

fn scan(bytes: impl Into<Vec<u8>>) -> Result<Scanned, Malformed> {
    Scanner::new(Arc::new(plan())).scan(bytes.into().into(), 2)
}

fn refused(bytes: Vec<u8>) -> (String, Fault) {
    let error = scan(bytes).unwrap_err();
    assert!(!error.is_retryable());
    (error.path, error.fault)
}

/// Scans one span and gives why it was rejected.
fn rejected(span: Span) -> Option<RejectReason> {
    let scanned = scan(encode(&request(vec![span]))).unwrap();
    assert_eq!(scanned.accepted + scanned.rejected.total(), 1);
    scanned.rejected.iter().next().map(|(reason, _)| reason)
}

#[test]
fn a_request_cut_anywhere_is_refused_unless_it_ends_between_fields() {
    let whole = [encode(&request(vec![span(1), span(2)])), encode(&request(vec![span(3)]))].concat();
    for end in 0..whole.len() {
        let cut = &whole[..end];
        let prost = ExportTraceServiceRequest::decode(cut);
        match scan(cut) {
            Ok(scanned) => assert_eq!(scanned.accepted, prost.unwrap().resource_spans.len() as u64 * 2),
            Err(error) => {
                assert!(prost.is_err(), "cut at {end}");
                assert_eq!(error.fault, Fault::Wire(WireError::Truncated));
            }
        }
    }
    assert_eq!(scan(whole).unwrap().accepted, 3);
}

#[test]
fn a_known_field_of_another_wire_type_refuses_the_request_and_is_named() {
    let in_span = |bytes: &[u8]| with_span([&ids()[..], bytes].concat());
    let varint_field = |number: u32| [varint(u64::from(number << 3)), vec![1]].concat();
    let at_span = "resource_spans[0].scope_spans[0].spans[0]";
    let value = |bytes: Vec<u8>| {
        in_span(&[field(9, key_value("a", text("b"))), field(9, key_value("k", bytes))].concat())
    };
    let cases = [
        (varint_field(1), "resource_spans[0]".to_owned(), 1),
        (field(1, varint_field(1)), "resource_spans[0].resource".into(), 1),
        (field(1, field(1, varint_field(1))), "resource_spans[0].resource.attributes[0]".into(), 1),
        (field(1, varint_field(3)), "resource_spans[0].schema_url".into(), 3),
        (field(1, field(2, varint_field(2))), "resource_spans[0].scope_spans[0].spans[0]".into(), 2),
        (in_span(&varint_field(5)), format!("{at_span}.name"), 5),
        (in_span(&field(6, "")), format!("{at_span}.kind"), 6),
        (in_span(&varint_field(7)), format!("{at_span}.start_time_unix_nano"), 7),
        (in_span(&varint_field(16)), format!("{at_span}.flags"), 16),
        (
            in_span(&[field(11, ""), field(11, varint_field(2))].concat()),
            format!("{at_span}.events[1].name"),
            2,
        ),
        (in_span(&field(13, varint_field(1))), format!("{at_span}.links[0].trace_id"), 1),
        (in_span(&field(15, field(3, ""))), format!("{at_span}.status.code"), 3),
        (value(varint_field(1)), format!("{at_span}.attributes[1].value.string_value"), 1),
        (value(field(3, "")), format!("{at_span}.attributes[1].value.int_value"), 3),
        (value(field(5, varint_field(1))), format!("{at_span}.attributes[1].value.array_value.values[0]"), 1),
        (
            value(field(6, field(1, varint_field(1)))),
            format!("{at_span}.attributes[1].value.kvlist_value.values[0].key"),
            1,
        ),
    ];
    for (bytes, path, number) in cases {
        assert!(ExportTraceServiceRequest::decode(&bytes[..]).is_err(), "{path}");
        assert_eq!(refused(bytes), (path, Fault::Wire(WireError::WireType(number))));
    }
}

#[test]
fn broken_varints_and_tags_refuse_the_request() {
    let in_span = |bytes: &[u8]| with_span([&ids()[..], bytes].concat());
    let path = "resource_spans[0].scope_spans[0].spans[0]".to_owned();
    let kind = |bytes: &[u8]| in_span(&[&[0x30], bytes].concat());
    let eleven = [&[0x80; 10][..], &[0]].concat();
    assert_eq!(refused(kind(&eleven)), (path.clone(), Fault::Wire(WireError::Varint)));
    let too_large = [&[0xff; 9][..], &[2]].concat();
    assert_eq!(refused(kind(&too_large)), (path.clone(), Fault::Wire(WireError::Varint)));
    let largest = [&[0xff; 9][..], &[1]].concat();
    assert_eq!(scan(kind(&largest)).unwrap().accepted, 1);
    // Field 0, a wire type that does not exist, the end of a group, a tag beyond 32 bits.
    for tag in [&[0x02, 0x00][..], &[0x37], &[0x34], &[0xff, 0xff, 0xff, 0xff, 0x7f, 0]] {
        assert_eq!(refused(in_span(tag)), (path.clone(), Fault::Wire(WireError::Tag)), "{tag:?}");
    }
    assert_eq!(refused(vec![0]), ("request".into(), Fault::Wire(WireError::Tag)));
    // A length that wraps round.
    let wraps = [&[0x0a][..], &[0xff; 9], &[1]].concat();
    assert_eq!(refused(wraps), ("request".into(), Fault::Wire(WireError::Truncated)));
}

#[test]
fn groups_are_passed_over_where_the_field_is_unknown() {
    let in_span = |bytes: &[u8]| with_span([&ids()[..], bytes].concat());
    let path = "resource_spans[0].scope_spans[0].spans[0]".to_owned();
    // Field 20: a number, a text and a group of field 7 within.
    let group = [&[0xa3, 0x01, 0x08, 0x05, 0x12, 0x01, b'x', 0x3b, 0x3c][..], &[0xa4, 0x01]].concat();
    assert_eq!(scan(in_span(&group)).unwrap().accepted, 1);
    assert_eq!(scan([&group[..], &in_span(&[])].concat()).unwrap().accepted, 1);
    for end in 2..group.len() {
        assert_eq!(
            refused(in_span(&group[..end])),
            (path.clone(), Fault::Wire(WireError::Truncated)),
            "{end}"
        );
    }
    let another_end = [&group[..group.len() - 2], &[0xac, 0x01]].concat();
    assert_eq!(refused(in_span(&another_end)), (path.clone(), Fault::Wire(WireError::Tag)));
    let deep = [vec![0x3b; 10_000], vec![0x3c; 10_000]].concat();
    let deep = [&group[..2], &deep, &group[group.len() - 2..]].concat();
    assert_eq!(refused(in_span(&deep)), (path.clone(), Fault::Wire(WireError::Depth)));
    // A field that is known is no group.
    assert_eq!(
        refused(in_span(&[0x2b, 0x2c])),
        (format!("{path}.name"), Fault::Wire(WireError::WireType(5)))
    );
}

#[test]
fn ids_are_checked_by_length_and_for_zero() {
    assert_eq!(rejected(span(1)), None);
    for id in [vec![], vec![1; 15], vec![1; 17], vec![0; 16]] {
        assert_eq!(rejected(Span { trace_id: id, ..span(1) }), Some(RejectReason::TraceId));
    }
    for id in [vec![], vec![1; 7], vec![1; 9], vec![0; 8]] {
        assert_eq!(rejected(Span { span_id: id, ..span(1) }), Some(RejectReason::SpanId));
    }
    for id in [vec![1; 7], vec![0; 9], vec![0; 16]] {
        assert_eq!(rejected(Span { parent_span_id: id, ..span(1) }), Some(RejectReason::ParentId));
    }
    for id in [vec![], vec![0; 8]] {
        let scanned = scan(encode(&request(vec![Span { parent_span_id: id, ..span(1) }]))).unwrap();
        assert_eq!(scanned.parts[0].facts.spans[0].parent_id.0, 0);
    }
}

#[test]
fn rejected_spans_are_left_out_and_told_of_in_words() {
    let bad = Span { trace_id: vec![0; 16], ..span(2) };
    let worse = Span { span_id: vec![1], ..span(3) };
    let scanned = scan(encode(&request(vec![span(1), bad, worse, span(4)]))).unwrap();
    assert_eq!((scanned.accepted, scanned.rejected.total()), (2, 2));
    assert_eq!(
        scanned.rejected.to_string(),
        "2 spans rejected: 1 because trace_id is not 16 bytes or is all zero; 1 because span_id is not 8 bytes or is \
         all zero; the first is resource_spans[0].scope_spans[0].spans[1]"
    );
    // What the rejected ones captured is gone with them.
    let texts: Vec<&[u8]> = scanned
        .parts
        .iter()
        .flat_map(|part| part.facts.captures.iter().map(|capture| capture.text.of(&part.facts.text)))
        .collect();
    assert_eq!(texts.len(), 2);
    assert!(texts.contains(&&b"uetr-1"[..]) && texts.contains(&&b"uetr-4"[..]));
}

#[test]
fn text_that_is_no_utf8_refuses_its_span() {
    let bad = b"caf\xe9";
    let attribute = |body: Vec<u8>| field(9, body);
    let fields = [
        field(3, bad),
        field(5, bad),
        attribute(field(1, bad)),
        attribute(key_value("k", text(bad))),
        attribute(key_value("k", field(5, field(1, text(bad))))),
        attribute(key_value("k", field(6, field(1, field(1, bad))))),
        field(11, field(2, bad)),
        field(11, field(3, key_value("k", text(bad)))),
        field(13, field(3, bad)),
        field(13, field(4, field(1, bad))),
        field(15, field(2, bad)),
    ];
    for bytes in fields {
        let scanned = scan(with_span([ids(), bytes].concat())).unwrap();
        assert_eq!((scanned.accepted, scanned.rejected.count(RejectReason::Utf8)), (0, 1));
    }
    // Bytes may be anything.
    let bytes_value = attribute(key_value("k", field(7, bad)));
    assert_eq!(scan(with_span([ids(), bytes_value].concat())).unwrap().accepted, 1);
}

#[test]
fn text_that_is_no_utf8_around_spans_refuses_the_request() {
    let bad = b"caf\xe9";
    let scope = |bytes: Vec<u8>| field(1, field(2, field(1, bytes)));
    let cases = [
        (field(1, field(3, bad)), "resource_spans[0].schema_url"),
        (field(1, field(2, field(3, bad))), "resource_spans[0].scope_spans[0].schema_url"),
        (
            field(1, field(1, field(1, key_value("k", text(bad))))),
            "resource_spans[0].resource.attributes[0].value.string_value",
        ),
        (field(1, field(1, field(3, field(3, bad)))), "resource_spans[0].resource.entity_refs[0].id_keys[0]"),
        (scope(field(1, bad)), "resource_spans[0].scope_spans[0].scope.name"),
        (scope(field(3, field(1, bad))), "resource_spans[0].scope_spans[0].scope.attributes[0].key"),
    ];
    for (bytes, path) in cases {
        assert_eq!(refused(bytes), (path.to_owned(), Fault::Utf8));
    }
    let error = scan(field(1, field(3, bad))).unwrap_err();
    assert_eq!(error.to_string(), "resource_spans[0].schema_url: string is not valid UTF-8");
}

#[test]
fn values_nested_too_deeply_refuse_their_span_or_the_request() {
    let in_span = |levels| with_span([ids(), field(9, key_value("k", nested(levels)))].concat());
    let in_resource = |levels| field(1, field(1, field(1, key_value("k", nested(levels)))));
    assert_eq!(scan(in_span(MAX_VALUE_DEPTH)).unwrap().accepted, 1);
    assert!(scan(in_resource(MAX_VALUE_DEPTH)).is_ok());
    for levels in [MAX_VALUE_DEPTH + 1, 10_000] {
        assert_eq!(scan(in_span(levels)).unwrap().rejected.count(RejectReason::Depth), 1);
        let (path, fault) = refused(in_resource(levels));
        assert_eq!(fault, Fault::Depth);
        assert!(
            path.starts_with(
                "resource_spans[0].resource.attributes[0].value.array_value.values[0].array_value"
            )
        );
    }
    // Pairs count as arrays do.
    let pairs = (0..10_000).fold(Vec::new(), |inner, _| field(6, field(1, field(2, inner))));
    assert_eq!(
        scan(with_span([ids(), field(9, key_value("k", pairs))].concat())).unwrap().rejected.total(),
        1
    );
}

#[test]
fn a_span_that_ends_before_it_starts_is_clamped_and_counted() {
    let odd = Span { end_time_unix_nano: 5, ..span(1) };
    let bytes = encode(&request(vec![odd.clone(), span(2)]));
    let scanned = Scanner::new(Arc::new(plan())).scan(bytes, 1).unwrap();
    assert_eq!((scanned.clamped, scanned.accepted), (1, 2));
    let part = &scanned.parts[0];
    let fact = part.facts.spans[0];
    assert_eq!((fact.start, fact.end), (odd.start_time_unix_nano, odd.start_time_unix_nano));
    assert_ne!(fact.flags & flag::CLAMPED, 0);
    assert_eq!(part.facts.spans[1].flags & flag::CLAMPED, 0);
    assert_eq!(Span::decode(fact.body.of(&part.payload)).unwrap(), odd);
}

#[test]
fn a_span_is_too_large_from_the_first_byte_over() {
    let of_name =
        |len: usize| request(vec![span(1), Span { name: "x".repeat(len), end_time_unix_nano: 0, ..span(2) }]);
    // What a record of only the second span takes besides its name.
    let alone =
        |len: usize| request(of_name(len).resource_spans[0].scope_spans[0].spans[1..].to_vec()).encoded_len();
    let fits = MAX_RECORD_BYTES - (alone(500_000) - 500_000);
    assert_eq!(alone(fits), MAX_RECORD_BYTES);

    let scanned = scan(encode(&of_name(fits))).unwrap();
    assert_eq!((scanned.accepted, scanned.clamped), (2, 1));
    assert!(scanned.parts.iter().any(|part| part.payload.len() == MAX_RECORD_BYTES));

    let scanned = scan(encode(&of_name(fits + 1))).unwrap();
    assert_eq!((scanned.accepted, scanned.clamped), (1, 0));
    assert_eq!(scanned.rejected.count(RejectReason::TooLarge), 1);
    assert!(scanned.rejected.to_string().ends_with("resource_spans[0].scope_spans[0].spans[1]"));
}

#[test]
fn copies_of_a_huge_resource_are_refused_before_they_are_made() {
    let mut large = request((1..=60_000).map(span).collect());
    large.resource_spans[0].resource = Some(common::resource(&"x".repeat(800 * 1024)));
    let (path, fault) = refused(encode(&large).into());
    assert_eq!(path, "request");
    assert!(matches!(fault, Fault::Growth(bytes) if bytes > 16 << 20), "{fault}");
}
