//! The statements of the schema, settings filled in.

use super::settings::SchemaSettings;
use super::table;

/// The version that [`statements`] lead to.
pub const SCHEMA_VERSION: u32 = 2;

/// One statement of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The version that it belongs to.
    pub version: u32,
    /// The SQL.
    pub sql: String,
}

/// Creates what is missing, in order; each may run again.
const CREATE: [(u32, &str); 18] = [
    (1, include_str!("sql/schema_version.sql")),
    (1, include_str!("sql/spans.sql")),
    (1, include_str!("sql/otel_traces.sql")),
    (1, include_str!("sql/trace_id_ts.sql")),
    (1, include_str!("sql/trace_id_ts_mv.sql")),
    (1, include_str!("sql/transactions_data.sql")),
    (2, include_str!("sql/transactions_votes.sql")),
    (1, include_str!("sql/transactions.sql")),
    (1, include_str!("sql/operation_minutes.sql")),
    (1, include_str!("sql/edge_minutes.sql")),
    (1, include_str!("sql/operation_stats.sql")),
    (1, include_str!("sql/batches.sql")),
    (2, include_str!("sql/slo_objectives.sql")),
    (2, include_str!("sql/slo.sql")),
    (2, include_str!("sql/incidents_data.sql")),
    (2, include_str!("sql/incidents.sql")),
    (2, include_str!("sql/alerts_data.sql")),
    (2, include_str!("sql/alerts.sql")),
];

/// Tables with rows that age, the moment of a row, and whether they are kept as long as spans.
const AGING: [(&str, &str, bool); 8] = [
    (table::SPANS, "toDateTime(Timestamp)", true),
    ("otel_traces_trace_id_ts", "End", true),
    (table::TRANSACTIONS, "toDateTime(FirstStart)", false),
    (table::OPERATION_MINUTES, "Minute", false),
    (table::EDGE_MINUTES, "Minute", false),
    (table::BATCHES, "toDateTime(LogTime)", false),
    (table::INCIDENTS, "toDateTime(Updated)", false),
    (table::ALERTS, "toDateTime(Start)", false),
];

/// All statements that a store of an older version (or none) needs.
#[must_use]
pub fn statements(settings: &SchemaSettings) -> Vec<Statement> {
    let database = quoted(&settings.database);
    let create = format!("CREATE DATABASE IF NOT EXISTS {database}");
    let fill = |sql: &str| {
        let filled = sql
            .replace("{db}", &database)
            .replace("{dedup}", &format!("non_replicated_deduplication_window = {}", settings.dedup_window));
        AGING.iter().fold(filled, |sql, &(table, column, spans)| {
            sql.replace(&format!("{{ttl:{table}}}"), &SchemaSettings::ttl(column, retention(settings, spans)))
        })
    };
    std::iter::once(Statement { version: 1, sql: create })
        .chain(CREATE.iter().map(|&(version, sql)| Statement { version, sql: fill(sql) }))
        .collect()
}

/// What brings tables that are there already from the settings that the store was made with (its signature) to other ones.
pub(super) fn adjustments(settings: &SchemaSettings, before: &str) -> Vec<Statement> {
    let database = quoted(&settings.database);
    let change = |&(table, column, spans): &(&str, &str, bool)| {
        let ttl = SchemaSettings::ttl(column, retention(settings, spans));
        let window = settings.dedup_window;
        // What lies there already is not rewritten: whole parts drop out when they are due.
        let ttl = match (ttl.is_empty(), SchemaSettings::kept_for_ever(before, spans)) {
            (false, _) => Some(format!(
                "ALTER TABLE {database}.{table} MODIFY {ttl} SETTINGS materialize_ttl_after_modify = 0"
            )),
            (true, false) => Some(format!("ALTER TABLE {database}.{table} REMOVE TTL")),
            (true, true) => None,
        };
        [
            ttl,
            Some(format!(
                "ALTER TABLE {database}.{table} MODIFY SETTING non_replicated_deduplication_window = {window}"
            )),
        ]
    };
    AGING.iter().flat_map(change).flatten().map(|sql| Statement { version: SCHEMA_VERSION, sql }).collect()
}

fn retention(settings: &SchemaSettings, spans: bool) -> std::time::Duration {
    if spans { settings.retention_spans } else { settings.retention_transactions }
}

/// A name as SQL writes it.
pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}
