//! Customers of the bank stay away: all of them alike, or those of one channel.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use throughline_analysis::diagnosis::{DiagnosisSettings, Incident, SuspectKind};
use throughline_assembly::rules::RulesSettings;
use throughline_bank::plan::{Plan, PlanOptions, Transfer};

use crate::bank::requests;
use crate::stream::diagnose_each;

/// Transfers a second.
const RATE: f64 = 4.0;
/// From when to when they stay away, and how long all of it lasts, seconds.
const FROM: u64 = 900;
const UNTIL: u64 = 1_320;
const ALL: u64 = 1_800;
/// What is left where all stay away: one in so many.
const LEFT: u64 = 4;
/// Transfers that tell which channel is the busiest.
const SAMPLED: usize = 1_000;

/// Whether a fall is told as one from outside, of one channel with its name: by settings.
pub(super) fn found(
    rules: &RulesSettings,
    seed: u64,
    of_one_channel: bool,
    settings: &[DiagnosisSettings],
) -> Result<Vec<bool>, Box<dyn Error>> {
    let options = PlanOptions { seed, transfers_per_second: RATE, speed: 0.0, ..PlanOptions::default() };
    let channel = busiest(&options);
    let at = |seconds: u64| options.start_unix_nano + seconds * 1_000_000_000;
    let low = at(FROM)..at(UNTIL);
    let stays = |transfer: &Transfer| match of_one_channel {
        true => transfer.channel != channel,
        false => transfer.number.is_multiple_of(LEFT),
    };
    let sent = requests(&options, Duration::from_secs(ALL), |transfer| {
        !low.contains(&transfer.start) || stays(transfer)
    });
    let told = diagnose_each(rules, settings, &[], sent, |_, _| {})?;
    let is_right = |incident: &Incident| {
        incident.suspects.first().is_some_and(|first| first.kind == SuspectKind::Outside)
            && (!of_one_channel || incident.summary.contains(channel))
    };
    let answer = |told: &Vec<crate::stream::Told>| {
        told.iter().any(|told| low.contains(&told.first.detected_at) && is_right(&told.last))
    };
    Ok(told.iter().map(answer).collect())
}

fn busiest(options: &PlanOptions) -> &'static str {
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for transfer in Plan::new(options).take(SAMPLED) {
        *counts.entry(transfer.channel).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map_or("", |(channel, _)| channel)
}
