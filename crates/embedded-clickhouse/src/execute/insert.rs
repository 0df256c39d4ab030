//! Inserts with data: streamed into the engine as they arrive.

use std::io::Read;

use super::{Failure, Job};
use crate::engine::Session;
use crate::exchange::Answer;
use crate::headers;
use crate::options::limits::READ_BYTES;

/// Runs an insert whose data are `first` and then the rest of the body. It is acknowledged only when all of it is
/// committed; a body that breaks off cancels it.
pub(super) fn run(
    job: &Job,
    session: &mut Session,
    sql: &[u8],
    format: &str,
    first: &[u8],
    body: &mut dyn Read,
    answer: &mut Answer,
) -> Result<(), Failure> {
    let mut insert = session.insert(sql, format, &job.request.parameters)?;
    let mut taking = first.is_empty() || insert.append(first);
    let mut buffer = vec![0; READ_BYTES];
    while taking {
        match body.read(&mut buffer)? {
            0 => break,
            count => taking = insert.append(&buffer[..count]),
        }
    }
    // where the engine took no more, this tells why
    let statistics = insert.finish()?;
    metrics::counter!(crate::metrics::WRITTEN_ROWS).increment(statistics.written_rows);
    let head = headers::of_nothing(job, None, &statistics);
    answer.begin(head).and_then(|out| out.close()).map_err(Failure::Gone)
}
