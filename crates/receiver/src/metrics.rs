//! Names of what is counted here.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram};
use throughline_otlp::RejectReason;

use crate::intake::Pressure;

/// Spans that are durable.
pub const ACCEPTED_SPANS: &str = "throughline_receiver_accepted_spans_total";
/// Spans that clients were told to send again, by `reason`.
pub const REFUSED_SPANS: &str = "throughline_receiver_refused_spans_total";
/// Spans that were refused for good, by `reason`.
pub const FAILED_SPANS: &str = "throughline_receiver_failed_spans_total";
/// Requests that clients were told to send again, by `reason`, whether their spans were known or not.
pub const REFUSED_REQUESTS: &str = "throughline_receiver_refused_requests_total";
/// Requests that were refused for good, by `reason`: how many spans they had is not known.
pub const FAILED_REQUESTS: &str = "throughline_receiver_failed_requests_total";
/// Accepted spans that ended before they started.
pub const CLAMPED_SPANS: &str = "throughline_receiver_clamped_spans_total";
/// Requests by `transport` and `outcome` (`ok`, `partial`, `refused`, `failed`).
pub const REQUESTS: &str = "throughline_receiver_requests_total";
/// Seconds from a request's head to its answer, by `transport`.
pub const REQUEST_DURATION: &str = "throughline_receiver_request_duration_seconds";
/// Bytes of requests held now.
pub const IN_FLIGHT_BYTES: &str = "throughline_receiver_in_flight_bytes";

/// Tells the recorder units and meanings; call it once, after the recorder is installed.
pub fn describe() {
    describe_counter!(ACCEPTED_SPANS, Unit::Count, "Spans accepted and durable");
    describe_counter!(
        REFUSED_SPANS,
        Unit::Count,
        "Spans refused by back pressure; the client may send them again"
    );
    describe_counter!(FAILED_SPANS, Unit::Count, "Spans refused for good");
    describe_counter!(REFUSED_REQUESTS, Unit::Count, "Requests refused by back pressure");
    describe_counter!(FAILED_REQUESTS, Unit::Count, "Requests refused for good, their spans unknown");
    describe_counter!(CLAMPED_SPANS, Unit::Count, "Accepted spans that ended before they started");
    describe_counter!(REQUESTS, Unit::Count, "Export requests by transport and outcome");
    describe_histogram!(REQUEST_DURATION, Unit::Seconds, "Time from a request's head to its answer");
    describe_gauge!(IN_FLIGHT_BYTES, Unit::Bytes, "Bytes of requests held now");
    begin();
}

/// Counters of spans are there from the start, at 0: a rate needs a value before the first of them.
fn begin() {
    counter!(ACCEPTED_SPANS).increment(0);
    for pressure in Pressure::ALL {
        counter!(REFUSED_SPANS, "reason" => pressure.as_str()).increment(0);
    }
    for reason in RejectReason::ALL {
        counter!(FAILED_SPANS, "reason" => reason.as_str()).increment(0);
    }
}
