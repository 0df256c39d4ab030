//! The revision of a service's configuration: it travels with the version, as one text, until a row tells them apart. So what is folded, interned and
//! stored for each resource is no more than it was.

use std::borrow::Cow;

use throughline_otlp::{
    Facts,
    plan::{ScanPlan, slot},
};

/// Resource attributes that can name a configuration at one time.
pub const MAX_CHANGE_ATTRIBUTES: usize = 16;

/// Between version and revision: ASCII's unit separator, which no name has.
const SEPARATOR: char = '\u{1f}';

/// Between revisions where several attributes name one.
const AND: &[u8] = b", ";

/// Slots of the plan's `resource_keys` that name a configuration's revision.
#[derive(Debug)]
pub struct ConfigurationSlots(Vec<usize>);

impl ConfigurationSlots {
    /// Adds the attributes to the plan.
    pub(crate) fn compile(attributes: &[String], plan: &mut ScanPlan) -> Self {
        let attributes = attributes.iter().take(MAX_CHANGE_ATTRIBUTES);
        Self(attributes.map(|key| super::departments::resource_slot(plan, key)).collect())
    }

    /// Version and revision of a resource, as one text.
    pub(crate) fn version<'a>(&self, facts: &'a Facts, resource: u32) -> Cow<'a, [u8]> {
        let version = facts.resource_text(resource, slot::VERSION);
        let mut joined = Vec::new();
        for slot in &self.0 {
            let revision = facts.resource_text(resource, *slot);
            if revision.is_empty() {
                continue;
            }
            if joined.is_empty() {
                joined.extend_from_slice(version);
                joined.push(SEPARATOR as u8);
            } else {
                joined.extend_from_slice(AND);
            }
            joined.extend_from_slice(revision);
        }
        if joined.is_empty() { Cow::Borrowed(version) } else { Cow::Owned(joined) }
    }
}

/// Version and revision, each as a text; empty where there is none.
pub(crate) fn split(version: &str) -> (&str, &str) {
    version.split_once(SEPARATOR).unwrap_or((version, ""))
}
