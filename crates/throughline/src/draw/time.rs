//! Times for people.

/// Nanoseconds in the largest unit that keeps three digits.
pub(crate) fn span(nanos: u64) -> String {
    match nanos {
        0 => "0".to_owned(),
        1..1_000_000 => format!("{:.0} µs", nanos as f64 / 1e3),
        1_000_000..10_000_000 => format!("{:.1} ms", nanos as f64 / 1e6),
        10_000_000..1_000_000_000 => format!("{:.0} ms", nanos as f64 / 1e6),
        1_000_000_000..60_000_000_000 => format!("{:.2} s", nanos as f64 / 1e9),
        60_000_000_000..3_600_000_000_000 => {
            format!("{} m {:02} s", nanos / 60_000_000_000, nanos / 1_000_000_000 % 60)
        }
        _ => format!("{} h {:02} m", nanos / 3_600_000_000_000, nanos / 60_000_000_000 % 60),
    }
}

/// A moment (Unix nanoseconds) in UTC, as RFC 3339 with milliseconds.
pub(crate) fn moment(unix_nanos: u64) -> String {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(unix_nanos);
    humantime::format_rfc3339_millis(time).to_string()
}

/// A part of a whole in per cent.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:.0} %", part as f64 * 100.0 / whole as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_are_short() {
        let shown: Vec<_> =
            [0, 1_500, 2_340_000, 45_600_000, 3_214_000_000, 75_000_000_000, 7_260_000_000_000]
                .map(span)
                .into();
        assert_eq!(shown, ["0", "2 µs", "2.3 ms", "46 ms", "3.21 s", "1 m 15 s", "2 h 01 m"]);
    }

    #[test]
    fn moments_and_shares() {
        assert_eq!(moment(1_700_000_000_123_000_000), "2023-11-14T22:13:20.123Z");
        assert_eq!(share(1, 3), "33 %");
        assert_eq!(share(1, 0), "-");
    }
}
