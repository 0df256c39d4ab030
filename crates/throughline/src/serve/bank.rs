//! The simulated bank beside the server, and what a person can do next.

use std::sync::atomic::{AtomicBool, Ordering};

use throughline_bank::{OnProgress, Options, Progress};
use throughline_config::Config;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::process::output::tell;

/// The running bank.
pub(crate) struct Bank(JoinHandle<()>);

impl Bank {
    /// Starts it. It sends to the address that is received on, like any other client.
    pub(crate) fn start(config: &Config, transfers_per_second: f64, shutdown: &CancellationToken) -> Self {
        let told = AtomicBool::new(false);
        let invitation = Invitation::of(config);
        let options = Options {
            endpoint: format!("http://{}", config.receiver.grpc.endpoint),
            transfers_per_second,
            on_progress: Some(OnProgress::new(move |progress| invitation.tell_once(progress, &told))),
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
    metrics: String,
    health: String,
    store: String,
    database: String,
}

impl Invitation {
    fn of(config: &Config) -> Self {
        Self {
            metrics: format!("http://{}/metrics", config.metrics),
            health: format!("http://{}/readyz", config.health),
            store: config.clickhouse.url(),
            database: config.clickhouse.database.clone(),
        }
    }

    /// At the first transfer that was taken as a whole.
    fn tell_once(&self, progress: &Progress, told: &AtomicBool) {
        let Some(uetr) = &progress.last_uetr else { return };
        if !told.swap(true, Ordering::Relaxed) {
            tell(&self.text(uetr));
        }
    }

    fn text(&self, uetr: &str) -> String {
        let Self { metrics, health, store, database } = self;
        format!(
            "\nThe bank sends, and its first transfer is here: {uetr}\n\n\
             open   {health}\n       {metrics}\n\
             ask    throughline explain {uetr}\n       throughline transactions --slower-than 1s\n       curl {store}/?database={database} --data-binary \\\n         \
             \"SELECT * FROM transactions WHERE has(Keys, '{uetr}') FORMAT Vertical\"\n\
             stop   Ctrl-C\n"
        )
    }
}
