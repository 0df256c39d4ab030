//! What a path names.

use throughline_otlp::plan::MatchScope;

use super::{
    Context, OttlError,
    parser::{Form, Value},
};

/// Told where something else is named.
const KNOWN: &str = "there are attributes[\"…\"], resource.attributes[\"…\"], name, kind, status.code, trace_state[\"…\"], \
     IsRootSpan() and end_time_unix_nano - start_time_unix_nano, and of events name and attributes[\"…\"]";

/// Told where another function is called.
pub(super) const FUNCTIONS: &str = "there are IsRootSpan(), IsMatch(field, \"pattern\"), HasPrefix(field, \"text\"), HasSuffix(field, \"text\"), \
     IsString(attribute) and IsBool(attribute), and of end_time - start_time Seconds(…), Milliseconds(…), Microseconds(…) and Nanoseconds(…)";

/// Something of a span that can be asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Attribute(MatchScope, String),
    EventAttribute(String),
    Name,
    EventName,
    Kind,
    KindText,
    Status,
    TraceState(String),
    /// The id of the span's parent as text.
    ParentText,
    /// As bytes.
    Parent,
    /// How long the span took, in units of so many nanoseconds.
    Duration(f64),
}

/// What a value names; `None` where it is a constant.
pub(super) fn operand(value: &Value, context: Context) -> Result<Option<Operand>, OttlError> {
    match &value.form {
        Form::Path(path, keys) => path_of(value.column, path, keys, context),
        Form::Math("-", end, start) if is_time(end, "end_time") && is_time(start, "start_time") => {
            Ok(Some(Operand::Duration(1.0)))
        }
        Form::Math(sign, ..) => {
            let message = format!(
                "`{sign}` is not possible here; possible is end_time_unix_nano - start_time_unix_nano"
            );
            Err(OttlError::new(value.column, message))
        }
        Form::Call(name, arguments) => {
            let unit = match name.as_str() {
                "Nanoseconds" => 1.0,
                "Microseconds" => 1e3,
                "Milliseconds" => 1e6,
                "Seconds" => 1e9,
                "Duration" | "SpanID" => return Ok(None),
                _ => {
                    return Err(OttlError::new(
                        value.column,
                        format!("`{name}` is not understood; {FUNCTIONS}"),
                    ));
                }
            };
            match &arguments[..] {
                [one] if operand(one, context)? == Some(Operand::Duration(1.0)) => {
                    Ok(Some(Operand::Duration(unit)))
                }
                _ => Err(OttlError::new(value.column, format!("`{name}` takes end_time - start_time here"))),
            }
        }
        _ => Ok(None),
    }
}

fn is_time(value: &Value, wanted: &str) -> bool {
    let Form::Path(path, keys) = &value.form else { return false };
    let path = path.strip_prefix("span.").unwrap_or(path);
    keys.is_empty() && path.strip_suffix("_unix_nano").unwrap_or(path) == wanted
}

fn path_of(
    column: usize,
    path: &str,
    keys: &[String],
    context: Context,
) -> Result<Option<Operand>, OttlError> {
    let unknown = || OttlError::new(column, format!("`{path}` is not understood; {KNOWN}"));
    let (event, inner) = match (path.strip_prefix("spanevent."), path.strip_prefix("span.")) {
        (Some(inner), _) if context == Context::SpanEvent => (true, inner),
        (Some(_), _) => return Err(unknown()),
        (_, Some(inner)) => (false, inner),
        // Without a prefix a path is of the context.
        _ => (context == Context::SpanEvent && !path.starts_with("resource."), path),
    };
    Ok(Some(match (event, inner, keys) {
        (_, _, []) if is_enum(inner) => return Ok(None),
        (false, "resource.attributes", [key]) => Operand::Attribute(MatchScope::Resource, key.clone()),
        (false, "attributes", [key]) => Operand::Attribute(MatchScope::Span, key.clone()),
        (true, "attributes", [key]) => Operand::EventAttribute(key.clone()),
        (true, "name", []) => Operand::EventName,
        (false, "name", []) => Operand::Name,
        (false, "kind", []) => Operand::Kind,
        (false, "kind.string" | "kind.deprecated_string", []) => Operand::KindText,
        (false, "status.code", []) => Operand::Status,
        (false, "trace_state", [key]) => Operand::TraceState(key.clone()),
        (false, "parent_span_id.string", []) => Operand::ParentText,
        (false, "parent_span_id", []) => Operand::Parent,
        _ => return Err(unknown()),
    }))
}

fn is_enum(name: &str) -> bool {
    enum_value(name).is_some()
}

/// The number of a constant that the language names.
pub(super) fn enum_value(name: &str) -> Option<i64> {
    Some(match name {
        "SPAN_KIND_UNSPECIFIED" | "STATUS_CODE_UNSET" => 0,
        "SPAN_KIND_INTERNAL" | "STATUS_CODE_OK" => 1,
        "SPAN_KIND_SERVER" | "STATUS_CODE_ERROR" => 2,
        "SPAN_KIND_CLIENT" => 3,
        "SPAN_KIND_PRODUCER" => 4,
        "SPAN_KIND_CONSUMER" => 5,
        _ => return None,
    })
}

/// The bit of a kind by its name.
pub(super) fn kind_bit(name: &str) -> Option<u8> {
    const KINDS: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix("span_kind_").unwrap_or(&name);
    KINDS.iter().position(|kind| *kind == name).map(|kind| 1 << kind)
}
