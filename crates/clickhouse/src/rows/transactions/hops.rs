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
    name: Arrays<u32>,
    instance: Arrays<u32>,
    parent: Arrays<i16>,
    count: Arrays<u32>,
    start: Arrays<u64>,
    duration: Arrays<u64>,
    child_time: Arrays<u64>,
    network: Arrays<u64>,
    queue: Arrays<u64>,
    critical_code: Arrays<u64>,
    critical_network: Arrays<u64>,
    critical_queue: Arrays<u64>,
    errors: Arrays<u32>,
    scratch: Vec<u8>,
    numbers: Vec<u32>,
}

impl HopArrays {
    /// Takes the hops of the next row.
    pub(super) fn push(&mut self, hops: HopColumns<'_>) {
        let Self { strings, numbers, .. } = self;
        numbers.clear();
        numbers.extend(hops.strings().iter().map(|string| strings.intern(string.as_bytes())));
        let names: Vec<u32> = hops.iter().map(|hop| self.name(&hop, hops.strings())).collect();
        self.name.push(names.into_iter());
        let Self { instances, instance, .. } = self;
        let empty = instances.intern(b"");
        instance.push_trimmed(
            hops.iter().map(|hop| instances.intern(hops.strings()[hop.instance as usize].as_bytes())),
            empty,
        );
        let parent = |hop: Hop| i16::try_from(hop.parent).unwrap_or(-1);
        self.parent.push_trimmed(hops.iter().map(parent), 0);
        self.count.push_trimmed(hops.iter().map(|hop| hop.count), 1);
        self.start.push_trimmed(hops.iter().map(|hop| hop.start.cast_unsigned()), 0);
        self.duration.push_trimmed(hops.iter().map(|hop| hop.duration), 0);
        self.child_time.push_trimmed(hops.iter().map(|hop| hop.duration.wrapping_sub(hop.own)), 0);
        self.network.push_trimmed(hops.iter().map(|hop| hop.network), 0);
        self.queue.push_trimmed(hops.iter().map(|hop| hop.queue), 0);
        self.critical_code.push_trimmed(hops.iter().map(critical_code), 0);
        self.critical_network.push_trimmed(hops.iter().map(|hop| hop.critical_network), 0);
        self.critical_queue.push_trimmed(hops.iter().map(|hop| hop.critical_queue), 0);
        self.errors.push_trimmed(hops.iter().map(|hop| hop.errors), 0);
    }

    fn name(&mut self, hop: &Hop, strings: &[String]) -> u32 {
        let parts = [hop.department, hop.service, hop.operation, hop.version];
        let [a, b, c, d] = parts.map(|part| self.numbers[part as usize]);
        let Self { found, names, scratch, .. } = self;
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

    /// Writes the columns with rows in this order.
    pub(super) fn write(&self, block: &mut Block, order: &[u32]) {
        let put_u64 = |item: &u64, out: &mut Vec<u8>| out.extend_from_slice(&item.to_le_bytes());
        let put_u32 = |item: &u32, out: &mut Vec<u8>| out.extend_from_slice(&item.to_le_bytes());
        self.name.write_low(block, "HopName", &self.names, order);
        self.instance.write_low(block, "HopInstance", &self.instances, order);
        self.parent.write(block, "HopParent", "Array(Int16)", order, |item, out| {
            out.extend_from_slice(&item.to_le_bytes());
        });
        self.count.write(block, "HopCount", "Array(UInt32)", order, put_u32);
        self.start.write(block, "HopStart", "Array(Int64)", order, put_u64);
        self.duration.write(block, "HopDuration", "Array(UInt64)", order, put_u64);
        self.child_time.write(block, "HopChildTime", "Array(Int64)", order, put_u64);
        self.network.write(block, "HopNetwork", "Array(UInt64)", order, put_u64);
        self.queue.write(block, "HopQueue", "Array(UInt64)", order, put_u64);
        self.critical_code.write(block, "HopCriticalCode", "Array(UInt64)", order, put_u64);
        self.critical_network.write(block, "HopCriticalNetwork", "Array(UInt64)", order, put_u64);
        self.critical_queue.write(block, "HopCriticalQueue", "Array(UInt64)", order, put_u64);
        self.errors.write(block, "HopErrors", "Array(UInt32)", order, put_u32);
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
