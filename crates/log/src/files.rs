//! Reading a log's files without opening the log: beside the server that writes it, or after it is gone. Nothing is written, no lock is taken.
//!
//! Files are read, not mapped: their server may write one over while it is read. A record counts only if what was read fits its checksums, which hold for one use
//! of a file alone.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use crate::{
    Damage, Kind, LogId, OpenError, Position, Record,
    format::{self, HEADER, Head, Header, PAGE, Page},
    recover::{META, parse_meta, segment_files},
    stored::LastTenant,
};

/// A log's records as its files have them, all partitions, in the order of their wall time.
pub struct LogFiles {
    lanes: Vec<Lane>,
    left_out: Vec<Damage>,
    bytes: u64,
    passed: u64,
}

/// One partition.
#[derive(Default)]
struct Lane {
    /// Files that are still to be read, the next one last.
    files: Vec<SegmentFile>,
    open: Option<OpenFile>,
    next: Option<Record>,
    position: u64,
    tenants: LastTenant,
}

struct SegmentFile {
    path: PathBuf,
    head: Head,
    bytes: u64,
}

struct OpenFile {
    file: File,
    of: SegmentFile,
    /// Where the next segment begins.
    limit: u64,
}

enum Look {
    Record(Record),
    /// Nothing sound lies at the place; the next may lie there.
    Bad(Option<u64>),
}

impl LogFiles {
    /// Whether a folder is one of a log.
    #[must_use]
    pub fn is_log(dir: &Path) -> bool {
        dir.join(META).is_file()
    }

    /// The records that a folder holds now; what is written from here on is left out, but for the end of files that are being written.
    ///
    /// # Errors
    /// [`OpenError`] where the folder is not one of a log that this version reads.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join(META);
        let text = fs::read_to_string(&path).map_err(OpenError::io(&path))?;
        let (id, partitions) = parse_meta(&text).ok_or(OpenError::Meta { path })?;
        let mut lanes: Vec<Lane> = (0..partitions).map(|_| Lane::default()).collect();
        for (_, path) in segment_files(dir)? {
            if let Some(file) = head(&path, id)?
                && let Some(lane) = lanes.get_mut(file.head.partition as usize)
            {
                lane.files.push(file);
            }
        }
        let mut bytes = 0;
        for lane in &mut lanes {
            bytes += lane.files.iter().map(|file| file.bytes).sum::<u64>();
            lane.files.sort_by_key(|file| std::cmp::Reverse(file.head.base));
            lane.position = lane.files.last().map_or(0, |file| file.head.base);
        }
        Ok(Self { lanes, left_out: Vec::new(), bytes, passed: 0 })
    }

    /// The next record; `None` at the end. Of two of the same time that of the lower partition comes first.
    ///
    /// # Errors
    /// [`OpenError::Io`] where a file cannot be read. One that is no longer there is none: its server let go of it.
    pub fn next_record(&mut self) -> Result<Option<Record>, OpenError> {
        for lane in &mut self.lanes {
            if lane.next.is_none() {
                lane.fill(&mut self.left_out)?;
            }
        }
        let time = |lane: &Lane| lane.next.as_ref().map(|record| record.wall_ns);
        let due = (0..self.lanes.len()).filter_map(|at| Some((time(&self.lanes[at])?, at))).min();
        let record = due.and_then(|(_, at)| self.lanes[at].next.take());
        if let Some(record) = &record {
            self.passed += record.next.0 - record.position.0;
        }
        Ok(record)
    }

    /// Bytes of records passed, and bytes of all files: the last of each partition are not full.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        (self.passed, self.bytes)
    }

    /// What was left out because it is damaged, with all that came after it in its file.
    #[must_use]
    pub fn left_out(&self) -> &[Damage] {
        &self.left_out
    }
}

/// What a file's first page says; none where it is not in use, or gone.
fn head(path: &Path, log: LogId) -> Result<Option<SegmentFile>, OpenError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(OpenError::Io { path: path.to_owned(), source }),
    };
    let length = file.metadata().map_err(OpenError::io(path))?.len();
    match first_page(&file) {
        Ok(Page::Used(head)) if head.log == log && length > PAGE => {
            Ok(Some(SegmentFile { path: path.to_owned(), head, bytes: length - PAGE }))
        }
        Ok(Page::OtherVersion) => Err(OpenError::Foreign { path: path.to_owned(), what: "its version" }),
        // Not finished, not used, or being made ready again.
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(source) => Err(OpenError::Io { path: path.to_owned(), source }),
    }
}

