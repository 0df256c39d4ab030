//! The state of the analysis fold as bytes.

use std::{
    collections::{BTreeMap, VecDeque},
    io::Write,
};

use serde::{Deserialize, Serialize};
use throughline_analysis::{alerts::Alerts, compare::Deployments, diagnosis::Diagnosis};

use super::{Analysis, AnalysisCounts, Known, Report, Row};
use crate::{
    snapshot::{SnapshotError, decode, encode},
    time::LogClock,
    transactions::BatchState,
};

/// Version of the layout: another one is refused, never guessed at.
const LAYOUT: u8 = 9;

#[derive(Serialize)]
struct Saved<'a> {
    clock: LogClock,
    sources: &'a [u64],
    diagnosis: &'a Diagnosis,
    alerts: &'a Alerts,
    deployments: &'a Deployments,
    reports: &'a BTreeMap<String, Report>,
    groups: &'a BTreeMap<u64, String>,
    known: &'a Known,
    pending: &'a VecDeque<Row>,
    sequence: u64,
    batch: BatchState,
}

#[derive(Deserialize)]
struct Loaded {
    clock: LogClock,
    sources: Vec<u64>,
    diagnosis: Diagnosis,
    alerts: Alerts,
    deployments: Deployments,
    reports: BTreeMap<String, Report>,
    groups: BTreeMap<u64, String>,
    known: Known,
    pending: VecDeque<Row>,
    sequence: u64,
    batch: BatchState,
}

impl Analysis {
    /// Writes the state after the last record that was applied to `out`, and gives it back.
    ///
    /// # Errors
    /// Where the state cannot be encoded or `out` does not take it.
    pub fn snapshot<W: Write>(&self, out: W) -> Result<W, SnapshotError> {
        let state = Saved {
            clock: self.clock,
            sources: &self.sources,
            diagnosis: &self.diagnosis,
            alerts: &self.alerts,
            deployments: &self.deployments,
            reports: &self.reports,
            groups: &self.groups,
            known: &self.known,
            pending: &self.pending,
            sequence: self.sequence,
            batch: self.batch,
        };
        encode(LAYOUT, &state, out)
    }

    /// The fold as it was when the snapshot was taken.
    ///
    /// # Errors
    /// Where the bytes are no snapshot of this layout.
    pub fn restore(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let loaded: Loaded = decode(LAYOUT, bytes)?;
        Ok(Self {
            clock: loaded.clock,
            sources: loaded.sources,
            diagnosis: loaded.diagnosis,
            alerts: loaded.alerts,
            deployments: loaded.deployments,
            reports: loaded.reports,
            groups: loaded.groups,
            known: loaded.known,
            pending: loaded.pending,
            sequence: loaded.sequence,
            batch: loaded.batch,
            counts: AnalysisCounts::default(),
        })
    }
}
