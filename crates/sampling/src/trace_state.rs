//! The `ot` member of a W3C trace state: `th`, how probable it was that a span is kept, and `rv`, the randomness that it was decided by.
//!
//! As in OpenTelemetry's consistent probability sampling: both are numbers of 56 bits, and a span is kept where `rv` is at least `th`. So `th` is the
//! share that is rejected, and a span stands for 2^56 / (2^56 - th) others.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

/// Bits of a threshold and of randomness.
const BITS: u32 = 56;

/// 2^56: what both are out of.
const WHOLE: u64 = 1 << BITS;

/// Hexadecimal digits of 56 bits.
const DIGITS: usize = 14;

/// Members that a trace state may have, by the W3C's recommendation.
const MAX_MEMBERS: usize = 32;

/// Longest value of a member, by the W3C's recommendation.
const MAX_VALUE_BYTES: usize = 256;

/// The randomness of a trace, 56 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Randomness(u64);

impl Randomness {
    /// As `rv` has it: 14 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() == DIGITS { digits(text).map(Self) } else { None }
    }

    /// Where no `rv` says otherwise: the last 56 bits of the trace id.
    #[must_use]
    pub fn of_trace_id(id: &[u8; 16]) -> Self {
        let (_, low) = id.split_at(8);
        Self(low.iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte)) & (WHOLE - 1))
    }

    /// As a draw of this crate: small draws are kept, out of 2^64.
    pub(crate) fn draw(self) -> u64 {
        (WHOLE - 1 - self.0) << (u64::BITS - BITS)
    }
}

impl fmt::Display for Randomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:014x}", self.0)
    }
}

/// The share that is rejected, of 2^56: 0 keeps all. Greater ones keep less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Threshold(u64);

impl Threshold {
    /// Keeps all.
    pub const ALWAYS: Self = Self(0);

    /// As `th` has it: 1 to 14 lower-case hexadecimal digits, zeros at the end left out.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let shift = DIGITS.checked_sub(text.len())? * 4;
        digits(text).map(|value| Self(value << shift))
    }

    /// The threshold of a probability; `None` for one that keeps nothing or is no probability.
    #[must_use]
    pub fn from_probability(probability: f64) -> Option<Self> {
        if !(probability > 0.0 && probability <= 1.0) {
            return None;
        }
        let kept = (probability * WHOLE as f64).round().max(1.0);
        Some(Self(WHOLE - (kept as u64).min(WHOLE)))
    }

    /// The probability with which it keeps.
    #[must_use]
    pub fn probability(self) -> f64 {
        (WHOLE - self.0) as f64 / WHOLE as f64
    }

    /// Whether it keeps what has this randomness.
    #[must_use]
    pub fn keeps(self, randomness: Randomness) -> bool {
        randomness.0 >= self.0
    }

    /// Draws below this are kept, of 2^64; `None` where all are.
    pub(crate) fn below(self) -> Option<u64> {
        (self.0 > 0).then(|| (WHOLE - self.0) << (u64::BITS - BITS))
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:014x}", self.0);
        match text.trim_end_matches('0') {
            "" => f.write_char('0'),
            shown => f.write_str(shown),
        }
    }
}

fn digits(text: &str) -> Option<u64> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (!text.is_empty() && text.bytes().all(is_digit)).then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

/// What a trace state says of sampling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sampled {
    /// `rv`.
    pub randomness: Option<Randomness>,
    /// `th`.
    pub threshold: Option<Threshold>,
}

impl Sampled {
    /// Reads the `ot` member of a trace state. What cannot be read is as if it were not there.
    #[must_use]
    pub fn parse(trace_state: &str) -> Self {
        let Some(value) = member(trace_state, "ot") else { return Self::default() };
        let field = |key: &str| fields(value).find(|(name, _)| *name == key).map(|(_, value)| value);
        Self {
            randomness: field("rv").and_then(Randomness::parse),
            threshold: field("th").and_then(Threshold::parse),
        }
    }
}

