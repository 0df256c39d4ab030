//! The row of a transaction, as its table has it.

use std::collections::BTreeMap;

use throughline_analysis::{Hop, Path};

use super::input::Input;
use crate::{
    configuration::{is_one, split},
    records::{Attribute, Hops, Transaction},
    rules::Rules,
};

/// Bytes of a list of names in a row, some 3,000 keys: the first that fit stay. A record takes 4 MiB, and one that is larger could never be appended.
const MAX_LIST_BYTES: usize = 128 << 10;

/// Everything that the path and the summaries say; outcome and decision are left to the caller. Adds to `cut` how many lists did not fit.
pub(super) fn build(
    input: &Input<'_>,
    path: &Path,
    rules: &Rules,
    kind: Option<usize>,
    cut: &mut u64,
) -> Transaction {
    let mut sorted = |mut list: Vec<String>| {
        list.sort_unstable();
        list.dedup();
        let whole = list.len();
        let list = fitting(list, MAX_LIST_BYTES);
        *cut += u64::from(list.len() < whole);
        list
    };
    let named =
        |pick: fn(&Hop) -> u32| path.hops.iter().map(pick).filter(|index| *index != 0).collect::<Vec<_>>();
    let text = |index: u32| input.names.text(index).to_owned();
    let keys = input.summaries.iter().flat_map(|summary| summary.keys.iter().map(|key| key.value.clone()));
    let services = input.spans.iter().map(|span| span.service);
    let mut services: Vec<u32> = services.collect();
    services.sort_unstable();
    services.dedup();
    let mut departments = named(|hop| hop.department);
    departments.extend(owners(input, path, rules));
    departments.sort_unstable();
    departments.dedup();
    let mut trace_ids: Vec<_> = input.traces.iter().map(|trace| trace.id.to_vec().into()).collect();
    trace_ids.sort_unstable();
    Transaction {
        tenant: input.summaries.first().map(|summary| summary.tenant.clone()).unwrap_or_default(),
        keys: sorted(keys.collect()),
        r#type: type_name(input, path, rules, kind),
        start: path.start,
        end: path.end,
        trace_ids,
        spans: input.spans.len() as u32,
        errors: input.spans.iter().filter(|span| span.error).count() as u32,
        services: sorted(services.into_iter().map(text).filter(|name| !name.is_empty()).collect()),
        departments: sorted(
            departments.into_iter().map(|index| input.department(index).to_owned()).collect(),
        ),
        skew_corrected: path.skew_corrected,
        hops: Some(hops(input, path)),
        ..Transaction::default()
    }
}

/// The first of a list that take no more bytes than this.
fn fitting(mut list: Vec<String>, most: usize) -> Vec<String> {
    let mut bytes = 0;
    let fits = |text: &&String| {
        bytes += text.len();
        bytes <= most
    };
    let count = list.iter().take_while(fits).count();
    list.truncate(count);
    list
}

/// Departments that own time of a kind by rule, where there is such time.
fn owners(input: &Input<'_>, path: &Path, rules: &Rules) -> Vec<u32> {
    let rules = input.analysis_rules(rules);
    let has_network = path.hops.iter().any(|hop| hop.network > 0);
    rules.network_department.filter(|_| has_network).into_iter().collect()
}

/// The configured type's name, else the service and name of the first trace's root.
fn type_name(input: &Input<'_>, path: &Path, rules: &Rules, kind: Option<usize>) -> String {
    if let Some(kind) = kind.and_then(|kind| rules.types.get(kind)) {
        return kind.name.to_string();
    }
    let Some(root) = input.root(path, path.first_trace as usize) else { return String::new() };
    match (input.names.text(root.service), input.names.text(root.operation)) {
        ("", name) | (name, "") => name.to_owned(),
        (service, operation) => [service, operation].join(" "),
    }
}

/// Captured attributes, those that only policies name among them: where traces differ, the earliest trace's value, of the type of the error the latest's.
pub(super) fn attributes(input: &Input<'_>) -> Vec<Attribute> {
    choose(
        input.summaries.iter().map(|summary| (summary.base, &summary.trace_id[..], &summary.attributes[..])),
    )
}

/// One value for each key: of the start, id and attributes of each trace.
fn choose<'a>(traces: impl Iterator<Item = (u64, &'a [u8], &'a [Attribute])>) -> Vec<Attribute> {
    let mut chosen: BTreeMap<&str, (u64, &[u8], &str)> = BTreeMap::new();
    for (start, id, attributes) in traces {
        for Attribute { key, value } in attributes {
            let candidate = (start, id, value.as_str());
            // What failed last is nearest to why it failed.
            let is_latest = key == crate::traces::ERROR_TYPE;
            let better = |known| if is_latest { candidate.max(known) } else { candidate.min(known) };
            chosen.entry(key).and_modify(|known| *known = better(*known)).or_insert(candidate);
        }
    }
    chosen
        .into_iter()
        .map(|(key, (_, _, value))| Attribute { key: key.to_owned(), value: value.to_owned() })
        .collect()
}

/// Those that rows have under the rules in force: what was captured under others, whose policies named more, may be among them.
pub(super) fn wanted(mut captured: Vec<Attribute>, rules: &Rules) -> Vec<Attribute> {
    let wanted = &rules.settings.transactions.attributes;
    captured
        .retain(|attribute| wanted.contains(&attribute.key) || attribute.key == crate::traces::ERROR_TYPE);
    captured
}

