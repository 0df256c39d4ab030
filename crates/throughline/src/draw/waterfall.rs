//! Hops over time: a bar each, the critical path in full blocks.

use throughline_api::query::ExplainedHop;

use super::table::{cut, table};
use super::time::span;

/// Width of the bars, characters.
const WIDTH: u64 = 40;

/// Hops that are drawn; a row holds at most 128.
const MOST: usize = 128;

/// One line a hop, callers before what they call.
pub(crate) fn draw(hops: &[ExplainedHop], duration: u64) -> String {
    let depths = depths(hops);
    let rows: Vec<_> =
        hops.iter().zip(depths).take(MOST).map(|(hop, depth)| row(hop, depth, duration)).collect();
    table(&["department", "service and operation", "", "critical", "self", "duration"], &rows, 3)
}

/// How many callers stand above each hop. A parent stands before its children.
fn depths(hops: &[ExplainedHop]) -> Vec<usize> {
    let mut depths = Vec::with_capacity(hops.len());
    for hop in hops {
        let above = usize::try_from(hop.parent)
            .ok()
            .and_then(|parent| depths.get(parent))
            .map(|depth: &usize| depth + 1);
        depths.push(above.unwrap_or(0));
    }
    depths
}

fn row(hop: &ExplainedHop, depth: usize, duration: u64) -> Vec<String> {
    let count = if hop.count > 1 { format!(" ×{}", hop.count) } else { String::new() };
    let mark = if hop.errors > 0 { "✗ " } else { "" };
    let name =
        format!("{:indent$}{mark}{} {}{count}", "", hop.service, hop.operation, indent = depth.min(12));
    let critical = if hop.critical == 0 { String::new() } else { span(hop.critical) };
    vec![
        hop.department.clone(),
        cut(&name, 46),
        bar(hop, duration),
        critical,
        span(hop.self_),
        span(hop.duration),
    ]
}

/// Where the hop lies in the transaction.
fn bar(hop: &ExplainedHop, duration: u64) -> String {
    let whole = u128::from(duration.max(1));
    let cell = |nanos: u64| (u128::from(nanos) * u128::from(WIDTH) / whole).min(u128::from(WIDTH)) as usize;
    let start = u64::try_from(hop.start).unwrap_or(0);
    let first = cell(start).min(WIDTH as usize - 1);
    let last = cell(start.saturating_add(hop.duration)).max(first + 1);
    let block = if hop.critical > 0 { '█' } else { '░' };
    let bar = (0..WIDTH as usize).map(|at| if (first..last).contains(&at) { block } else { '·' });
    bar.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(parent: i32, start: i64, duration: u64, critical: u64) -> ExplainedHop {
        ExplainedHop {
            service: "s".into(),
            operation: "o".into(),
            parent,
            start,
            duration,
            critical,
            count: 1,
            ..ExplainedHop::default()
        }
    }

    #[test]
    fn bars_lie_where_the_hop_does_and_show_the_path() {
        assert_eq!(bar(&hop(-1, 0, 100, 10), 100), "█".repeat(40));
        assert_eq!(
            bar(&hop(0, 50, 25, 0), 100),
            format!("{}{}{}", "·".repeat(20), "░".repeat(10), "·".repeat(10))
        );
        // a hop at the very end, of no length, is still seen
        assert_eq!(bar(&hop(0, 100, 0, 1), 100), format!("{}█", "·".repeat(39)));
        assert_eq!(bar(&hop(0, 0, 0, 1), 0).chars().count(), 40);
    }

    #[test]
    fn callers_stand_above_what_they_call() {
        let hops = [hop(-1, 0, 9, 1), hop(0, 1, 5, 1), hop(1, 2, 2, 1), hop(0, 7, 1, 0), hop(-1, 8, 1, 0)];
        assert_eq!(depths(&hops), [0, 1, 2, 1, 0]);
    }
}
