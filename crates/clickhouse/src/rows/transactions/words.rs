//! What repeats in transactions, numbered once for all their tables: strings, names of hops, operations, calls. Numbers outlive a batch, as most of what
//! comes is known already; no block shows them.

use throughline_assembly::records::{Hops, Transaction};

use super::names::{KINDS, put_name};
use crate::native::{Dictionary, Table};

/// Strings and bytes of them after which all is forgotten, at the end of a batch: names that never come again must not gather.
const MAX_STRINGS: usize = 1 << 16;
const MAX_BYTES: usize = 8 << 20;

/// The number of the empty string. The words of [`KINDS`] follow it.
pub(in crate::rows) const EMPTY: u32 = 0;

/// Department, service, operation, version, kind, place.
type Parts = [u32; 6];

/// A hop's name.
#[derive(Clone, Copy, Debug)]
pub(in crate::rows) struct Name {
    /// Its text in [`Words::texts`].
    pub(in crate::rows) text: u32,
    /// Its department, service, operation and version, in [`Words::operations`].
    pub(in crate::rows) operation: u32,
    /// Its department and service, in [`Words::places`].
    pub(in crate::rows) place: u32,
    /// What it was called from last, in [`Words::places`], and that call in [`Words::calls`].
    called: (u32, u32),
}

/// Strings and what consists of them.
#[derive(Debug)]
pub(in crate::rows) struct Words {
    pub(in crate::rows) strings: Dictionary,
    /// For each string the one without byte 0, which parts names.
    clean: Vec<u32>,
    /// For each string the one that came after it last in a table of strings.
    next: Vec<u32>,
    /// For each type what its last row had.
    of_type: Vec<[u32; LISTS]>,
    parts: Table<Parts>,
    names: Vec<Name>,
    /// For each name the one that came after it last, at its number + 1; the first of all at 0.
    next_name: Vec<u32>,
    /// Names as the column has them: parts with a byte 0 between.
    pub(in crate::rows) texts: Dictionary,
    /// Department, service, operation, version.
    pub(in crate::rows) operations: Table<[u32; 4]>,
    /// Department, service.
    pub(in crate::rows) places: Table<[u32; 2]>,
    /// From place, to place, kind.
    pub(in crate::rows) calls: Table<[u32; 3]>,
    /// Tenant, type.
    pub(in crate::rows) groups: Table<[u32; 2]>,
    /// The strings of the row at hand, and the names of its hops.
    pub(in crate::rows) numbers: Vec<u32>,
    pub(in crate::rows) hops: Vec<u32>,
    scratch: Vec<u8>,
}

/// Texts of a row that its type mostly tells.
#[derive(Clone, Copy, Debug)]
pub(in crate::rows) enum List {
    Services,
    Departments,
    Policy,
    Reason,
    Votes,
    AttributeKeys,
}

const LISTS: usize = 6;

/// Whose row it is.
#[derive(Clone, Copy, Debug)]
pub(in crate::rows) struct Owner {
    pub(in crate::rows) tenant: u32,
    pub(in crate::rows) kind: u32,
    /// In [`Words::groups`], by words without byte 0.
    pub(in crate::rows) group: u32,
}

impl Default for Words {
    fn default() -> Self {
        let mut words = Self {
            strings: Dictionary::default(),
            clean: Vec::new(),
            next: Vec::new(),
            of_type: Vec::new(),
            parts: Table::default(),
            names: Vec::new(),
            next_name: vec![0],
            texts: Dictionary::default(),
            operations: Table::default(),
            places: Table::default(),
            calls: Table::default(),
            groups: Table::default(),
            numbers: Vec::new(),
            hops: Vec::new(),
            scratch: Vec::new(),
        };
        words.string(b"");
        KINDS.iter().for_each(|kind| {
            words.string(kind.as_bytes());
        });
        words
    }
}

/// The number of a kind's word.
pub(in crate::rows) fn kind_word(kind: u32) -> u32 {
    kind + 1
}

/// A hop's kind; what a newer binary wrote reads as the last.
#[inline]
fn kind_of(kind: u32) -> u32 {
    kind.min(KINDS.len() as u32 - 1)
}

