//! Rule packs: patterns of incidents that people have met before, each with advice, so that experience is shared.
//!
//! A pack has a name, a version and rules. A rule has a condition in CEL over one suspect of an incident, its figures and what those that are hit share, and a text with places in braces
//! that are filled in. [`Packs::compile`] checks all of them and tells every fault; [`Packs::advise`] says what holds for an incident.
//!
//! Advice is read out of an incident when it is shown; it decides nothing and is part of no record. So a rule that comes later advises on what was before.
//!
//! What it is not: it reads no file (`throughline-config` does). Conditions are evaluated by the `cel` crate: they end, and are bounded by [`MAX_RULES`]
//! and [`MAX_CONDITION`].

mod facts;
mod fault;
mod packs;
mod rule;

pub use fault::{PackFault, Part};
pub use packs::{BUILTIN, MAX_ADVICE, MAX_RULES, Pack, Packs, Rule};
pub use rule::{Advice, MAX_CONDITION};
