//! The hops of transactions, in columns. Most of their numbers are 0 or follow from others: those are stored so that they compress to nothing.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use throughline_assembly::records::{Hops, Transaction};

use super::names::{KINDS, put_name};
use crate::native::{Arrays, Block, Dictionary};
use crate::rows::RowsError;

/// One hop of a record, its columns read together.
#[derive(Clone, Copy, Debug)]
pub(in crate::rows) struct Hop {
    pub(in crate::rows) department: u32,
    pub(in crate::rows) service: u32,
    pub(in crate::rows) operation: u32,
    pub(in crate::rows) version: u32,
    pub(in crate::rows) instance: u32,
    pub(in crate::rows) kind: u32,
    pub(in crate::rows) parent: i32,
    pub(in crate::rows) count: u32,
    pub(in crate::rows) start: i64,
    pub(in crate::rows) duration: u64,
    pub(in crate::rows) own: u64,
    pub(in crate::rows) network: u64,
    pub(in crate::rows) queue: u64,
    pub(in crate::rows) critical: u64,
    pub(in crate::rows) critical_network: u64,
    pub(in crate::rows) critical_queue: u64,
    pub(in crate::rows) errors: u32,
}

/// A record's hops, checked: all columns have an entry for each.
#[derive(Clone, Copy, Debug)]
pub(in crate::rows) struct HopColumns<'a> {
    hops: Option<&'a Hops>,
    len: usize,
}

impl<'a> HopColumns<'a> {
    /// Checks a transaction's hops.
    pub(in crate::rows) fn of(row: &'a Transaction) -> Result<Self, RowsError> {
        let Some(hops) = &row.hops else { return Ok(Self { hops: None, len: 0 }) };
        let len = hops.service.len();
        let names = [&hops.department, &hops.service, &hops.operation, &hops.version, &hops.instance];
        let whole =
            names.iter().all(|column| {
                column.len() == len && column.iter().all(|&name| (name as usize) < hops.strings.len())
            }) && [hops.kind.len(), hops.parent.len(), hops.count.len(), hops.start.len(), hops.errors.len()]
                .iter()
                .chain(&[hops.duration.len(), hops.self_.len(), hops.network.len(), hops.queue.len()])
                .chain(&[hops.critical.len(), hops.critical_network.len(), hops.critical_queue.len()])
                .all(|&column| column == len);
        if whole {
            Ok(Self { hops: Some(hops), len })
        } else {
            Err(RowsError::Hops(row.transaction_id.clone()))
        }
    }

    /// The strings that names are indices of.
    pub(in crate::rows) fn strings(&self) -> &'a [String] {
        self.hops.map_or(&[], |hops| &hops.strings)
    }

    /// All hops in order.
    pub(in crate::rows) fn iter(&self) -> impl Iterator<Item = Hop> + 'a {
        let hops = self.hops;
        (0..self.len).filter_map(move |at| hops.map(|hops| hop(hops, at)))
    }
}

fn hop(hops: &Hops, at: usize) -> Hop {
    Hop {
        department: hops.department[at],
        service: hops.service[at],
        operation: hops.operation[at],
        version: hops.version[at],
        instance: hops.instance[at],
        kind: (hops.kind[at]).min(KINDS.len() as u32 - 1),
        parent: hops.parent[at],
        count: hops.count[at],
        start: hops.start[at],
        duration: hops.duration[at],
        own: hops.self_[at],
        network: hops.network[at],
        queue: hops.queue[at],
        critical: hops.critical[at],
        critical_network: hops.critical_network[at],
        critical_queue: hops.critical_queue[at],
        errors: hops.errors[at],
    }
}

/// The hops of a block's rows.
#[derive(Debug, Default)]
pub(super) struct HopArrays {
    strings: Dictionary,
    /// Names by what they consist of: department, service, operation, version (numbers of `strings`) and kind.
    found: HashMap<[u32; 5], u32, FixedState>,
    names: Dictionary,
    instances: Dictionary,
    /// The number in `instances` of each of `strings`, `NONE` where it has not been one.
    instance_of: Vec<u32>,
    name: Arrays<u32>,
    instance: Arrays<u32>,
    parent: Arrays<i16>,
    start: Arrays<i64>,
    duration: Arrays<u64>,
    child_time: Arrays<u64>,
    network: Arrays<u64>,
    critical_code: Arrays<u64>,
    rare: Arrays<(u32, u64)>,
    numbers: Vec<u32>,
    scratch: Scratch,
}

/// No number yet.
const NONE: u32 = u32::MAX;

/// One row's columns while they are made.
#[derive(Debug, Default)]
struct Scratch {
    name: Vec<u8>,
    names: Vec<u32>,
    instances: Vec<u32>,
    parents: Vec<i16>,
    child_times: Vec<u64>,
    critical_codes: Vec<u64>,
    rare: Vec<(u32, u64)>,
}

