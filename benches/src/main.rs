//! Load against a running Throughline, and what it costs: `make bench`.
//!
//! Requests are encoded beforehand; ids and times are patched in place, so that the generator itself costs well below a microsecond a span.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program whose output is its result")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot go on has nothing better to do than stop"
)]

mod disk;
mod load;
mod machine;
mod report;
mod runs;
mod template;

use clap::Parser;

/// Measures a release build of Throughline on this machine.
#[derive(Parser)]
struct Args {
    /// The binary to measure.
    #[arg(long, default_value = "target/release/throughline")]
    binary: std::path::PathBuf,
    /// What to measure: speed, cost, latency, memory; all if none is given.
    what: Vec<String>,
    /// Seconds of full load.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Seconds of the same load before `speed` counts: after more of them new memory costs less, and a merge of all that was stored falls in.
    #[arg(long, default_value_t = 3)]
    warm: u64,
    /// Spans a second for `cost`; half of what full load reached if it is not given.
    #[arg(long)]
    rate: Option<f64>,
    /// Requests in flight at full load.
    #[arg(long, default_value_t = 8)]
    in_flight: usize,
}

#[tokio::main]
async fn main() {
    let args = Args::parse();
    let all = args.what.is_empty();
    let wants = |what: &str| all || args.what.iter().any(|wanted| wanted == what);
    machine::report();
    let template = std::sync::Arc::new(template::Template::bank());
    report::template(&template);
    report::generator(&template);
    let mut full_rate = None;
    if wants("speed") {
        let speed = runs::speed(&args.binary, &template, (args.warm, args.seconds), args.in_flight).await;
        report::speed("full load", &speed);
        full_rate = Some(speed.rate);
    }
    if wants("cost") {
        let rate = args.rate.unwrap_or_else(|| full_rate.unwrap_or(400_000.0) / 2.0);
        report::speed(
            "cost at a steady rate",
            &runs::cost(&args.binary, &template, rate, args.seconds).await,
        );
    }
    if wants("latency") {
        let latency =
            runs::latency(&args.binary, &template, full_rate.unwrap_or(200_000.0) / 2.0, args.seconds).await;
        report::latency(&latency);
    }
    if wants("memory") {
        report::memory(&runs::memory(&args.binary, &template).await);
    }
}
