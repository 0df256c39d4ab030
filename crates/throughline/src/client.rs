//! Asking a running server.

use clap::{Args, ValueEnum};
use throughline_api::query::query_client::QueryClient;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::process::exit::{Exit, Failure};
use crate::process::output::tell;

/// Where a server listens that was told nothing else.
pub(crate) const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:7317";

/// How an answer is given.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Output {
    /// Tables and drawings for a terminal.
    Text,
    /// For programs: one document, or one object a line where it is a list.
    Json,
}

/// Flags of every question, before or after a command's own commands.
#[derive(Clone, Debug, Args)]
pub(crate) struct Ask {
    /// The query API of the server
    #[arg(long, global = true, value_name = "URL", default_value = DEFAULT_ENDPOINT)]
    pub(crate) endpoint: String,
    /// Whose data, where there are several tenants
    #[arg(long, global = true, value_name = "T", default_value = "", hide_default_value = true)]
    pub(crate) tenant: String,
    /// How the answer is given
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// Rows that a command lists at most: they are all held until the table is drawn.
pub(crate) const MAX_LISTED: i64 = 100_000;

/// Rows that are asked for at once.
const PAGE: u32 = 1000;

/// Bytes of one answer at most: a page of incidents with all that is known of them.
const MAX_ANSWER: usize = 64 << 20;

/// Rows of a list, page by page, up to `limit`; says so where there are more. `fetch` has the limit of one page and the word that asks for it, and gives
/// the rows and the word for those behind them.
pub(crate) async fn pages<T>(
    limit: u32,
    mut fetch: impl AsyncFnMut(u32, String) -> Result<(Vec<T>, String), Status>,
) -> Result<Vec<T>, Status> {
    let (mut all, mut next) = (Vec::new(), String::new());
    loop {
        let left = limit.saturating_sub(u32::try_from(all.len()).unwrap_or(limit));
        let (rows, behind) = fetch(left.min(PAGE), next).await?;
        let is_last = rows.is_empty() || behind.is_empty();
        all.extend(rows);
        if is_last {
            return Ok(all);
        }
        if all.len() >= limit as usize {
            tell(&format!("there are more than these {limit}; --limit shows more"));
            return Ok(all);
        }
        next = behind;
    }
}

impl Ask {
    /// Reaches the server.
    pub(crate) async fn connect(&self) -> Result<QueryClient<Channel>, Failure> {
        let endpoint =
            Endpoint::from_shared(self.endpoint.clone()).map_err(|error| Failure::usage(&error))?;
        match endpoint.connect().await {
            Ok(channel) => Ok(QueryClient::new(channel).max_decoding_message_size(MAX_ANSWER)),
            Err(error) => {
                let cause = Failure::of(&error).message;
                let message = format!(
                    "nothing answers at {}: is `throughline serve` running? ({cause})",
                    self.endpoint
                );
                Err(Failure { exit: Exit::Failed, message })
            }
        }
    }

    /// What a refusal means.
    pub(crate) fn refused(&self, status: &Status) -> Failure {
        let exit = match status.code() {
            Code::NotFound => Exit::NothingFound,
            Code::InvalidArgument => Exit::Usage,
            _ => Exit::Failed,
        };
        Failure { exit, message: status.message().to_owned() }
    }
}
