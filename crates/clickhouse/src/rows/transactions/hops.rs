//! The hops of transactions, in columns. Most of their numbers are 0 or follow from others: those are stored so that they compress to nothing.

use throughline_assembly::records::{Hops, Transaction};

use super::words::{EMPTY, Words};
use crate::native::{Arrays, Block, Numbering};
use crate::rows::RowsError;

/// A transaction's hops, checked: all columns have an entry for each hop, and all names are there.
///
/// # Errors
/// [`RowsError::Hops`].
pub(in crate::rows) fn checked<'a>(row: &'a Transaction, absent: &'a Hops) -> Result<&'a Hops, RowsError> {
    let hops = row.hops.as_ref().unwrap_or(absent);
    let (len, strings) = (hops.service.len(), hops.string_ends.len());
    let named = |column: &[u32]| {
        column.len() == len && column.iter().fold(0, |most, &name| most.max(name as usize + 1)) <= strings
    };
    let whole = [&hops.department, &hops.service, &hops.operation, &hops.version, &hops.instance]
        .iter()
        .all(|column| named(column))
        && (hops.place.is_empty() || named(&hops.place))
        && [hops.kind.len(), hops.parent.len(), hops.count.len(), hops.start.len(), hops.errors.len()]
            .iter()
            .chain(&[hops.duration.len(), hops.self_.len(), hops.network.len(), hops.queue.len()])
            .chain(&[hops.critical.len(), hops.critical_network.len(), hops.critical_queue.len()])
            .all(|&column| column == len);
    if whole { Ok(hops) } else { Err(RowsError::Hops(row.transaction_id.clone())) }
}

/// The hops of a block's rows.
#[derive(Debug, Default)]
pub(super) struct HopArrays {
    name: Arrays<u32>,
    instance: Arrays<u32>,
    parent: Arrays<i16>,
    start: Arrays<i64>,
    duration: Arrays<u64>,
    child_time: Arrays<u64>,
    network: Arrays<u64>,
    critical_code: Arrays<u64>,
    rare: Arrays<(u32, u64)>,
    scratch: Scratch,
}

/// One row's columns while they are made.
#[derive(Debug, Default)]
struct Scratch {
    instances: Vec<u32>,
    parents: Vec<i16>,
    child_times: Vec<u64>,
    codes: Vec<u64>,
    rare: Vec<(u32, u64)>,
}

impl HopArrays {
    /// Takes the hops of the next row, which `words` has just read.
    pub(super) fn push(&mut self, hops: &Hops, words: &Words) {
        let scratch = &mut self.scratch;
        scratch.fill(hops, words);
        self.name.push(words.hops.iter().map(|&name| words.hop(name).text));
        self.instance.push_trimmed(&scratch.instances, EMPTY);
        self.parent.push_trimmed(&scratch.parents, 0);
        self.start.push_trimmed(&hops.start, 0);
        self.duration.push_trimmed(&hops.duration, 0);
        self.child_time.push_trimmed(&scratch.child_times, 0);
        self.network.push_trimmed(&hops.network, 0);
        self.critical_code.push_trimmed(&scratch.codes, 0);
        self.rare.push(scratch.rare.iter().copied());
    }

    /// Bytes that the columns will take, about.
    pub(super) fn bytes(&self) -> usize {
        let words = self.start.items()
            + self.duration.items()
            + self.child_time.items()
            + self.network.items()
            + self.critical_code.items();
        words * 8
            + (self.name.items() + self.instance.items() + self.parent.items()) * 2
            + self.rare.items() * 12
    }

