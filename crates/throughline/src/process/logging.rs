//! Structured logs on standard error: text for a person at a terminal, JSON for everything else.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// How logs look.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// Flags of every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoggingArgs {
    /// What is logged: error, warn, info, debug, trace; also by module, such as info,throughline_log=debug
    #[arg(long, global = true, value_name = "LEVEL", default_value = "info", env = "THROUGHLINE_LOG_LEVEL", value_parser = filter, hide_env_values = true)]
    log_level: String,
    /// How logs look; by default text on a terminal, else JSON
    #[arg(long, global = true, value_enum, env = "THROUGHLINE_LOG_FORMAT", hide_env_values = true)]
    log_format: Option<LogFormat>,
}

fn filter(text: &str) -> Result<String, ParseError> {
    EnvFilter::builder().parse(text).map(|_| text.to_owned())
}

/// Starts logging. Once for each process.
pub(crate) fn install(args: &LoggingArgs) {
    let terminal = std::io::stderr().is_terminal();
    let format = args.log_format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(EnvFilter::builder().parse_lossy(&args.log_level))
        // Else a line that cannot be written, on a full disk say, is complained of on the same stream, which panics.
        .log_internal_errors(false)
        .with_ansi(colours);
    match format {
        LogFormat::Text => builder.with_target(false).compact().init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
