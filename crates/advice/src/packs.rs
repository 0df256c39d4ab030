//! Packs, checked as a whole.

use std::{collections::BTreeSet, fmt};

use throughline_analysis::diagnosis::{Incident, Suspect};

use crate::{
    fault::{PackFault, Part},
    rule::{Advice, Compiled},
};

/// The pack that is always there, as it is written.
pub const BUILTIN: &str = include_str!("../packs/throughline.yaml");

/// Rules of all packs: each is evaluated for each suspect that is shown.
pub const MAX_RULES: usize = 500;

/// Pieces of advice on one incident: a person reads no more.
pub const MAX_ADVICE: usize = 5;

/// Suspects that rules are asked about.
const SUSPECTS: usize = 3;

/// Share of the incident that a suspect must explain for advice about it, if it is not the first.
const LIKELY: f64 = 0.2;

/// A pack as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pack {
    /// What it is called.
    pub name: String,
    /// Which state of it.
    pub version: String,
    /// In their order.
    pub rules: Vec<Rule>,
}

/// A rule as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// What it is called; one of its pack.
    pub name: String,
    /// A condition in CEL.
    pub when: String,
    /// What to do, with places such as `{service}`.
    pub advice: String,
}

/// Packs that can be asked. Those that were made of the same packs are equal.
#[derive(Default)]
pub struct Packs {
    packs: Vec<Pack>,
    compiled: Vec<(usize, Compiled)>,
}

impl fmt::Debug for Packs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Packs").field(&self.packs).finish()
    }
}

impl PartialEq for Packs {
    fn eq(&self, other: &Self) -> bool {
        self.packs == other.packs
    }
}

impl Packs {
    /// Checks packs.
    ///
    /// # Errors
    /// Every fault there is.
    pub fn compile(packs: Vec<Pack>) -> Result<Self, Vec<PackFault>> {
        let mut faults = Vec::new();
        let mut compiled = Vec::new();
        let mut names = BTreeSet::new();
        for (number, pack) in packs.iter().enumerate() {
            if !names.insert(pack.name.as_str()) {
                let message = format!("there is a pack `{}` already", pack.name);
                faults.push(PackFault { pack: number, rule: None, message });
            }
            let mut rules = BTreeSet::new();
            for (at, rule) in pack.rules.iter().enumerate() {
                let mut fault = |part: Part, message: String| {
                    faults.push(PackFault { pack: number, rule: Some((at, part)), message });
                };
                if !rules.insert(rule.name.as_str()) {
                    fault(Part::Name, format!("there is a rule `{}` in this pack already", rule.name));
                }
                let made = Compiled::new(&rule.name, &rule.when, &rule.advice, &mut fault);
                compiled.extend(made.map(|made| (number, made)));
            }
        }
        if compiled.len() > MAX_RULES {
            let message = format!("{} rules in all; at most {MAX_RULES} are possible", compiled.len());
            faults.push(PackFault { pack: packs.len() - 1, rule: None, message });
        }
        if faults.is_empty() { Ok(Self { packs, compiled }) } else { Err(faults) }
    }

    /// What rules say of an incident: of its first suspect, then of others that are likely, in the order of the packs.
    #[must_use]
    pub fn advise(&self, incident: &Incident) -> Vec<Advice> {
        let mut advice = Vec::new();
        let likely = |suspect: &&Suspect| suspect.rank == 1 || suspect.score >= LIKELY;
        for suspect in incident.suspects.iter().take(SUSPECTS).filter(likely) {
            let holding = self.compiled.iter().filter(|(_, rule)| rule.holds(incident, suspect));
            advice.extend(holding.map(|(number, rule)| Advice {
                pack: self.packs[*number].name.clone(),
                version: self.packs[*number].version.clone(),
                rule: rule.name.clone(),
                suspect: suspect.rank,
                text: rule.text(suspect),
            }));
        }
        advice.truncate(MAX_ADVICE);
        advice
    }

    /// What they were made of.
    #[must_use]
    pub fn packs(&self) -> &[Pack] {
        &self.packs
    }
}
