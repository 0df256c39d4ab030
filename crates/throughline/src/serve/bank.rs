//! The simulated bank beside the server, and what a person can do next.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use throughline_bank::{OnProgress, Options, Progress};
use throughline_config::Config;
use throughline_worker::InFlight;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{client::DEFAULT_ENDPOINT, process::output::tell};

/// The running bank.
pub(crate) struct Bank(JoinHandle<()>);

impl Bank {
    /// Starts it. It sends to the address that is received on, like any other client.
    pub(crate) fn start(
        config: &Config,
        transfers_per_second: f64,
        in_flight: InFlight,
        shutdown: &CancellationToken,
    ) -> Self {
        let invitation = Invitation::of(config, in_flight);
        let options = Options {
            endpoint: format!("http://{}", config.receiver.grpc.endpoint),
            transfers_per_second,
            // Its data may hold the transfers of an earlier run.
            seed: Options::seed_by_chance(),
            on_progress: Some(OnProgress::new(move |progress| invitation.tell_once(progress))),
            ..Options::default()
        };
        let stop = shutdown.clone().cancelled_owned();
        Self(tokio::spawn(async move {
            match throughline_bank::run(options, stop).await {
                Ok(report) => tracing::info!(%report, "the bank has ended"),
                Err(error) => tracing::error!(%error, "the bank does not send"),
            }
        }))
    }

    /// Waits until it has ended; it ends by `shutdown`.
    pub(crate) async fn stopped(self) {
        if let Err(error) = self.0.await {
            tracing::error!(%error, "the bank has failed");
        }
    }
}

/// What to open and what to ask.
struct Invitation {
    /// This program, as it was called: it need not be in the path.
    program: String,
    in_flight: InFlight,
    /// The first transfer that was sent as a whole, until a person was told of it.
    first: Mutex<First>,
    api: String,
    metrics: String,
    health: String,
    store: String,
    database: String,
}

#[derive(Clone, Debug, Default)]
enum First {
    #[default]
    Unknown,
    Sent(String),
    Told,
}

impl Invitation {
    fn of(config: &Config, in_flight: InFlight) -> Self {
        Self {
            program: program(std::env::args().next()),
            in_flight,
            first: Mutex::default(),
            api: format!("http://{}", config.api),
            metrics: format!("http://{}/metrics", config.metrics),
            health: format!("http://{}/readyz", config.health),
            store: config.clickhouse.url(),
            database: config.clickhouse.database.clone(),
        }
    }

    /// At the first transfer that was sent as a whole, once the server can say something of it.
    fn tell_once(&self, progress: &Progress) {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let is_here = |uetr: &&String| self.in_flight.holds("", uetr);
        match &*first {
            First::Unknown => *first = progress.last_uetr.clone().map_or(First::Unknown, First::Sent),
            First::Sent(sent) => {
                // One of later, should the first have been stored meanwhile.
                let here = [sent].into_iter().chain(&progress.last_uetr).find(is_here).cloned();
                if let Some(uetr) = here {
                    tell(&self.text(&uetr));
                    *first = First::Told;
                }
            }
            First::Told => {}
        }
    }

    fn text(&self, uetr: &str) -> String {
        let Self { program, api, metrics, health, store, database, .. } = self;
        let endpoint = if *api == DEFAULT_ENDPOINT { String::new() } else { format!(" --endpoint {api}") };
        format!(
            "\nThe bank sends, and its first transfer is here: {uetr}\n\n\
             open   {api}/\n       {health}\n       {metrics}\n\
             ask    {program} explain{endpoint} {uetr}\n       {program} transactions{endpoint} --slower-than 1s\n       curl '{store}/?database={database}' --data-binary \\\n         \
             \"SELECT * FROM transactions WHERE has(Keys, '{uetr}') FORMAT Vertical\"\n\
             stop   Ctrl-C\n"
        )
    }
}

/// How a person calls this program again from the same folder.
fn program(called: Option<String>) -> String {
    let called = called.unwrap_or_default();
    let is_path = Path::new(&called).components().count() > 1;
    if is_path && !called.contains(char::is_whitespace) { called } else { "throughline".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_called_as_it_was() {
        let again = |called: &str| program(Some(called.to_owned()));
        assert_eq!(again("target/release/throughline"), "target/release/throughline");
        assert_eq!(again("/usr/bin/throughline"), "/usr/bin/throughline");
        assert_eq!(again("throughline"), "throughline", "found in the path");
        assert_eq!(again("/a b/throughline"), "throughline");
        assert_eq!(program(None), "throughline");
    }
}
