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
    /// Remembers a word; whether an older one had to go for it.
    pub(super) fn learn(&mut self, feedback: &Feedback, incident: &str) -> bool {
        let said = Said { confirmed: feedback.confirmed, incident: incident.to_owned(), at: feedback.at };
        self.0.insert((feedback.service.clone(), feedback.kind.clone()), said);
        let is_over = self.0.len() > MAX_KNOWN;
        if is_over {
            let oldest = self.0.iter().min_by_key(|(_, said)| said.at).map(|(key, _)| key.clone());
            oldest.and_then(|key| self.0.remove(&key));
        }
        is_over
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

#[cfg(test)]
mod tests {
    use throughline_analysis::diagnosis::{Suspect, SuspectKind};

    use super::{super::report::MAX_FEEDBACK, *};
    use crate::{incidents::Report, records::FeedbackGiven};

    fn suspect(rank: u32, service: String) -> Suspect {
        Suspect { rank, service, ..Suspect::default() }
    }

    fn incident(id: &str, suspects: Vec<Suspect>) -> Incident {
        Incident { id: id.into(), suspects, ..Incident::default() }
    }

    fn given(suspect: u32, confirmed: bool) -> FeedbackGiven {
        FeedbackGiven { incident: "i".into(), suspect, confirmed, by: "ann".into() }
    }

    /// Suspects come and go from version to version; of what was said of them the latest stays.
    #[test]
    fn of_one_incident_the_latest_words_stay() {
        let mut report = Report::new(incident("i", Vec::new()));
        let count = MAX_FEEDBACK as u64 + 5;
        for at in 0..count {
            report.incident.suspects = vec![suspect(1, format!("service-{at}"))];
            assert!(report.say(&given(1, true), at).is_some());
        }
        let said: Vec<u64> = report.feedback.iter().map(|feedback| feedback.at).collect();
        assert_eq!(said, (5..count).collect::<Vec<_>>());
        assert!(report.say(&given(1, false), count).is_some());
        assert!(
            report.summary().contains("ann says that service-24 (own) was not the cause."),
            "{}",
            report.summary()
        );
        assert_eq!(report.feedback.len(), MAX_FEEDBACK, "said again of the same suspect: in its place");
        assert!(report.feedback.last().is_some_and(|last| !last.confirmed && last.at == count));
        assert!(report.say(&given(2, true), count).is_none(), "there is no such suspect");
    }

    #[test]
    fn of_all_incidents_the_oldest_words_are_forgotten() {
        let mut known = Known::default();
        let of = |service: u64, at: u64| Feedback {
            service: format!("service-{service}"),
            operation: String::new(),
            kind: SuspectKind::Own.name().to_owned(),
            confirmed: true,
            by: "ann".into(),
            at,
        };
        let count = MAX_KNOWN as u64;
        assert!((0..count).all(|at| !known.learn(&of(at, at), "before")));
        // The first is said again, so that the second is the oldest.
        known.learn(&of(0, count), "before");
        known.learn(&of(count, count + 1), "before");
        assert_eq!(known.0.len(), MAX_KNOWN);
        let reminded = |service: u64, id: &str| {
            let mut now = incident(id, vec![suspect(1, format!("service-{service}"))]);
            known.remind(&mut now);
            !now.suspects[0].evidence.is_empty()
        };
        assert!(reminded(0, "now") && reminded(count, "now") && !reminded(1, "now"));
        assert!(!reminded(0, "before"), "an incident is not reminded of itself");
    }
}
