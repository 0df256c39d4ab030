//! `throughline kpis`, `topology`, `baselines` and `alerts`: what the query API knows in figures, as tables.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use throughline_api::query::{KpisRequest, ListAlertsRequest, ListBaselinesRequest, TopologyRequest};

use crate::client::{Ask, MAX_LISTED, Output, pages};
use crate::command::{block_on, transactions::duration};
use crate::draw;
use crate::process::exit::{Exit, Failure, Outcome};
use crate::process::output::{answer, tell};

/// Flags.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline kpis --since 1h
  throughline kpis --department core-banking --type transfer --output json

A department `missed` a service level where a transaction missed it and the department has the last hop that failed, else the
most time on the critical path.

Exit status: 0 found, 1 failed, 3 no transaction in that time.")]
pub(crate) struct KpisArgs {
    /// Only transactions that began so long ago at most; at most 31 days
    #[arg(long, value_name = "D", default_value = "1h", value_parser = duration)]
    since: Duration,
    /// Only transactions of this type
    #[arg(long = "type", value_name = "T")]
    kind: Option<String>,
    /// Only this department
    #[arg(long, value_name = "D")]
    department: Option<String>,
    #[command(flatten)]
    ask: Ask,
}

/// Flags.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline topology --type transfer
  throughline topology --since 10m --output json

Exit status: 0 found, 1 failed, 3 no transaction in that time.")]
pub(crate) struct TopologyArgs {
    /// Only paths of transactions of this type
    #[arg(long = "type", value_name = "T")]
    kind: Option<String>,
    /// Only what happened so long ago at most
    #[arg(long, value_name = "D", default_value = "1h", value_parser = duration)]
    since: Duration,
    #[command(flatten)]
    ask: Ask,
}

/// Flags.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline baselines --service ledger
  throughline baselines --type transfer --limit 1000 --output json

Exit status: 0 found, 1 failed, 3 nothing is known yet: baselines are there some seconds after the first transactions.")]
pub(crate) struct BaselinesArgs {
    /// Only of transactions of this type
    #[arg(long = "type", value_name = "T")]
    kind: Option<String>,
    /// Only of this service
    #[arg(long, value_name = "S")]
    service: Option<String>,
    /// Only of this operation
    #[arg(long, value_name = "O")]
    operation: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    #[command(flatten)]
    ask: Ask,
}

/// Flags.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline alerts --state firing
  throughline alerts --unexplained                 those that no incident explains
  throughline alerts --incident 9c1f0a2b77de4410 --output json

Exit status: 0 found, 1 failed, 3 nothing matches.")]
pub(crate) struct AlertsArgs {
    /// Only those that fired so long ago at most
    #[arg(long, value_name = "D", default_value = "1d", value_parser = duration)]
    since: Duration,
    /// Only firing ones, or only those that are over
    #[arg(long, value_name = "STATE", value_parser = ["firing", "resolved"])]
    state: Option<String>,
    /// Only those of this incident
    #[arg(long, value_name = "ID")]
    incident: Option<String>,
    /// Only those that no incident explains
    #[arg(long)]
    unexplained: bool,
    /// At most so many, newest first
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=MAX_LISTED))]
    limit: u32,
    #[command(flatten)]
    ask: Ask,
}

pub(crate) fn kpis(args: KpisArgs) -> Outcome {
    let request = KpisRequest {
        tenant: args.ask.tenant.clone(),
        since_seconds: args.since.as_secs().max(1),
        r#type: args.kind.unwrap_or_default(),
        department: args.department.unwrap_or_default(),
    };
    block_on(async move {
        let mut client = args.ask.connect().await?;
        let found = client.get_kpis(request).await.map_err(|status| args.ask.refused(&status))?.into_inner();
        if found.departments.is_empty() && found.levels.is_empty() {
            tell("no transaction in that time");
            return Ok(Exit::NothingFound);
        }
        match args.ask.output {
            Output::Text => answer(&draw::figures::kpis(&found)),
            Output::Json => answer(&serde_json::to_string(&found)?),
        }
        Ok(Exit::Done)
    })
}

pub(crate) fn topology(args: TopologyArgs) -> Outcome {
    let request = TopologyRequest {
        tenant: args.ask.tenant.clone(),
        r#type: args.kind.unwrap_or_default(),
        since_seconds: args.since.as_secs().max(1),
    };
    block_on(async move {
        let mut client = args.ask.connect().await?;
        let found =
            client.get_topology(request).await.map_err(|status| args.ask.refused(&status))?.into_inner();
        if found.services.is_empty() {
            tell("no transaction in that time");
            return Ok(Exit::NothingFound);
        }
        match args.ask.output {
            Output::Text => answer(&draw::figures::topology(&found)),
            Output::Json => answer(&serde_json::to_string(&found)?),
        }
        Ok(Exit::Done)
    })
}

pub(crate) fn baselines(args: BaselinesArgs) -> Outcome {
    let request = ListBaselinesRequest {
        tenant: args.ask.tenant.clone(),
        r#type: args.kind.unwrap_or_default(),
        service: args.service.unwrap_or_default(),
        operation: args.operation.unwrap_or_default(),
        limit: args.limit,
    };
    block_on(async move {
        let mut client = args.ask.connect().await?;
        let found =
            client.list_baselines(request).await.map_err(|status| args.ask.refused(&status))?.into_inner();
        let shown = found.baselines.len() as u64;
        let outcome = list(&args.ask, &found.baselines, draw::figures::baselines, "nothing is known of that");
        if found.matching > shown {
            tell(&format!("{shown} of {}; --limit shows more", found.matching));
        }
        outcome
    })
}

pub(crate) fn alerts(args: AlertsArgs) -> Outcome {
    let request = ListAlertsRequest {
        since_seconds: args.since.as_secs().max(1),
        state: args.state.unwrap_or_default(),
        incident: args.incident.unwrap_or_default(),
        unexplained: args.unexplained,
        ..ListAlertsRequest::default()
    };
    block_on(async move {
        let mut client = args.ask.connect().await?;
        let fetch = async |limit, page_token| {
            let request = ListAlertsRequest { limit, page_token, ..request.clone() };
            let found = client.list_alerts(request).await?.into_inner();
            Ok((found.alerts, found.next_page_token))
        };
        let found = pages(args.limit, fetch).await.map_err(|status| args.ask.refused(&status))?;
        list(&args.ask, &found, draw::figures::alerts, "no alert")
    })
}

/// A list: a table, or one object a line.
pub(crate) fn list<T: Serialize>(ask: &Ask, found: &[T], draw: fn(&[T]) -> String, none: &str) -> Outcome {
    if found.is_empty() {
        tell(none);
        return Ok(Exit::NothingFound);
    }
    match ask.output {
        Output::Text => answer(&draw(found)),
        Output::Json => {
            for one in found {
                answer(&serde_json::to_string(one).map_err(|error| Failure::of(&error))?);
            }
        }
    }
    Ok(Exit::Done)
}
