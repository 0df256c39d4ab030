//! Shares with their intervals.

/// `hits` of `n`, with Wilson's 95 % interval.
pub(crate) fn share(hits: usize, n: usize) -> String {
    if n == 0 {
        return "-".to_owned();
    }
    let (hits_f, n_f, z) = (hits as f64, n as f64, 1.96_f64);
    let p = hits_f / n_f;
    let middle = (p + z * z / (2.0 * n_f)) / (1.0 + z * z / n_f);
    let half = z * (p * (1.0 - p) / n_f + z * z / (4.0 * n_f * n_f)).sqrt() / (1.0 + z * z / n_f);
    format!(
        "{:.0} % ({hits}/{n}, {:.0}-{:.0})",
        p * 100.0,
        (middle - half).max(0.0) * 100.0,
        (middle + half) * 100.0
    )
}

/// So many in so many hours.
pub(crate) fn per_hour(count: usize, hours: f64) -> String {
    format!("{count} in {hours:.1} h ({:.2} an hour)", count as f64 / hours.max(0.01))
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_wilsons() {
        assert_eq!(share(8, 10), "80 % (8/10, 49-94)");
        assert_eq!(share(0, 10), "0 % (0/10, 0-28)");
        assert_eq!(share(0, 0), "-");
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
    }
}
