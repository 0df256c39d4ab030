//! Statements that answer: streamed where format and statement allow it, else in one piece.

use std::io::{self, Write as _};

use super::{Failure, Job};
use crate::codec::{BlockWriter, Sink, encoder};
use crate::engine::{Chunk, Session, Statistics};
use crate::exception::{Exception, code};
use crate::exchange::Answer;
use crate::formats::{self, Chunks};
use crate::headers;
use crate::sql::Statement;

/// Runs a statement and sends what it answers.
pub(super) fn run(
    job: &Job,
    session: &mut Session,
    statement: &Statement,
    parses: bool,
    answer: &mut Answer,
) -> Result<(), Failure> {
    let default = job.request.default_format.as_deref().unwrap_or(formats::DEFAULT);
    let format = statement.format().unwrap_or(default).to_owned();
    let mut out = Out { job, format: &format, answer, sink: None, statistics: Statistics::default() };
    if statement.is_hello() && format == "Native" {
        out.write(&hello(job, session, statement)?, Statistics::default())?;
        return out.finish();
    }
    let chunks = if job.request.setting("output_format_json_array_of_rows").is_some_and(|v| v != "0") {
        Chunks::Whole
    } else {
        Chunks::of(&format)
    };
    // what does not parse is streamed whatever it looks like: that way runs one statement at most
    let streamed =
        (statement.is_select() && chunks != Chunks::Whole && !job.request.wait_end_of_query) || !parses;
    let written = if streamed {
        match stream(job, session, statement, default, chunks, &mut out) {
            Err(Failure::Exception(e)) if parses && cannot_stream(&e) => {
                whole(job, session, statement, default, &mut out)?
            }
            other => other?,
        }
    } else {
        whole(job, session, statement, default, &mut out)?
    };
    if !written && format == "Native" {
        let header = native_header(job, session, statement);
        out.write(&header, out.statistics)?;
    }
    out.finish()
}

/// The engine streams `SELECT` alone: a `WITH … INSERT`, say, is told apart by its refusal.
fn cannot_stream(exception: &Exception) -> bool {
    exception.code == code::BAD_ARGUMENTS && exception.text.contains("Streaming query is not supported")
}

fn whole(
    job: &Job,
    session: &mut Session,
    statement: &Statement,
    default: &str,
    out: &mut Out<'_>,
) -> Result<bool, Failure> {
    let result: Chunk = session.query(statement.text(), default, &job.request.parameters)?;
    out.write(result.bytes(), result.statistics())?;
    Ok(!result.bytes().is_empty())
}

/// Sends chunk by chunk; `false` where there was none.
fn stream(
    job: &Job,
    session: &mut Session,
    statement: &Statement,
    default: &str,
    chunks: Chunks,
    out: &mut Out<'_>,
) -> Result<bool, Failure> {
    let mut stream = session.stream(statement.text(), default, &job.request.parameters)?;
    let mut any = false;
    loop {
        if job.running.gone.is_set() {
            return Err(Failure::Gone(io::ErrorKind::BrokenPipe.into()));
        }
        let chunk = match stream.fetch() {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return Ok(any),
            Err(exception) => return Err(out.fail(exception)),
        };
        let bytes = chunk.bytes();
        let repeated = if any { chunks.repeated(bytes) } else { 0 };
        out.write(&bytes[repeated..], chunk.statistics())?;
        any = true;
    }
}

/// A result that says names and types of its columns even where it has no rows.
const HEADER: &str = "RowBinaryWithNamesAndTypes";

/// The hello in the revision in which the client reads it.
fn hello(job: &Job, session: &mut Session, statement: &Statement) -> Result<Vec<u8>, Failure> {
    let result = session.query(statement.text(), HEADER, &[])?;
    formats::native_row(result.bytes(), job.request.client_protocol_version).ok_or_else(|| {
        Exception::new(code::BAD_ARGUMENTS, "BAD_ARGUMENTS", "The hello has an unexpected form").into()
    })
}

/// Names and types of an empty result. `DESCRIBE` only plans a `SELECT`; what else was empty is asked again, which costs
/// nothing for the likes of `SHOW`. A statement without a result has no header.
fn native_header(job: &Job, session: &mut Session, statement: &Statement) -> Vec<u8> {
    let parameters = &job.request.parameters;
    let bare = statement.without_format();
    let header = if statement.is_select() {
        let probe = [b"SELECT * FROM (\n", bare.as_slice(), b"\n) LIMIT 0"].concat();
        session.query(&probe, HEADER, parameters)
    } else if statement.is_repeatable() {
        session.query(&bare, HEADER, parameters)
    } else {
        return Vec::new();
    };
    match header {
        Ok(result) => formats::empty_native(result.bytes()).unwrap_or_default(),
        Err(error) => {
            tracing::warn!(query_id = job.request.query_id, %error, "no header for an empty Native result");
            Vec::new()
        }
    }
}

/// The answer, begun with its first bytes.
struct Out<'a> {
    job: &'a Job,
    format: &'a str,
    answer: &'a mut Answer,
    sink: Option<Box<dyn Sink>>,
    /// As known when the answer begins.
    statistics: Statistics,
}

impl Out<'_> {
    fn begin(&mut self) -> io::Result<Box<dyn Sink>> {
        let request = &self.job.request;
        let head = headers::of_success(self.job, self.format, &self.statistics);
        let plain = self.answer.begin(head)?;
        let out = encoder(request.answer_encoding, plain)?;
        Ok(if request.compress { Box::new(BlockWriter::new(out)) } else { out })
    }

    fn write(&mut self, bytes: &[u8], statistics: Statistics) -> Result<(), Failure> {
        if self.sink.is_none() {
            self.statistics = statistics;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let mut sink = match self.sink.take() {
            Some(sink) => sink,
            None => self.begin().map_err(Failure::Gone)?,
        };
        sink.write_all(bytes).map_err(Failure::Gone)?;
        self.sink = Some(sink);
        Ok(())
    }

    fn finish(mut self) -> Result<(), Failure> {
        if let Some(sink) = self.sink.take() {
            return sink.close().map_err(Failure::Gone);
        }
        let head = headers::of_nothing(self.job, Some(self.format), &self.statistics);
        self.answer.begin(head).and_then(|out| out.close()).map_err(Failure::Gone)
    }

    /// An exception in the middle of the body, framed as ClickHouse does since 25.11 so that clients find it.
    fn fail(&mut self, exception: Exception) -> Failure {
        let Some(mut sink) = self.sink.take() else { return Failure::Exception(exception) };
        let (tag, text) = (headers::exception_tag(self.job), exception.text);
        let block =
            format!("\r\n__exception__\r\n{tag}\r\n{text}\n{} {tag}\r\n__exception__\r\n", text.len() + 1);
        match sink.write_all(block.as_bytes()).and_then(|()| sink.close()) {
            Ok(()) => Failure::Streaming,
            Err(error) => Failure::Gone(error),
        }
    }
}
