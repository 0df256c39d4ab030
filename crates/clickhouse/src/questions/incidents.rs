//! Incidents and alerts as they are stored.

use std::collections::BTreeMap;

use serde::Deserialize;
use throughline_assembly::incidents::Report;

use super::{
    After, MAX_ROWS, QuestionError,
    after::{self, AT_START},
};
use crate::store::Store;

/// Which incidents are looked for; what is empty is not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    /// Open at or after, Unix nanoseconds.
    pub since: u64,
    /// `open` or `recovered`.
    pub state: String,
    /// Of a suspect.
    pub department: String,
    /// Whose; what only alerts tell of is everybody's.
    pub tenant: String,
    /// Only those that stand behind this one in the list.
    pub after: Option<After>,
    /// At most so many.
    pub limit: u32,
}

/// Which alerts are looked for; what is empty is not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Firing at or after, Unix nanoseconds.
    pub since: u64,
    /// `firing` or `resolved`.
    pub state: String,
    /// Of this incident.
    pub incident: String,
    /// Of no incident.
    pub unexplained: bool,
    /// Only those that stand behind this one in the list; its id is its fingerprint.
    pub after: Option<After>,
    /// At most so many.
    pub limit: u32,
}

/// An alert as it is stored. Times are Unix nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[expect(missing_docs, reason = "columns of `alerts`, under their names")]
pub struct StoredAlert {
    pub fingerprint: u64,
    pub name: String,
    pub severity: String,
    pub state: String,
    pub start: u64,
    pub end: u64,
    pub service: String,
    pub department: String,
    pub incident: String,
    pub source: String,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Document {
    document: String,
}

impl Store {
    /// Incidents that meet a filter, newest first.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Report>, QuestionError> {
        let after = behind(filter.after.as_ref(), "Id > {after_id:String}");
        let sql = format!(
            "SELECT Document AS document FROM incidents WHERE State != 'merged' \
             AND (State = 'open' OR Updated >= fromUnixTimestamp64Nano({{since:Int64}})) \
             AND ({{state:String}} = '' OR State = {{state:String}}) AND ({{tenant:String}} = '' OR Tenant = {{tenant:String}} OR Tenant = '' AND FoundBy = 'alerts') \
             AND ({{department:String}} = '' OR has(`Suspects.Department`, {{department:String}})) AND {after} \
             ORDER BY Start DESC, Id LIMIT {}",
            filter.limit.clamp(1, MAX_ROWS)
        );
        let question = self
            .question(&sql)
            .param("since", filter.since)
            .param("state", &filter.state)
            .param("tenant", &filter.tenant)
            .param("department", &filter.department);
        let question = after::bind(question, filter.after.as_ref());
        self.rows::<Document>(question).await?.iter().map(report).collect()
    }

    /// One incident, merged ones included.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn incident(&self, id: &str) -> Result<Option<Report>, QuestionError> {
        let sql = "SELECT Document AS document FROM incidents WHERE Id = {id:String} LIMIT 1";
        let found = self.rows::<Document>(self.question(sql).param("id", id)).await?;
        found.first().map(report).transpose()
    }

    /// Alerts that meet a filter, newest first.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn alerts(&self, filter: &AlertFilter) -> Result<Vec<StoredAlert>, QuestionError> {
        let after = behind(filter.after.as_ref(), "Fingerprint > toUInt64({after_id:String})");
        let sql = format!(
            "SELECT Fingerprint AS fingerprint, Name AS name, Severity AS severity, State AS state, toUnixTimestamp64Nano(Start) AS start, \
             ifNull(toUnixTimestamp64Nano(`End`), 0) AS end, Service AS service, Department AS department, \
             Incident AS incident, Source AS source, Labels AS labels, Annotations AS annotations FROM alerts \
             WHERE (State = 'firing' OR ifNull(`End`, Start) >= fromUnixTimestamp64Nano({{since:Int64}})) \
             AND ({{state:String}} = '' OR State = {{state:String}}) \
             AND ({{incident:String}} = '' OR Incident = {{incident:String}}) AND ({{unexplained:Bool}} = false OR Incident = '') AND {after} \
             ORDER BY Start DESC, Fingerprint LIMIT {}",
            filter.limit.clamp(1, MAX_ROWS)
        );
        let question = self
            .question(&sql)
            .param("since", filter.since)
            .param("state", &filter.state)
            .param("incident", &filter.incident)
            .param("unexplained", filter.unexplained);
        self.rows(after::bind(question, filter.after.as_ref())).await
    }
}

/// What stands behind a row, newest first.
fn behind(after: Option<&After>, id: &str) -> String {
    after.map_or_else(|| "1".to_owned(), |_| After::condition("Start", AT_START, id))
}

fn report(row: &Document) -> Result<Report, QuestionError> {
    Ok(serde_json::from_str(&row.document)?)
}
