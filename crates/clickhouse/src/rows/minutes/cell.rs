//! What is summed under one key of a minute.

use crate::rows::histogram::bucket;

/// Buckets of an octave.
const STEPS: usize = 8;

/// Sums, and durations by bucket.
#[derive(Debug)]
pub(super) struct Cell<const S: usize> {
    /// Minutes since 1970.
    pub(super) minute: u32,
    /// Tenant and type, and what the sums are of.
    pub(super) group: u32,
    pub(super) of: u32,
    pub(super) sums: [i64; S],
    /// Of durations of 0.
    zeros: i64,
    /// The octave of the first of `octaves`: those of a cell lie close together.
    first: usize,
    octaves: Vec<[i64; STEPS]>,
}

impl<const S: usize> Cell<S> {
    /// Nothing under this key.
    pub(super) fn new(minute: u32, group: u32, of: u32) -> Self {
        Self { minute, group, of, sums: [0; S], zeros: 0, first: 0, octaves: Vec::new() }
    }

    /// Adds sums, and `count` hops that took `duration` nanoseconds together.
    #[inline]
    pub(super) fn add(&mut self, sums: [i64; S], duration: u64, count: i64) {
        for (sum, more) in self.sums.iter_mut().zip(sums) {
            *sum = sum.wrapping_add(more);
        }
        let each = match count {
            0 => return,
            1 | -1 => duration,
            _ => duration / count.unsigned_abs(),
        };
        let found = match usize::try_from(bucket(each)) {
            Ok(bucket) => &mut self.octave(bucket / STEPS)[bucket % STEPS],
            Err(_) => &mut self.zeros,
        };
        *found = found.wrapping_add(count);
    }

    #[inline]
    fn octave(&mut self, octave: usize) -> &mut [i64; STEPS] {
        if octave.wrapping_sub(self.first) >= self.octaves.len() {
            self.reach(octave);
        }
        &mut self.octaves[octave - self.first]
    }

    fn reach(&mut self, octave: usize) {
        if self.octaves.is_empty() {
            self.first = octave;
        }
        if octave < self.first {
            let missing = self.first - octave;
            self.octaves.splice(..0, std::iter::repeat_n([0; STEPS], missing));
            self.first = octave;
        }
        let len = self.octaves.len().max(octave - self.first + 1);
        self.octaves.resize(len, [0; STEPS]);
    }

    /// Buckets in order with their counts, those of 0 left out.
    pub(super) fn durations(&self) -> impl Iterator<Item = (i16, i64)> + '_ {
        let first = (self.first * STEPS) as i16;
        let counted = (first..).zip(self.octaves.iter().flatten().copied());
        std::iter::once((-1, self.zeros)).chain(counted).filter(|&(_, count)| count != 0)
    }

    /// Whether it adds up to nothing.
    pub(super) fn is_nothing(&self) -> bool {
        self.sums == [0; S] && self.durations().next().is_none()
    }
}
