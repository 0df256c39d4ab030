//! How a fold's state becomes bytes: a layout version, then postcard.

use std::io::{self, Write};

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

/// Writes a state piece by piece, so that it never lies in memory twice; gives the writer back.
pub(crate) fn encode<W: Write>(layout: u8, state: &impl Serialize, mut out: W) -> Result<W, SnapshotError> {
    out.write_all(&[layout]).map_err(SnapshotError::Write)?;
    let mut out = Remember { out, fault: None };
    let written = postcard::to_io(state, &mut out).map(drop);
    match (written, out.fault) {
        (_, Some(fault)) => Err(SnapshotError::Write(fault)),
        (written, None) => Ok(written.map(|()| out.out)?),
    }
}

/// A writer's fault: the encoder knows only that there was one, and a disk that is full is another thing than a state that cannot be encoded.
struct Remember<W> {
    out: W,
    fault: Option<io::Error>,
}

impl<W: Write> Remember<W> {
    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|fault| {
            let kind = fault.kind();
            if kind != io::ErrorKind::Interrupted {
                self.fault = Some(fault);
            }
            kind.into()
        })
    }
}

impl<W: Write> Write for Remember<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        self.note(written)
    }

    fn flush(&mut self) -> io::Result<()> {
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
