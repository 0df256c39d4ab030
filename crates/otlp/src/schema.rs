//! The messages of an export request as tables: for what is generic over them (JSON, and naming the field at fault). The scan itself knows them by heart.
//!
//! Source: opentelemetry-proto 1.9, `trace/v1/trace.proto`, `common/v1/common.proto`, `resource/v1/resource.proto`.

use crate::wire::wire_type;

/// A message type.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Field],
    /// Its fields are one choice (`oneof`), so that one may be present with the type's default.
    pub(crate) is_choice: bool,
    /// Its elements stand one level deeper than itself.
    pub(crate) is_nesting: bool,
}

/// A field of a message.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) number: u32,
    /// As in the `.proto` file.
    pub(crate) name: &'static str,
    /// As in JSON.
    pub(crate) json: &'static str,
    pub(crate) kind: Kind,
    pub(crate) repeated: bool,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Text,
    /// Bytes that are hex in JSON.
    Id,
    /// Bytes that are base64 in JSON.
    Bytes,
    Bool,
    Enum(&'static [(&'static str, u32)]),
    Uint32,
    Int32,
    Int64,
    Double,
    Fixed32,
    Fixed64,
    Message(&'static Message),
}

impl Kind {
    pub(crate) fn wire_type(self) -> u32 {
        match self {
            Self::Text | Self::Id | Self::Bytes | Self::Message(_) => wire_type::BYTES,
            Self::Bool | Self::Enum(_) | Self::Uint32 | Self::Int32 | Self::Int64 => wire_type::VARINT,
            Self::Double | Self::Fixed64 => wire_type::FIXED64,
            Self::Fixed32 => wire_type::FIXED32,
        }
    }
}

const fn message(name: &'static str, fields: &'static [Field]) -> Message {
    Message { name, fields, is_choice: false, is_nesting: false }
}

const fn one(number: u32, name: &'static str, json: &'static str, kind: Kind) -> Field {
    Field { number, name, json, kind, repeated: false }
}

const fn many(number: u32, name: &'static str, json: &'static str, kind: Kind) -> Field {
    Field { number, name, json, kind, repeated: true }
}

pub(crate) static REQUEST: Message = message(
    "ExportTraceServiceRequest",
    &[many(1, "resource_spans", "resourceSpans", Kind::Message(&RESOURCE_SPANS))],
);

pub(crate) static RESOURCE_SPANS: Message = message(
    "ResourceSpans",
    &[
        one(1, "resource", "resource", Kind::Message(&RESOURCE)),
        many(2, "scope_spans", "scopeSpans", Kind::Message(&SCOPE_SPANS)),
        one(3, "schema_url", "schemaUrl", Kind::Text),
    ],
);

