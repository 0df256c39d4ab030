//! Recorded requests, one after another.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use throughline_otlp::wire::WireError;

use crate::error::ReadError;
use crate::files;
use crate::places::{What, visit};
use crate::reader::FileReader;

/// One recorded request that holds at least one span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it was recorded.
    pub file: Arc<Path>,
    /// Number of the request in the file, from 1; in JSON, the line on which it starts.
    pub number: u64,
    /// `ExportTraceServiceRequest` as protobuf.
    pub request: Bytes,
    /// Least start of its spans that is not 0, nanoseconds since 1970; 0 where no span has one.
    pub first_start_unix_nano: u64,
    /// Greatest end of its spans.
    pub last_end_unix_nano: u64,
    /// How many spans.
    pub spans: u64,
}

impl Record {
    /// Looks at the spans of a request; `None` where it has none.
    pub(crate) fn new(file: &Arc<Path>, number: u64, request: Bytes) -> Result<Option<Self>, WireError> {
        let (mut first, mut last, mut spans) = (u64::MAX, 0, 0);
        visit(&request, &mut |what, _| match what {
            What::Span => spans += 1,
            What::Start(time) if time > 0 => first = first.min(time),
            What::End(time) => last = last.max(time),
            _ => {}
        })?;
        if spans == 0 {
            return Ok(None);
        }
        let first_start_unix_nano = if first == u64::MAX { 0 } else { first };
        let file = Arc::clone(file);
        Ok(Some(Self { file, number, request, first_start_unix_nano, last_end_unix_nano: last, spans }))
    }
}

/// All records of some files: an iterator that ends at the first error.
///
/// Files come in the order given, those of a directory in the order of the first span of their first request, then of their names. A file is opened when
/// its turn comes (and before, for a moment, to see its first request where order asks for it).
#[derive(Debug)]
pub struct Records {
    files: VecDeque<PathBuf>,
    skipped: Vec<PathBuf>,
    open: Option<FileReader>,
    failed: bool,
}

impl Records {
    /// Finds the files and their order.
    ///
    /// # Errors
    /// [`ReadError`] for a path that is not there, a file of unknown format, a directory without recorded data, or a first request in a directory's file
    /// that cannot be read.
    pub fn open(paths: &[PathBuf]) -> Result<Self, ReadError> {
        let (mut files, mut skipped) = (VecDeque::new(), Vec::new());
        for path in paths {
            let mut found = files::expand(path)?;
            if path.is_dir() {
                found = in_order_of_time(found, &mut skipped)?;
            }
            files.extend(found);
        }
        let mut records = Self { files, skipped, open: None, failed: false };
        records.advance()?;
        Ok(records)
    }

    /// Files that are still to come, the one that is open not counted.
    #[must_use]
    pub fn files_left(&self) -> usize {
        self.files.len()
    }

    /// Files of directories that have a fitting name but hold something else than requests.
    #[must_use]
    pub fn skipped(&self) -> &[PathBuf] {
        &self.skipped
    }

    /// Opens the next file, if there is one.
    fn advance(&mut self) -> Result<(), ReadError> {
        self.open = self.files.pop_front().map(|file| FileReader::open(&file)).transpose()?;
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Record>, ReadError> {
        while let Some(file) = &mut self.open {
            if let Some(record) = file.next_record()? {
                return Ok(Some(record));
            }
            self.advance()?;
        }
        Ok(None)
    }
}

/// Sorts a directory's files by the start of their first span. JSON that holds something else (a list, an object without spans) often lies beside recorded
/// data, and is no error: it is `skipped`.
fn in_order_of_time(files: Vec<PathBuf>, skipped: &mut Vec<PathBuf>) -> Result<Vec<PathBuf>, ReadError> {
    let mut timed = Vec::new();
    for file in files {
        match FileReader::open(&file)?.next_record() {
            Ok(Some(record)) => timed.push((record.first_start_unix_nano, file)),
            Ok(None) | Err(ReadError::NoObject { .. }) => skipped.push(file),
            Err(error) => return Err(error),
        }
    }
    timed.sort();
    Ok(timed.into_iter().map(|(_, file)| file).collect())
}

impl Iterator for Records {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let read = self.read();
        self.failed = read.is_err();
        read.transpose()
    }
}

impl std::iter::FusedIterator for Records {}
