//! What asks for a reload by itself: SIGHUP, and files that changed.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Reloader;

/// Time between two looks at the files. A look is a few system calls, and sees every way in which a file changes: written, renamed over, or
/// behind a symbolic link that was swapped, as Kubernetes does with a ConfigMap.
const LOOK: Duration = Duration::from_secs(1);

/// The terminal of this process, where it has one.
const TERMINAL: &str = "/dev/tty";

/// Reloads at each SIGHUP. One that comes because the terminal is gone ends the process, as it would without a handler.
///
/// # Errors
/// Where the system takes no handler.
pub(crate) fn hangups(reloader: Arc<Reloader>, shutdown: CancellationToken) -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let had_terminal = File::open(TERMINAL).is_ok();
    tokio::spawn(async move {
        while shutdown.run_until_cancelled(hangup.recv()).await.flatten().is_some() {
            if had_terminal && File::open(TERMINAL).is_err() {
                tracing::info!("the terminal is gone: ending");
                return shutdown.cancel();
            }
            Arc::clone(&reloader).reload("SIGHUP").await;
        }
    });
    Ok(())
}

/// Reloads when a file of the configuration or a rule pack that it names has changed, once it stays as it is from one look to the next.
pub(crate) fn files(reloader: Arc<Reloader>, shutdown: CancellationToken) {
    tokio::spawn(async move {
        let mut taken = marks(reloader.files().await);
        let mut seen = taken.clone();
        let mut every = tokio::time::interval(LOOK);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(every.tick()).await.is_some() {
            let now = marks(taken.keys().cloned());
            if now == seen && now != taken {
                taken.clone_from(&now);
                Arc::clone(&reloader).reload("a file changed").await;
            }
            seen = now;
            // A reload, whoever asked for it, may name other rule packs; what is known of files that stay is kept.
            let named = reloader.files().await;
            for known in [&mut taken, &mut seen] {
                known.retain(|file, _| named.contains(file));
            }
            for (file, mark) in marks(named.into_iter().filter(|file| !seen.contains_key(file))) {
                taken.insert(file.clone(), mark);
                seen.insert(file, mark);
            }
        }
    });
}

/// What tells one content of a file from another, symbolic links followed; `None` where there is no file.
type Mark = Option<(u64, u64, i64, i64, u64)>;

fn marks(files: impl IntoIterator<Item = PathBuf>) -> BTreeMap<PathBuf, Mark> {
    let mark = |file: Metadata| (file.dev(), file.ino(), file.mtime(), file.mtime_nsec(), file.size());
    files
        .into_iter()
        .map(|file| {
            let metadata = std::fs::metadata(&file).ok();
            (file, metadata.map(mark))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swapped_link_and_a_written_file_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["one", "two"] {
            std::fs::create_dir(path(name)).unwrap();
            std::fs::write(path(name).join("throughline.yaml"), "batch: { max_rows: 7 }\n").unwrap();
        }
        // as Kubernetes lays a ConfigMap: file -> ..data/file, ..data -> a folder with a date
        std::os::unix::fs::symlink("one", path("..data")).unwrap();
        std::os::unix::fs::symlink("..data/throughline.yaml", path("throughline.yaml")).unwrap();
        let file = path("throughline.yaml");
        let marks = |file: &PathBuf| marks([file.clone()]).remove(file).unwrap();
        let first = marks(&file);
        assert_eq!(first, marks(&file));
        std::os::unix::fs::symlink("two", path("..next")).unwrap();
        std::fs::rename(path("..next"), path("..data")).unwrap();
        let second = marks(&file);
        assert_ne!(first, second, "the same text and length, behind another link");
        std::fs::write(path("two").join("throughline.yaml"), "batch: { max_rows: 70 }\n").unwrap();
        assert_ne!(second, marks(&file));
        std::fs::remove_file(path("..data")).unwrap();
        assert_eq!(marks(&file), None);
    }
}
