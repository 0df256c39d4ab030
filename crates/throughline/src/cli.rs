//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use throughline_config::{Config, ConfigError, Sources};

use crate::command::{
    changes, compare, config, diagnose, embedded_clickhouse, explain, figures, incidents, migrate, policy,
    serve, transactions,
};
use crate::process::logging::LoggingArgs;

const EXAMPLES: &str = "\
Examples:
  throughline serve --with-bank              try it: a simulated bank sends, Throughline receives
  throughline serve --config throughline.yaml
  throughline transactions --slower-than 2s
  throughline explain KEY                    where the time of one transaction went
  throughline diagnose recorded/             what was wrong in recorded traces, and who was the cause
  throughline config check throughline.yaml  every fault of a configuration at once
  throughline config import otelcol collector.yaml > throughline.yaml
  throughline policy test recorded.jsonl --config new.yaml --config-old throughline.yaml
  throughline replay recorded.jsonl --shift-to-now --speed 10

Exit status: 0 done, 1 failed, 2 wrong usage, 3 nothing found.";

/// Follows one business transaction through every department that touches it, keeps those that matter, and names who made one slow
#[derive(Debug, Parser)]
#[command(name = "throughline", version, after_help = EXAMPLES, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) logging: LoggingArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Everything in one process: receives OTLP, assembles transactions, samples, stores
    Serve(serve::ServeArgs),
    /// One transaction: where its time went, by department, and what was unusual
    Explain(explain::ExplainArgs),
    /// What is wrong in recorded OTLP, who is the cause, and why: no server needed
    Diagnose(diagnose::DiagnoseArgs),
    /// Finds transactions
    Transactions(transactions::TransactionsArgs),
    /// What is or was wrong: since when, whom it hits, who is suspected, and why
    Incidents(Box<incidents::IncidentsArgs>),
    /// Two versions, instances, regions or other sides of a service: is one worse?
    Compare(compare::CompareArgs),
    /// Departments: their part in transactions, their share of the time, and the service levels that they missed
    Kpis(figures::KpisArgs),
    /// Who calls whom on the paths that transactions took, with figures
    Topology(figures::TopologyArgs),
    /// What is usual, as the diagnosis goes by it
    Baselines(figures::BaselinesArgs),
    /// Alerts that were sent here, and the incidents that explain them
    Alerts(figures::AlertsArgs),
    /// Changes that somebody told of, or tells of: a version, a configuration, a switch
    Changes(Box<changes::ChangesArgs>),
    /// Sends the traces of a simulated bank
    Bank(throughline_bank::cli::Args),
    /// Sends recorded OTLP to a running server
    Replay(throughline_recorded::cli::Args),
    /// Checks a configuration, prints every key, or turns another's configuration into ours
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Tests sampling policies against recorded or logged traffic
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Creates and upgrades the tables in ClickHouse
    Migrate(migrate::MigrateArgs),
    /// The ClickHouse engine behind ClickHouse's HTTP interface; `serve` runs it as its child
    EmbeddedClickhouse(embedded_clickhouse::EngineArgs),
    /// Prints the versions of this binary and of the engine it is tested with
    Version,
}

/// Where the configuration comes from.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ConfigArgs {
    /// YAML file; may be given more than once, later ones override earlier ones
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Vec<PathBuf>,
    /// One key, over files and environment; may be given more than once
    #[arg(long, value_name = "KEY.PATH=VALUE")]
    pub(crate) set: Vec<String>,
    /// Folder of all state
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

impl ConfigArgs {
    /// What the configuration is made of.
    pub(crate) fn sources(self) -> Sources {
        Sources::of_process(self.config, self.set, self.data_dir)
    }

    /// The configuration, checked.
    pub(crate) fn load(self) -> Result<Config, ConfigError> {
        Config::load(&self.sources())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_flag_has_a_help_text() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} has none", command.get_name());
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {} has none",
                    command.get_name(),
                    argument.get_id()
                );
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