impl fmt::Display for Sampled {
    /// As a trace state with this one member; empty where it says nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.threshold, self.randomness) {
            (None, None) => Ok(()),
            (Some(threshold), None) => write!(f, "ot=th:{threshold}"),
            (None, Some(randomness)) => write!(f, "ot=rv:{randomness}"),
            (Some(threshold), Some(randomness)) => write!(f, "ot=th:{threshold};rv:{randomness}"),
        }
    }
}

/// The trace state with `th` set, its other members and fields as they were, `ot` first. `None` where it stays as it is: a span that was sampled more
/// strictly before keeps its own, and where `rv` would deny what was kept, no threshold can be told.
#[must_use]
pub fn with_threshold(trace_state: &str, threshold: Threshold) -> Option<String> {
    let before = Sampled::parse(trace_state);
    if before.threshold.is_some_and(|before| before >= threshold)
        || before.randomness.is_some_and(|randomness| !threshold.keeps(randomness))
    {
        return None;
    }
    let mut out = format!("ot=th:{threshold}");
    let others = member(trace_state, "ot").into_iter().flat_map(fields).filter(|(name, _)| *name != "th");
    for (name, value) in others {
        if out.len() + name.len() + value.len() + 2 - "ot=".len() <= MAX_VALUE_BYTES {
            // Writing to a string never fails.
            let _ = write!(out, ";{name}:{value}");
        }
    }
    for other in members(trace_state).filter(|(name, _)| *name != "ot").take(MAX_MEMBERS - 1) {
        let _ = write!(out, ",{}={}", other.0, other.1);
    }
    Some(out)
}

/// The value of a member of a trace state.
pub(crate) fn member<'a>(trace_state: &'a str, key: &str) -> Option<&'a str> {
    members(trace_state).find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// Whether it is a trace state by the W3C's Trace Context: who meets another is to go by none of it.
pub(crate) fn is_valid(trace_state: &str) -> bool {
    let mut names = Vec::new();
    for member in trace_state.split(',').filter(|member| !member.is_empty()) {
        let Some((name, value)) = member.split_once('=') else { return false };
        let blank = [' ', '\t'];
        let (name, value) = (name.trim_start_matches(blank), value.trim_end_matches(blank));
        if !is_name(name) || !is_value(value) || names.contains(&name) || names.len() == MAX_MEMBERS {
            return false;
        }
        names.push(name);
    }
    true
}

fn is_name(name: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let plain = |part: &str| part.bytes().all(|b| alphanumeric(b) || b"_-*/".contains(&b));
    let begins = |part: &str| part.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    match name.split_once('@') {
        None => name.len() <= 256 && begins(name) && plain(name),
        Some((tenant, system)) => {
            tenant.bytes().next().is_some_and(alphanumeric)
                && tenant.len() <= 241
                && plain(tenant)
                && begins(system)
                && system.len() <= 14
                && plain(system)
        }
    }
}

fn is_value(value: &str) -> bool {
    let printable = |b: u8| (0x20..=0x7e).contains(&b) && b != b'=';
    (1..=MAX_VALUE_BYTES).contains(&value.len()) && value.bytes().all(printable)
}

fn members(trace_state: &str) -> impl Iterator<Item = (&str, &str)> {
    trace_state.split(',').filter_map(|member| member.trim().split_once('='))
}

