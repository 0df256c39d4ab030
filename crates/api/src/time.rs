//! Times in requests.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix nanoseconds.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}

/// RFC 3339 with any offset, as Unix nanoseconds; what lies before 1970 is 0, what lies after 2554 is the last moment that there is.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let (moment, offset) = split(text)?;
    if moment.as_bytes().first().is_some_and(|first| *first == b'0') {
        // Year 1 is how Go writes a time that is not set.
        return Some(0);
    }
    let time = humantime::parse_rfc3339(&format!("{moment}Z")).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?.as_nanos();
    let nanos = i128::try_from(since).ok()? - i128::from(offset) * 1_000_000_000;
    Some(nanos.clamp(0, i128::from(u64::MAX)) as u64)
}

/// The moment without its zone, and the zone's offset in seconds.
fn split(text: &str) -> Option<(&str, i64)> {
    if let Some(moment) = text.strip_suffix(['Z', 'z']) {
        return Some((moment, 0));
    }
    let at = text.len().checked_sub(6)?;
    let (moment, zone) = text.split_at_checked(at)?;
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    Some((moment, sign * (hours * 3600 + minutes * 60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_taken_off() {
        assert_eq!(parse("1970-01-01T00:00:01Z"), Some(1_000_000_000));
        assert_eq!(parse("1970-01-01T02:00:01.25+02:00"), Some(1_250_000_000));
        assert_eq!(parse("1970-01-01T01:00:00-00:30"), Some(5_400_000_000_000));
        assert_eq!(parse("0001-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse("2999-01-01T00:00:00Z"), Some(u64::MAX));
        for wrong in ["", "yesterday", "2023-11-14", "2023-11-14T22:13:20", "2023-11-14T22:13:20+1:0"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
