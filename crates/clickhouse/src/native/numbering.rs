//! Numbers of a dictionary that outlives a block, numbered anew in the order in which the block has them: what was interned before does not show.

/// Own numbers of one column at a time; its room is used again for the next.
#[derive(Debug, Default)]
pub(crate) struct Numbering {
    /// The own number of each, `NONE` where it has none.
    of: Vec<u32>,
    keys: Vec<u32>,
    items: Vec<u32>,
}

/// No own number yet.
const NONE: u32 = u32::MAX;

impl Numbering {
    /// Begins a column whose numbers are all below `bound`.
    pub(crate) fn begin(&mut self, bound: usize) {
        self.keys.iter().for_each(|&key| self.of[key as usize] = NONE);
        self.keys.clear();
        self.items.clear();
        if self.of.len() < bound {
            self.of.resize(bound, NONE);
        }
    }

    /// Takes the next items of the column.
    #[inline]
    pub(crate) fn extend(&mut self, items: &[u32]) {
        for &item in items {
            self.push(item);
        }
    }

    /// Takes the next item of the column; its own number.
    #[inline]
    pub(crate) fn push(&mut self, item: u32) {
        let own = &mut self.of[item as usize];
        if *own == NONE {
            *own = self.keys.len() as u32;
            self.keys.push(item);
        }
        self.items.push(*own);
    }

    /// What the own numbers stand for, in their order.
    pub(crate) fn keys(&self) -> &[u32] {
        &self.keys
    }

    /// The items by their own numbers.
    pub(crate) fn items(&self) -> &[u32] {
        &self.items
    }
}
