//! Tells Alertmanager (its API, version 2) and webhooks of incidents: when one is found, when its first suspect changes, and when it is over.
//!
//! What each target was told is kept in a file, so that an end that happened while nobody listened is told later, and nothing is told anew after a
//! restart. A target that does not answer is tried again and again; it holds up no other. Plain HTTP only.
//!
//! Limits: [`limits`].

pub mod limits;
pub mod metrics;

mod body;
mod notifier;
mod told;

pub use notifier::{Notifier, Settings, Source, Target};
