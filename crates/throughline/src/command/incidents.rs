//! `throughline incidents`

use std::time::Duration;

use clap::{Args, Subcommand};
use throughline_api::query::{
    FeedbackRequest, GetIncidentRequest, Incident, ListIncidentsRequest, WatchIncidentsRequest,
};

use crate::client::{Ask, MAX_LISTED, Output, pages};
use crate::command::{block_on, figures, transactions::duration};
use crate::draw;
use crate::process::exit::{Exit, Failure, Outcome};
use crate::process::output::answer;

/// Flags.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throughline incidents                            what is wrong now, or was in the last day
  throughline incidents --since 1h --state open
  throughline incidents 9c1f0a2b77de4410           one of them: whom it hits, who is suspected, and why
  throughline incidents confirm 9c1f0a2b77de4410 1 its first suspect was it
  throughline incidents --watch --output json      each as it is found, one object a line

Exit status: 0 found, 1 failed, 3 nothing found.")]
pub(crate) struct IncidentsArgs {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Id of an incident: all that is known of it
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Only those that were open so long ago at most
    #[arg(long, value_name = "D", default_value = "1d", value_parser = duration)]
    since: Duration,
    /// Only open ones, or only those that are over
    #[arg(long, value_name = "STATE", value_parser = ["open", "recovered"])]
    state: Option<String>,
    /// Only those in which this department is suspected
    #[arg(long, value_name = "D")]
    department: Option<String>,
    /// Those that are open, then each version as it is found, until stopped
    #[arg(long)]
    watch: bool,
    /// At most so many, newest first
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=MAX_LISTED))]
    limit: u32,
    #[command(flatten)]
    ask: Ask,
}

/// What a person says of a suspect.
#[derive(Debug, Subcommand)]
enum Verb {
    /// This suspect was the cause
    Confirm(VerdictArgs),
    /// This suspect was not the cause
    Reject(VerdictArgs),
}

#[derive(Debug, Args)]
struct VerdictArgs {
    /// Id of the incident
    #[arg(value_name = "ID")]
    id: String,
    /// Rank of the suspect
    #[arg(value_name = "SUSPECT", value_parser = clap::value_parser!(u32).range(1..))]
    suspect: u32,
    /// Who says so
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true, default_value = "")]
    by: String,
}

pub(crate) fn run(args: IncidentsArgs) -> Outcome {
    block_on(async move {
        match (args.verb, args.id) {
            (Some(_), Some(id)) => Err(Failure {
                exit: Exit::Usage,
                message: format!(
                    "`{id}` stands before the command: `throughline incidents confirm {id} SUSPECT`, or reject"
                ),
            }),
            (Some(Verb::Confirm(verdict)), None) => say(&args.ask, verdict, true).await,
            (Some(Verb::Reject(verdict)), None) => say(&args.ask, verdict, false).await,
            (None, Some(id)) => one(&args.ask, id).await,
            (None, None) if args.watch => watch(&args.ask).await,
            (None, None) => {
                let request = ListIncidentsRequest {
                    tenant: args.ask.tenant.clone(),
                    since_seconds: args.since.as_secs().max(1),
                    state: args.state.unwrap_or_default(),
                    department: args.department.unwrap_or_default(),
                    ..ListIncidentsRequest::default()
                };
                list(&args.ask, &request, args.limit).await
            }
        }
    })
}

async fn list(ask: &Ask, request: &ListIncidentsRequest, limit: u32) -> Outcome {
    let mut client = ask.connect().await?;
    let fetch = async |limit, page_token| {
        let request = ListIncidentsRequest { limit, page_token, ..request.clone() };
        let found = client.list_incidents(request).await?.into_inner();
        Ok((found.incidents, found.next_page_token))
    };
    let found = pages(limit, fetch).await.map_err(|status| ask.refused(&status))?;
    let none = "no incident: nothing is or was wrong, as far as transactions and alerts say";
    figures::list(ask, &found, draw::incidents::list, none)
}

async fn one(ask: &Ask, id: String) -> Outcome {
    let mut client = ask.connect().await?;
    let request = GetIncidentRequest { id, tenant: ask.tenant.clone() };
    let found = client.get_incident(request).await.map_err(|status| ask.refused(&status))?.into_inner();
    show(ask, &found)
}

async fn watch(ask: &Ask) -> Outcome {
    let mut client = ask.connect().await?;
    let request = WatchIncidentsRequest { tenant: ask.tenant.clone() };
    let stream = client.watch_incidents(request).await.map_err(|status| ask.refused(&status))?;
    let mut stream = stream.into_inner();
    while let Some(incident) = stream.message().await.map_err(|status| ask.refused(&status))? {
        match ask.output {
            Output::Text => answer(&draw::incidents::line(&incident)),
            Output::Json => as_json(&incident)?,
        }
    }
    Ok(Exit::Done)
}

async fn say(ask: &Ask, verdict: VerdictArgs, confirmed: bool) -> Outcome {
    let VerdictArgs { id, suspect, by } = verdict;
    let mut client = ask.connect().await?;
    let request = FeedbackRequest { incident: id, suspect, confirmed, by, tenant: ask.tenant.clone() };
    let found = client.give_feedback(request).await.map_err(|status| ask.refused(&status))?.into_inner();
    show(ask, &found)
}

fn show(ask: &Ask, incident: &Incident) -> Outcome {
    match ask.output {
        Output::Text => answer(&draw::incidents::one(incident)),
        Output::Json => as_json(incident)?,
    }
    Ok(Exit::Done)
}

fn as_json(incident: &Incident) -> Result<(), serde_json::Error> {
    answer(&serde_json::to_string(incident)?);
    Ok(())
}
