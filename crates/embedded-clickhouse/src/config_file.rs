//! The configuration that the engine is opened with, written into the data folder at each start.
//!
//! Small and quiet: no system logs (the engine keeps none unless a section asks for one), nothing on a terminal (there alone it
//! would log, as `Fatal`, every thread that takes over from another), few background threads, caches of a size that fits a
//! machine shared with the receiver. And durable: a part is on the disk, its folder's entry
//! included, before its insert is acknowledged.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::error::ServeError;
use crate::options::Options;

const FILE: &str = "throughline-engine.xml";

/// Marks of columns: 64 bytes for 8,192 rows and column; this covers thousands of millions of rows.
const MARK_CACHE_BYTES: u64 = 256 << 20;
/// Marks and blocks of skip indexes.
const INDEX_CACHE_BYTES: u64 = 128 << 20;
/// Primary keys of parts in use.
const PRIMARY_INDEX_CACHE_BYTES: u64 = 128 << 20;
/// Threads for small chores of tables (cleaning old parts, say): they wait more than they work.
const SCHEDULE_THREADS: usize = 4;
/// Most threads altogether: 100 statements of a few threads each, with room for parsing and I/O.
const MAX_THREADS: usize = 2000;
/// Parts of one size that are merged at once, where ClickHouse has 5: over its life a row is merged 0.6 times as often (log 5 / log 16), and a merge costs
/// more than the insert before it.
const MERGE_BASE: usize = 16;
/// Freed memory is handed back to the system while more than this part of what is held lies unused.
const PURGE_RATIO: &str = "0.1";

/// Writes the file and gives its path.
pub(crate) fn write(options: &Options) -> Result<PathBuf, ServeError> {
    let path = options.path.join(FILE);
    write_file(&path, &render(options))
        .map_err(|source| ServeError::DataDir { path: path.clone(), source })?;
    Ok(path)
}

fn write_file(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension("xml.new");
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(temporary, path)
}

fn render(options: &Options) -> String {
    let threads = options.merge_threads.max(1);
    // ClickHouse refuses a pool smaller than these: merges and mutations are held back when fewer places are free
    let reserve = threads.saturating_sub(1);
    let memory = options.max_memory_bytes.map_or(
        "<max_server_memory_usage_to_ram_ratio>0.5</max_server_memory_usage_to_ram_ratio>".to_owned(),
        |bytes| format!("<max_server_memory_usage>{bytes}</max_server_memory_usage>"),
    );
    format!(
        r"<!-- Written at each start of the embedded engine; changes here are lost. -->
<clickhouse>
    <logger><console>false</console></logger>
    {memory}
    <background_pool_size>{threads}</background_pool_size>
    <background_merges_mutations_concurrency_ratio>1</background_merges_mutations_concurrency_ratio>
    <background_schedule_pool_size>{SCHEDULE_THREADS}</background_schedule_pool_size>
    <background_common_pool_size>1</background_common_pool_size>
    <background_move_pool_size>1</background_move_pool_size>
    <background_fetches_pool_size>1</background_fetches_pool_size>
    <max_thread_pool_size>{MAX_THREADS}</max_thread_pool_size>
    <max_thread_pool_free_size>16</max_thread_pool_free_size>
    <mark_cache_size>{MARK_CACHE_BYTES}</mark_cache_size>
    <index_mark_cache_size>{INDEX_CACHE_BYTES}</index_mark_cache_size>
    <index_uncompressed_cache_size>{INDEX_CACHE_BYTES}</index_uncompressed_cache_size>
    <primary_index_cache_size>{PRIMARY_INDEX_CACHE_BYTES}</primary_index_cache_size>
    <memory_worker_purge_dirty_pages_threshold_ratio>{PURGE_RATIO}</memory_worker_purge_dirty_pages_threshold_ratio>
    <merge_tree>
        <fsync_after_insert>1</fsync_after_insert>
        <fsync_part_directory>1</fsync_part_directory>
        <merge_selector_base>{MERGE_BASE}</merge_selector_base>
        <number_of_free_entries_in_pool_to_execute_mutation>{reserve}</number_of_free_entries_in_pool_to_execute_mutation>
        <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>{reserve}</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
        <number_of_free_entries_in_pool_to_lower_max_size_of_merge>{reserve}</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    </merge_tree>
</clickhouse>
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durability_and_quiet_are_no_settings() {
        let mut options = Options::new("l".into(), "p".into(), ([127, 0, 0, 1], 0).into());
        options.max_memory_bytes = Some(123);
        let text = render(&options);
        for line in [
            "<fsync_after_insert>1</fsync_after_insert>",
            "<fsync_part_directory>1</fsync_part_directory>",
            "<console>false</console>",
            "<max_server_memory_usage>123</max_server_memory_usage>",
        ] {
            assert!(text.contains(line), "{line}");
        }
    }
}
