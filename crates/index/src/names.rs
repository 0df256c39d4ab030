//! Names of files, and folders made durable.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

const SUFFIX: &str = ".run";
/// What a file's name ends with until it is whole.
pub(crate) const UNFINISHED: &str = ".tmp";

/// The name of a run that holds these chunks.
pub(crate) fn of(first: u64, last: u64) -> String {
    format!("{first:016}-{last:016}{SUFFIX}")
}

/// The chunks that a run's name speaks of.
pub(crate) fn chunks(name: &str) -> Option<(u64, u64)> {
    let (first, last) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    // a name that is written in another way is of another program
    (first <= last && of(first, last) == name).then_some((first, last))
}

/// Where a run is written until it is whole.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    name.into()
}

pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Removes a file; one that is gone already is fine.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_are_not() {
        assert_eq!(chunks(&of(3, u64::MAX)), Some((3, u64::MAX)));
        for other in ["1-2.run", "0000000000000002-0000000000000001.run", "notes", ".run"] {
            assert_eq!(chunks(other), None, "{other}");
        }
    }
}
