//! Objectives into the store, and how transactions met them.

use serde::Deserialize;

use super::QuestionError;
use crate::schema::quoted;
use crate::slo::{Minute, Objective};
use crate::store::Store;

/// Minutes of one answer at most: those of a day, of 100 types.
const MAX_MINUTES: u32 = 1440 * 100;

#[derive(Deserialize)]
struct Row {
    kind: String,
    minute: u64,
    transactions: u64,
    good: u64,
}

impl Store {
    /// Makes these the objectives that the view `slo` goes by, instead of those of before.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn write_objectives(&self, objectives: &[Objective]) -> Result<(), QuestionError> {
        let row = serde_json::json!({
            "Types": objectives.iter().map(|of| of.kind.as_str()).collect::<Vec<_>>(),
            "Latencies": objectives.iter().map(|of| of.latency_ns).collect::<Vec<_>>(),
            "Objectives": objectives.iter().map(|of| of.objective).collect::<Vec<_>>(),
        });
        let table = format!("{}.slo_objectives", quoted(self.database()));
        self.execute(&format!("INSERT INTO {table} (Types, Latencies, Objectives) FORMAT JSONEachRow {row}"))
            .await
    }

    /// Minutes in which transactions of these types began, from `since` to before `until` (Unix minutes, at most a day), and how many met their objective.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn slo_minutes(
        &self,
        objectives: &[Objective],
        since: u64,
        until: u64,
    ) -> Result<Vec<Minute>, QuestionError> {
        // By the first start, which no amendment moves: a transaction stays in its minute.
        let sql = format!(
            "SELECT toString(Type) AS kind, intDiv(toUnixTimestamp64Second(FirstStart), 60) AS minute, count() AS transactions, \
             countIf(Outcome = 'ok' AND Duration <= transform(kind, {{kinds:Array(String)}}, {{latencies:Array(UInt64)}}, toUInt64(0))) AS good \
             FROM transactions_data FINAL WHERE FirstStart >= toDateTime({{since:UInt64}} * 60) \
             AND FirstStart < toDateTime({{until:UInt64}} * 60) AND has({{kinds:Array(String)}}, toString(Type)) \
             GROUP BY kind, minute LIMIT {MAX_MINUTES}"
        );
        let kinds: Vec<&str> = objectives.iter().map(|of| of.kind.as_str()).collect();
        let latencies: Vec<u64> = objectives.iter().map(|of| of.latency_ns).collect();
        let question = self.question(&sql).param("kinds", kinds).param("latencies", latencies);
        let question = question
            .param("since", since)
            .param("until", until)
            .with_setting("do_not_merge_across_partitions_select_final", "1");
        let rows = self.rows::<Row>(question).await?;
        let minute = |row: Row| Minute {
            kind: row.kind,
            minute: row.minute,
            transactions: row.transactions,
            good: row.good,
        };
        Ok(rows.into_iter().map(minute).collect())
    }
}
