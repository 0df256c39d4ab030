//! Ports of this machine that a process may have for as long as it runs, listening or not.
//!
//! A port that was free a moment ago may be taken a moment later: by another test, or by the system for a connection that somebody makes. So these lie
//! below those that the system gives to connections, and each is locked by a file until the process that took it ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what cannot go on in a test has nothing better to do than stop"
)]

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Mutex,
};

/// Below it lie ports that services are known by.
const FIRST: u16 = 12_000;
/// Linux gives connections ports from here on, where it does not say otherwise.
const USUAL_END: u16 = 32_768;
/// Where the range is set so wide that nothing is left below it, locks still keep tests from each other.
const FEWEST: u16 = 1_000;

/// Locks held until this process ends.
static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// Loopback addresses that nobody else listens on or takes while this process runs.
#[must_use]
pub fn own<const N: usize>() -> [SocketAddr; N] {
    let mut held = HELD.lock().unwrap();
    let folder = folder();
    // Where the search begins differs from process to process, so that many do not walk the same locks.
    let end = end();
    let offset = (std::process::id() as u16).wrapping_mul(97) % (end - FIRST);
    let mut ports = (FIRST..end).cycle().skip(usize::from(offset)).take(usize::from(end - FIRST));
    std::array::from_fn(|_| {
        let (address, lock) = ports.find_map(|port| take(&folder, port)).expect("no port is free");
        held.push(lock);
        address
    })
}

/// One of [`own`].
#[must_use]
pub fn own_one() -> SocketAddr {
    own::<1>()[0]
}

fn take(folder: &Path, port: u16) -> Option<(SocketAddr, File)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let lock = File::create(folder.join(port.to_string())).ok()?;
    lock.try_lock().ok()?;
    TcpListener::bind(address).ok()?;
    Some((address, lock))
}

fn folder() -> PathBuf {
    let user = rustix::process::getuid().as_raw();
    let folder = std::env::temp_dir().join(format!("throughline-ports-{user}"));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn end() -> u16 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let first = range.split_whitespace().next().and_then(|first| first.parse().ok());
    let end = first.unwrap_or(USUAL_END);
    if end < FIRST + FEWEST { USUAL_END } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice_and_none_is_one_of_the_systems() {
        let mut ports: Vec<u16> = own::<100>().iter().chain(&own::<100>()).map(SocketAddr::port).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 200);
        assert!(ports.iter().all(|port| (FIRST..end()).contains(port)));
    }
}
