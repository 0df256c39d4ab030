//! `throughline serve`

use clap::Args;
use throughline_config::Config;

use crate::cli::ConfigArgs;
use crate::command::block_on_to_the_end;
use crate::process::exit::{Exit, Failure, Outcome};
use crate::process::signals;
use crate::serve;

/// Flags.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline serve --with-bank
  throughline serve --config throughline.yaml --data-dir /var/lib/throughline
  throughline serve --set clickhouse.url=http://clickhouse:8123 --set log.partitions=4

SIGHUP, a changed file and POST /api/v1/config/reload make it read its configuration again: a right one is taken as a
whole, of a wrong one all faults are logged and the one of before stays. Keys that need a restart are named.

SIGTERM or Ctrl-C ends in order: nothing more is received, what was is stored. A second one ends at once; nothing that
was acknowledged is lost by that either, it is read again from the log.")]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Let the simulated bank send beside it, to try things out
    #[arg(long)]
    with_bank: bool,
    /// Transfers a second that the bank sends, as the average over its day
    #[arg(long, value_name = "N", default_value_t = 5.0, requires = "with_bank")]
    bank_transfers_per_second: f64,
}

pub(crate) fn run(args: ServeArgs) -> Outcome {
    let sources = args.config.sources();
    let config = Config::load(&sources).map_err(|error| Failure::of(&error))?;
    let bank = args.with_bank.then_some(args.bank_transfers_per_second);
    block_on_to_the_end(async move {
        let shutdown = signals::shutdown()?;
        serve::run(config, sources, bank, shutdown).await.map_err(|error| Failure::of(&error))?;
        Ok(Exit::Done)
    })
}
