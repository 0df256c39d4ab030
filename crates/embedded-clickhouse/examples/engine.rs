//! The engine alone: `engine --path DIR --listen ADDR`. Tests start, supervise and kill it.

use std::process::ExitCode;

use throughline_embedded_clickhouse::{Options, locate_library, serve};

fn value(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|a| a != name);
    arguments.next();
    arguments.next()
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter("info").init();
    let (Some(path), Some(Ok(listen))) = (value("--path"), value("--listen").map(|l| l.parse())) else {
        tracing::error!("usage: engine --path DIR --listen ADDR");
        return ExitCode::from(2);
    };
    let library = match locate_library() {
        Ok(library) => library,
        Err(missing) => {
            tracing::error!("{missing}");
            return ExitCode::FAILURE;
        }
    };
    let stop = async {
        let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    match serve(Options::new(library, path.into(), listen), stop).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