fn first_page(file: &File) -> io::Result<Page> {
    let mut page = [0; PAGE as usize];
    file.read_exact_at(&mut page, 0)?;
    Ok(format::page(&page))
}

impl Lane {
    /// Reads the next record, from this file or a later one.
    fn fill(&mut self, left_out: &mut Vec<Damage>) -> Result<(), OpenError> {
        loop {
            let Some(open) = &self.open else {
                if !self.open_next()? {
                    return Ok(());
                }
                continue;
            };
            if self.position < open.limit {
                match open.look(self.position, &mut self.tenants)? {
                    Look::Record(record) => {
                        self.position = record.next.0;
                        self.next = Some(record);
                        return Ok(());
                    }
                    Look::Bad(Some(next)) => {
                        left_out.push(open.damage(self.position, next));
                        self.position = next;
                        continue;
                    }
                    // The end of what is written; or damage, where more was written after it; or the file was written over since.
                    Look::Bad(None) if !self.files.is_empty() && open.is_the_same() => {
                        left_out.push(open.damage(self.position, open.limit));
                    }
                    Look::Bad(None) => {}
                }
            }
            self.open = None;
        }
    }

    fn open_next(&mut self) -> Result<bool, OpenError> {
        let Some(of) = self.files.pop() else { return Ok(false) };
        let room_end = of.head.base + of.bytes;
        let limit = self.files.last().map_or(room_end, |next| next.head.base.min(room_end));
        self.position = self.position.max(of.head.base);
        match File::open(&of.path) {
            Ok(file) => self.open = Some(OpenFile { file, of, limit }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(OpenError::Io { path: of.path, source }),
        }
        Ok(true)
    }
}

impl OpenFile {
    fn look(&self, position: u64, tenants: &mut LastTenant) -> Result<Look, OpenError> {
        let mut bytes = [0; HEADER];
        if position + HEADER as u64 > self.limit || !self.read(&mut bytes, position)? {
            return Ok(Look::Bad(None));
        }
        let Some(header) = format::decode(&bytes, self.of.head.generation, position) else {
            return Ok(Look::Bad(None));
        };
        let next = position + header.length as u64;
        let mut body = vec![0; header.length - HEADER];
        if next > self.limit || !self.read(&mut body, position + HEADER as u64)? {
            return Ok(Look::Bad(None));
        }
        match self.record(position, &header, body.into(), tenants) {
            Some(record) => Ok(Look::Record(record)),
            // A record that is being written has no next one yet.
            None => Ok(Look::Bad(self.has_header(next)?.then_some(next))),
        }
    }

    /// The record, if its body fits and its kind is known.
    fn record(
        &self,
        position: u64,
        header: &Header,
        body: Bytes,
        tenants: &mut LastTenant,
    ) -> Option<Record> {
        let kind = Kind::of(header.kind).filter(|_| header.fits(&body))?;
        Some(Record {
            position: Position(position),
            next: Position(position + header.length as u64),
            wall_ns: header.wall_ns,
            kind,
            tenant: tenants.get(body.get(..header.tenant)?),
            cause: header.cause,
            payload: body.slice(header.tenant..),
            cache: None,
        })
    }

    fn has_header(&self, position: u64) -> Result<bool, OpenError> {
        let mut bytes = [0; HEADER];
        Ok(position + HEADER as u64 <= self.limit
            && self.read(&mut bytes, position)?
            && format::decode(&bytes, self.of.head.generation, position).is_some())
    }

    /// Whether so much was there to read.
    fn read(&self, into: &mut [u8], position: u64) -> Result<bool, OpenError> {
        match self.file.read_exact_at(into, PAGE + position - self.of.head.base) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(source) => Err(OpenError::Io { path: self.of.path.clone(), source }),
        }
    }

    fn is_the_same(&self) -> bool {
        matches!(first_page(&self.file), Ok(Page::Used(head)) if head == self.of.head)
    }

    fn damage(&self, from: u64, to: u64) -> Damage {
        Damage {
            partition: self.of.head.partition,
            segment: self.of.path.clone(),
            offset: PAGE + from - self.of.head.base,
            position: from,
            bytes: to - from,
        }
    }
}
