//! Named limits of what is read from the wire. Each is counted where it is hit.

/// Nesting of `AnyValue` that is still read. OTLP states none; real data stays below 10, and a stack must be safe from 10,000.
pub const MAX_VALUE_DEPTH: usize = 32;

/// Largest record that goes to a log, bytes: Kafka's default limit of a message is 1 MiB, less room for headers.
pub const MAX_RECORD_BYTES: usize = 900 * 1024;

/// Longest text captured from one attribute, bytes; what is longer is cut at a character's edge.
pub const MAX_CAPTURE_BYTES: usize = 1024;

/// Longest name of an operation that is told apart, bytes; what is longer is cut at a character's edge.
pub const MAX_NAME_BYTES: usize = 1024;

/// Matchers one plan can hold: each is a bit of [`crate::SpanFact::matches`].
pub const MAX_MATCHERS: usize = 64;
