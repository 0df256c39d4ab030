//! One file a command.

pub(crate) mod bank;
pub(crate) mod changes;
pub(crate) mod compare;
pub(crate) mod config;
pub(crate) mod diagnose;
pub(crate) mod embedded_clickhouse;
pub(crate) mod explain;
pub(crate) mod figures;
pub(crate) mod import;
pub(crate) mod incidents;
pub(crate) mod migrate;
pub(crate) mod policy;
pub(crate) mod replay;
pub(crate) mod serve;
pub(crate) mod transactions;
pub(crate) mod version;

use crate::cli::Command;
use crate::process::exit::Outcome;

/// Runs a command to its end.
pub(crate) fn run(command: Command) -> Outcome {
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Bank(args) => bank::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Config(command) => config::run(command),
        Command::Migrate(args) => migrate::run(args),
        Command::EmbeddedClickhouse(args) => embedded_clickhouse::run(args),
        Command::Diagnose(args) => diagnose::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Transactions(args) => transactions::run(args),
        Command::Policy(command) => policy::run(command),
        Command::Incidents(args) => incidents::run(*args),
        Command::Compare(args) => compare::run(args),
        Command::Kpis(args) => figures::kpis(args),
        Command::Topology(args) => figures::topology(args),
        Command::Baselines(args) => figures::baselines(args),
        Command::Alerts(args) => figures::alerts(args),
        Command::Changes(args) => changes::run(*args),
        Command::Version => version::run(),
    }
}

/// Runs a future on all cores.
fn block_on(future: impl Future<Output = Outcome>) -> Outcome {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}

/// The same where the process ends next: threads that are still at work then neither hold its end up nor find their runtime gone.
fn block_on_to_the_end(future: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(future);
    std::mem::forget(runtime);
    outcome
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;
    use crate::process::exit::Exit;

    #[test]
    fn what_is_still_at_work_does_not_hold_up_the_end() {
        let (working, work) = mpsc::channel::<()>();
        let (ended, end) = mpsc::channel();
        std::thread::spawn(move || {
            let outcome = block_on_to_the_end(async {
                tokio::task::spawn_blocking(move || work.recv());
                Ok(Exit::Done)
            });
            ended.send(outcome.is_ok())
        });
        assert_eq!(end.recv_timeout(Duration::from_secs(10)), Ok(true));
        drop(working);
    }
}