    /// Writes the columns with rows in this order.
    pub(super) fn write(&self, block: &mut Block, words: &Words, numbering: &mut Numbering, order: &[u32]) {
        self.name.write_low(block, "HopName", &words.texts, numbering, order);
        self.instance.write_low(block, "HopInstance", &words.strings, numbering, order);
        self.parent.write_numbers(block, "HopParent", "Array(Int16)", order, i16::to_le_bytes);
        self.start.write_times(block, "HopStart", "Array(Int64)", order, i64::cast_unsigned);
        let mut put = |name: &str, kind: &str, column: &Arrays<u64>| {
            column.write_times(block, name, kind, order, |time| time);
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

    /// Forgets all rows, and keeps the room.
    pub(super) fn clear(&mut self) {
        let Self {
            name,
            instance,
            parent,
            start,
            duration,
            child_time,
            network,
            critical_code,
            rare,
            scratch: _,
        } = self;
        [name, instance].into_iter().for_each(Arrays::clear);
        [duration, child_time, network, critical_code].into_iter().for_each(Arrays::clear);
        parent.clear();
        start.clear();
        rare.clear();
    }
}

impl Scratch {
    fn fill(&mut self, hops: &Hops, words: &Words) {
        let Self { instances, parents, child_times, codes, rare } = self;
        instances.clear();
        instances.extend(hops.instance.iter().map(|&instance| words.numbers[instance as usize]));
        parents.clear();
        parents.extend(hops.parent.iter().map(|&parent| i16::try_from(parent).unwrap_or(-1)));
        child_times.clear();
        child_times.extend(hops.duration.iter().zip(&hops.self_).map(|(all, own)| all.wrapping_sub(*own)));
        codes.clear();
        let on_path = hops.critical_network.iter().zip(&hops.critical_queue);
        let parts = hops.self_.iter().zip(on_path).zip(&hops.critical);
        codes.extend(parts.map(|((own, (network, queue)), critical)| {
            critical_code(*critical, own.wrapping_add(*network).wrapping_add(*queue))
        }));
        rare.clear();
        let columns =
            hops.network.iter().zip(&hops.queue).zip(&hops.critical_network).zip(&hops.critical_queue);
        let counts = hops.errors.iter().zip(&hops.count).zip(codes.iter());
        for (at, ((((&network, &queue), &on_network), &on_queue), ((&errors, &count), &code))) in
            columns.zip(counts).enumerate()
        {
            let times = Times { network, queue, on_network, on_queue };
            put_rare(at as u32 * RARE, times, errors, count, code, rare);
        }
    }
}

/// 0: all that is usual, own time and what of network and queue lies on the path; 1: none; else its nanoseconds + 2.
#[inline]
fn critical_code(critical: u64, usual: u64) -> u64 {
    match critical {
        critical if critical == usual => 0,
        0 => 1,
        critical => critical.saturating_add(2),
    }
}

/// Waiting before a hop, all of it and what is on the path.
#[derive(Clone, Copy)]
struct Times {
    network: u64,
    queue: u64,
    on_network: u64,
    on_queue: u64,
}

/// How many numbers of a hop are stored only where they are not as usual: the key of number `k` of hop `n` is `n * RARE + k`.
const RARE: u32 = 5;

/// Appends what is not as usual: critical network and queue + 1 (usual is all of network and queue, and none where the code says that nothing is on the
/// path), queue, errors, count (usual is 1).
#[inline]
fn put_rare(key: u32, times: Times, errors: u32, count: u32, code: u64, out: &mut Vec<(u32, u64)>) {
    let usual = |whole: u64| if code == 1 { 0 } else { whole };
    let odd_network = times.on_network ^ usual(times.network);
    let odd_queue = times.on_queue ^ usual(times.queue);
    if odd_network | odd_queue | times.queue | u64::from(errors | (count ^ 1)) == 0 {
        return;
    }
    if odd_network != 0 {
        out.push((key, times.on_network.saturating_add(1)));
    }
    if times.queue != 0 {
        out.push((key + 1, times.queue));
    }
    if odd_queue != 0 {
        out.push((key + 2, times.on_queue.saturating_add(1)));
    }
    if errors != 0 {
        out.push((key + 3, errors.into()));
    }
    if count != 1 {
        out.push((key + 4, u64::from(count) + 1));
    }
}
