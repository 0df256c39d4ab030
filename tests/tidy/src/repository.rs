//! The files that git knows.

use std::path::PathBuf;
use std::process::Command;

/// One text file.
#[derive(Debug)]
pub struct SourceFile {
    /// From the root of the repository, with `/`.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// Where the repository begins.
#[must_use]
pub fn root() -> PathBuf {
    // Asked for at run time: a compiler cache shared by several clones may hand out what another of them has built.
    let here = std::env::var_os("CARGO_MANIFEST_DIR");
    here.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from).join("../..")
}

/// Every text file that is committed or about to be.
///
/// # Panics
/// Where git cannot tell: then nothing can be checked, which is a failure.
#[must_use]
#[expect(clippy::expect_used, reason = "a test's helper: a panic is the report")]
pub fn files() -> Vec<SourceFile> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root())
        .output()
        .expect("git runs");
    assert!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).expect("paths are UTF-8");
    let files: Vec<_> = names
        .split_terminator('\0')
        .filter_map(|path| {
            // binary files and those that are deleted here have nothing to say
            let text = std::fs::read_to_string(root().join(path)).ok()?;
            Some(SourceFile { path: path.to_owned(), text })
        })
        .collect();
    assert!(files.len() > 100, "only {} files found: this looks at the wrong folder", files.len());
    files
}

impl SourceFile {
    /// Whether it is Rust.
    #[must_use]
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Lines of code before the tests in the same file, each with its number. Comments are left out.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self.text.find("\n#[cfg(test)]\nmod ").unwrap_or(self.text.len());
        let lines = self.text[..tests].lines().enumerate();
        lines.map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}
