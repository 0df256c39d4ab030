//! What a made-up system is like where nothing is wrong.

use super::{SERVER, Traffic};
use crate::random::system::System;

/// Transactions that are played to know a system.
const SAMPLED: usize = 300;

/// What a system's healthy transactions are like.
pub(in crate::random) struct Sample {
    /// How often each operation is met in a transaction of the kind that meets it most.
    pub(in crate::random) met: Vec<f64>,
    /// Own time of each service, in all.
    pub(in crate::random) own: Vec<f64>,
    /// Median duration, seconds.
    pub(in crate::random) duration: f64,
    /// Spans of the largest one.
    pub(in crate::random) spans: usize,
}

impl Sample {
    pub(in crate::random) fn of(system: &System, seed: u64) -> Self {
        let mut traffic = Traffic::new(system, None, seed, f64::MAX);
        let mut met = vec![0.0; system.operations.len()];
        let mut own = vec![0.0; system.services.len()];
        let (mut durations, mut spans) = (Vec::new(), 0);
        for _ in 0..SAMPLED {
            durations.push(traffic.play());
            spans = spans.max(traffic.pieces.len());
            for piece in traffic.pieces.iter().filter(|piece| piece.kind == SERVER) {
                let at = system.operations.iter().position(|operation| operation.name == piece.name);
                let Some(at) = at else { continue };
                met[at] += 1.0 / SAMPLED as f64;
                own[piece.service] += system.operations[at].own;
            }
        }
        durations.sort_by(f64::total_cmp);
        Self { met, own, duration: durations[SAMPLED / 2], spans }
    }
}
