//! Faults of made-up systems, recorded as fault sets are: single minutes, many faults a day, little that is healthy.

use std::error::Error;

use throughline_analysis::diagnosis::DiagnosisSettings;
use throughline_assembly::rules::RulesSettings;
use throughline_config::{Config, Sources};
use throughline_offline::LOOKS;

use crate::boutique::{Answer, Fault, healthy, judge};
use crate::random::{Day, Listed};
use crate::score::{median, per_hour, share};
use crate::stream::{Told, diagnose, read_requests};
use crate::{Scale, bank, head, plain, variants, work};

/// A fault counts where so many recorded transactions felt it.
const FELT: usize = 3;

/// What became of one fault.
struct Row {
    answer: Answer,
    outline: String,
    said: String,
    /// Rank of the plain baseline.
    plain: Option<usize>,
    day: u64,
    a_minute: f64,
    has_clients: bool,
    has_status: bool,
    felt: usize,
    is_of_several: bool,
}

/// What became of one day.
struct Fared {
    rows: Vec<Row>,
    outline: String,
    /// Healthy hours and false incidents: between the faults, and in the same minutes without any.
    between: (f64, Vec<String>),
    without: (f64, Vec<String>),
}

/// Days of even seeds are tuned on, the others held out.
pub(crate) fn minutes(scale: Scale) -> Result<(), Box<dyn Error>> {
    let rules = Config::load(&Sources::default())?.rules;
    let seeds: Vec<u64> = (0..scale.recorded).collect();
    let whole = (DiagnosisSettings::default(), LOOKS);
    let days = work::each("minutes", &seeds, |seed| fare(&rules, *seed, &whole, true))?;
    let (mut tuned, mut held): (Vec<&Fared>, Vec<&Fared>) = (Vec::new(), Vec::new());
    for (seed, day) in seeds.iter().zip(&days) {
        if seed.is_multiple_of(2) { tuned.push(day) } else { held.push(day) }
    }
    for (name, days) in [("minutes, tuned on", &tuned), ("minutes, held out", &held)] {
        table(name, days);
    }
    if scale.is_verbose {
        days.iter().zip(&seeds).for_each(|(day, seed)| tell(*seed, day));
    }
    ablation(&rules, &seeds)
}

fn fare(
    rules: &RulesSettings,
    seed: u64,
    (settings, looks): &(DiagnosisSettings, u32),
    with_plain: bool,
) -> Result<Fared, Box<dyn Error>> {
    let day = Day::random(seed);
    let mut traffic = day.requests(false);
    let stream = read_requests(rules, traffic.by_ref())?;
    let told = diagnose(&stream, settings.clone(), *looks);
    let listed = day.faults(&traffic);
    let all: Vec<Fault> = listed.iter().map(Fault::made_up).collect();
    let felt = listed.iter().filter(|listed| listed.felt >= FELT).map(Fault::made_up);
    let answers = judge(&felt.collect::<Vec<_>>(), &stream, &told);
    let (hours, wrong) = healthy(&all, &stream, &told);
    let first = stream.first().map_or(0, |first| first.0);
    let outlines = |wrong: &[Told]| wrong.iter().map(|told| bank::wrong_outline(told, first)).collect();
    let between = (hours, outlines(&wrong));
    let well = diagnose(&read_requests(rules, day.requests(true))?, settings.clone(), *looks);
    let without = (day.hours(), well.iter().map(|told| bank::wrong_outline(told, 0)).collect());
    let row = |answer: Answer| {
        let at = answer.fault.at();
        let ranked = if with_plain { plain::rank(&stream, at) } else { Vec::new() };
        let about = listed.iter().find(|listed: &&Listed| listed.at == at);
        Row {
            outline: about.map(|about| about.outline.clone()).unwrap_or_default(),
            said: said(&told, at),
            plain: ranked.iter().position(|(service, _)| *service == answer.fault.service),
            day: seed,
            a_minute: day.a_minute(),
            has_clients: day.has_clients(),
            has_status: day.has_status(),
            felt: about.map_or(0, |about| about.felt),
            is_of_several: about.is_some_and(|about| about.is_of_several),
            answer,
        }
    };
    Ok(Fared { rows: answers.into_iter().map(row).collect(), outline: day.outline(), between, without })
}

/// What was said of a fault, for whoever looks into a miss.
fn said(told: &[Told], at: u64) -> String {
    let near = told.iter().filter(|told| {
        told.first.detected_at > at.saturating_sub(240_000_000_000)
            && told.first.detected_at < at + 240_000_000_000
    });
    let one = |told: &Told| {
        let after = (told.first.detected_at as f64 - at as f64) / 1e9;
        format!("{after:.0} s: {}", bank::outline(&told.last))
    };
    near.map(one).collect::<Vec<_>>().join(" / ")
}

