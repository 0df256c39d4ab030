//! Layers to a checked configuration.

use std::path::PathBuf;

use crate::fault::{ConfigError, Fault};
use crate::layers::Sources;
use crate::node::{Node, Source};
use crate::reader::{Reader, Scope};
use crate::settings::Config;
use crate::{compile, expand, packs, read, relations, unknown};

impl Config {
    /// Reads, lays over each other, expands and checks.
    ///
    /// # Errors
    /// [`ConfigError::File`] where a file cannot be read, else every fault there is.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let mut reader = Reader::default();
        let mut root = sources.merged(&mut reader.faults)?;
        expand::expand(&mut root, "", &|name: &str| sources.variable(name), &mut reader.faults);
        unknown::check(&root, &mut reader.faults);
        let config = read::config(&mut reader, &root);
        check(&config, &root, &mut reader.faults);
        let mut faults = reader.faults;
        faults.sort_by_key(place);
        faults.dedup();
        if faults.is_empty() { Ok(config) } else { Err(ConfigError::Faults(faults)) }
    }

    /// Rule packs that these sources name, of a configuration with faults too: who waits for one to be mended knows where to look. None where the sources
    /// cannot be read.
    #[must_use]
    pub fn rule_files(sources: &Sources) -> Vec<PathBuf> {
        let mut reader = Reader::default();
        let Ok(mut root) = sources.merged(&mut reader.faults) else { return Vec::new() };
        expand::expand(&mut root, "", &|name: &str| sources.variable(name), &mut reader.faults);
        packs::files(&mut reader, Scope::whole(&root))
    }
}

fn check(config: &Config, root: &Node, faults: &mut Vec<Fault>) {
    // where a value could not be read its default stands in, and no relation to it says anything
    let unread: Vec<String> = faults.iter().map(|fault| fault.key.clone()).collect();
    let mut found = Vec::new();
    relations::check(config, root, &mut found);
    compile::check(&config.rules, root, &mut found);
    found.retain(|fault| !unread.contains(&fault.key));
    faults.append(&mut found);
}

/// Faults in the order of the files.
fn place(fault: &Fault) -> (String, usize, usize) {
    match &fault.source {
        Source::File { path, line, column } => (path.display().to_string(), *line, *column),
        other => (format!("\u{10ffff}{other}"), 0, 0),
    }
}
