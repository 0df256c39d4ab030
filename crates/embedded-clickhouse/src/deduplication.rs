//! Repair of deduplication logs before the engine opens.
//!
//! A plain MergeTree table writes a block's token into its deduplication log and only then renames the part into place
//! (`MergeTreeSink::commitPart`, both under one lock). A kill between the two leaves a token without a part: the batch was
//! never acknowledged, is sent again, is taken for a duplicate, and is lost. Only the last token of a log can be in that
//! state. So where no part covers the last one, it is dropped here, in the log's own words. A line that a power loss cut
//! short, which would keep the table from loading, is cut off.
//!
//! The log is text, one line an operation: `1` (add) or `2` (drop), the part's name, the token's hash; tabs between.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

const FOLDER: &str = "deduplication_logs";
const ADD: &str = "1";
const DROP: &str = "2";

/// Repairs the logs of all tables of a data folder; gives the number of tokens dropped.
pub(crate) fn repair(data: &Path) -> io::Result<u64> {
    let mut dropped = 0;
    // store/<first three digits>/<uuid of the table>
    for prefix in folders(&data.join("store"))? {
        for table in folders(&prefix)? {
            let logs = table.join(FOLDER);
            if logs.is_dir() {
                dropped += repair_table(&table, &logs)?;
            }
        }
    }
    Ok(dropped)
}

fn folders(of: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(of) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn repair_table(table: &Path, logs: &Path) -> io::Result<u64> {
    let mut files: Vec<(u64, PathBuf)> = std::fs::read_dir(logs)?
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let number = path.file_stem()?.to_str()?.strip_prefix("deduplication_log_")?.parse().ok()?;
            Some((number, path))
        })
        .collect();
    files.sort_unstable();
    for (_, path) in files.iter().rev() {
        let mut text = std::fs::read_to_string(path)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            tracing::warn!(log = %path.display(), "a deduplication log ends in half a line, which is cut off");
            let file = OpenOptions::new().write(true).open(path)?;
            file.set_len(whole as u64)?;
            file.sync_all()?;
            text.truncate(whole);
        }
        if !text.is_empty() {
            return drop_uncommitted(table, path, &text);
        }
    }
    Ok(0)
}

/// Appends the opposite of what the last lines add, where the part that they name is not there.
fn drop_uncommitted(table: &Path, log: &Path, text: &str) -> io::Result<u64> {
    let mut last_part = None;
    let mut lines = String::new();
    let mut count = 0;
    for line in text.lines().rev() {
        let mut fields = line.splitn(3, '\t');
        let (Some(ADD), Some(part), Some(token)) = (fields.next(), fields.next(), fields.next()) else {
            break;
        };
        // one part may have several tokens
        if *last_part.get_or_insert(part) != part {
            break;
        }
        lines.push_str(&format!("{DROP}\t{part}\t{token}\n"));
        count += 1;
    }
    let Some(part) = last_part else { return Ok(0) };
    let Some(name) = PartName::parse(part) else { return Ok(0) };
    let covered = folders(table)?
        .iter()
        .filter_map(|p| PartName::parse(p.file_name()?.to_str()?))
        .any(|p| p.covers(&name));
    if covered {
        return Ok(0);
    }
    tracing::warn!(table = %table.display(), part, "a crash left a deduplication token without its part: it is dropped");
    let mut file: File = OpenOptions::new().append(true).open(log)?;
    file.write_all(lines.as_bytes())?;
    file.sync_all()?;
    Ok(count)
}

/// `<partition>_<first block>_<last block>_<level>[_<mutation>]`.
#[derive(Debug, PartialEq, Eq)]
struct PartName {
    partition: String,
    first: u64,
    last: u64,
}

impl PartName {
    /// `None` for what is no part, temporary ones (`tmp_insert_…`) among them.
    fn parse(name: &str) -> Option<Self> {
        let mut fields = name.split('_');
        let partition = fields.next().filter(|p| !p.is_empty())?.to_owned();
        let numbers: Vec<u64> = fields.map(str::parse).collect::<Result<_, _>>().ok()?;
        match numbers[..] {
            [first, last, _] | [first, last, _, _] => Some(Self { partition, first, last }),
            _ => None,
        }
    }

    fn covers(&self, other: &Self) -> bool {
        self.partition == other.partition && self.first <= other.first && self.last >= other.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A data folder with one table that has these parts and this log.
    fn table(parts: &[&str], log: &str) -> (tempfile::TempDir, PathBuf) {
        let data = tempfile::tempdir().unwrap();
        let table = data.path().join("store/abc/abcdef");
        std::fs::create_dir_all(table.join(FOLDER)).unwrap();
        for part in parts {
            std::fs::create_dir(table.join(part)).unwrap();
        }
        std::fs::write(table.join(FOLDER).join("deduplication_log_10.txt"), "").unwrap();
        let path = table.join(FOLDER).join("deduplication_log_9.txt");
        std::fs::write(&path, log).unwrap();
        (data, path)
    }

    #[test]
    fn a_last_token_without_its_part_is_dropped() {
        let log = "1\tall_1_1_0\tall_a\n1\tall_2_2_0\tall_b\n1\tall_2_2_0\tall_c\n";
        let (data, path) = table(&["all_1_1_0", "tmp_insert_all_2_2_0", "detached"], log);
        assert_eq!(repair(data.path()).unwrap(), 2);
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            format!("{log}2\tall_2_2_0\tall_c\n2\tall_2_2_0\tall_b\n")
        );
        assert_eq!(repair(data.path()).unwrap(), 0, "once is enough");
    }

    #[test]
    fn tokens_of_parts_and_of_merged_parts_stay() {
        for parts in [&["all_2_2_0"][..], &["all_1_3_1"], &["all_1_2_1_7"]] {
            let (data, _) = table(parts, "1\tall_1_1_0\tall_a\n1\tall_2_2_0\tall_b\n");
            assert_eq!(repair(data.path()).unwrap(), 0, "{parts:?}");
        }
        let (data, _) = table(&["20240101_2_2_0"], "1\t20240102_2_2_0\tx\n");
        assert_eq!(repair(data.path()).unwrap(), 1, "another partition covers nothing");
        let (data, _) = table(&[], "1\tall_1_1_0\ta\n2\tall_1_1_0\ta\n");
        assert_eq!(repair(data.path()).unwrap(), 0, "dropped already");
    }

    #[test]
    fn half_a_line_is_cut_off() {
        let (data, path) = table(&["all_1_1_0"], "1\tall_1_1_0\tall_a\n1\tall_2_2");
        assert_eq!(repair(data.path()).unwrap(), 0);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "1\tall_1_1_0\tall_a\n");
    }

    #[test]
    fn a_new_folder_has_nothing_to_repair() {
        assert_eq!(repair(tempfile::tempdir().unwrap().path()).unwrap(), 0);
    }
}
