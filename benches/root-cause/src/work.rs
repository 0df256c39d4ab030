//! Many runs on all cores, with progress on stderr.

use std::error::Error;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

/// Runs `one` over all items; the results in the order of the items.
///
/// # Errors
/// The first that a run had.
pub(crate) fn each<T: Sync, R: Send>(
    what: &str,
    items: &[T],
    one: impl Fn(&T) -> Result<R, Box<dyn Error>> + Sync,
) -> Result<Vec<R>, Box<dyn Error>> {
    let (next, began) = (AtomicUsize::new(0), Instant::now());
    let done: Mutex<Vec<(usize, Result<R, String>)>> = Mutex::new(Vec::new());
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return };
            let result = one(item).map_err(|error| error.to_string());
            let Ok(mut done) = done.lock() else { return };
            done.push((at, result));
            let _ = write!(
                std::io::stderr(),
                "\r{what}: {} of {}, {:.0} s  ",
                done.len(),
                items.len(),
                began.elapsed().as_secs_f64()
            );
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(items.len().max(1));
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let _ = writeln!(std::io::stderr());
    let mut done = done.into_inner().map_err(|_| "a run has panicked")?;
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result.map_err(Into::into)).collect()
}
