//! Chance, by seed: the same seed gives the same bank, on every machine.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// Nanoseconds in a millisecond.
pub(super) const MILLISECOND: f64 = 1e6;

/// A stream of chance of its own for each purpose, so that one more draw here changes nothing there.
#[derive(Clone, Debug)]
pub(super) struct Dice {
    generator: Xoshiro256PlusPlus,
}

impl Dice {
    /// The stream `stream` of a seed.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut bytes = [0x5a; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&stream.to_le_bytes());
        let mut generator = Xoshiro256PlusPlus::from_seed(bytes);
        // Neighbouring seeds start alike; some steps on they no longer do.
        for _ in 0..16 {
            let _: u64 = generator.random();
        }
        Self { generator }
    }

    /// Evenly from 0 to 1, 1 excluded.
    pub(super) fn unit(&mut self) -> f64 {
        self.generator.random()
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.generator.random_range(0..end.max(1))
    }

    /// A place in a list of `len`.
    pub(super) fn index(&mut self, len: usize) -> usize {
        self.generator.random_range(0..len.max(1))
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// An index, as often as its weight says.
    pub(super) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut at = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            if at < *weight {
                return index;
            }
            at -= weight;
        }
        weights.len().saturating_sub(1)
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// A positive number around a median; `spread` is the standard deviation of its logarithm. Cut at four of them.
    pub(super) fn around(&mut self, median: f64, spread: f64) -> f64 {
        median * (self.normal().clamp(-4.0, 4.0) * spread).exp()
    }

    /// Nanoseconds around a median given in milliseconds.
    pub(super) fn nanos(&mut self, median_ms: f64, spread: f64) -> u64 {
        (self.around(median_ms, spread) * MILLISECOND) as u64
    }

    /// Nanoseconds evenly between two bounds given in milliseconds.
    pub(super) fn between(&mut self, from_ms: f64, to_ms: f64) -> u64 {
        ((from_ms + self.unit() * (to_ms - from_ms)) * MILLISECOND) as u64
    }

    /// Seconds to the next of events that come `rate` times a second.
    pub(super) fn exponential(&mut self, rate: f64) -> f64 {
        -(1.0 - self.unit()).ln() / rate
    }

    /// A trace id that is not zero.
    pub(super) fn trace_id(&mut self) -> [u8; 16] {
        self.generator.random::<u128>().max(1).to_be_bytes()
    }

    /// A span id that is not zero.
    pub(super) fn span_id(&mut self) -> [u8; 8] {
        self.generator.random::<u64>().max(1).to_be_bytes()
    }

    /// A random UUID (version 4, RFC 9562), as a UETR is one (ISO 20022).
    pub(super) fn uuid(&mut self) -> String {
        let mut bytes = self.generator.random::<u128>().to_be_bytes();
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex = u128::from_be_bytes(bytes);
        let hex = format!("{hex:032x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// So many hexadecimal digits, 16 at most.
    pub(super) fn hex(&mut self, digits: usize) -> String {
        format!("{:016x}", self.generator.random::<u64>())[..digits.min(16)].to_owned()
    }
}
