//! From files to requests as they are to be sent: read, moved in time, renamed, cut to size.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::sync::mpsc::Sender;

use crate::error::ReadError;
use crate::limits::MAX_REQUEST;
use crate::options::ReplayOptions;
use crate::places::{What, visit};
use crate::records::{LeftOut, Record, Records};
use crate::rewrite::{NewIds, Rewrite};
use crate::split::split;

/// A request ready to be sent.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) request: Bytes,
    pub(crate) spans: u64,
    /// Spans that started before what the store keeps.
    pub(crate) too_old: u64,
    /// Recorded times, before any shift.
    pub(crate) first_start: u64,
    pub(crate) last_end: u64,
    pub(crate) files_left: usize,
}

/// What of the files was not handed on.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    /// Files that hold something else.
    pub(crate) skipped: Vec<PathBuf>,
    /// What cannot be read.
    pub(crate) left_out: LeftOut,
}

/// Reads all files and hands on their pieces. Ends early, without an error, when nobody takes them any more.
///
/// # Errors
/// The first, where nothing could be read at all.
pub(crate) fn read(options: &ReplayOptions, pieces: &Sender<Piece>) -> Result<Unread, ReadError> {
    let mut records = Records::open(&options.files)?;
    let mut unread = Unread { skipped: records.skipped().to_vec(), left_out: LeftOut::default() };
    let mut workshop: Option<Workshop> = None;
    let mut first_fault = None;
    let mut was_read = false;
    while let Some(record) = records.next() {
        let files_left = records.files_left();
        let made = record.and_then(|record| {
            let new = || Workshop::new(options, record.first_start_unix_nano);
            workshop.get_or_insert_with(new).pieces(record, files_left)
        });
        match made {
            Ok(made) => {
                was_read = true;
                for piece in made {
                    if pieces.blocking_send(piece).is_err() {
                        return Ok(unread);
                    }
                }
            }
            Err(error) => {
                unread.left_out.add(&error);
                first_fault.get_or_insert(error);
                // Nobody waits for what follows.
                if pieces.is_closed() {
                    return Ok(unread);
                }
            }
        }
    }
    match first_fault {
        Some(error) if !was_read => Err(error),
        _ => Ok(unread),
    }
}

struct Workshop {
    rewrite: Rewrite,
    /// Spans that start before are too old.
    keeps_from: u64,
}

impl Workshop {
    fn new(options: &ReplayOptions, first_start: u64) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let shift = if options.shift_to_now { nanos(now).wrapping_sub(first_start).cast_signed() } else { 0 };
        let key = || options.id_key.unwrap_or_else(rand::random);
        Self {
            rewrite: Rewrite { shift, new_ids: options.new_ids.then(|| NewIds::new(key())) },
            keeps_from: options.warn_older_than.map_or(0, |age| nanos(now.saturating_sub(age))),
        }
    }

    fn pieces(&self, record: Record, files_left: usize) -> Result<Vec<Piece>, ReadError> {
        let Record { file, number, request, .. } = record;
        let wrong = |source| ReadError::Protobuf { path: file.to_path_buf(), number, source };
        let cut = if request.len() > MAX_REQUEST {
            split(&request, MAX_REQUEST).map_err(wrong)?.into_iter().map(Bytes::from).collect()
        } else {
            vec![request]
        };
        let mut pieces = Vec::with_capacity(cut.len());
        for request in cut {
            let Some(record) = Record::new(&file, number, request).map_err(wrong)? else { continue };
            pieces.push(self.finish(record, files_left).map_err(wrong)?);
        }
        Ok(pieces)
    }

    fn finish(&self, record: Record, files_left: usize) -> Result<Piece, throughline_otlp::wire::WireError> {
        let mut request = record.request;
        if !self.rewrite.changes_nothing() {
            let mut bytes = Vec::from(request);
            self.rewrite.apply(&mut bytes)?;
            request = bytes.into();
        }
        let mut too_old = 0;
        if self.keeps_from > 0 {
            visit(&request, &mut |what, _| {
                too_old += u64::from(matches!(what, What::Start(time) if time < self.keeps_from));
            })?;
        }
        Ok(Piece {
            request,
            spans: record.spans,
            too_old,
            first_start: record.first_start_unix_nano,
            last_end: record.last_end_unix_nano,
            files_left,
        })
    }
}
