//! What the headers say about a body.

use http::{HeaderMap, HeaderValue, header};

use crate::{answer::WireType, decompress::Encoding, failure::Failure};

/// The type of the body, which is the type of the answer.
pub(crate) fn wire_type(headers: &HeaderMap) -> Result<WireType, Failure> {
    let given = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let name = given.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if name.eq_ignore_ascii_case(b"application/x-protobuf") {
        Ok(WireType::Protobuf)
    } else if name.eq_ignore_ascii_case(b"application/json") {
        Ok(WireType::Json)
    } else {
        Err(Failure::ContentType(String::from_utf8_lossy(given).into_owned()))
    }
}

/// How the body is compressed; `None` where it is not.
pub(crate) fn encoding(headers: &HeaderMap) -> Result<Option<Encoding>, Failure> {
    let mut given = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(first) = given.next() else { return Ok(None) };
    let name = String::from_utf8_lossy(first.as_bytes()).trim().to_owned();
    if given.next().is_some() {
        return Err(Failure::Encoding("more than one".into()));
    }
    if name.is_empty() || name.eq_ignore_ascii_case("identity") {
        return Ok(None);
    }
    Encoding::from_name(&name).map(Some).ok_or(Failure::Encoding(name))
}

/// The size that the head announces, bytes.
pub(crate) fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn types_may_have_parameters_and_any_case() {
        for json in
            ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;x"]
        {
            assert_eq!(wire_type(&headers(header::CONTENT_TYPE, json)).unwrap(), WireType::Json, "{json}");
        }
        let protobuf = headers(header::CONTENT_TYPE, "application/x-protobuf");
        assert_eq!(wire_type(&protobuf).unwrap(), WireType::Protobuf);
        for other in ["", "text/plain", "application/jsonp", "application/grpc"] {
            assert!(wire_type(&headers(header::CONTENT_TYPE, other)).is_err(), "{other}");
        }
        assert!(wire_type(&HeaderMap::new()).is_err());
    }

    #[test]
    fn encodings_are_known_by_name() {
        assert_eq!(encoding(&HeaderMap::new()).unwrap(), None);
        assert_eq!(encoding(&headers(header::CONTENT_ENCODING, "identity")).unwrap(), None);
        for (name, known) in [("gzip", Encoding::Gzip), ("deflate", Encoding::Zlib), ("GZIP", Encoding::Gzip)]
        {
            assert_eq!(encoding(&headers(header::CONTENT_ENCODING, name)).unwrap(), Some(known));
        }
        for other in ["br", "gzip, gzip"] {
            assert!(encoding(&headers(header::CONTENT_ENCODING, other)).is_err(), "{other}");
        }
    }
}
