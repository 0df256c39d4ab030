//! How a fold's state becomes bytes: a layout version, then postcard.

use std::io::{self, Write};

use postcard::ser_flavors::Flavor;
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

/// Why a state could not be written or read.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// The bytes are of another layout.
    #[error("snapshot of layout {found}, this binary reads {expected}")]
    Layout {
        /// What stands in the bytes.
        found: u8,
        /// What is read.
        expected: u8,
    },
    /// The bytes do not decode.
    #[error("snapshot does not decode: {0}")]
    Encoding(#[from] postcard::Error),
    /// Whoever takes the bytes does not.
    #[error("writing a snapshot")]
    Write(#[source] io::Error),
    /// The rules of then are not understood.
    #[error("the rules stored in the snapshot are not understood by this version")]
    Rules,
    /// Parts of the snapshot do not fit each other.
    #[error("snapshot is inconsistent")]
    Inconsistent,
}

/// Bytes that are handed to the writer at once.
const PIECE: usize = 256 << 10;

/// Writes a state piece by piece, so that it never lies in memory twice; gives the writer back.
pub(crate) fn encode<W: Write>(layout: u8, state: &impl Serialize, mut out: W) -> Result<W, SnapshotError> {
    let mut fault = None;
    let mut buffer = Vec::with_capacity(PIECE);
    buffer.push(layout);
    let written = postcard::serialize_with_flavor(state, Pieces { out: &mut out, buffer, fault: &mut fault });
    match (written, fault) {
        (_, Some(fault)) => Err(SnapshotError::Write(fault)),
        (written, None) => Ok(written.map(|()| out)?),
    }
}

/// Gathers bytes, for the encoder comes with one at a time. A writer's fault is kept: the encoder knows only that there was one, and a disk that is full is
/// another thing than a state that cannot be encoded.
struct Pieces<'a, W> {
    out: &'a mut W,
    buffer: Vec<u8>,
    fault: &'a mut Option<io::Error>,
}

impl<W: Write> Pieces<'_, W> {
    fn note(&mut self, result: io::Result<()>) -> postcard::Result<()> {
        result.map_err(|fault| {
            *self.fault = Some(fault);
            postcard::Error::SerializeBufferFull
        })
    }

    #[cold]
    fn hand_on(&mut self) -> postcard::Result<()> {
        let written = self.out.write_all(&self.buffer);
        self.buffer.clear();
        self.note(written)
    }
}

impl<W: Write> Flavor for Pieces<'_, W> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        if self.buffer.len() == PIECE {
            self.hand_on()?;
        }
        self.buffer.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        if self.buffer.len() + bytes.len() > PIECE {
            self.hand_on()?;
        }
        if bytes.len() < PIECE {
            self.buffer.extend_from_slice(bytes);
            return Ok(());
        }
        let written = self.out.write_all(bytes);
        self.note(written)
    }

    fn finalize(mut self) -> postcard::Result<()> {
        self.hand_on()?;
        let flushed = self.out.flush();
        self.note(flushed)
    }
}

pub(crate) fn decode<T: DeserializeOwned>(layout: u8, bytes: &[u8]) -> Result<T, SnapshotError> {
    match bytes.split_first() {
        Some((&found, rest)) if found == layout => Ok(postcard::from_bytes(rest)?),
        first => Err(SnapshotError::Layout { found: first.map_or(0, |(found, _)| *found), expected: layout }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Room for so many bytes.
    struct Full(usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let written = bytes.len().min(self.0);
            self.0 -= written;
            if written == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(written) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_told_from_a_state_that_cannot_be_encoded() {
        let state = vec![7u8; 100];
        assert_eq!(encode(1, &state, Vec::new()).unwrap().len(), 102);
        for room in 0..102 {
            let Err(SnapshotError::Write(fault)) = encode(1, &state, Full(room)) else {
                panic!("room for {room} of 102 bytes")
            };
            assert_eq!(fault.kind(), io::ErrorKind::StorageFull, "{room}");
        }
        assert_eq!(encode(1, &state, Full(102)).unwrap().0, 0);
    }
}
