//! The root of a trace, as its summary shows it.

use crate::records::TraceSummary;
use throughline_otlp::facts::flag;

/// What types are told by.
pub(crate) struct Root<'a> {
    pub(crate) name: &'a str,
    pub(crate) service: &'a str,
    pub(crate) kind: u8,
}

/// The first span without a parent, else the first whose parent is not there.
pub(crate) fn root_of(summary: &TraceSummary) -> Option<Root<'_>> {
    let order = |index: &usize| (summary.start.get(*index), summary.span_id.get(*index));
    let parents = &summary.parent_id;
    let roots = (0..parents.len()).filter(|index| parents[*index] == 0);
    let index = roots.min_by_key(order).or_else(|| {
        // Late fragments have no root of their own and do not tell a type.
        let orphans = (0..parents.len()).filter(|index| !summary.span_id.contains(&parents[*index]));
        if summary.late { None } else { orphans.min_by_key(order) }
    })?;
    let text = |index: u32| summary.strings.get(index as usize).map_or("", String::as_str);
    let resource = summary.resources.get(*summary.resource.get(index)? as usize)?;
    Some(Root {
        name: text(*summary.operation.get(index)?),
        service: text(resource.service),
        kind: (summary.flags.get(index)? & u32::from(flag::KIND)) as u8,
    })
}
