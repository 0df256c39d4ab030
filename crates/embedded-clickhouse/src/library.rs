//! Where the engine's library lies.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::LibraryMissing;

/// The version of the package `@chdb/lib-linux-x64-gnu` that this build is tested with; `scripts/engine.sh` brings the same.
pub const ENGINE_VERSION: &str = "26.7.3-stable.1";

/// Finds the library: `THROUGHLINE_ENGINE`, else `${XDG_CACHE_HOME:-~/.cache}/throughline/engine/<version>/libchdb.so`.
///
/// # Errors
/// [`LibraryMissing`], whose text says what to do.
pub fn locate_library() -> Result<PathBuf, LibraryMissing> {
    locate(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
}

fn locate(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, LibraryMissing> {
    let path = variable("THROUGHLINE_ENGINE").map_or_else(
        || {
            let cache = variable("XDG_CACHE_HOME").map_or_else(
                || PathBuf::from(variable("HOME").unwrap_or_default()).join(".cache"),
                PathBuf::from,
            );
            cache.join("throughline/engine").join(ENGINE_VERSION).join("libchdb.so")
        },
        PathBuf::from,
    );
    if path.is_file() { Ok(path) } else { Err(LibraryMissing { looked_for: path, version: ENGINE_VERSION }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_comes_first_and_a_missing_file_names_the_remedy() {
        let home = tempfile::tempdir().unwrap();
        let cached = home.path().join("c/throughline/engine").join(ENGINE_VERSION);
        let from = |named: Option<PathBuf>| {
            let cache = home.path().join("c");
            locate(move |name| match name {
                "THROUGHLINE_ENGINE" => named.clone().map(Into::into),
                "XDG_CACHE_HOME" => Some(cache.clone().into()),
                _ => None,
            })
        };
        let missing = from(None).unwrap_err().to_string();
        assert!(missing.contains("make engine") && missing.contains("THROUGHLINE_ENGINE"), "{missing}");
        std::fs::create_dir_all(&cached).unwrap();
        std::fs::write(cached.join("libchdb.so"), b"").unwrap();
        assert_eq!(from(None).unwrap(), cached.join("libchdb.so"));
        let other = home.path().join("other.so");
        assert_eq!(from(Some(other.clone())).unwrap_err().looked_for, other);
    }
}
