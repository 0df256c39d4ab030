//! Asking a running server.

use clap::{Args, ValueEnum};
use throughline_api::query::query_client::QueryClient;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::process::exit::{Exit, Failure};

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

impl Ask {
    /// Reaches the server.
    pub(crate) async fn connect(&self) -> Result<QueryClient<Channel>, Failure> {
        let endpoint =
            Endpoint::from_shared(self.endpoint.clone()).map_err(|error| Failure::usage(&error))?;
        match endpoint.connect().await {
            Ok(channel) => Ok(QueryClient::new(channel)),
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