impl HopArrays {
    /// Takes the hops of the next row.
    pub(super) fn push(&mut self, columns: HopColumns<'_>) {
        let absent = Hops::default();
        let hops = columns.hops.unwrap_or(&absent);
        let Self { strings, numbers, instance_of, .. } = self;
        numbers.clear();
        numbers.extend(hops.strings.iter().map(|string| strings.intern(string.as_bytes())));
        instance_of.resize(strings.len(), NONE);
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        for (at, hop) in columns.iter().enumerate() {
            scratch.names.push(self.name(&hop, &hops.strings, &mut scratch.name));
            scratch.instances.push(self.instance(hop.instance, &hops.strings));
            scratch.parents.push(i16::try_from(hop.parent).unwrap_or(-1));
            scratch.child_times.push(hop.duration.wrapping_sub(hop.own));
            let code = critical_code(hop);
            scratch.critical_codes.push(code);
            put_rare(at as u32 * RARE, &hop, code, &mut scratch.rare);
        }
        self.name.push(scratch.names.iter().copied());
        let no_instance = self.no_instance();
        self.instance.push_trimmed(&scratch.instances, no_instance);
        self.parent.push_trimmed(&scratch.parents, 0);
        self.start.push_trimmed(&hops.start, 0);
        self.duration.push_trimmed(&hops.duration, 0);
        self.child_time.push_trimmed(&scratch.child_times, 0);
        self.network.push_trimmed(&hops.network, 0);
        self.critical_code.push_trimmed(&scratch.critical_codes, 0);
        self.rare.push(scratch.rare.iter().copied());
        self.scratch = scratch;
    }

    fn name(&mut self, hop: &Hop, strings: &[String], scratch: &mut Vec<u8>) -> u32 {
        let parts = [hop.department, hop.service, hop.operation, hop.version];
        let [a, b, c, d] = parts.map(|part| self.numbers[part as usize]);
        let Self { found, names, .. } = self;
        *found.entry([a, b, c, d, hop.kind]).or_insert_with(|| {
            scratch.clear();
            for part in parts {
                put_name(&strings[part as usize], scratch);
                scratch.push(0);
            }
            scratch.extend_from_slice(KINDS[hop.kind as usize].as_bytes());
            names.intern(scratch)
        })
    }

    fn instance(&mut self, string: u32, strings: &[String]) -> u32 {
        let known = &mut self.instance_of[self.numbers[string as usize] as usize];
        if *known == NONE {
            *known = self.instances.intern(strings[string as usize].as_bytes());
        }
        *known
    }

    /// The number of the empty instance.
    fn no_instance(&mut self) -> u32 {
        self.instances.intern(b"")
    }

    /// Writes the columns with rows in this order.
    pub(super) fn write(&self, block: &mut Block, order: &[u32]) {
        self.name.write_low(block, "HopName", &self.names, order);
        self.instance.write_low(block, "HopInstance", &self.instances, order);
        self.parent.write_numbers(block, "HopParent", "Array(Int16)", order, i16::to_le_bytes);
        self.start.write_numbers(block, "HopStart", "Array(Int64)", order, i64::to_le_bytes);
        let mut put = |name: &str, kind: &str, column: &Arrays<u64>| {
            column.write_numbers(block, name, kind, order, u64::to_le_bytes);
        };
        put("HopDuration", "Array(UInt64)", &self.duration);
        put("HopChildTime", "Array(Int64)", &self.child_time);
        put("HopNetwork", "Array(UInt64)", &self.network);
        put("HopCriticalCode", "Array(UInt64)", &self.critical_code);
        self.rare.write(block, "HopRare", "Map(UInt32, UInt64)", order, |(key, _), out| {
            out.extend_from_slice(&key.to_le_bytes());
        });
        let values = block.more();
        order.iter().flat_map(|&row| self.rare.row(row)).for_each(|(_, value)| {
            values.extend_from_slice(&value.to_le_bytes());
        });
    }
}

impl Scratch {
    fn clear(&mut self) {
        self.names.clear();
        self.instances.clear();
        self.parents.clear();
        self.child_times.clear();
        self.critical_codes.clear();
        self.rare.clear();
    }
}

/// 0: all own time and what of network and queue lies on the path; 1: none; else its nanoseconds + 2.
fn critical_code(hop: Hop) -> u64 {
    let usual = hop.own.wrapping_add(hop.critical_network).wrapping_add(hop.critical_queue);
    match hop.critical {
        critical if critical == usual => 0,
        0 => 1,
        critical => critical.saturating_add(2),
    }
}

/// How many numbers of a hop are stored only where they are not as usual: the key of number `k` of hop `n` is `n * RARE + k`.
const RARE: u32 = 5;

/// Appends what is not as usual: critical network and queue + 1 (usual is all of network and queue, and none where the code says that nothing is on the
/// path), queue, errors, count (usual is 1).
fn put_rare(key: u32, hop: &Hop, code: u64, out: &mut Vec<(u32, u64)>) {
    let usual = |whole: u64| if code == 1 { 0 } else { whole };
    if hop.critical_network != usual(hop.network) {
        out.push((key, hop.critical_network.saturating_add(1)));
    }
    if hop.queue != 0 {
        out.push((key + 1, hop.queue));
    }
    if hop.critical_queue != usual(hop.queue) {
        out.push((key + 2, hop.critical_queue.saturating_add(1)));
    }
    if hop.errors != 0 {
        out.push((key + 3, hop.errors.into()));
    }
    if hop.count != 1 {
        out.push((key + 4, u64::from(hop.count) + 1));
    }
}
