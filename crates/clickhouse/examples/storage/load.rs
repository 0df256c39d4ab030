//! Blocks that are ready, and what storing them costs under a variant of the schema.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use throughline_clickhouse::{SchemaSettings, Store, migrate};

use crate::Shares;
use crate::engine::Engine;

/// Blocks of one table.
pub(crate) struct Load {
    /// `spans`, `transactions` or `minutes`.
    pub(crate) what: &'static str,
    /// What is in them.
    pub(crate) name: String,
    /// Where they go.
    pub(crate) table: &'static str,
    /// Tables whose bytes count.
    pub(crate) stored: Vec<&'static str>,
    /// Rows and bytes.
    pub(crate) blocks: Vec<(usize, Bytes)>,
    /// What figures are for one of: rows, or what the rows sum up.
    pub(crate) units: usize,
    /// CPU to make the blocks.
    pub(crate) encode: Duration,
}

impl Load {
    /// Prints what needs no engine.
    pub(crate) fn print(&self) {
        let rows: usize = self.blocks.iter().map(|(rows, _)| rows).sum();
        let bytes: usize = self.blocks.iter().map(|(_, bytes)| bytes.len()).sum();
        println!(
            "\n== {}: {rows} rows in {} blocks for {} units; encode {:.2} µs, {:.0} Native bytes a unit",
            self.name,
            self.blocks.len(),
            self.units,
            self.encode.as_secs_f64() * 1e6 / self.units as f64,
            bytes as f64 / self.units as f64
        );
    }
}

/// CPU that this thread has taken so far.
pub(crate) fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}

/// A change of the schema to try.
pub(crate) struct Variant {
    pub(crate) name: String,
    /// The table that it changes; other loads leave it out.
    pub(crate) table: String,
    pub(crate) changes: Vec<String>,
}

impl Variant {
    /// Reads `TABLE:SQL;SQL…`.
    pub(crate) fn read(name: &str, text: &str) -> Self {
        let (table, changes) = text.split_once(':').expect("TABLE:SQL;SQL");
        Self {
            name: name.to_owned(),
            table: table.to_owned(),
            changes: changes.split(';').map(str::to_owned).collect(),
        }
    }

    /// Stores a load in a fresh database and prints what it took.
    pub(crate) async fn measure(&self, engine: &Engine, load: &Load) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if !self.table.is_empty() && self.table != load.table {
            return;
        }
        let database = format!("storage_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let settings = SchemaSettings {
            database: database.clone(),
            retention_spans: Duration::ZERO,
            retention_transactions: Duration::ZERO,
            ..SchemaSettings::default()
        };
        migrate(&Store::connect(&engine.url, &database, "", ""), &settings, false).await.unwrap();
        let client = engine.client(&database);
        for change in &self.changes {
            run(&client, &format!("ALTER TABLE {} {change}", load.table)).await;
        }
        for table in &load.stored {
            run(&client, &format!("SYSTEM STOP MERGES {database}.{table}")).await;
        }
        let before = engine.cpu();
        for (number, (_, block)) in load.blocks.iter().enumerate() {
            insert(&client, load.table, number, block).await;
        }
        let insert = engine.cpu() - before;
        let rows: usize = load.blocks.iter().map(|(rows, _)| rows).sum();
        let stored = ask(&client, &format!("SELECT 'rows', count() FROM {}", load.table)).await;
        assert_eq!(stored.get("rows"), Some(&(rows as f64)), "all rows are stored");
        let unmerged = bytes(&client, load).await;
        for table in &load.stored {
            run(&client, &format!("SYSTEM START MERGES {database}.{table}")).await;
        }
        let before = engine.cpu();
        for table in &load.stored {
            run(&client, &format!("OPTIMIZE TABLE {table} FINAL")).await;
        }
        let merge = engine.cpu() - before;
        let units = load.units as f64;
        let merged = bytes(&client, load).await;
        println!(
            "{:<24} insert {:>6.2} µs ({:>7.0} a CPU-second), one merge {:>5.2} µs, bytes a unit {:>6.1} as inserted, {:>6.1} merged: {}",
            self.name,
            insert * 1e6 / units,
            units / insert,
            merge * 1e6 / units,
            unmerged.values().sum::<f64>() / units,
            merged.values().sum::<f64>() / units,
            listed(&merged, units)
        );
        if self.changes.is_empty() {
            println!("    by column: {}", listed(&columns(&client, load).await, units));
            println!("    indexes: {}", listed(&indexes(&client, load).await, units));
        }
        run(&client, &format!("DROP DATABASE {database}")).await;
    }
}

