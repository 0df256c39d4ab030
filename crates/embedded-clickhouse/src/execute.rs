//! One request, run from its body to its answer on a thread of its own.

mod failure;
mod insert;
mod prepare;
mod select;

use std::io::Read;
use std::sync::Arc;
use std::time::Instant;

pub(crate) use failure::Failure;

use crate::cancel::Running;
use crate::codec::{BlockReader, BlockWriter, Sink, decoder};
use crate::engine::Engine;
use crate::exchange::{Answer, BodyReader};
use crate::headers;
use crate::options::limits::{MAX_STATEMENT_BYTES, READ_BYTES};
use crate::request::QueryRequest;
use crate::sql::{Shape, Statement, shape};
use crate::{metrics as names, multipart};

/// What stays the same for all requests.
pub(crate) struct Server {
    pub(crate) engine: Arc<Engine>,
    /// `timezone()` of the engine.
    pub(crate) timezone: String,
    /// `displayName()` of the engine.
    pub(crate) display_name: String,
    /// `max_execution_time` where the client sets none, in seconds.
    pub(crate) query_timeout: u64,
}

/// A request on its way.
pub(crate) struct Job {
    pub(crate) server: Arc<Server>,
    pub(crate) request: QueryRequest,
    pub(crate) running: Running,
    pub(crate) began: Instant,
}

/// Runs a request; whatever happens, the client gets an answer or a broken connection.
pub(crate) fn run(mut job: Job, body: BodyReader, mut answer: Answer) {
    metrics::gauge!(names::QUERIES_RUNNING).increment(1);
    let mut kind = "other";
    let outcome = job.run(body, &mut answer, &mut kind);
    job.running.ended.set();
    metrics::gauge!(names::QUERIES_RUNNING).decrement(1);
    let label = match &outcome {
        Ok(()) => "ok",
        Err(Failure::Gone(_)) => "cancelled",
        Err(Failure::Exception(_) | Failure::Streaming) => "error",
    };
    metrics::counter!(names::QUERIES, "kind" => kind, "outcome" => label).increment(1);
    metrics::histogram!(names::QUERY_DURATION, "kind" => kind).record(job.began.elapsed());
    match outcome {
        Ok(()) => {}
        Err(Failure::Exception(exception)) if answer.is_open() => {
            tracing::debug!(query_id = job.request.query_id, %exception, "statement failed");
            let head = headers::of_exception(&job, &exception);
            let sent = answer.begin(head).and_then(|plain| {
                // in the form that the client asked answers for, so also this one
                let mut out: Box<dyn Sink> =
                    if job.request.compress { Box::new(BlockWriter::new(plain)) } else { plain };
                out.write_all(exception.text.as_bytes())?;
                out.write_all(b"\n")?;
                out.close()
            });
            drop(sent);
        }
        Err(failure) => {
            tracing::debug!(query_id = job.request.query_id, %failure, "the answer broke off");
            answer.break_off();
        }
    }
}

impl Job {
    fn run(&mut self, body: BodyReader, answer: &mut Answer, kind: &mut &'static str) -> Result<(), Failure> {
        let body = decoder(self.request.body_encoding, body)?;
        let mut body: Box<dyn Read + Send> =
            if self.request.decompress { Box::new(BlockReader::new(body)) } else { body };
        if let Some(boundary) = self.request.boundary.take() {
            let form = read_statement(&mut body)?;
            for (name, value) in multipart::fields(&form, &boundary)? {
                self.request.take_field(&name, value);
            }
            body = Box::new(std::io::empty());
        }
        let (text, shape) = self.read_shape(&mut body)?;
        let mut session = prepare::session(self)?;
        match shape {
            Shape::Insert { sql_end, format, data_start } => {
                *kind = "insert";
                let (sql, data) = (&text[..sql_end], &text[data_start..]);
                insert::run(self, &mut session, sql, &format, data, &mut body, answer)
            }
            Shape::Statement | Shape::Incomplete => {
                let statement = Statement::new(text);
                *kind = if statement.is_select() { "select" } else { "other" };
                let parses = prepare::single(&mut session, &statement)?;
                select::run(self, &mut session, &statement, parses, answer)
            }
        }
    }

    /// Reads as much of the text as it takes to see what it is; all of it unless it is an insert with data.
    fn read_shape(&mut self, body: &mut dyn Read) -> Result<(Vec<u8>, Shape), Failure> {
        let mut text = std::mem::take(&mut self.request.query).into_bytes();
        if !text.is_empty() {
            text.push(b'\n');
        }
        loop {
            match shape(&text, false) {
                found @ Shape::Insert { .. } => return Ok((text, found)),
                Shape::Statement => {
                    read_more(body, &mut text, usize::MAX)?;
                    return Ok((text, Shape::Statement));
                }
                Shape::Incomplete => {
                    let before = text.len();
                    read_more(body, &mut text, READ_BYTES)?;
                    if text.len() == before {
                        let found = shape(&text, true);
                        return Ok((text, found));
                    }
                }
            }
        }
    }
}

fn read_statement(body: &mut dyn Read) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    read_more(body, &mut text, usize::MAX)?;
    Ok(text)
}

/// Appends up to `most` bytes of the body. A text longer than a statement may be is refused.
fn read_more(body: &mut dyn Read, text: &mut Vec<u8>, most: usize) -> Result<(), Failure> {
    let room = (MAX_STATEMENT_BYTES + 1).saturating_sub(text.len());
    let taken = body.take(most.min(room) as u64).read_to_end(text)?;
    if text.len() > MAX_STATEMENT_BYTES && taken > 0 {
        return Err(failure::too_long());
    }
    Ok(())
}
