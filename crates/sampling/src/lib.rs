//! Sampling policies over the facts of a whole transaction: those of the OpenTelemetry Collector's tail sampling processor and of Refinery, in their words,
//! and conditions in CEL.
//!
//! [`Policies::compile_with`] turns settings ([`PolicySettings`], a Collector's `policies:` block as it stands) into policies, and says all that is wrong
//! with them at once. What policies ask of spans is not looked up here: it goes into a [`MatcherTable`], for the scan (attributes) and for whoever holds
//! the rest of a span's facts ([`SpanQuestions`]), and comes back as bits of [`TransactionFacts::matches`].
//!
//! [`Sampler`] decides: at once, or, where a limit of rate, bytes or throughput has a say, at the end of a window of one second of log time. It is a pure
//! function of policies, transactions and their log times; its state is serialisable. [`Policies::decide`] is the faster way for policies that take none.
//!
//! Precedence: a `drop` policy that matches drops; else the first policy in order that votes keep keeps; else nothing is kept. An inverted policy votes
//! keep or nothing. The weight of what is kept is one over the probability that the policies together keep such a transaction; sums of weights estimate
//! true counts without bias, under limits too.
//!
//! [`trace_state`] reads and writes what other samplers are told of that probability.
//!
//! Limits: [`MAX_DEPTH`], [`MAX_CELLS`], [`MAX_PENDING`], [`MAX_USUAL_TYPES`], and as many questions as there are bits.

mod adaptive;
mod compile;
mod condition;
mod decide;
mod draw;
mod facts;
mod fault;
mod floor;
mod inclusion;
mod key;
mod limit;
mod matchers;
mod options;
mod ottl;
mod residual;
mod rule;
mod sampler;
mod settings;
mod spans;
mod text;
pub mod trace_state;
mod units;
mod usual;
mod weight;

pub use compile::MAX_DEPTH;
pub use decide::{Decision, Policies, Verdict, Vote};
pub use facts::{Transaction, TransactionFacts, WorstHop, status};
pub use fault::PolicyFault;
pub use matchers::MatcherTable;
pub use options::Options;
pub use sampler::{MAX_PENDING, OVERLOAD, Offer, Sampler, Settled, Ticket};
pub use settings::{PolicySettings, SUPPORTED};
pub use spans::{EventView, SpanNeeds, SpanQuestions, SpanView};
pub use text::TextTest;
pub use trace_state::{Randomness, Sampled, Threshold};
pub use usual::{LEAST_FOR_USUAL, MAX_USUAL_TYPES};
pub use weight::MAX_CELLS;
