//! `throughline compare`

use std::time::Duration;

use clap::Args;
use throughline_api::query::{CompareRequest, ListDeploymentsRequest};

use crate::client::{Ask, Output};
use crate::command::{block_on, figures, transactions::duration};
use crate::draw;
use crate::process::exit::{Exit, Outcome};
use crate::process::output::answer;

/// Flags.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --service: versions that came while the server looked, each compared with the one before by itself, newest first.

Examples:
  throughline compare                                               new versions of all services, and how they do
  throughline compare --by version --service ledger                 the newest version with the most used before it
  throughline compare --by version --service ledger --baseline 2.3.0 --candidate 2.4.0
  throughline compare --by instance --service payment-orchestrator --candidate payment-orchestrator-1
  throughline compare --by region --service ledger
  throughline compare --by bank.channel --service mobile-gateway --baseline mobile --candidate web

Exit status: 0 compared, 1 failed, 3 there is nothing to compare; the verdict is in the answer.")]
pub(crate) struct CompareArgs {
    /// What the two sides differ in: `version`, `instance`, `region`, `zone`, `cluster`, or an attribute of transactions, such as `error.type`
    #[arg(long, value_name = "WHAT", default_value = "version")]
    by: String,
    /// The service; without one, new versions of all services
    #[arg(long, value_name = "S")]
    service: Option<String>,
    /// The side that is known; the most used where it is not given
    #[arg(long, value_name = "V")]
    baseline: Option<String>,
    /// The side that is asked about; the one that was seen first latest where it is not given
    #[arg(long, value_name = "V")]
    candidate: Option<String>,
    /// Only transactions of this type
    #[arg(long = "type", value_name = "T")]
    kind: Option<String>,
    /// Only transactions that began so long ago at most
    #[arg(long, value_name = "D", default_value = "1d", value_parser = duration)]
    since: Duration,
    #[command(flatten)]
    ask: Ask,
}

pub(crate) fn run(args: CompareArgs) -> Outcome {
    let ask = args.ask;
    let Some(service) = args.service else { return deployments(ask) };
    let request = CompareRequest {
        tenant: ask.tenant.clone(),
        service,
        by: args.by,
        baseline: args.baseline.unwrap_or_default(),
        candidate: args.candidate.unwrap_or_default(),
        since_seconds: args.since.as_secs().max(1),
        r#type: args.kind.unwrap_or_default(),
    };
    block_on(async move {
        let mut client = ask.connect().await?;
        let found = client.compare(request).await.map_err(|status| ask.refused(&status))?.into_inner();
        answer(&match ask.output {
            Output::Json => serde_json::to_string(&found)?,
            Output::Text => draw::compare::draw(&found),
        });
        Ok(Exit::Done)
    })
}

fn deployments(ask: Ask) -> Outcome {
    let request = ListDeploymentsRequest { tenant: ask.tenant.clone(), ..ListDeploymentsRequest::default() };
    block_on(async move {
        let mut client = ask.connect().await?;
        let found =
            client.list_deployments(request).await.map_err(|status| ask.refused(&status))?.into_inner();
        figures::list(&ask, &found.deployments, draw::figures::deployments, "no new version has come")
    })
}