/// One batch, with the settings that the sink sends it with.
async fn insert(client: &clickhouse::Client, table: &str, number: usize, block: &Bytes) {
    let mut insert = client
        .insert_formatted_with(format!("INSERT INTO {table} FORMAT Native"))
        .with_setting("insert_deduplication_token", number.to_string())
        .with_setting("deduplicate_insert", "enable")
        // A variant may drop columns.
        .with_setting("input_format_skip_unknown_fields", "1")
        .with_setting("async_insert", "0")
        .with_setting("deduplicate_blocks_in_dependent_materialized_views", "1")
        .with_setting("min_insert_block_size_rows", "0")
        .with_setting("min_insert_block_size_bytes", "0")
        .with_setting("max_insert_block_size", "4294967296")
        .with_setting("max_insert_threads", "1");
    for start in (0..block.len()).step_by(1 << 20) {
        insert.send(block.slice(start..block.len().min(start + (1 << 20)))).await.unwrap();
    }
    insert.end().await.unwrap();
}

async fn run(client: &clickhouse::Client, sql: &str) {
    client.query_raw(sql).execute().await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// Bytes on disk by table.
async fn bytes(client: &clickhouse::Client, load: &Load) -> Shares {
    let sql = "SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table";
    let mut shares = ask(client, sql).await;
    shares.retain(|table, _| load.stored.contains(&table.as_str()));
    shares
}

/// Compressed bytes by column of all tables that count.
async fn columns(client: &clickhouse::Client, load: &Load) -> Shares {
    let sql = "SELECT concat(table, '.', name), data_compressed_bytes + marks_bytes FROM system.columns WHERE database = currentDatabase()";
    let mut shares = ask(client, sql).await;
    shares.retain(|column, _| load.stored.iter().any(|table| column.starts_with(&format!("{table}."))));
    shares
}

/// Bytes by index.
async fn indexes(client: &clickhouse::Client, load: &Load) -> Shares {
    let sql = "SELECT concat(table, '.', name), data_compressed_bytes + marks_bytes FROM system.data_skipping_indices WHERE database = currentDatabase()";
    let mut shares = ask(client, sql).await;
    shares.retain(|index, _| load.stored.iter().any(|table| index.starts_with(&format!("{table}."))));
    shares
}

/// Names and numbers.
async fn ask(client: &clickhouse::Client, sql: &str) -> Shares {
    let answer = client.query_raw(sql).fetch_bytes("TabSeparated").unwrap().collect().await;
    let text = String::from_utf8(answer.unwrap_or_else(|error| panic!("{sql}: {error}")).to_vec()).unwrap();
    let pair = |line: &str| {
        let (name, number) = line.split_once('\t').expect("two columns");
        (name.to_owned(), number.parse().unwrap())
    };
    text.lines().map(pair).collect()
}

/// Shares, the largest first, for one unit.
fn listed(shares: &Shares, units: f64) -> String {
    let mut list: Vec<_> = shares.iter().collect();
    list.sort_by(|a, b| b.1.total_cmp(a.1));
    let each = list.into_iter().map(|(name, bytes)| {
        let short = name.split_once('.').map_or(name.as_str(), |(_, column)| column);
        format!("{short} {:.2}", bytes / units)
    });
    each.collect::<Vec<_>>().join(", ")
}
