//! What the plan asks of one attribute: questions answered, text captured.

use super::value::Scalar;
use crate::{
    facts::Range,
    failure::Failure,
    limits::MAX_CAPTURE_BYTES,
    plan::{AttributeTest, Matcher},
    text::{cut, put_f64, put_i64},
};

/// The bits of those questions that the value says yes to.
#[inline]
pub(super) fn matches(matchers: &[Matcher], value: Scalar<'_>) -> u64 {
    matchers
        .iter()
        .filter(|matcher| says_yes(&matcher.test, value))
        .fold(0, |bits, matcher| bits | 1u64.checked_shl(u32::from(matcher.bit)).unwrap_or(0))
}

fn says_yes(test: &AttributeTest, value: Scalar<'_>) -> bool {
    match (test, value) {
        (AttributeTest::StringIn(texts), Scalar::Text(text)) => texts.iter().any(|wanted| **wanted == *text),
        (AttributeTest::StringMatches(patterns), Scalar::Text(text)) => {
            patterns.iter().any(|pattern| pattern.is_match(text))
        }
        (AttributeTest::Number { min, max }, Scalar::Int(number)) => within(&(number as f64), min, max),
        (AttributeTest::Number { min, max }, Scalar::Double(number)) => within(&number, min, max),
        (AttributeTest::Integer { min, max }, Scalar::Int(number)) => within(&number, min, max),
        (AttributeTest::Integer { min, max }, Scalar::Double(number)) => {
            within(&number, &min.map(|min| min as f64), &max.map(|max| max as f64))
        }
        (AttributeTest::Bool(wanted), Scalar::Bool(value)) => *wanted == value,
        (AttributeTest::Present, value) => !matches!(value, Scalar::Absent),
        _ => false,
    }
}

fn within<N: PartialOrd>(number: &N, min: &Option<N>, max: &Option<N>) -> bool {
    // A NaN is within no bounds, so "not below" will not do; without any bound it counts as a number.
    min.as_ref().is_none_or(|min| number >= min) && max.as_ref().is_none_or(|max| number <= max)
}

/// Whether the value says that the span failed.
#[inline]
pub(super) fn fails(failure: Failure, value: Scalar<'_>) -> bool {
    match value {
        Scalar::Text(text) => failure.of_text(text),
        Scalar::Bool(value) => failure.of_flag(value),
        Scalar::Int(number) => failure.of_number(number),
        Scalar::Double(_) | Scalar::Absent | Scalar::Other => false,
    }
}

/// Appends the text of a value; `None` where it has none.
#[inline]
pub(super) fn capture(text: &mut Vec<u8>, value: Scalar<'_>) -> Option<Range> {
    let start = text.len();
    match value {
        Scalar::Text(value) => text.extend_from_slice(cut(value, MAX_CAPTURE_BYTES)),
        Scalar::Bool(value) => text.extend_from_slice(if value { b"true" } else { b"false" }),
        Scalar::Int(value) => put_i64(text, value),
        Scalar::Double(value) => put_f64(text, value),
        Scalar::Absent | Scalar::Other => return None,
    }
    // A request is at most 1 GiB and printing at most triples it, so that 32 bits hold.
    Some(Range { start: start as u32, len: (text.len() - start) as u32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yes(test: AttributeTest, value: Scalar<'_>) -> bool {
        let scope = crate::plan::MatchScope::Any;
        matches(&[Matcher { scope, key: "k".into(), test, bit: 63 }], value) == 1 << 63
    }

    #[test]
    fn questions_are_answered_by_type() {
        let number = |min, max| AttributeTest::Number { min, max };
        let integer = |min, max| AttributeTest::Integer { min, max };
        assert!(yes(number(Some(0.0), None), Scalar::Int(0)));
        assert!(!yes(number(Some(0.0), None), Scalar::Int(-1)));
        assert!(yes(number(None, Some(2.5)), Scalar::Double(2.5)));
        assert!(!yes(number(None, Some(2.5)), Scalar::Text(b"1")));
        assert!(!yes(number(Some(0.0), None), Scalar::Double(f64::NAN)));
        // 2^53 + 1 is not a double: compared as integers it is above 2^53.
        assert!(!yes(integer(None, Some(1 << 53)), Scalar::Int((1 << 53) + 1)));
        assert!(yes(integer(Some(1), Some(2)), Scalar::Double(1.5)));
        assert!(yes(AttributeTest::Bool(false), Scalar::Bool(false)));
        assert!(!yes(AttributeTest::Bool(false), Scalar::Absent));
        assert!(yes(AttributeTest::Present, Scalar::Text(b"")) && yes(AttributeTest::Present, Scalar::Other));
        assert!(!yes(AttributeTest::Present, Scalar::Absent));
        assert!(yes(AttributeTest::StringIn(vec![b"a"[..].into(), b""[..].into()]), Scalar::Text(b"")));
        let pattern = regex::bytes::Regex::new("^/pay").unwrap();
        assert!(yes(AttributeTest::StringMatches(vec![pattern]), Scalar::Text(b"/payments")));
    }

    #[test]
    fn text_of_values() {
        let text_of = |value| {
            let mut text = b"before".to_vec();
            capture(&mut text, value).map(|range| String::from_utf8(range.of(&text).to_vec()).unwrap())
        };
        assert_eq!(text_of(Scalar::Int(i64::MIN)).unwrap(), "-9223372036854775808");
        assert_eq!(text_of(Scalar::Bool(true)).unwrap(), "true");
        assert_eq!(text_of(Scalar::Double(1.5e-9)).unwrap(), "1.5e-9");
        assert_eq!(text_of(Scalar::Text(&[b'x'; 5000])).unwrap().len(), MAX_CAPTURE_BYTES);
        assert_eq!(text_of(Scalar::Text(b"")).unwrap(), "");
        assert_eq!(text_of(Scalar::Other), None);
        assert_eq!(text_of(Scalar::Absent), None);
    }
}
