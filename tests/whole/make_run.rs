//! `make run` as a program calls it, with a cargo that has nothing to build.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use throughline_harness::Ports;

use crate::load::{PATIENCE, binary};

/// The running make: whatever becomes of the test, it does not stay.
struct Make(Child);

impl Drop for Make {
    fn drop(&mut self) {
        // One that has ended is not there to be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it from the repository, with the binary under test.
fn make_run(dir: &Path, ports: &Ports) -> Make {
    let (bin, target) = (dir.join("bin"), dir.join("target"));
    fs::create_dir_all(&bin).unwrap();
    fs::create_dir_all(target.join("release")).unwrap();
    fs::write(bin.join("cargo"), "#!/bin/sh\nexit 0\n").unwrap();
    fs::set_permissions(bin.join("cargo"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink(binary(), target.join("release/throughline")).unwrap();
    let output = fs::File::create(dir.join("output")).unwrap();
    let mut make = Command::new("make");
    make.arg("run")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default()))
        .env("CARGO_TARGET_DIR", &target)
        .env("THROUGHLINE_DATA_DIR", dir.join("data"))
        .env("THROUGHLINE__LOG__RESERVE_GIB", "0");
    for (key, port) in [
        ("RECEIVER__GRPC__ENDPOINT", ports.grpc),
        ("RECEIVER__HTTP__ENDPOINT", ports.http),
        ("CLICKHOUSE__LISTEN", ports.clickhouse),
        ("API__ENDPOINT", ports.api),
        ("METRICS__ENDPOINT", ports.metrics),
        ("HEALTH__ENDPOINT", ports.health),
    ] {
        make.env(format!("THROUGHLINE__{key}"), format!("127.0.0.1:{port}"));
    }
    Make(make.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap())
}

/// Processes whose environment has this word in it, zombies not counted.
fn processes_with(word: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let has = |folder: &Path| {
        let environment = fs::read(folder.join("environ")).unwrap_or_default();
        environment.windows(word.len()).any(|part| part == word.as_bytes())
    };
    let name = |folder: &Path| fs::read_to_string(folder.join("comm")).unwrap_or_default().trim().to_owned();
    entries.map(|entry| entry.path()).filter(|folder| has(folder)).map(|folder| name(&folder)).collect()
}

/// Scenario: a program starts `make run` and, when the server is ready, sends a signal to make alone, which hands SIGTERM on and SIGINT not.
/// Guarantee: make, the server and its engine end by one signal, in order, and nothing else stays behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_to_make_alone_ends_all_of_it() {
    for signal in [Signal::INT, Signal::TERM] {
        let dir = tempfile::tempdir().unwrap();
        let ports = Ports::own();
        let mut make = make_run(dir.path(), &ports);
        let output = || fs::read_to_string(dir.path().join("output")).unwrap_or_default();
        let until = Instant::now() + PATIENCE;
        let ready = format!("http://127.0.0.1:{}/readyz", ports.health);
        while !reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(
                Instant::now() < until && make.0.try_wait().unwrap().is_none(),
                "not ready:\n{}",
                output()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let own = dir.path().to_string_lossy().into_owned();
        assert!(processes_with(&own).len() >= 3, "make, the server, the engine");
        kill_process(Pid::from_raw(make.0.id() as i32).unwrap(), signal).unwrap();
        let until = Instant::now() + PATIENCE;
        while !(make.0.try_wait().unwrap().is_some() && processes_with(&own).is_empty()) {
            assert!(Instant::now() < until, "{signal:?}: {:?} stay:\n{}", processes_with(&own), output());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(output().contains("ended in order"), "{signal:?}:\n{}", output());
    }
}
