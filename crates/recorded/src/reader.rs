//! The requests of one file.

use std::fmt;
use std::io::{BufRead, Read};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use throughline_otlp::json::to_protobuf;

use crate::documents::{CutError, next_document, next_line};
use crate::error::ReadError;
use crate::files::{self, Format};
use crate::limits::MAX_RECORD;
use crate::records::Record;

/// Reads one file from its start to its end.
pub(crate) struct FileReader {
    path: Arc<Path>,
    format: Format,
    reader: Box<dyn BufRead + Send>,
    /// Requests read, or lines of JSON.
    read: u64,
    /// A line that is too long has a rest.
    in_long_line: bool,
    /// After a fault nobody knows where the next request begins.
    is_lost: bool,
}

impl fmt::Debug for FileReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileReader")
            .field("path", &self.path)
            .field("read", &self.read)
            .finish_non_exhaustive()
    }
}

impl FileReader {
    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        let (format, reader) = files::open(path)?;
        Ok(Self { path: Arc::from(path), format, reader, read: 0, in_long_line: false, is_lost: false })
    }

    /// Whether more can be read after a fault: of one request, where it is known where the next one begins.
    pub(crate) fn goes_on(&self) -> bool {
        !self.is_lost
    }

    /// The next request that holds a span.
    pub(crate) fn next_record(&mut self) -> Result<Option<Record>, ReadError> {
        while let Some((request, number)) = self.next_request()? {
            let found = Record::new(&self.path, number, request);
            let found =
                found.map_err(|source| ReadError::Protobuf { path: self.path.to_path_buf(), number, source });
            if let Some(record) = found? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    fn next_request(&mut self) -> Result<Option<(Bytes, u64)>, ReadError> {
        if std::mem::take(&mut self.in_long_line) {
            let skipped = self.reader.skip_until(b'\n');
            skipped.map_err(|error| self.failed(error.into()))?;
            self.read += 1;
        }
        let cut = match self.format {
            Format::Json => next_document(&mut *self.reader, &mut self.read),
            Format::JsonLines => next_line(&mut *self.reader, &mut self.read),
            Format::Protobuf => next_delimited(&mut *self.reader, &mut self.read),
        };
        let Some((bytes, number)) = cut.map_err(|error| self.failed(error))? else { return Ok(None) };
        if self.format == Format::Protobuf {
            return Ok(Some((bytes.into(), number)));
        }
        let request = to_protobuf(&bytes).map_err(|error| {
            // The error counts lines from the start of the request.
            let line = number + (error.line as u64).saturating_sub(1);
            ReadError::Json { path: self.path.to_path_buf(), line, message: error.message }
        });
        Ok(Some((request?.into(), number)))
    }

    fn failed(&mut self, error: CutError) -> ReadError {
        self.in_long_line = self.format == Format::JsonLines && matches!(error, CutError::TooLarge);
        self.is_lost = !self.in_long_line;
        let (path, number) = (self.path.to_path_buf(), self.read + 1);
        match error {
            CutError::Io(source) => ReadError::Io { path, source },
            CutError::TooLarge => ReadError::TooLarge { path, number },
            CutError::Truncated => ReadError::Truncated { path, number },
            CutError::NoObject => ReadError::NoObject { path, line: number },
        }
    }
}

/// The next message after its length. `count` counts messages read.
fn next_delimited(reader: &mut dyn BufRead, count: &mut u64) -> Result<Option<(Vec<u8>, u64)>, CutError> {
    if reader.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let length = read_varint(reader)?;
    if length > MAX_RECORD as u64 {
        return Err(CutError::TooLarge);
    }
    let mut message = Vec::new();
    // Not `vec![0; length]`: a damaged length takes no more memory than the file has bytes.
    let read = Read::take(&mut *reader, length).read_to_end(&mut message)?;
    if (read as u64) < length {
        return Err(CutError::Truncated);
    }
    *count += 1;
    Ok(Some((message, *count)))
}

fn read_varint(reader: &mut dyn BufRead) -> Result<u64, CutError> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        reader.read_exact(&mut byte)?;
        value |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] < 0x80 {
            return Ok(value);
        }
    }
    // More than ten bytes: whatever it is, it is no length within the limit.
    Err(CutError::TooLarge)
}
