//! Where one transaction's time went, and what of it was unusual: a pure function of its hops and of its type's medians.

use std::collections::BTreeMap;

use crate::{
    limits::{MAX_UNUSUAL, MIN_COMPARED, MIN_EXCESS},
    query::{DepartmentTime, ExplainedHop, Explanation, KindTime, Unusual},
};

/// What is usual at one hop of a type: medians over the transactions that have it, nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct Usual {
    /// The hop.
    pub department: String,
    /// The hop.
    pub service: String,
    /// The hop.
    pub operation: String,
    /// Median of the hop's own time.
    pub own: u64,
    /// Median of its time on the network.
    pub network: u64,
    /// Median of its time in a queue.
    pub queue: u64,
}

/// Medians of a type so far, and over how many transactions.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    /// By hop.
    pub hops: Vec<Usual>,
    /// Transactions they were taken from.
    pub transactions: u64,
}

/// Fills in what follows from the hops: time by kind and by department, what was unusual, and the sentence.
pub fn complete(explanation: &mut Explanation, baseline: &Baseline) {
    explanation.by_department = by_department(&explanation.hops);
    explanation.by_kind = by_kind(&explanation.by_department);
    explanation.compared_with = baseline.transactions;
    explanation.unusual = unusual(&explanation.hops, baseline);
    explanation.sentence = sentence(explanation);
}

/// The part of a hop's time on the critical path that is its own work.
fn own_critical(hop: &ExplainedHop) -> u64 {
    hop.critical.saturating_sub(hop.critical_network + hop.critical_queue)
}

pub(crate) fn by_department(hops: &[ExplainedHop]) -> Vec<DepartmentTime> {
    let mut departments: BTreeMap<&str, DepartmentTime> = BTreeMap::new();
    for hop in hops {
        let entry = departments.entry(&hop.department).or_default();
        entry.time += hop.critical;
        entry.network += hop.critical_network;
        entry.queue += hop.critical_queue;
        let own = own_critical(hop);
        match hop.kind.as_str() {
            "database" => entry.database += own,
            "partner" => entry.partner += own,
            "network" => entry.network += own,
            "queue" => entry.queue += own,
            _ => entry.own += own,
        }
    }
    let mut list: Vec<DepartmentTime> = departments
        .into_iter()
        .map(|(name, time)| DepartmentTime { department: name.to_owned(), ..time })
        .collect();
    list.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.department.cmp(&b.department)));
    list
}

fn by_kind(departments: &[DepartmentTime]) -> Vec<KindTime> {
    let sum = |pick: fn(&DepartmentTime) -> u64| departments.iter().map(pick).sum::<u64>();
    let kinds: [(&str, u64); 5] = [
        ("own", sum(|time| time.own)),
        ("database", sum(|time| time.database)),
        ("network", sum(|time| time.network)),
        ("queue", sum(|time| time.queue)),
        ("partner", sum(|time| time.partner)),
    ];
    let mut list: Vec<KindTime> = kinds
        .into_iter()
        .filter(|(_, time)| *time > 0)
        .map(|(kind, time)| KindTime { kind: kind.to_owned(), time })
        .collect();
    list.sort_by_key(|entry| std::cmp::Reverse(entry.time));
    list
}

/// Hops whose own, network or queue time is away from its median: more than twice it, and by more than noise.
fn unusual(hops: &[ExplainedHop], baseline: &Baseline) -> Vec<Unusual> {
    if baseline.transactions < MIN_COMPARED {
        return Vec::new();
    }
    let mut found: Vec<Unusual> = Vec::new();
    for hop in hops {
        let same = |usual: &&Usual| {
            usual.department == hop.department
                && usual.service == hop.service
                && usual.operation == hop.operation
        };
        let Some(usual) = baseline.hops.iter().find(same) else { continue };
        // A folded hop has the time of all its calls; the median is that of one.
        let calls = u64::from(hop.count.max(1));
        let own_kind = if hop.kind.is_empty() { "own" } else { hop.kind.as_str() };
        let parts = [
            (own_kind, hop.self_ / calls, usual.own),
            ("network", hop.network / calls, usual.network),
            ("queue", hop.queue / calls, usual.queue),
        ];
        for (kind, time, median) in parts {
            if time > median.saturating_mul(2) && time - median > MIN_EXCESS {
                found.push(one(hop, kind, time, median));
            }
        }
    }
    found.sort_by_key(|unusual| std::cmp::Reverse(unusual.time - unusual.median));
    found.truncate(MAX_UNUSUAL);
    found
}

