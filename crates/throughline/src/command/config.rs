//! `throughline config check`, `throughline config reference`; `throughline config import` has a file of its own

use std::path::PathBuf;

use clap::Subcommand;
use throughline_config::{ClickHouseTarget, Config, ConfigError, reference, show_duration};

use crate::cli::ConfigArgs;
use crate::command::import::{self, ImportCommand};
use crate::process::exit::{Exit, Failure, Outcome};
use crate::process::output::{answer, tell};

/// What can be done with a configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Reports every fault of a configuration at once, with file and line
    #[command(after_help = "Exit status: 0 it is right, 1 it has faults, 2 a file cannot be read.")]
    Check {
        /// YAML files; later ones override earlier ones
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// One key over the files; may be given more than once
        #[arg(long, value_name = "KEY.PATH=VALUE")]
        set: Vec<String>,
    },
    /// Prints every key with its type, default and meaning
    Reference,
    /// Turns another's configuration into ours, and names what has no equal
    #[command(subcommand)]
    Import(ImportCommand),
}

pub(crate) fn run(command: ConfigCommand) -> Outcome {
    match command {
        ConfigCommand::Reference => {
            answer(&reference());
            Ok(Exit::Done)
        }
        ConfigCommand::Import(command) => import::run(command),
        ConfigCommand::Check { files, set } => check(ConfigArgs { config: files, set, data_dir: None }),
    }
}

fn check(args: ConfigArgs) -> Outcome {
    match args.load() {
        Ok(config) => {
            answer(&summary(&config));
            Ok(Exit::Done)
        }
        Err(ConfigError::Faults(faults)) => {
            for fault in &faults {
                tell(&fault.to_string());
            }
            let plural = if faults.len() == 1 { "fault" } else { "faults" };
            tell(&format!("{} {plural}", faults.len()));
            Ok(Exit::Failed)
        }
        Err(error @ ConfigError::File { .. }) => Err(Failure::usage(&error)),
    }
}

fn summary(config: &Config) -> String {
    let rules = &config.rules;
    let policies: Vec<_> = rules.policies.iter().map(|policy| policy.name.as_str()).collect();
    let types: Vec<_> = rules.transactions.types.iter().map(|kind| kind.name.as_str()).collect();
    let store = match &config.clickhouse.target {
        ClickHouseTarget::Embedded { listen, dir } => {
            format!("embedded at {listen}, data in {}", dir.display())
        }
        ClickHouseTarget::Server { url } => url.clone(),
    };
    let none = |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!(
        "ok\n  receives      OTLP/gRPC {}, OTLP/HTTP {}\n  log           {} partitions in {}, {} kept\n  \
         transactions  keys {}; types {}\n  sampling      {}\n  store         {store}, database {}",
        config.receiver.grpc.endpoint,
        config.receiver.http.endpoint,
        config.log.partitions,
        config.log.dir.display(),
        show_duration(config.log.retention_age),
        rules.transactions.keys.join(", "),
        none(types),
        none(policies),
        config.clickhouse.database,
    )
}
