//! Text: UTF-8, cutting it, and numbers as OTLP/JSON prints them.

use std::io::Write as _;

/// Whether bytes are UTF-8. Most strings in traces are short and ASCII, and that is seen here in a few instructions.
#[inline]
pub(crate) fn is_utf8(bytes: &[u8]) -> bool {
    is_short_ascii(bytes) || std::str::from_utf8(bytes).is_ok()
}

const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Says yes to ASCII of up to 64 bytes; no means "look closer".
#[inline(always)]
fn is_short_ascii(bytes: &[u8]) -> bool {
    let len = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let mut high = u64::from_ne_bytes(*first) | u64::from_ne_bytes(*last);
        if len > 16 {
            if len > 64 {
                return false;
            }
            for word in bytes.as_chunks().0 {
                high |= u64::from_ne_bytes(*word);
            }
        }
        return high & HIGH_BITS == 0;
    }
    bytes.iter().fold(0, |all, byte| all | byte) < 0x80
}

/// The longest prefix of at most `max` bytes that ends at a character's edge.
#[inline]
pub(crate) fn cut(text: &[u8], max: usize) -> &[u8] {
    if text.len() <= max {
        return text;
    }
    // A byte 0b10xxxxxx continues a character. In UTF-8 at most three stand in a row.
    let mut end = max;
    while end > 0 && text[end] & 0b1100_0000 == 0b1000_0000 {
        end -= 1;
    }
    &text[..end]
}

/// Appends an integer in decimal.
pub fn put_i64(out: &mut Vec<u8>, value: i64) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{value}");
}

/// Appends a double as JSON prints it, in the shortest form that reads back the same: `1.5e-9`, `100`, `1e+21`, `NaN`, `-Infinity`.
pub fn put_f64(out: &mut Vec<u8>, value: f64) {
    let size = value.abs();
    // Writing to a vector cannot fail.
    let _ = match value {
        _ if value.is_nan() => write!(out, "NaN"),
        _ if value.is_infinite() => write!(out, "{}Infinity", if value < 0.0 { "-" } else { "" }),
        _ if size >= 1e21 => {
            let start = out.len();
            let written = write!(out, "{value:e}");
            let exponent = out.iter().skip(start).position(|byte| *byte == b'e').unwrap_or(0);
            out.insert(start + exponent + 1, b'+');
            written
        }
        _ if size < 1e-6 && size > 0.0 => write!(out, "{value:e}"),
        _ => write!(out, "{value}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(value: f64) -> String {
        let mut out = Vec::new();
        put_f64(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn doubles_print_as_in_json() {
        let cases = [
            (0.0, "0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (1.5e-9, "1.5e-9"),
            (1e-6, "0.000001"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.25e300, "-1.25e+300"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (value, text) in cases {
            assert_eq!(printed(value), text);
        }
    }

    #[test]
    fn utf8_is_what_the_standard_library_says() {
        let long = "é".repeat(100);
        for len in 0..140 {
            let ascii = vec![b'a'; len];
            assert!(is_utf8(&ascii), "ASCII of {len} bytes");
            for at in 0..len {
                let mut bad = ascii.clone();
                bad[at] = 0xff;
                assert!(!is_utf8(&bad), "0xff at {at} of {len}");
            }
            assert_eq!(is_utf8(&long.as_bytes()[..len]), len % 2 == 0);
        }
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(cut("abc".as_bytes(), 3), b"abc");
        assert_eq!(cut("abcd".as_bytes(), 3), b"abc");
        assert_eq!(cut("a\u{1f600}b".as_bytes(), 4), b"a");
        assert_eq!(cut("a\u{1f600}b".as_bytes(), 5), "a\u{1f600}".as_bytes());
    }
}
