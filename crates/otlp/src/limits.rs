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

/// Largest request, bytes: facts hold 32-bit offsets into it, and text found in it may be printed longer than it was. Receivers set a far lower one.
pub const MAX_REQUEST_BYTES: usize = 1 << 30;

/// How many times its own size a request may grow when its resources and scopes are copied to each partition. Real ones stay below 4;
/// without a bound, one resource of 800 KiB over small spans would turn 64 MiB into gigabytes.
pub const MAX_SPLIT_GROWTH: usize = 8;

/// Growth that is always allowed, bytes: small requests over many partitions may well grow tenfold.
pub const MIN_SPLIT_BYTES: usize = 16 << 20;

/// Memory that a scanner keeps from one request to the next, in spans (about 110 bytes each): what a rare large request took beyond it is given back.
pub const MAX_IDLE_SPANS: usize = 64 * 1024;