fn hops(input: &Input<'_>, path: &Path) -> Hops {
    let list = &path.hops;
    let mut table = Table::new(list.len(), input.names.len());
    let department =
        list.iter().map(|hop| table.of_department(hop.department, |index| input.department(index))).collect();
    let mut column = |pick: fn(&Hop) -> u32| -> Vec<u32> {
        list.iter().map(|hop| table.of_name(pick(hop), |index| input.names.text(index))).collect()
    };
    let (service, operation) = (column(|hop| hop.service), column(|hop| hop.operation));
    let (instance, host) = (column(|hop| hop.instance), column(|hop| hop.host));
    let [version, configuration, place] = table.versions(list, |index| input.names.text(index));
    Hops {
        department,
        service,
        operation,
        version,
        configuration,
        place,
        instance,
        host,
        kind: list.iter().map(|hop| hop.kind as u32).collect(),
        parent: list.iter().map(|hop| hop.parent).collect(),
        count: list.iter().map(|hop| hop.count).collect(),
        start: list.iter().map(|hop| hop.start).collect(),
        duration: list.iter().map(|hop| hop.duration).collect(),
        self_: list.iter().map(|hop| hop.self_time).collect(),
        network: list.iter().map(|hop| hop.network).collect(),
        queue: list.iter().map(|hop| hop.queue).collect(),
        critical: list.iter().map(|hop| hop.critical).collect(),
        critical_network: list.iter().map(|hop| hop.critical_network).collect(),
        critical_queue: list.iter().map(|hop| hop.critical_queue).collect(),
        errors: list.iter().map(|hop| hop.errors).collect(),
        ..table.hops
    }
}

/// The row's own strings.
struct Table {
    /// Its table of strings alone.
    hops: Hops,
    /// Index in it + 1, by index in the input's names.
    names: Vec<u32>,
    /// The same of departments, whose empty name reads otherwise.
    departments: Vec<u32>,
    /// Indices of parts of versions.
    parts: Vec<u32>,
}

impl Table {
    /// Room for the names of so many hops, some of which share theirs; `names` is how many the input has.
    fn new(hops: usize, names: usize) -> Self {
        let mut table = Self {
            hops: Hops::default(),
            names: vec![0; names],
            departments: vec![0; names],
            parts: Vec::new(),
        };
        table.hops.strings.reserve(hops * 32);
        table.hops.string_ends.reserve(hops * 2 + 8);
        table.hops.push_text("");
        table
    }

    fn of_department<'a>(&mut self, index: u32, text: impl Fn(u32) -> &'a str) -> u32 {
        place(&mut self.hops, self.departments.get_mut(index as usize), || text(index))
    }

    /// Columns of versions, of configurations and of places; of the latter two each is empty where there are none.
    fn versions<'a>(&mut self, list: &[Hop], text: impl Fn(u32) -> &'a str) -> [Vec<u32>; 3] {
        let mut columns: [Vec<u32>; 3] = Default::default();
        let mut known: Vec<[u32; 3]> = Vec::new();
        for (row, hop) in list.iter().enumerate() {
            let text = text(hop.version);
            let places = if is_one(text) {
                [self.of_name(hop.version, |_| text), 0, 0]
            } else {
                // Such a text is no name of its own: its place in the table says which one it is.
                let at = self.names.get(hop.version as usize).copied().unwrap_or(0);
                known.get(at.wrapping_sub(1) as usize).copied().unwrap_or_else(|| {
                    let parts = split(text).map(|part| if part.is_empty() { 0 } else { self.push(part) });
                    known.push(parts);
                    if let Some(at) = self.names.get_mut(hop.version as usize) {
                        *at = known.len() as u32;
                    }
                    parts
                })
            };
            for (column, place) in columns.iter_mut().zip(places).filter(|(_, place)| *place != 0) {
                column.resize(row, 0);
                column.push(place);
            }
        }
        let [versions, optional @ ..] = &mut columns;
        versions.resize(list.len(), 0);
        optional
            .iter_mut()
            .filter(|column| !column.is_empty())
            .for_each(|column| column.resize(list.len(), 0));
        columns
    }

    /// A text of parts that were one: places and versions of several resources are mostly the same.
    fn push(&mut self, part: &str) -> u32 {
        let known = self.parts.iter().find(|place| self.hops.text(**place) == part).copied();
        known.unwrap_or_else(|| {
            let place = self.hops.push_text(part);
            self.parts.push(place);
            place
        })
    }

    fn of_name<'a>(&mut self, index: u32, text: impl Fn(u32) -> &'a str) -> u32 {
        if index == 0 {
            return 0;
        }
        place(&mut self.hops, self.names.get_mut(index as usize), || text(index))
    }
}

/// Where the text stands that `known` is for; put there where it is new.
fn place<'a>(hops: &mut Hops, known: Option<&mut u32>, text: impl Fn() -> &'a str) -> u32 {
    let Some(known) = known else { return 0 };
    if *known == 0 {
        *known = hops.push_text(text()) + 1;
    }
    *known - 1
}

#[cfg(test)]
mod tests {
    use super::{Attribute, choose, fitting};

    #[test]
    fn the_earliest_trace_says_what_the_latest_says_why_it_failed() {
        let of = |channel: &str, error: &str| {
            [("channel", channel), ("error.type", error)]
                .map(|(key, value)| Attribute { key: key.to_owned(), value: value.to_owned() })
        };
        let (early, late) = (of("web", "a refusal"), of("batch", "timeout"));
        for traces in [[(5, &late), (3, &early)], [(3, &early), (5, &late)]] {
            let chosen = choose(traces.into_iter().map(|(start, of)| (start, &b"id"[..], &of[..])));
            assert_eq!(chosen, of("web", "timeout"));
        }
    }

    #[test]
    fn a_list_keeps_what_fits() {
        let list = || ["aa", "bb", "cc"].map(str::to_owned).to_vec();
        assert_eq!(fitting(list(), 6), list());
        assert_eq!(fitting(list(), 5), ["aa", "bb"]);
        assert!(fitting(list(), 1).is_empty());
    }
}