fn fields(value: &str) -> impl Iterator<Item = (&str, &str)> {
    value.split(';').filter_map(|field| field.split_once(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_w3c_does_not_allow_is_no_trace_state() {
        let long = "a".repeat(256);
        for good in ["", "a=1", " a=1 , b=2", "a=1,,b=2,", "9a@b=c d", "a_-*/0=!~", &format!("{long}={long}")]
        {
            assert!(is_valid(good), "{good}");
        }
        let many = (0..33).map(|n| format!("m{n}=1")).collect::<Vec<_>>().join(",");
        let bad = [
            "a", "a=", "=1", "A=1", "1a=1", "a=1,a=2", "a=b=c", "a=\u{e9}", "a@B=1", "a@=1", "@a=1", " ",
            &many,
        ];
        for bad in bad {
            assert!(!is_valid(bad), "{bad}");
        }
        assert!(!is_valid(&format!("a{long}=1")) && !is_valid(&format!("a=a{long}")));
    }

    #[test]
    fn thresholds_read_and_print_as_the_specification_has_them() {
        let table = [("8", 0.5), ("c", 0.25), ("0", 1.0), ("f", 0.0625), ("fd70a4", 0.010_000_01)];
        for (text, probability) in table {
            let threshold = Threshold::parse(text).unwrap();
            assert_eq!(threshold.to_string(), text);
            assert!((threshold.probability() - probability).abs() < 1e-7, "{text}");
        }
        assert_eq!(Threshold::parse("00000000000000").unwrap().to_string(), "0");
        assert_eq!(Threshold::parse("ffffffffffffff").unwrap().below(), Some(1 << 8));
        for bad in ["", "g", "C", "0000000000000000", "-1"] {
            assert_eq!(Threshold::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn probabilities_become_thresholds() {
        assert_eq!(Threshold::from_probability(1.0), Some(Threshold::ALWAYS));
        assert_eq!(Threshold::from_probability(0.5).unwrap().to_string(), "8");
        assert_eq!(Threshold::from_probability(0.25).unwrap().to_string(), "c");
        assert_eq!(Threshold::from_probability(f64::MIN_POSITIVE).unwrap().to_string(), "ffffffffffffff");
        for bad in [0.0, -1.0, 1.1, f64::NAN] {
            assert_eq!(Threshold::from_probability(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_threshold_keeps_randomness_that_is_not_below_it_and_draws_agree() {
        let threshold = Threshold::parse("8").unwrap();
        for (text, kept) in [("80000000000000", true), ("7fffffffffffff", false), ("ffffffffffffff", true)] {
            let randomness = Randomness::parse(text).unwrap();
            assert_eq!(threshold.keeps(randomness), kept, "{text}");
            assert_eq!(randomness.draw() < threshold.below().unwrap(), kept, "{text}");
            assert_eq!(randomness.to_string(), text);
        }
        assert_eq!(Randomness::parse("80"), None);
        let id = [9, 9, 9, 9, 9, 9, 9, 9, 0xff, 0x80, 0, 0, 0, 0, 0, 1];
        assert_eq!(Randomness::of_trace_id(&id).to_string(), "80000000000001");
    }

    #[test]
    fn a_trace_state_is_read_and_written() {
        let state = "ot=th:8;rv:9b8233f7e3a151,vendor=x";
        let read = Sampled::parse(state);
        assert_eq!(read.threshold, Threshold::parse("8"));
        assert_eq!(read.randomness, Randomness::parse("9b8233f7e3a151"));
        assert_eq!(Sampled::parse("a=b"), Sampled::default());
        assert_eq!(read.to_string(), "ot=th:8;rv:9b8233f7e3a151");
        assert_eq!(Sampled::parse(&read.to_string()), read);
        assert_eq!(Sampled::default().to_string(), "");
        let quarter = Threshold::parse("c").unwrap();
        // Its randomness would not be kept by a quarter: what kept it was not that threshold.
        assert_eq!(with_threshold(state, quarter), None);
        let table = [
            ("", "ot=th:c"),
            ("vendor=x", "ot=th:c,vendor=x"),
            ("vendor=x, ot=th:8;zz:1 ,b=y", "ot=th:c;zz:1,vendor=x,b=y"),
            ("ot=rv:f0000000000000", "ot=th:c;rv:f0000000000000"),
        ];
        for (before, after) in table {
            assert_eq!(with_threshold(before, quarter).as_deref(), Some(after), "{before}");
        }
        assert_eq!(with_threshold("ot=th:e", quarter), None, "stricter stays");
    }
}
