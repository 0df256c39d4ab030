//! What rows cost: bytes stored, time to encode, CPU of the engine. A bank's spans and transactions, real blocks, the real engine.
//!
//! Arguments: `kept=300000` spans at least, `rows=12000` transactions a batch, `batches=4` of them, `hops=20` of each at most, `only=spans|transactions|minutes`, and any number
//! of variants `name=variant:TABLE:SQL;SQL…`: each is tried on the same blocks in a database of its own, with `ALTER TABLE TABLE SQL` run beforehand.
//! Merges are held back while blocks go in, then all parts are merged into one; both are timed apart, as CPU of the engine's process.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement: a panic is the report, standard output its place"
)]

/// As the server has it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

mod engine;
mod load;
mod spans;
mod transactions;

use std::collections::BTreeMap;

use engine::Engine;
use load::Variant;

/// What to measure.
struct Plan {
    kept: usize,
    rows: usize,
    batches: usize,
    hops: Vec<usize>,
    only: Option<String>,
    variants: Vec<Variant>,
}

impl Plan {
    fn read(arguments: impl Iterator<Item = String>) -> Self {
        let mut plan = Self {
            kept: 300_000,
            rows: 12_000,
            batches: 4,
            hops: vec![usize::MAX, 20, 10],
            only: None,
            variants: vec![Variant {
                name: "as it is".to_owned(),
                table: String::new(),
                changes: Vec::new(),
            }],
        };
        for argument in arguments {
            let (name, value) = argument.split_once('=').expect("name=value");
            match (name, value.strip_prefix("variant:")) {
                (_, Some(change)) => plan.variants.push(Variant::read(name, change)),
                ("kept", _) => plan.kept = value.parse().unwrap(),
                ("rows", _) => plan.rows = value.parse().unwrap(),
                ("batches", _) => plan.batches = value.parse().unwrap(),
                ("hops", _) => plan.hops = vec![value.parse().unwrap()],
                ("only", _) => plan.only = Some(value.to_owned()),
                _ => panic!("{name} is no argument"),
            }
        }
        plan
    }

    fn wants(&self, what: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == what)
    }
}

fn main() {
    if engine::ran_as_engine() {
        return;
    }
    let plan = Plan::read(std::env::args().skip(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(measure(&plan));
}

async fn measure(plan: &Plan) {
    let engine = Engine::start().await;
    if plan.wants("spans") {
        let load = spans::load(plan.kept);
        load.print();
        for variant in &plan.variants {
            variant.measure(&engine, &load).await;
        }
    }
    for &hops in &plan.hops {
        if plan.only.as_deref() == Some("spans") {
            break;
        }
        let loads = transactions::loads(plan.rows, plan.batches, hops);
        for load in loads.iter().filter(|load| plan.wants(load.what)) {
            load.print();
            for variant in &plan.variants {
                variant.measure(&engine, load).await;
            }
        }
    }
}

/// Sums by name, in the order of names.
type Shares = BTreeMap<String, f64>;
