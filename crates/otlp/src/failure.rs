//! Attributes by which instrumentation says that a span failed where it sets no status: a [`crate::plan::ScanPlan`] may ask for them.

/// How an attribute says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// True, as a boolean or as text.
    Flag,
    /// The name of a status of OpenTelemetry's.
    Status,
    /// A status code of HTTP from 500 on; below, the server did its part.
    Http,
    /// A status code of gRPC by which a server fails.
    Grpc,
    /// Any text.
    Named,
}

/// Where spans tell of it: OpenTracing's `error` (which service meshes still send), what exporters to other formats make of a status, and what the semantic
/// conventions (1.37, and before 1.21) name.
pub(crate) const FAILURES: [(&str, Failure); 6] = [
    ("error", Failure::Flag),
    ("otel.status_code", Failure::Status),
    ("http.response.status_code", Failure::Http),
    ("http.status_code", Failure::Http),
    ("rpc.grpc.status_code", Failure::Grpc),
    ("error.type", Failure::Named),
];

/// UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS: by the semantic conventions those that are errors of a server.
const GRPC: [i64; 6] = [2, 4, 12, 13, 14, 15];

impl Failure {
    pub(crate) fn of_flag(self, value: bool) -> bool {
        self == Self::Flag && value
    }

    pub(crate) fn of_number(self, number: i64) -> bool {
        match self {
            Self::Http => (500..600).contains(&number),
            Self::Grpc => GRPC.contains(&number),
            Self::Flag | Self::Status | Self::Named => false,
        }
    }

    pub(crate) fn of_text(self, text: &[u8]) -> bool {
        let text = text.trim_ascii();
        match self {
            Self::Flag => text.eq_ignore_ascii_case(b"true"),
            Self::Status => text.eq_ignore_ascii_case(b"error"),
            Self::Named => !text.is_empty(),
            Self::Http | Self::Grpc => {
                let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
                number.is_some_and(|number| self.of_number(number))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_that_a_span_failed() {
        assert!(Failure::Flag.of_flag(true) && Failure::Flag.of_text(b"True"));
        assert!(!Failure::Flag.of_flag(false) && !Failure::Flag.of_text(b"false"));
        assert!(!Failure::Flag.of_number(1) && !Failure::Http.of_flag(true));
        assert!(Failure::Status.of_text(b"ERROR") && !Failure::Status.of_text(b"OK"));
        assert!(Failure::Http.of_number(500) && Failure::Http.of_text(b" 503"));
        assert!(
            !Failure::Http.of_number(404) && !Failure::Http.of_number(600) && !Failure::Http.of_text(b"5xx")
        );
        assert!(Failure::Grpc.of_number(14) && Failure::Grpc.of_text(b"13"));
        assert!(!Failure::Grpc.of_number(0) && !Failure::Grpc.of_number(5));
        assert!(Failure::Named.of_text(b"timeout") && !Failure::Named.of_text(b" "));
    }
}
