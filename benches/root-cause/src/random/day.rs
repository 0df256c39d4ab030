//! A day of a made-up system as fault sets record it: of each fault the minute of its injection and the two after it, some healthy minutes, and nothing
//! between.

use super::dice::Dice;
use super::fault::{Fault, Kind};
use super::system::{Rate, System};
use super::traffic::{Sample, Traffic, at};

/// What is done to pods, and under which name.
const DONE: [(&str, Kind); 5] = [
    ("cpu_contention", Kind::Cpu),
    ("cpu_consumed", Kind::Cpu),
    ("network_delay", Kind::Delay),
    ("return", Kind::Return),
    ("exception", Kind::Exception),
];
const MINUTE: f64 = 60.0;
/// How long a fault lasts: longer than what is recorded of it.
const LASTS: f64 = 240.0;
/// An operation's pod is worth a fault where so many transactions meet it in two minutes, on average.
const MET: f64 = 3.0;
/// And its slow work is worth one where it makes up so much of the time.
const SHARE: f64 = 0.03;
/// Draws of a fault that nobody would feel before another kind is drawn.
const DRAWS: usize = 50;

/// A fault as its list has it.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) kind: &'static str,
    pub(crate) service: String,
    pub(crate) pod: String,
    /// Nanoseconds since 1970.
    pub(crate) at: u64,
    /// Which of its minutes are recorded, by their number, if one after that of the injection is.
    pub(crate) minutes: Vec<String>,
    /// Recorded transactions that felt it.
    pub(crate) felt: usize,
    /// Whether its service has several instances.
    pub(crate) is_of_several: bool,
    /// For whoever looks into a miss.
    pub(crate) outline: String,
}

/// Whether a caller of an operation has more to call after it, and leaves that where it fails.
fn breaks_off_callers(system: &System, operation: usize) -> bool {
    system.operations.iter().any(|caller| {
        let rest = caller.calls.iter().skip_while(|call| call.to != operation).skip(1);
        !caller.is_tolerant && !caller.is_parallel && rest.clone().any(|call| call.chance >= 0.5)
    })
}

/// A system, its faults, and which minutes are recorded.
pub(crate) struct Day {
    system: System,
    faults: Vec<Fault>,
    kinds: Vec<&'static str>,
    sample: Sample,
    /// From and to, seconds.
    recorded: Vec<(f64, f64)>,
    seed: u64,
}

impl Day {
    pub(crate) fn random(seed: u64) -> Self {
        let mut dice = Dice::new(seed.wrapping_mul(6_151) + 31);
        let (system, sample) = loop {
            let system = System::random(&mut dice, &Rate::Thin);
            let sample = Sample::of(&system, dice.next());
            // None whose transactions are cut short: what they call would be chance.
            if sample.spans < system.max_spans {
                break (system, sample);
            }
        };
        let (count, healthy) = (dice.count(20, 50), dice.count(0, 3));
        let mut day = Self {
            system,
            faults: Vec::new(),
            kinds: Vec::new(),
            sample,
            recorded: Vec::new(),
            seed: dice.next(),
        };
        // Which of the stretches hold no fault.
        let healthy: Vec<usize> = (0..healthy).map(|_| dice.below(count)).collect();
        let mut minute = 0;
        for number in 0..count {
            for _ in healthy.iter().filter(|at| **at == number) {
                minute += dice.count(3, 20);
                day.record(minute);
            }
            minute += if dice.chance(0.1) { dice.count(30, 180) } else { dice.count(6, 15) };
            let from = (minute as f64 + dice.unit()) * MINUTE;
            if let Some((name, fault)) = day.draw(&mut dice, from) {
                day.kinds.push(name);
                day.faults.push(fault);
            }
            // Of some faults not all minutes are there.
            let lacks = if dice.chance(0.25) { dice.count(0, 2) } else { 3 };
            (0..3).filter(|at| *at != lacks).for_each(|at| day.record(minute + at));
            minute += 3;
        }
        day
    }

    fn record(&mut self, minute: usize) {
        let from = minute as f64 * MINUTE;
        self.recorded.push((from, from + MINUTE));
    }

