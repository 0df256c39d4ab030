//! ClickHouse's exceptions: the code in the text, and the HTTP status that its own server answers for it.

use http::StatusCode;

/// An error as ClickHouse words it: `Code: 60. DB::Exception: … (UNKNOWN_TABLE)`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Exception {
    /// ClickHouse's number for it; 0 where the engine gave none.
    pub code: u32,
    /// The whole text, beginning with `Code: `.
    pub text: String,
}

/// Numbers that this crate itself raises or looks for (`src/Common/ErrorCodes.cpp` of ClickHouse).
pub(crate) mod code {
    pub(crate) const BAD_ARGUMENTS: u32 = 36;
    pub(crate) const NOT_IMPLEMENTED: u32 = 48;
    pub(crate) const SYNTAX_ERROR: u32 = 62;
    pub(crate) const UNKNOWN_COMPRESSION_METHOD: u32 = 89;
    pub(crate) const CANNOT_READ_FROM_SOCKET: u32 = 95;
    pub(crate) const CANNOT_DECOMPRESS: u32 = 271;
    pub(crate) const TOO_MANY_SIMULTANEOUS_QUERIES: u32 = 202;
    pub(crate) const SESSION_NOT_FOUND: u32 = 372;
    pub(crate) const AUTHENTICATION_FAILED: u32 = 516;
    pub(crate) const HTTP_BODY_TOO_LARGE: u32 = 641;
}

impl Exception {
    /// Takes the engine's text as it is.
    #[must_use]
    pub fn from_engine(text: &str) -> Self {
        let code = text
            .strip_prefix("Code: ")
            .and_then(|rest| rest.split_once('.'))
            .and_then(|(digits, _)| digits.parse().ok())
            .unwrap_or(0);
        let text = if code == 0 { format!("Code: 0. DB::Exception: {text}") } else { text.to_owned() };
        Self { code, text }
    }

    /// One raised here, worded like the engine's own.
    #[must_use]
    pub(crate) fn new(code: u32, name: &str, message: impl std::fmt::Display) -> Self {
        Self { code, text: format!("Code: {code}. DB::Exception: {message}. ({name})") }
    }

    /// The status that ClickHouse answers for this code (`exceptionCodeToHTTPStatus`).
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.code {
            // REQUIRED_PASSWORD, and those of wrong users and passwords
            194 => StatusCode::UNAUTHORIZED,
            192 | 193 | 516 | 497 => StatusCode::FORBIDDEN,
            // what the client wrote cannot be parsed or does not fit
            6
            | 26
            | 27
            | 33
            | 36
            | 38
            | 41
            | 43
            | 53
            | 62
            | 69
            | 72
            | 73..=76
            | 117
            | 130
            | 131
            | 277
            | 321
            | 344
            | 354
            | 410..=413
            | 441
            | 456..=457
            | 472
            | 675 => StatusCode::BAD_REQUEST,
            // names that are not known
            46 | 47 | 50 | 55..=57 | 60 | 63 | 78 | 81 | 115 | 226 | 511 => StatusCode::NOT_FOUND,
            159 => StatusCode::REQUEST_TIMEOUT,
            381 => StatusCode::LENGTH_REQUIRED,
            341 | 641 => StatusCode::PAYLOAD_TOO_LARGE,
            48 => StatusCode::NOT_IMPLEMENTED,
            202 | 209 | 439 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_read_from_the_text() {
        let e = Exception::from_engine("Code: 60. DB::Exception: Table x does not exist. (UNKNOWN_TABLE)");
        assert_eq!(e.code, 60);
        assert_eq!(e.status(), StatusCode::NOT_FOUND);
        let e = Exception::from_engine("No active streaming query");
        assert_eq!((e.code, e.text.as_str()), (0, "Code: 0. DB::Exception: No active streaming query"));
        assert_eq!(e.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