fn table(name: &str, days: &[&Fared]) {
    head(
        name,
        &[
            "service first",
            "in three",
            "instance named",
            "found",
            "plain: first",
            "plain: in three",
            "median s",
        ],
    );
    let rows: Vec<&Row> = days.iter().flat_map(|day| &day.rows).collect();
    line("all", &rows, &|_| true);
    let mut kinds: Vec<&str> = rows.iter().map(|row| row.answer.fault.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds {
        line(kind, &rows, &|row| row.answer.fault.kind == kind);
    }
    line("below 15 traces a minute", &rows, &|row| row.a_minute < 15.0);
    line("15 to 40", &rows, &|row| (15.0..40.0).contains(&row.a_minute));
    line("above 40", &rows, &|row| row.a_minute >= 40.0);
    line("felt by 3 to 9 traces", &rows, &|row| row.felt < 10);
    line("by 10 to 29", &rows, &|row| (10..30).contains(&row.felt));
    line("by 30 or more", &rows, &|row| row.felt >= 30);
    line("one of several instances", &rows, &|row| row.is_of_several);
    line("without client spans", &rows, &|row| !row.has_clients);
    line("without status codes", &rows, &|row| !row.has_status);
    let sum = |of: fn(&Fared) -> &(f64, Vec<String>)| {
        let all = days.iter().map(|day| of(day));
        let (hours, wrong) = all.fold((0.0, 0), |sum, (hours, wrong)| (sum.0 + hours, sum.1 + wrong.len()));
        per_hour(wrong, hours)
    };
    println!("\nFalse incidents: {} between the faults; ", sum(|day| &day.between));
    println!("{} in the same minutes without any fault\n", sum(|day| &day.without));
}

fn line(name: &str, rows: &[&Row], keep: &dyn Fn(&Row) -> bool) {
    let kept: Vec<&&Row> = rows.iter().filter(|row| keep(row)).collect();
    let count =
        |right: &dyn Fn(&Row) -> bool| share(kept.iter().filter(|row| right(row)).count(), kept.len());
    println!(
        "| {name} | {} | {} | {} | {} | {} | {} | {:.0} |",
        count(&|row| row.answer.rank == Some(1)),
        count(&|row| row.answer.rank.is_some_and(|rank| rank <= 3)),
        count(&|row| row.answer.instance),
        count(&|row| row.answer.delay.is_some()),
        count(&|row| row.plain == Some(0)),
        count(&|row| row.plain.is_some_and(|rank| rank < 3)),
        median(kept.iter().filter_map(|row| row.answer.delay).collect()).unwrap_or(f64::NAN),
    );
}

fn tell(seed: u64, day: &Fared) {
    eprintln!("day {seed}: {}", day.outline);
    for row in day.rows.iter().filter(|row| row.answer.rank != Some(1)) {
        let (answer, minutes) = (&row.answer, row.answer.fault.minutes.join(" "));
        eprintln!(
            "   day {} {} {} [{minutes}] rank {:?}: {} | {}",
            row.day, answer.fault.kind, answer.fault.pod, answer.rank, row.outline, row.said
        );
    }
    day.between.1.iter().for_each(|said| eprintln!("   false, between: {said}"));
    day.without.1.iter().for_each(|said| eprintln!("   false, without faults: {said}"));
}

/// Each method off in turn, on the days that are held out.
fn ablation(rules: &RulesSettings, seeds: &[u64]) -> Result<(), Box<dyn Error>> {
    let held: Vec<u64> = seeds.iter().copied().filter(|seed| !seed.is_multiple_of(2)).collect();
    head("minutes, without", &["service first", "in three", "false incidents without a fault"]);
    for (name, settings, looks) in variants() {
        let how = (settings, looks);
        let days = work::each("minutes, ablation", &held, |seed| fare(rules, *seed, &how, false))?;
        let rows: Vec<&Row> = days.iter().flat_map(|day| &day.rows).collect();
        let within =
            |most: usize| rows.iter().filter(|row| row.answer.rank.is_some_and(|rank| rank <= most)).count();
        let wrong: usize = days.iter().map(|day| day.without.1.len()).sum();
        println!(
            "| {name} | {} | {} | {wrong} |",
            share(within(1), rows.len()),
            share(within(3), rows.len())
        );
    }
    println!();
    Ok(())
}