fn one(hop: &ExplainedHop, kind: &str, time: u64, median: u64) -> Unusual {
    let what = match kind {
        "database" => "in the database",
        "partner" => "at the partner",
        "network" => "on the network",
        "queue" => "in the queue",
        _ => "of its own",
    };
    let each = if hop.count > 1 { format!(" at each of {} calls", hop.count) } else { String::new() };
    let sentence = format!(
        "{} {} ({}) took {} {what}{each}, usually {}",
        hop.service,
        hop.operation,
        hop.department,
        nanos(time),
        nanos(median)
    );
    Unusual {
        department: hop.department.clone(),
        service: hop.service.clone(),
        operation: hop.operation.clone(),
        kind: kind.to_owned(),
        time,
        median,
        sentence,
    }
}

/// Where the time went: the department with most of it, and the hop in it; or the most unusual hop, if there is one.
fn sentence(explanation: &Explanation) -> String {
    let total = explanation.transaction.as_ref().map_or(0, |transaction| transaction.duration);
    let (half, all) = (u128::from(total / 2), u128::from(total.max(1)));
    let share = |time: u64| ((u128::from(time) * 100 + half) / all) as u64;
    let Some(first) = explanation.by_department.first() else { return "No time was spent.".to_owned() };
    let hop = explanation
        .hops
        .iter()
        .filter(|hop| hop.department == first.department)
        .max_by_key(|hop| hop.critical)
        .map_or(String::new(), |hop| {
            let part = if hop.critical > first.time / 2 { "most" } else { "the largest part" };
            format!(", {part} of it {} {} {}", place(hop), hop.service, hop.operation)
        });
    let mut text = format!(
        "{} of {} ({} %) went to {}{hop}.",
        nanos(first.time),
        nanos(total),
        share(first.time),
        first.department
    );
    match explanation.unusual.first() {
        Some(unusual) => {
            text.push_str(&format!(" Unusual: {}.", unusual.sentence));
        }
        None if explanation.compared_with >= MIN_COMPARED => {
            text.push_str(" Nothing in it was unusual for its type.");
        }
        None => {}
    }
    text
}

/// What most of a hop's time on the path was.
fn place(hop: &ExplainedHop) -> &'static str {
    let own = own_critical(hop);
    match hop.kind.as_str() {
        _ if hop.critical_queue > own.max(hop.critical_network) => "waiting before",
        _ if hop.critical_network > own => "on the network to",
        "database" => "in the database:",
        "partner" => "at a partner:",
        _ => "in",
    }
}