impl Words {
    /// Reads a checked row: `numbers` are then its strings, `hops` the names of its hops.
    pub(in crate::rows) fn read(&mut self, row: &Transaction, hops: &Hops) -> Owner {
        self.numbers.clear();
        let mut last = EMPTY;
        for string in hops.texts() {
            last = self.follow(last, string.as_bytes());
            self.numbers.push(last);
        }
        self.read_names(hops);
        let (tenant, kind) = (self.string(row.tenant.as_bytes()), self.string(row.r#type.as_bytes()));
        let group = self.groups.intern([tenant, kind].map(|word| self.clean[word as usize]));
        Owner { tenant, kind, group }
    }

    fn read_names(&mut self, hops: &Hops) {
        self.hops.clear();
        let mut before = 0;
        let named = hops.department.iter().zip(&hops.service).zip(&hops.operation).zip(&hops.version);
        let hops = named.zip(&hops.kind).zip(hops.place.iter().chain(std::iter::repeat(&EMPTY)));
        for (((((&department, &service), &operation), &version), &kind), &place) in hops {
            let [a, b, c, d, place] =
                [department, service, operation, version, place].map(|part| self.numbers[part as usize]);
            let parts = [a, b, c, d, kind_of(kind), place];
            let guess = self.next_name[before];
            let known = self.parts.keys().get(guess as usize).is_some_and(|known| *known == parts);
            let name = if known { guess } else { self.name(parts) };
            self.next_name[before] = name;
            before = name as usize + 1;
            self.hops.push(name);
        }
    }

    /// The number of a string that came after another: mostly the same as the last time.
    #[inline]
    fn follow(&mut self, before: u32, text: &[u8]) -> u32 {
        let guess = self.next[before as usize];
        if self.strings.get(guess) == text {
            return guess;
        }
        let number = self.string(text);
        self.next[before as usize] = number;
        number
    }

    /// The number of a string.
    fn string(&mut self, text: &[u8]) -> u32 {
        let number = self.strings.look_up(text);
        if number as usize == self.clean.len() {
            self.clean.push(number);
            self.next.push(EMPTY);
            self.of_type.push([EMPTY; LISTS]);
            if text.contains(&0) {
                let mut clean = Vec::new();
                put_name(&String::from_utf8_lossy(text), &mut clean);
                self.clean[number as usize] = self.string(&clean);
            }
        }
        number
    }

    /// The number of a text of a row of this type.
    pub(in crate::rows) fn list(&mut self, kind: u32, list: List, text: &[u8]) -> u32 {
        let guess = self.of_type[kind as usize][list as usize];
        if self.strings.get(guess) == text {
            return guess;
        }
        let number = self.string(text);
        self.of_type[kind as usize][list as usize] = number;
        number
    }

    /// The number of a name.
    fn name(&mut self, parts: Parts) -> u32 {
        let number = self.parts.intern(parts);
        if number as usize == self.names.len() {
            let [department, service, operation, version, kind, place] = parts;
            let clean = [department, service, operation, version].map(|part| self.clean[part as usize]);
            self.scratch.clear();
            for part in clean {
                self.scratch.extend_from_slice(self.strings.get(part));
                self.scratch.push(0);
            }
            self.scratch.extend_from_slice(KINDS[kind as usize].as_bytes());
            let place = self.clean[place as usize];
            if place != EMPTY
                && let Ok(text) = std::str::from_utf8(self.strings.get(place))
            {
                for part in throughline_assembly::configuration::place(text) {
                    self.scratch.push(0);
                    self.scratch.extend_from_slice(part.as_bytes());
                }
            }
            self.names.push(Name {
                text: self.texts.look_up(&self.scratch),
                operation: self.operations.intern(clean),
                place: self.places.intern([clean[0], clean[1]]),
                called: (u32::MAX, 0),
            });
            self.next_name.push(0);
        }
        number
    }

    /// A name that `hops` has.
    #[inline]
    pub(in crate::rows) fn hop(&self, name: u32) -> &Name {
        &self.names[name as usize]
    }

    /// The call of a hop from another place; `None` where the hop is the caller's own work.
    #[inline]
    pub(in crate::rows) fn call(&mut self, from: u32, name: u32) -> Option<u32> {
        let Self { names, parts, places, calls, .. } = self;
        let hop = &mut names[name as usize];
        if hop.called.0 != from {
            let kind = parts.get(name)[4];
            let inner = kind == OWN && places.get(from)[1] == places.get(hop.place)[1];
            hop.called = (from, if inner { INNER } else { calls.intern([from, hop.place, kind]) });
        }
        (hop.called.1 != INNER).then_some(hop.called.1)
    }

    /// At the end of a batch: forgets all if it is much.
    pub(in crate::rows) fn trim(&mut self) {
        if self.strings.len().max(self.names.len()).max(self.calls.len()) > MAX_STRINGS
            || self.strings.bytes() + self.texts.bytes() > MAX_BYTES
        {
            *self = Self::default();
        }
    }
}

/// `HopKind` of a service's own work.
const OWN: u32 = 0;

/// No call.
const INNER: u32 = u32::MAX;