static RESOURCE: Message = message(
    "Resource",
    &[
        many(1, "attributes", "attributes", Kind::Message(&KEY_VALUE)),
        one(2, "dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
        many(3, "entity_refs", "entityRefs", Kind::Message(&ENTITY_REF)),
    ],
);

static ENTITY_REF: Message = message(
    "EntityRef",
    &[
        one(1, "schema_url", "schemaUrl", Kind::Text),
        one(2, "type", "type", Kind::Text),
        many(3, "id_keys", "idKeys", Kind::Text),
        many(4, "description_keys", "descriptionKeys", Kind::Text),
    ],
);

pub(crate) static SCOPE_SPANS: Message = message(
    "ScopeSpans",
    &[
        one(1, "scope", "scope", Kind::Message(&SCOPE)),
        many(2, "spans", "spans", Kind::Message(&SPAN)),
        one(3, "schema_url", "schemaUrl", Kind::Text),
    ],
);

static SCOPE: Message = message(
    "InstrumentationScope",
    &[
        one(1, "name", "name", Kind::Text),
        one(2, "version", "version", Kind::Text),
        many(3, "attributes", "attributes", Kind::Message(&KEY_VALUE)),
        one(4, "dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
    ],
);

pub(crate) static SPAN: Message = message(
    "Span",
    &[
        one(1, "trace_id", "traceId", Kind::Id),
        one(2, "span_id", "spanId", Kind::Id),
        one(3, "trace_state", "traceState", Kind::Text),
        one(4, "parent_span_id", "parentSpanId", Kind::Id),
        one(5, "name", "name", Kind::Text),
        one(6, "kind", "kind", Kind::Enum(&SPAN_KINDS)),
        one(7, "start_time_unix_nano", "startTimeUnixNano", Kind::Fixed64),
        one(8, "end_time_unix_nano", "endTimeUnixNano", Kind::Fixed64),
        many(9, "attributes", "attributes", Kind::Message(&KEY_VALUE)),
        one(10, "dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
        many(11, "events", "events", Kind::Message(&EVENT)),
        one(12, "dropped_events_count", "droppedEventsCount", Kind::Uint32),
        many(13, "links", "links", Kind::Message(&LINK)),
        one(14, "dropped_links_count", "droppedLinksCount", Kind::Uint32),
        one(15, "status", "status", Kind::Message(&STATUS)),
        one(16, "flags", "flags", Kind::Fixed32),
    ],
);

static SPAN_KINDS: [(&str, u32); 6] = [
    ("SPAN_KIND_UNSPECIFIED", 0),
    ("SPAN_KIND_INTERNAL", 1),
    ("SPAN_KIND_SERVER", 2),
    ("SPAN_KIND_CLIENT", 3),
    ("SPAN_KIND_PRODUCER", 4),
    ("SPAN_KIND_CONSUMER", 5),
];

static EVENT: Message = message(
    "Event",
    &[
        one(1, "time_unix_nano", "timeUnixNano", Kind::Fixed64),
        one(2, "name", "name", Kind::Text),
        many(3, "attributes", "attributes", Kind::Message(&KEY_VALUE)),
        one(4, "dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
    ],
);

static LINK: Message = message(
    "Link",
    &[
        one(1, "trace_id", "traceId", Kind::Id),
        one(2, "span_id", "spanId", Kind::Id),
        one(3, "trace_state", "traceState", Kind::Text),
        many(4, "attributes", "attributes", Kind::Message(&KEY_VALUE)),
        one(5, "dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
        one(6, "flags", "flags", Kind::Fixed32),
    ],
);

static STATUS: Message = message(
    "Status",
    &[one(2, "message", "message", Kind::Text), one(3, "code", "code", Kind::Enum(&STATUS_CODES))],
);

static STATUS_CODES: [(&str, u32); 3] =
    [("STATUS_CODE_UNSET", 0), ("STATUS_CODE_OK", 1), ("STATUS_CODE_ERROR", 2)];

static KEY_VALUE: Message = message(
    "KeyValue",
    &[
        one(1, "key", "key", Kind::Text),
        one(2, "value", "value", Kind::Message(&ANY_VALUE)),
        one(3, "key_strindex", "keyStrindex", Kind::Int32),
    ],
);

static ANY_VALUE: Message = Message {
    name: "AnyValue",
    fields: &[
        one(1, "string_value", "stringValue", Kind::Text),
        one(2, "bool_value", "boolValue", Kind::Bool),
        one(3, "int_value", "intValue", Kind::Int64),
        one(4, "double_value", "doubleValue", Kind::Double),
        one(5, "array_value", "arrayValue", Kind::Message(&ARRAY)),
        one(6, "kvlist_value", "kvlistValue", Kind::Message(&PAIRS)),
        one(7, "bytes_value", "bytesValue", Kind::Bytes),
        one(8, "string_value_strindex", "stringValueStrindex", Kind::Int32),
    ],
    is_choice: true,
    is_nesting: false,
};

static ARRAY: Message = Message {
    name: "ArrayValue",
    fields: &[many(1, "values", "values", Kind::Message(&ANY_VALUE))],
    is_choice: false,
    is_nesting: true,
};

static PAIRS: Message = Message {
    name: "KeyValueList",
    fields: &[many(1, "values", "values", Kind::Message(&KEY_VALUE))],
    is_choice: false,
    is_nesting: true,
};
