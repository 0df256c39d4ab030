//! What a target was told: kept in a file.

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use serde::{Deserialize, Serialize};
use throughline_api::query::Incident;

/// What was told last of one incident.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Last {
    /// Whether as open.
    pub(crate) open: bool,
    /// The first suspect: service, kind.
    pub(crate) suspect: (String, String),
    /// Labels, the same as long as it lasts.
    pub(crate) labels: BTreeMap<String, String>,
}

impl Last {
    pub(crate) fn of(incident: &Incident, labels: BTreeMap<String, String>) -> Self {
        let suspect = incident.suspects.first();
        let suspect = suspect.map(|suspect| (suspect.service.clone(), suspect.kind.clone()));
        Self { open: incident.state == "open", suspect: suspect.unwrap_or_default(), labels }
    }
}

/// What one target was told of each incident.
#[derive(Debug)]
pub(crate) struct Told {
    path: PathBuf,
    pub(crate) last: BTreeMap<String, Last>,
}

impl Told {
    /// What the file says; nothing where there is none, or where it is not understood.
    pub(crate) fn open(path: PathBuf) -> Self {
        let last = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, path = %path.display(), "what was told is not understood; it is told anew");
                BTreeMap::new()
            }),
            Err(_) => BTreeMap::new(),
        };
        Self { path, last }
    }

    /// Writes the file: whole or not at all.
    pub(crate) fn save(&self) -> io::Result<()> {
        let unfinished = self.path.with_extension("tmp");
        if let Some(dir) = self.path.parent() {
            fs::create_dir_all(dir)?;
        }
        fs::write(&unfinished, serde_json::to_vec(&self.last)?)?;
        fs::rename(&unfinished, &self.path)
    }
}
