//! What people have confirmed before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use throughline_analysis::diagnosis::Incident;

use super::report::Feedback;

/// Suspects that are remembered; the oldest word goes first.
const MAX_KNOWN: usize = 1_000;

/// What was said last of a suspect.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Said {
    confirmed: bool,
    incident: String,
    at: u64,
}

/// By service and kind.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Known(BTreeMap<(String, String), Said>);

impl Known {
    pub(super) fn learn(&mut self, feedback: &Feedback, incident: &str) {
        let said = Said { confirmed: feedback.confirmed, incident: incident.to_owned(), at: feedback.at };
        self.0.insert((feedback.service.clone(), feedback.kind.clone()), said);
        if self.0.len() > MAX_KNOWN {
            let oldest = self.0.iter().min_by_key(|(_, said)| said.at).map(|(key, _)| key.clone());
            oldest.and_then(|key| self.0.remove(&key));
        }
    }

    /// Says of suspects what people said of their like.
    pub(super) fn remind(&self, incident: &mut Incident) {
        for suspect in &mut incident.suspects {
            let key = (suspect.service.clone(), suspect.kind.name().to_owned());
            let Some(said) = self.0.get(&key).filter(|said| said.incident != incident.id) else { continue };
            let word = if said.confirmed { "confirmed" } else { "rejected" };
            suspect.evidence.push(format!("a person {word} the like in incident {}", said.incident));
        }
    }
}
