//! `throughline embedded-clickhouse`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use throughline_embedded_clickhouse::{Options, locate_library, serve};

use crate::command::block_on;
use crate::process::exit::{Exit, Outcome};
use crate::process::signals;

/// Flags.
#[derive(Debug, Args)]
pub(crate) struct EngineArgs {
    /// Folder of the data; made where it is missing
    #[arg(long, value_name = "DIR")]
    path: PathBuf,
    /// Where ClickHouse's HTTP interface is served; there are no users and passwords, so keep to the loopback device
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8123")]
    listen: SocketAddr,
}

pub(crate) fn run(args: EngineArgs) -> Outcome {
    let library = locate_library()?;
    let options = Options::new(library, args.path, args.listen);
    block_on(async move {
        let shutdown = signals::shutdown()?;
        serve(options, shutdown.cancelled_owned()).await?;
        Ok(Exit::Done)
    })
}
