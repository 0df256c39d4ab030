//! Encodings of bodies: HTTP's content encodings, and ClickHouse's own compressed blocks.

mod blocks;
mod content;

pub(crate) use blocks::{BlockReader, BlockWriter};
pub(crate) use content::{Encoding, decoder, encoder};

use std::io::{self, Write};

/// A sink that can be told that nothing more comes.
pub(crate) trait Sink: Write + Send {
    /// Writes what is still held back, and the end mark of the encoding.
    fn close(self: Box<Self>) -> io::Result<()>;
}
