//! Changes that somebody tells of: a pipeline that deploys, a person who turns a switch.

use std::time::Duration;

use throughline_analysis::diagnosis::ToldChange;

use crate::{
    ApiError,
    incidents::limit,
    limits::{CHANGE_NAME, CHANGE_TEXT, LIST},
    query::{Change, ListChangesRequest, ListChangesResponse, TellChangeRequest},
    questions::{Questions, since},
    time,
};

/// The kind of a change that does not say.
const USUAL_KIND: &str = "configuration";

/// So far ahead of this clock may a change lie, nanoseconds: who tells may have a clock of his own.
const AHEAD: u64 = 3_600_000_000_000;

impl Questions {
    /// Takes a change: it is durable when it returns.
    ///
    /// # Errors
    /// Where it does not say what was changed, or is too long, this process has no analysis, or its log takes nothing.
    pub async fn tell_change(&self, request: TellChangeRequest) -> Result<Change, ApiError> {
        let analysis = self.analysis()?;
        let change = told(request, time::now())?;
        analysis.tell(vec![change.clone()]).await?;
        Ok(shown(&change))
    }

    /// Changes that were told of, the latest first.
    ///
    /// # Errors
    /// Where the question makes no sense, or this process has no analysis.
    pub fn list_changes(&self, request: &ListChangesRequest) -> Result<ListChangesResponse, ApiError> {
        let limit = limit(request.limit, LIST)? as usize;
        let from = match request.since_seconds {
            0 => 0,
            seconds => since(Duration::from_secs(seconds)),
        };
        let is = |wanted: &str, value: &str| wanted.is_empty() || wanted == value;
        let matches = |change: &&ToldChange| {
            change.time >= from
                && is(&request.tenant, &change.tenant)
                && is(&request.service, &change.service)
                && is(&request.department, &change.department)
                && is(&request.kind, &change.kind)
        };
        let known = self.analysis()?.told();
        Ok(ListChangesResponse { changes: known.iter().filter(matches).take(limit).map(shown).collect() })
    }
}

fn told(request: TellChangeRequest, now: u64) -> Result<ToldChange, ApiError> {
    let TellChangeRequest { tenant, service, department, kind, text, by, time } = request;
    let [tenant, service, department, kind, by, text] =
        [tenant, service, department, kind, by, text].map(|text| text.trim().to_owned());
    if service.is_empty() && department.is_empty() {
        return Err(ApiError::Invalid("a change needs a service, or a department".to_owned()));
    }
    for (name, value) in [
        ("tenant", &tenant),
        ("service", &service),
        ("department", &department),
        ("kind", &kind),
        ("by", &by),
    ] {
        if value.len() > CHANGE_NAME {
            return Err(ApiError::Invalid(format!("{name} has more than {CHANGE_NAME} bytes")));
        }
    }
    if text.len() > CHANGE_TEXT {
        return Err(ApiError::Invalid(format!("text has more than {CHANGE_TEXT} bytes")));
    }
    let time = match time.as_str() {
        "" => now,
        text => time::parse(text).filter(|time| *time > 0).ok_or_else(|| {
            ApiError::Invalid(format!("time is `{text}`; a time as in RFC 3339 is expected"))
        })?,
    };
    if time > now.saturating_add(AHEAD) {
        let why = "time lies more than an hour ahead: tell of a change when it is made";
        return Err(ApiError::Invalid(why.to_owned()));
    }
    let kind = if kind.is_empty() { USUAL_KIND.to_owned() } else { kind };
    Ok(ToldChange { tenant, service, department, kind, text, by, time })
}

fn shown(change: &ToldChange) -> Change {
    let ToldChange { tenant, service, department, kind, text, by, time } = change.clone();
    Change { tenant, service, department, kind, text, by, time }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000_000_000;

    #[test]
    fn a_change_says_where_and_when() {
        let of = |service: &str, time: &str| TellChangeRequest {
            service: service.to_owned(),
            time: time.to_owned(),
            ..TellChangeRequest::default()
        };
        let change = told(of("ledger", ""), NOW).unwrap();
        assert_eq!((change.kind.as_str(), change.time), ("configuration", NOW));
        let change = told(of("ledger", "2023-11-14T23:13:20+01:00"), NOW).unwrap();
        assert_eq!(change.time, NOW);
        for (wrong, says) in [
            (of("", ""), "needs a service"),
            (of("ledger", "yesterday"), "RFC 3339"),
            (of("ledger", "2024-11-14T23:13:20Z"), "ahead"),
            (of(&"x".repeat(300), ""), "bytes"),
        ] {
            let error = told(wrong, NOW).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
