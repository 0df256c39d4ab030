//! Brings a store to the present version.

use super::settings::SchemaSettings;
use super::statements::{SCHEMA_VERSION, Statement, adjustments, quoted, statements};
use crate::store::{Store, StoreError};

/// Creates and upgrades the schema; with `dry_run` only says what it would do. Returns the statements, in order.
///
/// # Errors
/// [`StoreError`]; [`StoreError::NewerSchema`] where a newer binary has upgraded the store, which is then left as it is.
pub async fn migrate(
    store: &Store,
    settings: &SchemaSettings,
    dry_run: bool,
) -> Result<Vec<Statement>, StoreError> {
    let present = present(store, settings).await?;
    let mut todo = statements(settings);
    if let Some((version, signature)) = &present {
        if *version > SCHEMA_VERSION {
            return Err(StoreError::NewerSchema { found: *version, known: SCHEMA_VERSION });
        }
        if *signature != settings.signature() {
            todo.extend(adjustments(settings, signature));
        }
    }
    if dry_run {
        return Ok(todo);
    }
    for statement in &todo {
        store.execute(&statement.sql).await?;
    }
    if present != Some((SCHEMA_VERSION, settings.signature())) {
        store.execute(&record(settings)).await?;
    }
    Ok(todo)
}

/// The version and settings that the store has, `None` for an empty one.
async fn present(store: &Store, settings: &SchemaSettings) -> Result<Option<(u32, String)>, StoreError> {
    let table = format!("{}.schema_version", quoted(&settings.database));
    let sql = format!("SELECT Version, Settings FROM {table} ORDER BY Applied DESC, Version DESC LIMIT 1");
    match store.rows::<Present>(store.unbound(&sql)).await {
        Ok(rows) => Ok(rows.into_iter().next().map(|row| (row.version, row.settings))),
        Err(error) if error.is_missing_schema() => Ok(None),
        Err(error) => Err(error),
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Present {
    version: u32,
    settings: String,
}

fn record(settings: &SchemaSettings) -> String {
    format!(
        "INSERT INTO {}.schema_version (Version, Settings) SELECT {SCHEMA_VERSION}, '{}'",
        quoted(&settings.database),
        settings.signature()
    )
}
