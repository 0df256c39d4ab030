//! Half characters: JavaScript's strings may hold one half of a pair of surrogates, which `JSON.stringify` writes as `\\ud800`. UTF-8 has no such thing.

/// Puts U+FFFD for every half character that is escaped in a JSON text, as JavaScript's own `TextEncoder` does. Whether there was one.
///
/// A backslash stands only within strings, so that nothing else of JSON need be understood.
pub(super) fn mend(json: &mut [u8]) -> bool {
    let mut is_mended = false;
    let mut at = 0;
    while let Some(skipped) = json.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at += skipped;
        at += match escaped(json, at) {
            Some(0xd800..=0xdbff) if matches!(escaped(json, at + 6), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => {
                json[at + 2..at + 6].copy_from_slice(b"fffd");
                is_mended = true;
                6
            }
            // The escaped character may be a backslash itself.
            _ => 2,
        };
    }
    is_mended
}

/// The UTF-16 unit that is escaped at `at` as `\u` and four digits.
fn escaped(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit: u16, digit| {
        Some(unit << 4 | u16::try_from(char::from(*digit).to_digit(16)?).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_mended_and_pairs_are_not() {
        for (given, mended) in [
            (r"\ud800", r"\ufffd"),
            (r"\uDFFF!", r"\ufffd!"),
            (r"\ud83d\ude00", r"\ud83d\ude00"),
            (r"\ud83d\ud83d\ude00", r"\ufffd\ud83d\ude00"),
            (r"\ude00\ud83d", r"\ufffd\ufffd"),
            (r"\\ud800", r"\\ud800"),
            (r"\\\ud800", r"\\\ufffd"),
            (r"\ud80", r"\ud80"),
            (r"\ud8zz\u", r"\ud8zz\u"),
            (r"\u0041\ue000", r"\u0041\ue000"),
            (r"\", r"\"),
        ] {
            let mut json = given.as_bytes().to_vec();
            assert_eq!(mend(&mut json), given != mended, "{given}");
            assert_eq!(String::from_utf8(json).unwrap(), mended);
        }
    }
}
