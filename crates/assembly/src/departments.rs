//! Which department a resource belongs to, and which addresses are partners.

use globset::{Glob, GlobMatcher, GlobSet, GlobSetBuilder};
use throughline_otlp::{
    Facts,
    plan::{ScanPlan, slot},
};

use crate::rules::{DepartmentRule, RuleFault, RulesSettings};

/// The department of what no rule names.
pub const UNASSIGNED: &str = "unassigned";

#[derive(Debug)]
enum Rule {
    /// Slot of the plan's `resource_keys`.
    Attribute(usize),
    Services(Vec<(GlobMatcher, Box<str>)>),
}

/// Department rules and partner globs, compiled.
#[derive(Debug)]
pub struct Departments {
    rules: Vec<Rule>,
    partners: GlobSet,
}

impl Departments {
    /// Compiles the rules; adds to the plan the attributes that they ask for, and faults to `faults`.
    pub(crate) fn compile(
        settings: &RulesSettings,
        plan: &mut ScanPlan,
        faults: &mut Vec<RuleFault>,
    ) -> Self {
        let mut rules = Vec::new();
        for (index, rule) in settings.departments.iter().enumerate() {
            rules.push(match rule {
                DepartmentRule::Attribute(key) => Rule::Attribute(resource_slot(plan, key)),
                DepartmentRule::Services(list) => Rule::Services(service_globs(index, list, faults)),
            });
        }
        let mut partners = GlobSetBuilder::new();
        for glob in &settings.partners {
            match Glob::new(glob) {
                Ok(compiled) => {
                    partners.add(compiled);
                }
                Err(error) => faults.push(glob_fault("partners".into(), glob, &error)),
            }
        }
        Self { rules, partners: partners.build().unwrap_or_default() }
    }

    /// The department of a resource: first rule that says something.
    #[must_use]
    pub fn of<'a>(&'a self, facts: &'a Facts, resource: u32) -> &'a [u8] {
        for rule in &self.rules {
            match rule {
                Rule::Attribute(slot) => {
                    let value = facts.resource_text(resource, *slot);
                    if !value.is_empty() {
                        return value;
                    }
                }
                Rule::Services(globs) => {
                    let service = facts.resource_text(resource, slot::SERVICE);
                    let service = std::str::from_utf8(service).unwrap_or_default();
                    if let Some((_, department)) = globs.iter().find(|(glob, _)| glob.is_match(service)) {
                        return department.as_bytes();
                    }
                }
            }
        }
        UNASSIGNED.as_bytes()
    }

    /// Whether a client of this address without a server is a partner.
    #[must_use]
    pub fn is_partner(&self, address: &str) -> bool {
        !self.partners.is_empty() && self.partners.is_match(address)
    }
}

/// The slot of a resource attribute, added to the plan where it is not there yet.
pub(crate) fn resource_slot(plan: &mut ScanPlan, key: &str) -> usize {
    if let Some(slot) = plan.resource_keys.iter().position(|known| **known == *key) {
        return slot;
    }
    plan.resource_keys.push(key.into());
    plan.resource_keys.len() - 1
}

fn service_globs(
    index: usize,
    list: &[(String, Vec<String>)],
    faults: &mut Vec<RuleFault>,
) -> Vec<(GlobMatcher, Box<str>)> {
    let mut globs = Vec::new();
    for (department, patterns) in list {
        for glob in patterns {
            match Glob::new(glob) {
                Ok(compiled) => globs.push((compiled.compile_matcher(), department.as_str().into())),
                Err(error) => faults.push(glob_fault(
                    format!("departments[{index}].services.{department}"),
                    glob,
                    &error,
                )),
            }
        }
    }
    globs
}

fn glob_fault(key: String, glob: &str, error: &globset::Error) -> RuleFault {
    RuleFault::Glob { key, glob: glob.into(), error: error.to_string() }
}
