//! Output that asks before it grows.

use std::io::Read;

use bytes::Bytes;

use super::DecompressError;
use crate::budget::Held;

/// The least that output grows by, bytes.
const STEP: usize = 32 << 10;

#[derive(Debug)]
pub(super) struct Bounded<'h> {
    out: Vec<u8>,
    limit: usize,
    held: &'h mut Held,
}

impl<'h> Bounded<'h> {
    pub(super) fn new(limit: usize, held: &'h mut Held) -> Self {
        Self { out: Vec::new(), limit, held }
    }

    /// Room for `total` bytes of output, asked for first.
    pub(super) fn reserve(&mut self, total: usize) -> Result<(), DecompressError> {
        if total > self.limit {
            return Err(DecompressError::TooLarge { limit: self.limit });
        }
        self.held.grow_to(total)?;
        self.out.reserve_exact(total.saturating_sub(self.out.len()));
        Ok(())
    }

    /// Takes all that a decoder gives; `expected` is a guess at how much that is.
    pub(super) fn read_all(
        &mut self,
        decoder: &mut impl Read,
        expected: usize,
    ) -> Result<(), DecompressError> {
        let mut filled = self.out.len();
        loop {
            if filled == self.out.len() && !self.open_room(decoder, filled, expected)? {
                return Ok(());
            }
            let read = decoder.read(&mut self.out[filled..])?;
            if read == 0 {
                self.out.truncate(filled);
                return Ok(());
            }
            filled += read;
        }
    }

    /// Grows the output behind `filled`; at the limit only the end of the input is allowed to follow, and false says that it did.
    fn open_room(
        &mut self,
        decoder: &mut impl Read,
        filled: usize,
        expected: usize,
    ) -> Result<bool, DecompressError> {
        if filled == self.limit {
            let more = decoder.read(&mut [0])?;
            return if more == 0 { Ok(false) } else { Err(DecompressError::TooLarge { limit: self.limit }) };
        }
        let grown = filled.saturating_mul(2).max(expected).max(filled.saturating_add(STEP)).min(self.limit);
        self.reserve(grown)?;
        self.out.resize(grown, 0);
        Ok(true)
    }

    /// Takes a block whose size is told beforehand.
    pub(super) fn fill(
        &mut self,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), DecompressError>,
    ) -> Result<(), DecompressError> {
        let filled = self.out.len();
        self.reserve(filled.saturating_add(len))?;
        self.out.resize(filled + len, 0);
        fill(&mut self.out[filled..])
    }

    pub(super) fn finish(mut self) -> Bytes {
        // It may stay in memory for as long as the log's tail: without the room that was not needed.
        self.out.shrink_to_fit();
        Bytes::from(self.out)
    }
}
