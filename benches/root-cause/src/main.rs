//! How often the diagnosis names the right cause: recorded faults where `THROUGHLINE_DATASETS` says where they are, faults of the simulated bank, and
//! faults of made-up systems; and how often it tells of incidents where there are none.
//!
//! Sections may be named as arguments (`recorded`, `minutes`, `ablation`, `purposes`, `bank`, `pairs`, `random`, `healthy`; all of them without), `--quick` takes few seeds of each,
//! `--verbose` says what was answered where it was not right.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints tables, and on stderr what was wrong"
)]

mod ablation;
mod bank;
mod boutique;
mod minutes;
mod plain;
mod random;
mod score;
mod stream;
mod synthetic;
mod work;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use throughline_analysis::diagnosis::{DiagnosisSettings, Method};
use throughline_config::{Config, Sources};
use throughline_offline::LOOKS;

use boutique::{Answer, Fault};
use score::{median, share};
use stream::Stream;

/// Sections, in their order.
const SECTIONS: [&str; 8] =
    ["recorded", "minutes", "ablation", "purposes", "bank", "pairs", "random", "healthy"];

/// Prints a section.
type Section = fn(Scale) -> Result<(), Box<dyn Error>>;

/// How much of it is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Seeds of each of the bank's faults, and pairs of them.
    pub(crate) seeds: u64,
    /// Made-up systems for each kind of fault.
    pub(crate) systems: u64,
    /// Made-up days of faults recorded in single minutes, half of them to tune on.
    pub(crate) recorded: u64,
    /// Healthy days of the bank, and made-up systems that are healthy for half a day.
    pub(crate) days: u64,
    pub(crate) is_verbose: bool,
}

const FULL: Scale = Scale { seeds: 20, systems: 12, recorded: 24, days: 3, is_verbose: false };
const QUICK: Scale = Scale { seeds: 3, systems: 4, recorded: 8, days: 1, is_verbose: false };

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let known = |name: &&String| {
        SECTIONS.contains(&name.as_str()) || ["--quick", "--verbose"].contains(&name.as_str())
    };
    if let Some(unknown) = arguments.iter().find(|name| !known(name)) {
        return Err(
            format!("{unknown}: sections are {}, flags --quick and --verbose", SECTIONS.join(", ")).into()
        );
    }
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let all = !SECTIONS.iter().any(|section| has(section));
    let scale = Scale { is_verbose: has("--verbose"), ..if has("--quick") { QUICK } else { FULL } };
    if all || has("recorded") {
        online_boutique().map_or(Ok(()), |folder| recorded(&folder))?;
    }
    let sections: [(&str, Section); 7] = [
        ("minutes", minutes::minutes),
        ("ablation", ablation::ablation),
        ("purposes", ablation::purposes),
        ("bank", synthetic::bank),
        ("pairs", synthetic::pairs),
        ("random", synthetic::random),
        ("healthy", synthetic::healthy),
    ];
    for (name, section) in sections {
        if all || has(name) {
            section(scale)?;
        }
    }
    Ok(())
}

/// Where recorded faults are.
pub(crate) fn online_boutique() -> Option<PathBuf> {
    let datasets = std::env::var("THROUGHLINE_DATASETS").ok();
    if datasets.is_none() {
        println!("THROUGHLINE_DATASETS is not set: recorded faults are left out\n");
    }
    datasets.map(|datasets| PathBuf::from(datasets).join("online-boutique"))
}

fn recorded(folder: &Path) -> Result<(), Box<dyn Error>> {
    let rules = Config::load(&Sources::default())?.rules;
    let began = Instant::now();
    let stream = stream::read(&rules, &[folder.to_owned()])?;
    let read = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let told = stream::diagnose(&stream, DiagnosisSettings::default(), LOOKS);
    let each = began.elapsed().as_secs_f64() / stream.len().max(1) as f64 * 1e6;
    let faults = boutique::read_faults(folder)?;
    let answers = boutique::judge(&faults, &stream, &told);
    println!(
        "Online Boutique: {} transactions, read in {read:.1} s, {each:.0} µs each to diagnose, {} incidents\n",
        stream.len(),
        told.len()
    );
    head(
        "faults",
        &["service first", "in three", "instance named", "plain: first", "plain: in three", "median s"],
    );
    for (name, keep) in halves() {
        row(name, &answers, &stream, &|answer| keep(&answer.fault));
    }
    let mut kinds: Vec<&str> = answers.iter().map(|answer| answer.fault.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds {
        row(kind, &answers, &stream, &|answer| answer.fault.kind == kind);
    }
    let (hours, wrong) = boutique::healthy(&faults, &stream, &told);
    println!("\nFalse incidents: {} in {hours:.2} healthy hours\n", wrong.len());
    for told in &wrong {
        println!("false: {}", bank::wrong_outline(told, stream.first().map_or(0, |first| first.0)));
    }
    for answer in answers.iter().filter(|answer| answer.rank != Some(1)) {
        let rank = answer.rank.map_or_else(|| "not named".to_owned(), |rank| format!("rank {rank}"));
        println!("{rank}: {} {} {}", answer.fault.pod, answer.fault.kind, answer.fault.minutes.join(" "));
    }
    println!();
    Ok(())
}

type Keep = fn(&Fault) -> bool;

fn halves() -> [(&'static str, Keep); 3] {
    [("tuned on", Fault::is_for_tuning), ("held out", |fault| !fault.is_for_tuning()), ("all", |_| true)]
}

pub(crate) fn head(what: &str, columns: &[&str]) {
    println!("| {what} | {} |", columns.join(" | "));
    println!("| --- |{}", " --- |".repeat(columns.len()));
}

fn row(name: &str, answers: &[Answer], stream: &Stream, keep: &dyn Fn(&Answer) -> bool) {
    let kept: Vec<&Answer> = answers.iter().filter(|answer| keep(answer)).collect();
    let within =
        |most: usize| kept.iter().filter(|answer| answer.rank.is_some_and(|rank| rank <= most)).count();
    let plain: Vec<Option<usize>> = kept
        .iter()
        .map(|answer| {
            let ranked = plain::rank(stream, answer.fault.at());
            ranked.iter().position(|(service, _)| *service == answer.fault.service)
        })
        .collect();
    let plain_within = |most: usize| plain.iter().filter(|rank| rank.is_some_and(|rank| rank < most)).count();
    let instances = kept.iter().filter(|answer| answer.instance).count();
    let delay = median(kept.iter().filter_map(|answer| answer.delay).collect());
    let n = kept.len();
    println!(
        "| {name} | {} | {} | {} | {} | {} | {:.0} |",
        share(within(1), n),
        share(within(3), n),
        share(instances, n),
        share(plain_within(1), n),
        share(plain_within(3), n),
        delay.unwrap_or(0.0),
    );
}

/// All methods, each method off in turn, all of them in one look, and one look without what is pooled.
pub(crate) fn variants() -> Vec<(String, DiagnosisSettings, u32)> {
    let without = |without| DiagnosisSettings { without, ..DiagnosisSettings::default() };
    let all = ("nothing".to_owned(), without(Vec::new()), LOOKS);
    let each = Method::ALL.map(|method| (method.name().to_owned(), without(vec![method]), LOOKS));
    let once = ("a second look".to_owned(), without(Vec::new()), 1);
    let neither = ("pooled and a second look".to_owned(), without(vec![Method::Pooled]), 1);
    std::iter::once(all).chain(each).chain([once, neither]).collect()
}
