//! The revision of a service's configuration, and the place where it runs: they travel with the version, as one text, until a row tells them apart. So
//! what is folded, interned and stored for each resource is no more than it was.

use std::borrow::Cow;

use throughline_otlp::{
    Facts,
    plan::{ScanPlan, slot},
};

/// Resource attributes that can name a configuration at one time.
pub const MAX_CHANGE_ATTRIBUTES: usize = 16;

/// Between version, revision and place: ASCII's unit separator, which no name has.
const SEPARATOR: char = '\u{1f}';

/// Between revisions where several attributes name one.
const AND: &[u8] = b", ";

/// Between region, zone and cluster of a place: ASCII's record separator.
const WITHIN: char = '\u{1e}';

/// Slots of the plan's `resource_keys` that say where a service runs: the widest first, but for the cluster, which may span zones.
const PLACE: [usize; 3] = [slot::REGION, slot::ZONE, slot::CLUSTER];

/// Slots of the plan's `resource_keys` that name a configuration's revision.
#[derive(Debug)]
pub struct ConfigurationSlots(Vec<usize>);

impl ConfigurationSlots {
    /// Adds the attributes to the plan.
    pub(crate) fn compile(attributes: &[String], plan: &mut ScanPlan) -> Self {
        let attributes = attributes.iter().take(MAX_CHANGE_ATTRIBUTES);
        Self(attributes.map(|key| super::departments::resource_slot(plan, key)).collect())
    }

    /// Version, revision and place of a resource, as one text.
    pub(crate) fn version<'a>(&self, facts: &'a Facts, resource: u32) -> Cow<'a, [u8]> {
        let text = |slot: usize| facts.resource_text(resource, slot);
        let version = text(slot::VERSION);
        let mut revisions = self.0.iter().map(|slot| text(*slot)).filter(|revision| !revision.is_empty());
        let first = revisions.next();
        let has_place = PLACE.iter().any(|slot| !text(*slot).is_empty());
        if first.is_none() && !has_place {
            return Cow::Borrowed(version);
        }
        let mut joined = version.to_vec();
        joined.push(SEPARATOR as u8);
        joined.extend_from_slice(first.unwrap_or_default());
        for revision in revisions {
            joined.extend_from_slice(AND);
            joined.extend_from_slice(revision);
        }
        if has_place {
            for (slot, before) in PLACE.into_iter().zip([SEPARATOR, WITHIN, WITHIN]) {
                joined.push(before as u8);
                joined.extend_from_slice(text(slot));
            }
        }
        Cow::Owned(joined)
    }
}

/// Whether a text is a version alone.
pub(crate) fn is_one(version: &str) -> bool {
    !version.as_bytes().contains(&(SEPARATOR as u8))
}

/// Version, revision and place, each as a text; empty where there is none.
pub(crate) fn split(version: &str) -> [&str; 3] {
    let mut parts = version.splitn(3, SEPARATOR);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// Region, zone and cluster of a place.
#[must_use]
pub fn place(place: &str) -> [&str; 3] {
    let mut parts = place.splitn(3, WITHIN);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_out_as_they_went_in() {
        let joined = |place: &str| format!("2.3{SEPARATOR}r1, r2{SEPARATOR}{place}");
        let text = joined(&format!("north{WITHIN}{WITHIN}blue"));
        assert_eq!(split(&text)[..2], ["2.3", "r1, r2"]);
        assert_eq!(place(split(&text)[2]), ["north", "", "blue"]);
        assert_eq!((split("2.3"), place("")), (["2.3", "", ""], [""; 3]));
        assert!(is_one("2.3") && is_one("") && !is_one(&text));
    }
}