/// A duration for people: three significant digits at most.
#[must_use]
pub fn nanos(time: u64) -> String {
    let time = time as f64;
    let (value, unit) = match time {
        t if t < 1e3 => return format!("{t:.0} ns"),
        t if t < 1e6 => (t / 1e3, "µs"),
        t if t < 1e9 => (t / 1e6, "ms"),
        t if t < 120e9 => (t / 1e9, "s"),
        t => (t / 60e9, "min"),
    };
    let digits = if value >= 100.0 { 0 } else { usize::from(value < 100.0) + usize::from(value < 10.0) };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::TransactionSummary;

    const MS: u64 = 1_000_000;

    fn hop(department: &str, service: &str, kind: &str, critical: u64, queue: u64) -> ExplainedHop {
        ExplainedHop {
            department: department.into(),
            service: service.into(),
            operation: "op".into(),
            kind: kind.into(),
            self_: critical - queue,
            queue,
            critical,
            critical_queue: queue,
            parent: -1,
            count: 1,
            ..ExplainedHop::default()
        }
    }

    fn explanation() -> Explanation {
        Explanation {
            transaction: Some(TransactionSummary { duration: 1000 * MS, ..TransactionSummary::default() }),
            hops: vec![
                hop("channels", "bff", "own", 100 * MS, 0),
                hop("core", "ledger", "database", 300 * MS, 0),
                hop("payments", "clearing", "own", 600 * MS, 500 * MS),
            ],
            ..Explanation::default()
        }
    }

    #[test]
    fn time_by_kind_and_department_sums_to_the_duration() {
        let mut explained = explanation();
        complete(&mut explained, &Baseline::default());
        assert_eq!(explained.by_department.iter().map(|time| time.time).sum::<u64>(), 1000 * MS);
        assert_eq!(explained.by_kind.iter().map(|time| time.time).sum::<u64>(), 1000 * MS);
        assert_eq!(explained.by_kind[0].kind, "queue");
        assert_eq!(explained.by_department[0].department, "payments");
        assert!(
            explained.sentence.starts_with(
                "600 ms of 1.00 s (60 %) went to payments, most of it waiting before clearing op."
            ),
            "{}",
            explained.sentence
        );
    }

    #[test]
    fn the_sentence_rounds_and_calls_most_what_is_more_than_half() {
        let mut explained = explanation();
        explained.hops[1].critical = 297 * MS;
        explained.hops[2] = hop("payments", "clearing", "own", 203 * MS, 0);
        explained.hops.push(hop("payments", "clearing", "own", 200 * MS, 0));
        explained.hops.push(hop("payments", "clearing", "own", 200 * MS, 0));
        complete(&mut explained, &Baseline::default());
        let expected = "603 ms of 1.00 s (60 %) went to payments, the largest part of it in clearing op.";
        assert!(explained.sentence.starts_with(expected), "{}", explained.sentence);
        explained.hops[2].critical = 206 * MS;
        complete(&mut explained, &Baseline::default());
        assert!(explained.sentence.contains("606 ms of 1.00 s (61 %)"), "{}", explained.sentence);
    }

    #[test]
    fn what_is_over_twice_its_median_is_unusual_and_named() {
        let mut explained = explanation();
        let usual = |department: &str, service: &str, own, queue| Usual {
            department: department.into(),
            service: service.into(),
            operation: "op".into(),
            own: own * MS,
            queue: queue * MS,
            network: 0,
        };
        let baseline = Baseline {
            hops: vec![
                usual("core", "ledger", 20, 0),
                usual("payments", "clearing", 90, 400),
                usual("channels", "bff", 99, 0),
            ],
            transactions: 50,
        };
        complete(&mut explained, &baseline);
        assert_eq!(explained.unusual.len(), 1);
        assert_eq!(
            (explained.unusual[0].service.as_str(), explained.unusual[0].kind.as_str()),
            ("ledger", "database")
        );
        assert!(explained.sentence.contains("ledger op (core) took 300 ms in the database, usually 20.0 ms"));
    }

    #[test]
    fn folded_calls_are_compared_one_by_one() {
        let mut explained = explanation();
        explained.hops[1].count = 20;
        let usual = |own: u64| Baseline {
            hops: vec![Usual {
                department: "core".into(),
                service: "ledger".into(),
                operation: "op".into(),
                own: own * MS,
                ..Usual::default()
            }],
            transactions: 50,
        };
        complete(&mut explained, &usual(15));
        assert!(explained.unusual.is_empty(), "300 ms are 15 ms each: {:?}", explained.unusual);
        complete(&mut explained, &usual(5));
        assert!(explained.unusual[0].sentence.contains("took 15.0 ms in the database at each of 20 calls"));
    }

    #[test]
    fn too_few_to_compare_with_say_nothing() {
        let mut explained = explanation();
        complete(&mut explained, &Baseline { transactions: MIN_COMPARED - 1, ..Baseline::default() });
        assert!(explained.unusual.is_empty());
        assert!(!explained.sentence.contains("unusual"));
    }
}
