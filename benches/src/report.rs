//! What a person reads.

use std::time::{Duration, Instant};

use crate::{
    runs::{Latency, Memory, Speed},
    template::{SPANS, TRACES, Template},
};

const MIB: f64 = 1024.0 * 1024.0;

pub(crate) fn template(template: &Template) {
    println!(
        "load        {} spans a request ({TRACES} traces of {SPANS}), {} bytes a span, OTLP/gRPC, plain",
        template.spans(),
        template.len() / template.spans()
    );
}

/// What the generator itself costs.
pub(crate) fn generator(template: &Template) {
    let started = Instant::now();
    let rounds = 200;
    for request in 0..rounds {
        std::hint::black_box(template.request(request, 1));
    }
    let per_span = started.elapsed().as_secs_f64() * 1e6 / (rounds as usize * template.spans()) as f64;
    println!("generator   {per_span:.3} µs a span to make a request (its sending not included)");
}

pub(crate) fn speed(what: &str, speed: &Speed) {
    let cpu = speed.serve_cpu + speed.engine_cpu;
    println!("\n{what}, from the request to rows in the store");
    println!(
        "  spans acknowledged          {:>12}  in {:.1} s ({:.0} a second)",
        speed.spans, speed.seconds, speed.rate
    );
    println!("  sent again (back pressure)  {:>12}", speed.again);
    println!(
        "  CPU seconds                 {cpu:>12.1}  serve {:.1}, engine {:.1}",
        speed.serve_cpu, speed.engine_cpu
    );
    println!(
        "  of it the analysis          {:>12.2}  {:.1} % of serve and engine (bar 5 %)",
        speed.analysis_cpu,
        speed.analysis_cpu * 100.0 / cpu
    );
    println!("  spans per CPU-second        {:>12.0}  (bar 300,000)", speed.spans as f64 / cpu);
    println!("  rows kept                   {:>12}", speed.kept);
    println!("  transactions                {:>12}  of {} sent", speed.transactions, speed.expected);
}

pub(crate) fn latency(latency: &Latency) {
    let at = |times: &[Duration], share: f64| {
        let index = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
        times.get(index).copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    println!(
        "\ntime to the answer at half load ({:.0} spans a second, {} requests)",
        latency.rate,
        latency.answers.len()
    );
    println!(
        "  answer                p50 {:>8.2} ms   p99 {:>8.2} ms",
        at(&latency.answers, 0.5),
        at(&latency.answers, 0.99)
    );
    println!(
        "  the disk's fdatasync  p50 {:>8.2} ms   p99 {:>8.2} ms   (400 KiB, same file system, same time)",
        at(&latency.disk, 0.5),
        at(&latency.disk, 0.99)
    );
    let bar = 2.0 * at(&latency.disk, 0.99) + 10.0;
    println!("  bar                                p99 {bar:>8.2} ms   (twice the disk's and 10 ms)");
}

pub(crate) fn memory(memory: &Memory) {
    let (idle, loaded) = (memory.idle.0 + memory.idle.1, memory.loaded.0 + memory.loaded.1);
    let over = loaded.saturating_sub(idle) as f64;
    println!("\nmemory with {:.0} undecided spans (resident without mapped files)", memory.undecided);
    println!(
        "  idle    serve {:>7.1} MiB   engine {:>7.1} MiB",
        memory.idle.0 as f64 / MIB,
        memory.idle.1 as f64 / MIB
    );
    println!(
        "  loaded  serve {:>7.1} MiB   engine {:>7.1} MiB",
        memory.loaded.0 as f64 / MIB,
        memory.loaded.1 as f64 / MIB
    );
    println!(
        "  over idle {:.1} MB, {:.0} bytes a span  (bar 100 MB)",
        over / 1e6,
        over / memory.undecided.max(1.0)
    );
}
