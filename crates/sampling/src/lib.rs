//! Sampling policies over the facts of a whole transaction, in the words of the OpenTelemetry Collector's tail sampling processor.
//!
//! [`Policies::compile`] turns settings ([`PolicySettings`], a Collector's `policies:` block as it stands) into policies, and says all that is wrong
//! with them at once. What policies ask of attributes is not looked up here: it goes into a [`MatcherTable`] for the scan, and comes back as bits of
//! [`TransactionFacts::matches`]. [`Policies::decide`] gives the verdict and its weight, [`Policies::explain`] the vote of each policy.
//!
//! Precedence: a `drop` policy that matches drops; else the first policy in order that votes keep keeps; else nothing is kept. An inverted policy votes
//! keep or nothing. The weight of what is kept is one over the probability that the policies together keep such a transaction.
//!
//! It is a pure function of settings and facts: draws are hashes of a salt and the transaction's id. It holds no state from one decision to the next,
//! so policies that limit a rate are not decided here.
//!
//! Limits: [`MAX_DEPTH`], [`MAX_CELLS`], and as many attribute questions as the scan has bits.

mod compile;
mod decide;
mod draw;
mod facts;
mod fault;
mod matchers;
mod rule;
mod settings;
mod weight;

pub use compile::MAX_DEPTH;
pub use decide::{Decision, Policies, Verdict, Vote};
pub use facts::{TransactionFacts, status};
pub use fault::PolicyFault;
pub use matchers::MatcherTable;
pub use settings::{PolicySettings, SUPPORTED};
pub use weight::MAX_CELLS;
