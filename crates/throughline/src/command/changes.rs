//! `throughline changes`: changes that somebody tells of.

use std::time::Duration;

use clap::{Args, Subcommand};
use throughline_api::query::{ListChangesRequest, TellChangeRequest};

use crate::client::{Ask, Output};
use crate::command::{block_on, figures, transactions::duration};
use crate::draw;
use crate::process::exit::{Exit, Outcome};
use crate::process::output::answer;

/// Flags.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline changes --since 1d
  throughline changes tell --service ledger \"pool of connections 20 -> 5\"
  throughline changes tell --service limits --kind version --by pipeline \"2.14.0 on half of the pods\"

What is told is suspected where an incident begins at that service, or on a path through it, within a quarter of an hour.

Exit status: 0 found, 1 failed, 3 nothing was told.")]
pub(crate) struct ChangesArgs {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Only those that were made so long ago at most
    #[arg(long, value_name = "D", default_value = "7d", value_parser = duration)]
    since: Duration,
    /// Only of this service
    #[arg(long, value_name = "S")]
    service: Option<String>,
    /// Only of this kind
    #[arg(long, value_name = "K")]
    kind: Option<String>,
    /// At most so many, latest first
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[command(flatten)]
    ask: Ask,
}

/// What to do other than to list.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Tells of a change
    Tell(TellArgs),
}

#[derive(Debug, Args)]
struct TellArgs {
    /// What was done
    #[arg(value_name = "TEXT", default_value = "")]
    text: String,
    /// The service that was changed
    #[arg(long, value_name = "S", required_unless_present = "department")]
    service: Option<String>,
    /// The department, where all of its services were
    #[arg(long, value_name = "D")]
    department: Option<String>,
    /// `version`, `configuration` or another word
    #[arg(long, value_name = "K", default_value = "configuration")]
    kind: String,
    /// When, as in RFC 3339; now where it is not given
    #[arg(long, value_name = "TIME", default_value = "", hide_default_value = true)]
    time: String,
    /// Who tells
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true, default_value = "")]
    by: String,
}

pub(crate) fn run(args: ChangesArgs) -> Outcome {
    block_on(async move {
        match args.verb {
            Some(Verb::Tell(change)) => say(&args.ask, change).await,
            None => {
                let request = ListChangesRequest {
                    tenant: args.ask.tenant.clone(),
                    service: args.service.unwrap_or_default(),
                    department: String::new(),
                    kind: args.kind.unwrap_or_default(),
                    since_seconds: args.since.as_secs().max(1),
                    limit: args.limit,
                };
                let mut client = args.ask.connect().await?;
                let found = client.list_changes(request).await;
                let found = found.map_err(|status| args.ask.refused(&status))?.into_inner();
                figures::list(&args.ask, &found.changes, draw::figures::changes, "no change was told of")
            }
        }
    })
}

async fn say(ask: &Ask, args: TellArgs) -> Outcome {
    let request = TellChangeRequest {
        tenant: ask.tenant.clone(),
        service: args.service.unwrap_or_default(),
        department: args.department.unwrap_or_default(),
        kind: args.kind,
        text: args.text,
        by: args.by,
        time: args.time,
    };
    let mut client = ask.connect().await?;
    let told = client.tell_change(request).await.map_err(|status| ask.refused(&status))?.into_inner();
    answer(&match ask.output {
        Output::Text => draw::figures::changes(&[told]),
        Output::Json => serde_json::to_string(&told)?,
    });
    Ok(Exit::Done)
}
