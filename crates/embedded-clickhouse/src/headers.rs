//! The headers that ClickHouse's clients read.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::engine::Statistics;
use crate::exception::Exception;
use crate::exchange::Head;
use crate::execute::Job;
use crate::formats;

/// Length of the mark around an exception in a body, as ClickHouse has it.
const TAG_LENGTH: usize = 16;

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    // a client's query id may hold what no header can: then the header is left out
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// The mark around an exception in the body: unlike any data, and the same in header and body.
pub(crate) fn exception_tag(job: &Job) -> String {
    job.running.mark.chars().filter(char::is_ascii_hexdigit).rev().take(TAG_LENGTH).collect()
}

fn common(job: &Job) -> HeaderMap {
    let mut headers = HeaderMap::new();
    add_query_id(&mut headers, &job.request.query_id);
    put(&mut headers, "x-clickhouse-server-display-name", &job.server.display_name);
    let timezone =
        job.request.setting("session_timezone").filter(|v| !v.is_empty()).unwrap_or(&job.server.timezone);
    put(&mut headers, "x-clickhouse-timezone", timezone);
    headers
}

/// Headers of an answer with data in `format`.
pub(crate) fn of_success(job: &Job, format: &str, statistics: &Statistics) -> Head {
    let mut head = of_result(job, Some(format), statistics);
    put(&mut head.headers, "x-clickhouse-exception-tag", &exception_tag(job));
    if let Some(encoding) = job.request.answer_encoding {
        head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
        head.headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    head
}

/// Headers of an answer without data; clients look at its length of 0.
pub(crate) fn of_nothing(job: &Job, format: Option<&str>, statistics: &Statistics) -> Head {
    let mut head = of_result(job, format, statistics);
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    head
}

fn of_result(job: &Job, format: Option<&str>, s: &Statistics) -> Head {
    let mut headers = common(job);
    if let Some(format) = format {
        put(&mut headers, "x-clickhouse-format", format);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(formats::content_type(format)));
    }
    let elapsed = job.began.elapsed().as_nanos();
    let summary = format!(
        r#"{{"read_rows":"{}","read_bytes":"{}","written_rows":"{}","written_bytes":"{}","total_rows_to_read":"0","result_rows":"{}","result_bytes":"{}","elapsed_ns":"{elapsed}"}}"#,
        s.read_rows, s.read_bytes, s.written_rows, s.written_bytes, s.result_rows, s.result_bytes
    );
    put(&mut headers, "x-clickhouse-summary", &summary);
    Head { status: StatusCode::OK, headers }
}

/// Headers of an answer that is an exception.
pub(crate) fn of_exception(job: &Job, exception: &Exception) -> Head {
    let mut headers = common(job);
    add_exception(&mut headers, exception);
    Head { status: exception.status(), headers }
}

/// Which statement an answer is of.
pub(crate) fn add_query_id(headers: &mut HeaderMap, query_id: &str) {
    put(headers, "x-clickhouse-query-id", query_id);
}

/// What marks an answer as an exception.
pub(crate) fn add_exception(headers: &mut HeaderMap, exception: &Exception) {
    put(headers, "x-clickhouse-exception-code", &exception.code.to_string());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
}
