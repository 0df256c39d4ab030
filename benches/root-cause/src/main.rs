//! How often the diagnosis names the right cause.
#![allow(clippy::print_stdout, reason = "it prints tables")]

mod boutique;
mod stream;

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use throughline_analysis::diagnosis::DiagnosisSettings;
use throughline_config::{Config, Sources};

fn main() -> Result<(), Box<dyn Error>> {
    let datasets = PathBuf::from(std::env::var("THROUGHLINE_DATASETS")?);
    let folder = datasets.join("online-boutique");
    let rules = Config::load(&Sources::default())?.rules;
    let began = Instant::now();
    let stream = stream::read(&rules, &[folder.clone()])?;
    println!("{} transactions read in {:.1} s", stream.len(), began.elapsed().as_secs_f64());
    let began = Instant::now();
    let told = stream::diagnose(&stream, DiagnosisSettings::default());
    println!("diagnosed in {:.1} s", began.elapsed().as_secs_f64());
    let faults = boutique::read_faults(&folder)?;
    let all = std::env::args().any(|arg| arg == "--all");
    let answers = boutique::judge(&faults, &stream, &told);
    let shown: Vec<_> = answers.iter().filter(|answer| all || answer.fault.is_for_tuning()).collect();
    for answer in &shown {
        println!("{:?} {:?} inst {} {:?}s {} {} {}", answer.rank, answer.first_rank, answer.instance, answer.delay.map(|d| d as u32), answer.fault.minutes.first().map_or("", |m| &m[5..16]), answer.fault.service, answer.fault.kind);
        if let Some(told) = &answer.told && answer.rank != Some(1) {
            for suspect in told.last.suspects.iter().take(3) {
                println!("      {} {:.2} {:?} {:.0} ms {} {:?}", suspect.service, suspect.score, suspect.kind, suspect.excess_ms, suspect.transactions, suspect.evidence.first());
            }
        }
    }
    let n = shown.len();
    let first = shown.iter().filter(|a| a.rank == Some(1)).count();
    let three = shown.iter().filter(|a| a.rank.is_some_and(|r| r <= 3)).count();
    let none = shown.iter().filter(|a| a.told.is_none()).count();
    let (hours, wrong) = boutique::healthy(&faults, &stream, &told);
    println!("n {n} first {first} three {three} undetected {none} incidents {} healthy {hours:.2} h false {}", told.len(), wrong.len());
    for told in wrong {
        let suspect = &told.last.suspects[0];
        println!("   false: {} {} {:?}", told.last.summary, suspect.service, suspect.evidence);
    }
    Ok(())
}
