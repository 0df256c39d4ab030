//! `throughline version`

use throughline_embedded_clickhouse::ENGINE_VERSION;

use crate::process::exit::{Exit, Outcome};
use crate::process::output::answer;

pub(crate) fn run() -> Outcome {
    answer(&format!("throughline {}\nembedded ClickHouse {ENGINE_VERSION}", env!("CARGO_PKG_VERSION")));
    Ok(Exit::Done)
}
