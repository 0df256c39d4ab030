//! Strings as small numbers.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::limits::{MAX_NAME_BYTES, MAX_NAMES};

/// Names with a limit: what is over it is called `other`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub(crate) struct Names {
    list: Vec<String>,
    index: HashMap<String, u32, FixedState>,
    /// How often one found no room since somebody asked.
    refused: u64,
}

/// The empty name.
pub(crate) const EMPTY: u32 = 0;
/// Names beyond the limit.
pub(crate) const OTHER: u32 = 1;

impl Default for Names {
    fn default() -> Self {
        Self::from(vec![String::new(), "other".to_owned()])
    }
}

impl From<Vec<String>> for Names {
    fn from(list: Vec<String>) -> Self {
        let index = list.iter().cloned().zip(0u32..).collect();
        Self { list, index, refused: 0 }
    }
}

impl From<Names> for Vec<String> {
    fn from(names: Names) -> Self {
        names.list
    }
}

impl Names {
    /// The number of this name.
    pub(crate) fn id(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return EMPTY;
        }
        if let Some(&id) = self.index.get(name) {
            return id;
        }
        if self.list.len() >= MAX_NAMES || name.len() > MAX_NAME_BYTES {
            self.refused += 1;
            return OTHER;
        }
        let id = u32::try_from(self.list.len()).unwrap_or(OTHER);
        self.list.push(name.to_owned());
        self.index.insert(name.to_owned(), id);
        id
    }

    /// How often one found no room since the last call.
    pub(crate) fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    /// The name of this number.
    pub(crate) fn name(&self, id: u32) -> &str {
        self.list.get(id as usize).map_or("", String::as_str)
    }
}