    /// One that transactions feel, at one pod.
    fn draw(&self, dice: &mut Dice, from: f64) -> Option<(&'static str, Fault)> {
        let (system, sample) = (&self.system, &self.sample);
        for _ in 0..DRAWS {
            let (name, kind) = DONE[dice.below(DONE.len())];
            let operation = dice.below(system.operations.len());
            let what = &system.operations[operation];
            let instances = system.service_of(operation).instances;
            let instance = Some(dice.below(instances));
            let call = dice.below(what.calls.len() + usize::from(kind == Kind::Exception));
            let all: f64 = sample.own.iter().sum();
            let is_felt = self.touches(operation) >= MET
                && match kind {
                    Kind::Cpu => sample.own[what.service] / all >= SHARE,
                    Kind::Return => what.calls[call..].iter().any(|call| call.chance >= 0.5),
                    // Without a status it is felt where it leaves something out, here or in a caller.
                    Kind::Exception => {
                        system.has_status
                            || what.calls[call..].iter().any(|call| call.chance >= 0.5)
                            || breaks_off_callers(system, operation)
                    }
                    _ => true,
                };
            if !is_felt {
                continue;
            }
            let amount = match name {
                "cpu_contention" => dice.between(2.5, 6.0),
                "cpu_consumed" => dice.between(4.0, 10.0),
                _ => (sample.duration * dice.between(0.3, 2.0)).max(0.010),
            };
            let to = from + LASTS;
            return Some((
                name,
                Fault { kind, operation, call, instance, amount, from, to, is_daily: false },
            ));
        }
        None
    }

    /// How many transactions meet an instance of an operation in two minutes.
    fn touches(&self, operation: usize) -> f64 {
        let instances = self.system.service_of(operation).instances;
        self.sample.met[operation] * self.system.rate * 2.0 * MINUTE / instances as f64
    }

    /// Transactions, each with the time at which it comes; the same minutes without the faults where `is_healthy`.
    pub(crate) fn requests(&self, is_healthy: bool) -> Traffic<'_> {
        let faults = if is_healthy { &[] } else { self.faults.as_slice() };
        Traffic::recorded(&self.system, faults, self.seed, self.recorded.clone())
    }

    /// The faults in the order of their time, and how many of the transactions that were played felt them.
    pub(crate) fn faults(&self, played: &Traffic<'_>) -> Vec<Listed> {
        let listed = |((fault, kind), felt): ((&Fault, &&'static str), &usize)| {
            let first = fault.from - fault.from % MINUTE;
            let service = self.system.service_of(fault.operation);
            let of_it = |window: &&(f64, f64)| (first..first + 2.5 * MINUTE).contains(&window.0);
            let own: Vec<f64> = self.recorded.iter().filter(of_it).map(|window| window.0).collect();
            let is_listed = own.iter().any(|from| *from > first);
            let names = own.iter().filter(|_| is_listed).map(|from| format!("{:.0}", from / MINUTE));
            Listed {
                kind,
                service: service.name.clone(),
                pod: service.pod(fault.instance.unwrap_or(0)),
                at: at(fault.from),
                minutes: names.collect(),
                felt: *felt,
                is_of_several: service.instances > 1,
                outline: fault.outline(&self.system),
            }
        };
        let all = self.faults.iter().zip(&self.kinds).zip(played.felt());
        all.map(listed).collect()
    }

    /// What it is like, in a line.
    pub(crate) fn outline(&self) -> String {
        let system = &self.system;
        format!(
            "{} services, {} operations, {} types, {:.0} traces a minute, clients {}, status {}",
            system.services.len(),
            system.operations.len(),
            system.entries.len(),
            system.rate * MINUTE,
            system.has_clients,
            system.has_status
        )
    }

    pub(crate) fn has_clients(&self) -> bool {
        self.system.has_clients
    }

    pub(crate) fn has_status(&self) -> bool {
        self.system.has_status
    }

    /// Traces a minute.
    pub(crate) fn a_minute(&self) -> f64 {
        self.system.rate * MINUTE
    }

    /// Hours that are recorded.
    pub(crate) fn hours(&self) -> f64 {
        self.recorded.len() as f64 / 60.0
    }
}
