//! `throughline transactions`

use std::time::Duration;

use clap::Args;
use throughline_api::query::ListTransactionsRequest;

use crate::client::{Ask, MAX_LISTED, pages};
use crate::command::{block_on, figures::list};
use crate::draw;
use crate::process::exit::Outcome;

/// Flags.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline transactions --since 1h --slower-than 2s
  throughline transactions --type transfer --outcome error --department payments
  throughline transactions --service ledger --slowest --limit 5
  throughline transactions --since 2h --until 1h --kept no
  throughline transactions --in-flight --slower-than 5m --output json

Exit status: 0 found, 1 failed, 3 nothing matches.")]
pub(crate) struct TransactionsArgs {
    /// Only of this type
    #[arg(long = "type", value_name = "T")]
    kind: Option<String>,
    /// Only those that began so long ago at most
    #[arg(long, value_name = "D", default_value = "1h", value_parser = duration)]
    since: Duration,
    /// Only those that began longer ago than this
    #[arg(long, value_name = "D", value_parser = duration)]
    until: Option<Duration>,
    /// Only slower ones; of open ones, older ones
    #[arg(long, value_name = "D", value_parser = duration)]
    slower_than: Option<Duration>,
    /// Only with this outcome
    #[arg(long, value_name = "OUTCOME", value_parser = ["ok", "error", "incomplete"])]
    outcome: Option<String>,
    /// Only those that this department had a part in
    #[arg(long, value_name = "D")]
    department: Option<String>,
    /// Only those that this service had a part in
    #[arg(long, value_name = "S")]
    service: Option<String>,
    /// Only those whose spans are kept, or are not
    #[arg(long, value_name = "YES|NO", value_parser = ["yes", "no"])]
    kept: Option<String>,
    /// Only those that are still open
    #[arg(long)]
    in_flight: bool,
    /// The slowest first, instead of the newest
    #[arg(long)]
    slowest: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=MAX_LISTED))]
    limit: u32,
    #[command(flatten)]
    ask: Ask,
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    throughline_config::parse_duration(text)
        .ok_or_else(|| "a number with a unit is expected: 250ms, 5s, 10m, 1h, 7d".to_owned())
}

pub(crate) fn run(args: TransactionsArgs) -> Outcome {
    let request = ListTransactionsRequest {
        tenant: args.ask.tenant.clone(),
        r#type: args.kind.unwrap_or_default(),
        since_seconds: args.since.as_secs().max(1),
        slower_than: args
            .slower_than
            .map_or(0, |duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)),
        outcome: args.outcome.unwrap_or_default(),
        department: args.department.unwrap_or_default(),
        service: args.service.unwrap_or_default(),
        kept: args.kept.unwrap_or_default(),
        slowest_first: args.slowest,
        until_seconds: args.until.map_or(0, |until| until.as_secs().max(1)),
        in_flight: args.in_flight,
        ..ListTransactionsRequest::default()
    };
    let ask = args.ask;
    block_on(async move {
        let mut client = ask.connect().await?;
        let fetch = async |limit, page_token| {
            let request = ListTransactionsRequest { limit, page_token, ..request.clone() };
            let found = client.list_transactions(request).await?.into_inner();
            Ok((found.transactions, found.next_page_token))
        };
        let found = pages(args.limit, fetch).await.map_err(|status| ask.refused(&status))?;
        list(&ask, &found, draw::transactions::draw, "no transaction matches")
    })
}
