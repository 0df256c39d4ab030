//! What anyone would try first: mean excess of own time and of the gap between caller and callee, over the median of before.

use std::collections::BTreeMap;

use throughline_assembly::{incidents::with_finished, records::Closed};

use crate::stream::Stream;

/// How much after the injection is looked at, nanoseconds.
const LOOK: u64 = 120_000_000_000;

type Key = (String, String, bool);

/// Services by excess after `from`, the worst first. It is told the moment of the injection, which the diagnosis is not.
pub(crate) fn rank(stream: &Stream, from: u64) -> Vec<(String, f64)> {
    let (mut before, mut after): (BTreeMap<Key, Vec<f64>>, BTreeMap<Key, Vec<f64>>) = Default::default();
    for (time, closed) in stream.iter().filter(|(time, _)| *time < from + LOOK) {
        times(closed, if *time < from { &mut before } else { &mut after });
    }
    let mut excess: BTreeMap<String, f64> = BTreeMap::new();
    for (key, now) in after {
        let Some(usual) = before.get_mut(&key) else { continue };
        usual.sort_by(f64::total_cmp);
        let median = usual[usual.len() / 2];
        *excess.entry(key.0).or_default() += now.iter().map(|time| time - median).sum::<f64>();
    }
    let mut ranked: Vec<_> = excess.into_iter().filter(|(_, excess)| *excess > 0.0).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked
}

fn times(closed: &Closed, into: &mut BTreeMap<Key, Vec<f64>>) {
    with_finished(closed, false, |finished| {
        for hop in finished.hops {
            for (time, is_gap) in [(hop.self_time, false), (hop.network, true)] {
                let key = (hop.service.to_owned(), hop.operation.to_owned(), is_gap);
                into.entry(key).or_default().push(time as f64 / 1e6 / f64::from(hop.count.max(1)));
            }
        }
    });
}
