//! Times as they are written: `250ms`, `15s`, `1m30s`, as Go prints them too.

/// Nanoseconds of a written time; `None` where it is none.
pub(crate) fn nanoseconds(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut sum = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let after = &rest[digits..];
        let unit_ends = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let unit = match &after[..unit_ends] {
            "ns" => 1.0,
            "us" | "µs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            "d" => 86_400e9,
            _ => return None,
        };
        sum += number * unit;
        rest = &after[unit_ends..];
    }
    (sum < u64::MAX as f64).then_some(sum as u64)
}

#[cfg(test)]
mod tests {
    use super::nanoseconds;

    #[test]
    fn times_are_read_as_they_are_written() {
        let table = [
            ("250ms", 250_000_000),
            ("1m0s", 60_000_000_000),
            ("1.5s", 1_500_000_000),
            ("1h", 3_600_000_000_000),
        ];
        for (text, expected) in table {
            assert_eq!(nanoseconds(text), Some(expected), "{text}");
        }
        for bad in ["", "5", "s", "1x", "-1s", "1s2"] {
            assert_eq!(nanoseconds(bad), None, "{bad}");
        }
    }
}
