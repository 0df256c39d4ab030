//! Things by name, in the order in which they came: found fast, for each hop asks, and the same after a restart.

use foldhash::fast::FixedState;
use indexmap::IndexMap;

pub(crate) type ByName<T> = IndexMap<String, T, FixedState>;
