//! What every command shares.

pub(crate) mod exit;
pub(crate) mod logging;
pub(crate) mod output;
pub(crate) mod panic;
pub(crate) mod signals;
