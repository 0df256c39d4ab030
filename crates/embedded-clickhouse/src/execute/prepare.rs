//! A session as the request wants it: database, roles, settings; and the check that it brings one statement.

use std::fmt::Write as _;

use super::Job;
use crate::engine::Session;
use crate::exception::{Exception, code};
use crate::sql::Statement;

/// Opens a session and applies the request's database, roles and settings, in the order that ClickHouse does.
pub(super) fn session(job: &Job) -> Result<Session, Exception> {
    let mut session = job.server.engine.session()?;
    let request = &job.request;
    if let Some(database) = &request.database {
        session.execute(&format!("USE {}", identifier(database)))?;
    }
    if !request.roles.is_empty() {
        let roles: Vec<String> = request.roles.iter().map(|role| identifier(role)).collect();
        session.execute(&format!("SET ROLE {}", roles.join(", ")))?;
    }
    session.execute(&settings(job))?;
    Ok(session)
}

/// One `SET` for all: `readonly` comes last, for nothing can be set after it.
fn settings(job: &Job) -> String {
    let request = &job.request;
    // The engine gives a statement no id of ours: this is where the client's own is found.
    let own = format!("query_id:{} {}", request.query_id, job.running.mark);
    let comment = match request.setting("log_comment") {
        Some(comment) => format!("{comment} {own}"),
        None => own,
    };
    let mut sql = format!("SET log_comment = {}", literal(&comment));
    if request.setting("max_execution_time").is_none() {
        let _ = write!(sql, ", max_execution_time = {}", job.server.query_timeout);
    }
    let others = request.settings.iter().filter(|(name, _)| name != "log_comment" && name != "readonly");
    for (name, value) in others {
        let _ = write!(sql, ", {} = {}", identifier(name), literal(value));
    }
    let asked = request.setting("readonly").filter(|value| *value != "0");
    match (asked, request.read_only) {
        (Some(value), _) => {
            let _ = write!(sql, ", readonly = {}", literal(value));
        }
        (None, true) => sql.push_str(", readonly = 2"),
        (None, false) => {}
    }
    sql
}

/// Refuses a text of several statements. One that does not parse passes: the engine says better what is wrong with it,
/// and is asked in a way that runs one statement at most. Says whether it parses.
pub(super) fn single(session: &mut Session, statement: &Statement) -> Result<bool, Exception> {
    let statements = session.classify(statement.text()).statements;
    if statements > 1 {
        let message = "Syntax error (Multi-statements are not allowed): send one statement a request";
        return Err(Exception::new(code::SYNTAX_ERROR, "SYNTAX_ERROR", message));
    }
    Ok(statements == 1)
}

fn quoted(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        if c == quote || c == '\\' {
            out.push('\\');
        }
        out.push(c);
    }
    out.push(quote);
    out
}

fn identifier(name: &str) -> String {
    quoted(name, '`')
}

fn literal(value: &str) -> String {
    quoted(value, '\'')
}
