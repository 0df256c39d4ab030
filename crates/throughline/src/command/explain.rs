//! `throughline explain`

use clap::Args;
use throughline_api::query::ExplainRequest;

use crate::client::{Ask, Output};
use crate::command::block_on;
use crate::draw::{self, screen::Screen};
use crate::process::exit::{Exit, Outcome};
use crate::process::output::answer;

/// Flags.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline explain 2f1d6c1e-8a6b-4b0c-9a58-0c6d1f6f2f11     by a business key, such as a UETR
  throughline explain 4bf92f3577b34da6a3ce929d0e0e4736         by the id of one of its traces
  throughline explain KEY --output json | jq .sentence

Exit status: 0 found, 1 failed, 3 there is no such transaction.")]
pub(crate) struct ExplainArgs {
    /// Key of a transaction, or id of one of its traces
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    ask: Ask,
}

pub(crate) fn run(args: ExplainArgs) -> Outcome {
    block_on(async move {
        let mut client = args.ask.connect().await?;
        let request = ExplainRequest { key: args.key, tenant: args.ask.tenant.clone() };
        let explanation =
            client.explain(request).await.map_err(|status| args.ask.refused(&status))?.into_inner();
        answer(&match args.ask.output {
            Output::Json => serde_json::to_string(&explanation)?,
            Output::Text => draw::explanation::draw(&explanation, Screen::of_stdout()),
        });
        Ok(Exit::Done)
    })
}
