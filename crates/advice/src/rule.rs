//! One rule: a condition and a text.

use cel::{Context, Program, Value};
use serde::Serialize;
use throughline_analysis::diagnosis::{Incident, Suspect};

use crate::{
    facts::{FigureFacts, IncidentFacts, KINDS, SharedFacts, SuspectFacts, sample},
    fault::Part,
};

/// Bytes of a condition: a pattern that is longer is several.
pub const MAX_CONDITION: usize = 2048;

/// Bytes of a text: more is not advice but a book.
const MAX_TEXT: usize = 1024;

/// What a condition can read.
const NAMES: [&str; 4] = ["incident", "suspect", "figures", "shared"];

/// Told where something else is named.
const KNOWN: &str = "there are incident (types, transactions, share, customers, amount, excess_ms, suspects), suspect (rank, service, department, operation, \
     instance, version, kind, score, excess_ms, transactions, evidence) , figures, a list of what, operation, usual, now, ratio, share, and shared, a list of what, value, share, healthy";

/// Places that a text can have.
const PLACES: [&str; 7] = ["service", "department", "operation", "instance", "version", "usual", "now"];

/// What a rule says of a suspect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// Name of the pack.
    pub pack: String,
    /// Version of the pack.
    pub version: String,
    /// Name of the rule.
    pub rule: String,
    /// Rank of the suspect that it is about.
    pub suspect: u32,
    /// What to do.
    pub text: String,
}

/// A rule that can be asked.
pub(crate) struct Compiled {
    pub(crate) name: String,
    condition: Program,
    text: String,
}

impl Compiled {
    /// Checks a rule; every fault of it goes to `fault`.
    pub(crate) fn new(
        name: &str,
        when: &str,
        advice: &str,
        fault: &mut dyn FnMut(Part, String),
    ) -> Option<Self> {
        if advice.len() > MAX_TEXT {
            fault(Part::Advice, format!("{} bytes; at most {MAX_TEXT} are possible", advice.len()));
        }
        for place in places(advice).filter(|place| !PLACES.contains(place)) {
            fault(
                Part::Advice,
                format!("`{{{place}}}` is no place to fill in; there are {}", PLACES.join(", ")),
            );
        }
        if when.len() > MAX_CONDITION {
            fault(Part::When, format!("{} bytes; at most {MAX_CONDITION} are possible", when.len()));
            return None;
        }
        let condition = Program::compile(when).map_err(|error| fault(Part::When, error.to_string())).ok()?;
        let references = condition.references();
        let mut unknown: Vec<&str> = references
            .variables()
            .into_iter()
            .filter(|name| !NAMES.contains(name) && !is_local(when, name))
            .collect();
        unknown.sort_unstable();
        for name in &unknown {
            fault(Part::When, format!("`{name}` does not exist here; {KNOWN}"));
        }
        let is_known = unknown.is_empty();
        let rule = Self { name: name.to_owned(), condition, text: advice.to_owned() };
        if is_known && let Err(message) = rule.try_out() {
            fault(Part::When, message);
        }
        Some(rule)
    }

    /// Evaluates it over incidents that have everything, each kind of suspect and of figure.
    fn try_out(&self) -> Result<(), String> {
        let more = ["error", "missing", "shape", "unanswered"];
        for what in KINDS.iter().map(|kind| kind.name()).chain(more) {
            let incident = sample(what);
            let Some(suspect) = incident.suspects.first() else { continue };
            self.value(&incident, suspect)?;
        }
        Ok(())
    }

    /// Whether it holds for a suspect. What cannot be evaluated does not hold.
    pub(crate) fn holds(&self, incident: &Incident, suspect: &Suspect) -> bool {
        self.value(incident, suspect).unwrap_or(false)
    }

    fn value(&self, incident: &Incident, suspect: &Suspect) -> Result<bool, String> {
        let mut context = Context::default();
        let figures: Vec<FigureFacts<'_>> = suspect.figures.iter().map(FigureFacts::from).collect();
        let shared: Vec<SharedFacts<'_>> = incident.shared.iter().map(SharedFacts::from).collect();
        let facts = [
            ("incident", cel::to_value(IncidentFacts::from(incident))),
            ("suspect", cel::to_value(SuspectFacts::from(suspect))),
            ("figures", cel::to_value(&figures)),
            ("shared", cel::to_value(&shared)),
        ];
        for (name, value) in facts {
            context.add_variable_from_value(name, value.map_err(|error| error.to_string())?);
        }
        match self.condition.execute(&context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(_) => Err("a condition is expected here, not a value".to_owned()),
            Err(error) => Err(format!("{error}; {KNOWN}; numbers have a point: 3.0")),
        }
    }

    /// Its text for a suspect.
    pub(crate) fn text(&self, suspect: &Suspect) -> String {
        let figure = suspect.figures.first();
        let shown = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |value| format!("{value:.1}"));
        let mut text = self.text.clone();
        for place in PLACES {
            let value = match place {
                "service" => suspect.service.clone(),
                "department" => suspect.department.clone(),
                "operation" => suspect.operation.clone(),
                "instance" => suspect.instance.clone(),
                "version" => suspect.version.clone(),
                "usual" => shown(figure.map(|figure| figure.usual)),
                _ => shown(figure.map(|figure| figure.now)),
            };
            let value = if value.is_empty() { format!("its {place}") } else { value };
            text = text.replace(&format!("{{{place}}}"), &value);
        }
        text
    }
}

/// Names between braces.
fn places(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(place, _)| place))
}

/// Whether a name is bound by a macro of the condition, such as `f` in `figures.exists(f, f.ratio > 2.0)`.
fn is_local(when: &str, name: &str) -> bool {
    let bound = |call: &str| {
        when.match_indices(call).any(|(at, _)| {
            let rest = when[at + call.len()..].trim_start();
            rest.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with(','))
        })
    };
    name.starts_with('@') || ["exists(", "all(", "exists_one(", "filter(", "map("].into_iter().any(bound)
}
