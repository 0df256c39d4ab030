//! The process itself: fork, signals, end.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, getpid, getppid, kill_process, nice, set_parent_process_death_signal};
use tokio::process::{Child, Command};

use super::Settings;

/// Starts the child: in a process group of its own, so that Ctrl-C in a terminal reaches only the parent, which stops the
/// child in order; niced; and bound to die with the thread that calls this.
pub(super) fn spawn(settings: &Settings) -> io::Result<Child> {
    let parent = getpid();
    let niceness = settings.niceness;
    let mut command = Command::new(&settings.program);
    command.args(&settings.arguments).stdin(Stdio::null()).process_group(0).kill_on_drop(true);
    // SAFETY: between fork and exec only system calls are made; nothing is allocated or locked.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            if getppid() != Some(parent) {
                // the parent died before the line above took effect
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if niceness != 0 {
                nice(niceness)?;
            }
            Ok(())
        });
    }
    command.spawn()
}

/// SIGTERM, then waits for the end, at most `timeout`.
pub(super) async fn terminate(child: &mut Child, timeout: Duration) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let Some(pid) = pid else { return };
    if let Err(error) = kill_process(pid, Signal::TERM) {
        tracing::warn!(%error, "the engine could not be told to stop");
        return;
    }
    if tokio::time::timeout(timeout, child.wait()).await.is_err() {
        tracing::warn!("the engine has not stopped after {timeout:?}: it is killed");
    }
}

/// Kills the child if it still runs, and waits for its end.
pub(super) async fn kill(child: &mut Child) {
    if matches!(child.try_wait(), Ok(Some(_))) {
        return;
    }
    if let Err(error) = child.kill().await {
        tracing::warn!(%error, "the engine could not be killed");
    }
}
