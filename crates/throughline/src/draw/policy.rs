//! What two sets of policies keep, as tables.

use throughline_offline::{Counts, Line, Report, Side};

use super::table::table;
use super::time::{moment, share};

/// Lines of a table; what is beyond is one line.
const MOST: usize = 20;

pub(crate) fn draw(report: &Report) -> String {
    let mut parts = vec![head(report), totals(report)];
    parts.push(by("type", &report.types, report.old.is_some(), true));
    parts.push(by("kept by policy", &report.policies, report.old.is_some(), false));
    parts.push(by("outcome", &report.outcomes, report.old.is_some(), true));
    for (what, examples) in [("newly kept", &report.newly_kept), ("newly dropped", &report.newly_dropped)] {
        if !examples.is_empty() {
            parts.push(format!("{what}, such as\n  {}", examples.join("\n  ")));
        }
    }
    parts.join("\n\n")
}

fn head(report: &Report) -> String {
    let recorded = &report.recorded;
    let mut text = format!(
        "{} transactions of {} spans, {}, from {} to {}",
        recorded.transactions,
        recorded.spans,
        bytes(recorded.bytes as f64),
        moment(recorded.from),
        moment(recorded.to)
    );
    let refused = recorded.refused_requests + recorded.refused_spans;
    if refused > 0 {
        text += &format!(
            "\n{} requests and {} spans are malformed: a server refuses them",
            recorded.refused_requests, recorded.refused_spans
        );
    }
    text
}

fn totals(report: &Report) -> String {
    let row = |name: &str, side: &Side| {
        let Counts { transactions, kept, kept_bytes, .. } = side.counts;
        vec![
            name.to_owned(),
            kept.to_string(),
            side.dropped.to_string(),
            share(kept, transactions),
            bytes(kept_bytes as f64),
            bytes(side.bytes_per_day),
            format!("{:.2}", side.cost_per_day),
        ]
    };
    let mut rows: Vec<_> = report.old.iter().map(|old| row("old", old)).collect();
    rows.push(row("new", &report.new));
    if let Some(old) = &report.old {
        let (old, new) = (old, &report.new);
        let difference = |new: u64, old: u64| signed(new.cast_signed() - old.cast_signed());
        rows.push(vec![
            "difference".to_owned(),
            difference(new.counts.kept, old.counts.kept),
            difference(new.dropped, old.dropped),
            String::new(),
            signed_bytes(new.counts.kept_bytes as f64 - old.counts.kept_bytes as f64),
            signed_bytes(new.bytes_per_day - old.bytes_per_day),
            format!("{:+.2}", new.cost_per_day - old.cost_per_day),
        ]);
    }
    let cost = format!("cost/day at {} a GiB", report.price_per_gib);
    table(&["policies", "kept", "dropped", "share", "bytes kept", "bytes/day", &cost], &rows, 1)
}

/// A table by type, policy or outcome; `whole` where a line also counts what is dropped.
fn by(name: &str, lines: &[Line], compares: bool, whole: bool) -> String {
    let mut head = vec![name];
    if whole {
        head.push("transactions");
    }
    if compares {
        head.push("old");
    }
    head.push("new");
    if compares {
        head.extend(["difference", "bytes"]);
        if whole {
            head.extend(["newly kept", "newly dropped"]);
        }
    } else {
        head.push("bytes");
    }
    let row = |line: &Line| {
        let (old, new) = (line.old, line.new);
        let mut row = vec![line.name.clone()];
        if whole {
            row.push(new.transactions.max(old.transactions).to_string());
        }
        if compares {
            row.push(old.kept.to_string());
        }
        row.push(new.kept.to_string());
        if compares {
            row.push(signed(new.kept.cast_signed() - old.kept.cast_signed()));
            row.push(signed_bytes(new.kept_bytes as f64 - old.kept_bytes as f64));
            if whole {
                row.extend([line.newly_kept.to_string(), line.newly_dropped.to_string()]);
            }
        } else {
            row.push(bytes(new.kept_bytes as f64));
        }
        row
    };
    let rows: Vec<_> = lines.iter().take(MOST).map(row).collect();
    if rows.is_empty() {
        return format!("{name}: none");
    }
    let more = lines.len().saturating_sub(MOST);
    let rest = if more > 0 { format!("\n… and {more} more") } else { String::new() };
    table(&head, &rows, 1) + &rest
}

fn signed(number: i64) -> String {
    if number == 0 { "0".to_owned() } else { format!("{number:+}") }
}

fn signed_bytes(count: f64) -> String {
    let sign = if count < 0.0 { "-" } else { "+" };
    if count == 0.0 { "0".to_owned() } else { format!("{sign}{}", bytes(count.abs())) }
}

/// Bytes in the largest unit that is at least 1.
fn bytes(count: f64) -> String {
    let units = [(1u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(size, _)| count >= *size as f64) {
        Some((size, unit)) => format!("{:.1} {unit}", count / size as f64),
        None => format!("{count:.0} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(transactions: u64, kept: u64) -> Counts {
        Counts { transactions, kept, bytes: transactions << 20, kept_bytes: kept << 20 }
    }

    #[test]
    fn two_sets_of_policies_are_drawn() {
        let line = |name: &str, old: Counts, new: Counts| Line {
            name: name.into(),
            old,
            new,
            newly_kept: 2,
            newly_dropped: 1,
        };
        let side = |counts: Counts| Side {
            counts,
            dropped: counts.transactions - counts.kept,
            bytes_per_day: counts.kept_bytes as f64 * 1000.0,
            cost_per_day: counts.kept as f64 / 4.0,
        };
        let report = Report {
            price_per_gib: 0.3,
            old: Some(side(counts(100, 10))),
            new: side(counts(100, 25)),
            types: vec![line("transfer", counts(60, 9), counts(60, 4))],
            policies: vec![line("errors", counts(10, 10), counts(0, 0))],
            newly_dropped: vec!["U-1".into()],
            ..Report::default()
        };
        let text = draw(&report);
        for wanted in [
            "policies    kept  dropped  share  bytes kept  bytes/day  cost/day at 0.3 a GiB",
            "difference   +15      -15          +15.0 MiB  +14.6 GiB                  +3.75",
            "type      transactions  old  new  difference     bytes  newly kept  newly dropped",
            "transfer            60    9    4          -5  -5.0 MiB           2              1",
            "errors           10    0         -10  -10.0 MiB",
            "outcome: none",
            "newly dropped, such as\n  U-1",
        ] {
            assert!(text.contains(wanted), "{wanted} is not in\n{text}");
        }
    }

    #[test]
    fn bytes_are_shown_in_their_unit() {
        let shown: Vec<_> = [0.0, 1023.0, 1536.0, 5e9].map(bytes).into();
        assert_eq!(shown, ["0 B", "1023 B", "1.5 KiB", "4.7 GiB"]);
    }
}
