//! Durations and sizes as people write them.

use std::time::Duration;

/// Unit and milliseconds in it, longest name first where one begins like another.
const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// What a duration looks like.
pub(crate) const DURATION: &str = "a duration is expected, a number with a unit: 250ms, 5s, 10m, 1h, 7d";

/// A number with a unit: `250ms`, `1.5h`. Finer than a millisecond there is none.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(split);
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
    let total = match number.parse::<u64>() {
        Ok(whole) => whole.checked_mul(*millis)?,
        Err(_) => {
            let fraction: f64 = number.parse().ok()?;
            (fraction * *millis as f64).round() as u64
        }
    };
    // log time is counted in nanoseconds of 64 bits
    total.checked_mul(1_000_000)?;
    Some(Duration::from_millis(total))
}

/// The shortest way to write it.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let fits = UNITS.iter().rev().find(|(_, unit)| millis >= *unit && millis.is_multiple_of(*unit));
    fits.map_or_else(|| "0s".to_owned(), |(name, unit)| format!("{}{name}", millis / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_shown() {
        for (text, millis) in
            [("250ms", 250), ("5s", 5000), ("10m", 600_000), ("1h", 3_600_000), ("7d", 604_800_000)]
        {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
            assert_eq!(show_duration(Duration::from_millis(millis)), text);
        }
        assert_eq!(parse_duration("1.5h"), Some(Duration::from_secs(5400)));
        assert_eq!(show_duration(Duration::from_secs(4200)), "70m");
        assert_eq!(show_duration(Duration::ZERO), "0s");
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in
            ["", "5", "s", "5 parsecs", "-5s", "1e3s", "5sm", "99999999999999999999s", "99999999999d", "..s"]
        {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
