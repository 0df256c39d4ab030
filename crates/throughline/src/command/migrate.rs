//! `throughline migrate`

use clap::Args;
use throughline_clickhouse::Store;
use throughline_clickhouse::schema::{SchemaSettings, migrate};
use throughline_config::ClickHouseConfig;

use crate::cli::ConfigArgs;
use crate::command::block_on;
use crate::process::exit::{Exit, Failure, Outcome};
use crate::process::output::answer;

/// Flags.
#[derive(Debug, Args)]
#[command(
    after_help = "The store has to be running: a ClickHouse server by clickhouse.url, or the embedded one under `serve`,\n\
                        which does this by itself when it starts."
)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print the statements and run none
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: MigrateArgs) -> Outcome {
    let config = args.config.load().map_err(|error| Failure::of(&error))?;
    block_on(async move {
        let statements =
            migrate(&store(&config.clickhouse), &schema(&config.clickhouse), args.dry_run).await?;
        for statement in &statements {
            answer(&format!(
                "-- version {}\n{};\n",
                statement.version,
                statement.sql.trim_end().trim_end_matches(';')
            ));
        }
        let done = if args.dry_run { "would run" } else { "ran" };
        answer(&format!("-- {done} {} statements on {}", statements.len(), config.clickhouse.url()));
        Ok(Exit::Done)
    })
}

/// The store of a configuration.
pub(crate) fn store(config: &ClickHouseConfig) -> Store {
    Store::connect(&config.url(), &config.database, &config.user, config.password.reveal())
}

/// What the schema takes from a configuration.
pub(crate) fn schema(config: &ClickHouseConfig) -> SchemaSettings {
    SchemaSettings {
        database: config.database.clone(),
        retention_spans: config.retention_spans,
        retention_transactions: config.retention_transactions,
        ..SchemaSettings::default()
    }
}
