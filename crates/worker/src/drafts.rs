//! Rows of transactions that were offered, until policies say what becomes of them: most are not kept, and are not read and analysed again for that.

use std::collections::HashMap;

use throughline_assembly::{names::NameHash, records::Closed, transactions::Closing};

use crate::limits::MAX_DRAFTS;

/// The drafts of one partition. One that is not there is made again.
#[derive(Default)]
pub(crate) struct Drafts {
    by_name: HashMap<NameHash, Closed>,
}

impl Drafts {
    pub(crate) fn add(&mut self, draft: Closed) {
        if self.by_name.len() >= MAX_DRAFTS {
            self.by_name.clear();
        }
        self.by_name.insert(draft.name(), draft);
    }

    /// The record of one that is not kept.
    pub(crate) fn take(&mut self, closing: &Closing) -> Option<Closed> {
        let verdict = closing.verdict.as_ref()?;
        let draft = self.by_name.remove(&closing.name)?;
        let members = closing.members.iter().map(|member| member.packed());
        let is_its = draft.version == closing.version && members.eq(draft.members.iter().copied());
        let alone = closing.kept_from.is_none() && closing.previous.is_none();
        (is_its && alone && !verdict.keep).then(|| verdict.clone().of_draft(draft))
    }

    /// Other rules: they would have made other rows.
    pub(crate) fn clear(&mut self) {
        self.by_name.clear();
    }
}
