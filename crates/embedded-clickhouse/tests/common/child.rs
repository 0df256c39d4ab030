//! The engine as a child of a test: the test binary runs itself again, with only `engine_process` in it.

use std::path::Path;

use throughline_embedded_clickhouse::supervise::Settings;
use throughline_embedded_clickhouse::{Options, locate_library, serve};

/// Marks the arguments behind it as the child's.
const MARK: &str = "engine-child";

/// How to start this test binary as an engine. `test` is the full name of the test that calls [`run`].
pub(crate) fn settings(test: &str, path: &Path) -> Settings {
    // a child that cannot start would only be tried for ever
    locate_library().unwrap();
    let address = throughline_ports::own_one();
    let mut arguments: Vec<String> =
        ["--exact", test, "--ignored", "--nocapture", MARK].map(str::to_owned).to_vec();
    arguments.extend([path.display().to_string(), address.to_string()]);
    let arguments = arguments.into_iter().map(Into::into).collect();
    Settings::new(std::env::current_exe().unwrap(), arguments, address)
}

/// Serves, where this process was started by [`settings`]; does nothing in a usual run of ignored tests.
pub(crate) fn run(adjust: impl FnOnce(&mut Options)) {
    let mut arguments = std::env::args().skip_while(|a| a != MARK).skip(1);
    let (Some(path), Some(address)) = (arguments.next(), arguments.next()) else { return };
    let mut options = Options::new(locate_library().unwrap(), path.into(), address.parse().unwrap());
    adjust(&mut options);
    let stop = async {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
        terminate.recv().await;
    };
    tokio::runtime::Runtime::new().unwrap().block_on(serve(options, stop)).unwrap();
}
