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

/// All records of some files. What cannot be read is an error in between: after a request that is none the next one follows, after a file that breaks off
/// the next file.
///
/// Files come in the order given, those of a directory in the order of the first span of their first request, then of their names. A file is opened when
/// its turn comes (and before, for a moment, to see its first request where order asks for it).
#[derive(Debug)]
pub struct Records {
    files: VecDeque<PathBuf>,
    skipped: Vec<PathBuf>,
    open: Option<FileReader>,
}

impl Records {
    /// Finds the files and their order.
    ///
    /// # Errors
    /// [`ReadError`] for a path that is not there, or a directory without recorded data. What is in a file is seen when its turn comes.
    pub fn open(paths: &[PathBuf]) -> Result<Self, ReadError> {
        let (mut files, mut skipped) = (VecDeque::new(), Vec::new());
        for path in paths {
            let mut found = files::expand(path)?;
            if path.is_dir() {
                found = in_order_of_time(found, &mut skipped);
            }
            files.extend(found);
        }
        Ok(Self { files, skipped, open: None })
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
}

/// Sorts a directory's files by the start of their first span. JSON that holds something else (a list, an object without spans) often lies beside recorded
/// data, and is no error: it is `skipped`. What cannot be read comes last, and says so when its turn comes.
fn in_order_of_time(files: Vec<PathBuf>, skipped: &mut Vec<PathBuf>) -> Vec<PathBuf> {
    let mut timed = Vec::new();
    for file in files {
        match first_start(&file) {
            Ok(Some(start)) => timed.push((start, file)),
            Ok(None) | Err(ReadError::NoObject { .. }) => skipped.push(file),
            Err(_) => timed.push((u64::MAX, file)),
        }
    }
    timed.sort();
    timed.into_iter().map(|(_, file)| file).collect()
}

/// When the first request that can be read begins; the first fault where none can.
fn first_start(file: &Path) -> Result<Option<u64>, ReadError> {
    let mut reader = FileReader::open(file)?;
    let mut fault = None;
    loop {
        match reader.next_record() {
            Ok(Some(record)) => return Ok(Some(record.first_start_unix_nano)),
            Ok(None) => return fault.map_or(Ok(None), Err),
            Err(error) if reader.goes_on() => fault = fault.or(Some(error)),
            Err(error) => return Err(fault.unwrap_or(error)),
        }
    }
}

impl Iterator for Records {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(file) = &mut self.open else {
                match FileReader::open(&self.files.pop_front()?) {
                    Ok(file) => self.open = Some(file),
                    Err(error) => return Some(Err(error)),
                }
                continue;
            };
            let read = file.next_record();
            let goes_on = !matches!(read, Ok(None)) && file.goes_on();
            self.open.take_if(|_| !goes_on);
            if let Some(found) = read.transpose() {
                return Some(found);
            }
        }
    }
}

impl std::iter::FusedIterator for Records {}

/// Faults that are told one by one.
const TOLD: usize = 5;

/// What could not be read while the rest was: how much, and the first few by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Requests that are none, and files that break off.
    pub count: u64,
    /// What was wrong with the first of them, each with its file and line.
    pub first: Vec<String>,
}

impl LeftOut {
    /// One more.
    pub fn add(&mut self, error: &ReadError) {
        self.count += 1;
        if self.first.len() < TOLD {
            self.first.push(error_text(error));
        }
    }

    /// What to say of it, a line each.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let more = self.count - self.first.len() as u64;
        let rest = (more > 0).then(|| format!("left out: {more} more, {} in all", self.count));
        self.first.iter().map(|fault| format!("left out: {fault}")).chain(rest)
    }
}

/// With its cause, where that is another error.
fn error_text(error: &ReadError) -> String {
    let mut text = error.to_string();
    if let ReadError::Io { source, .. } = error {
        text = format!("{text}: {source}");
    }
    text
}
