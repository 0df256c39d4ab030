//! Layers of a configuration, lowest first: the table's defaults, files in their order, the environment, `--set`, flags.

use std::path::{Path, PathBuf};

use crate::fault::{ConfigError, Fault};
use crate::merge::{merge, put};
use crate::node::{Node, Source, Value};
use crate::yaml;

/// Prefix of environment variables that set keys: `THROUGHLINE__LOG__PARTITIONS=4`.
pub const ENVIRONMENT_PREFIX: &str = "THROUGHLINE__";

/// Where variables come from: the process's own, or a test's.
pub(crate) trait Environment {
    fn get(&self, name: &str) -> Option<String>;
}

impl<F: Fn(&str) -> Option<String>> Environment for F {
    fn get(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// What a configuration is made of.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// YAML files; later ones override earlier ones. Maps are merged, lists replaced.
    pub files: Vec<PathBuf>,
    /// Variables; those that begin with [`ENVIRONMENT_PREFIX`] set keys, all can be referred to by `${NAME}`.
    pub environment: Vec<(String, String)>,
    /// `key.path=value`, as given to `--set`.
    pub set: Vec<String>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
}

impl Sources {
    /// These files under the environment of this process.
    #[must_use]
    pub fn of_process(files: Vec<PathBuf>, set: Vec<String>, data_dir: Option<PathBuf>) -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { files, environment, set, data_dir }
    }

    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    /// All layers over each other, without the defaults.
    pub(crate) fn merged(&self, faults: &mut Vec<Fault>) -> Result<Node, ConfigError> {
        let mut root = Node::default();
        for path in &self.files {
            match yaml::parse(&read(path)?, path) {
                Ok(layer) if matches!(layer.value, Value::Map(_)) || layer.is_null() => {
                    merge(&mut root, layer);
                }
                Ok(layer) => faults.push(Fault::new("", &layer, "a map of keys is expected")),
                Err(fault) => faults.push(fault),
            }
        }
        self.lay_environment(&mut root, faults);
        self.lay_set(&mut root, faults);
        if let Some(path) = &self.data_dir {
            let text = path.to_string_lossy();
            let node = Node {
                value: Value::Scalar { text: text.into(), quoted: true },
                source: Source::Flag("--data-dir"),
            };
            put(&mut root, &["data_dir".to_owned()], node);
        }
        Ok(root)
    }

    fn lay_environment(&self, root: &mut Node, faults: &mut Vec<Fault>) {
        let mut variables: Vec<_> = self.environment.iter().collect();
        // a longer path comes after the shorter that holds it
        variables.sort();
        for (name, value) in variables {
            let Some(path) = name.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
            let keys: Vec<_> = path.to_ascii_lowercase().split("__").map(str::to_owned).collect();
            lay(root, &keys, value, &Source::Environment(name.clone()), faults);
        }
    }

    fn lay_set(&self, root: &mut Node, faults: &mut Vec<Fault>) {
        for text in &self.set {
            let source = Source::Set(text.clone());
            let Some((path, value)) = text.split_once('=') else {
                faults.push(Fault::syntax(source, "`key.path=value` is expected"));
                continue;
            };
            let keys: Vec<_> = path.trim().split('.').map(str::to_owned).collect();
            // the value is not shown again: it stands in the source already
            lay(root, &keys, value, &Source::Set(path.trim().to_owned()), faults);
        }
    }
}

fn lay(root: &mut Node, keys: &[String], value: &str, source: &Source, faults: &mut Vec<Fault>) {
    match yaml::parse_value(value, source) {
        Ok(node) => put(root, keys, node),
        Err(fault) => faults.push(Fault { key: keys.join("."), value: Some(value.to_owned()), ..fault }),
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|error| ConfigError::File { path: path.display().to_string(), error })
}
