//! What is known, in the words of a person on call.

use super::Diagnosis;
use super::case::{Account, Case, Proof};
use super::finding::Sign;
use super::hosts::{Host, SERVICE};
use super::incident::{Common, Figure, Incident, Suspect, SuspectKind};
use super::limits::{MAX_EXAMPLES, MAX_SUSPECTS, SLOT_NS, SLOTS};
use super::mix::Sort;
use super::names::EMPTY;
use super::retold::{INSIDE, with_change};
use super::series::{Measure, Trait};
use super::times;

/// Less than this share of the usual number of transactions is worth a word, and more than so many times.
const FEWER: f32 = 0.7;
const MORE: f32 = 1.6;
/// What at least this share of those that are hit have, and at most that share of healthy ones, is worth a sentence.
const MOST: (f64, f64) = (0.8, 0.5);
/// A service weighs so much more where those that are hit share one of its instances.
const ONE_INSTANCE: f64 = 2.5;
/// Proofs told of one suspect.
const MAX_EVIDENCE: usize = 4;
/// Types named in a sentence.
const MAX_TYPES_NAMED: usize = 3;

impl Diagnosis {
    /// The incident as it stands.
    pub(crate) fn describe(&self, case: &Case, incident: &Incident, slot: u64) -> Incident {
        let mut described = incident.clone();
        // Those that were hit before it was known may belong to another that was open already.
        described.start = match described.start {
            0 => described.detected_at,
            start => start.min(described.detected_at),
        };
        described.shared = self.in_common(case);
        described.suspects = self.suspects(case, &described.shared, described.start, slot);
        self.suspect_changed(case, &mut described);
        let types = case.groups.iter().filter_map(|&group| self.groups.key(group));
        described.types = types.map(|key| self.names.name(key.transaction_type).to_owned()).collect();
        described.types.sort();
        if described.before.is_empty() {
            let start = described.start;
            let usual = case.groups.iter().filter_map(|&group| self.groups.get(group));
            described.before =
                usual.flat_map(|group| group.usual_before(start).cloned()).take(MAX_EXAMPLES).collect();
        }
        let since = case.first_slot.saturating_sub(3);
        let all: u64 = case
            .groups
            .iter()
            .filter_map(|&group| self.groups.get(group))
            .map(|group| group.count_since(since))
            .sum();
        // Counts reach two minutes back: while that covers the incident its share is known, and stays as it was then.
        if all > 0 && (slot <= since + SLOTS || described.share == 0.0) {
            described.share = (described.transactions as f64 / all as f64).min(1.0);
        }
        let common = most_have(&described);
        described.summary = format!("{} {}{common}", summary(&described), self.side(case, &described, slot));
        described
    }

    /// Who may be the cause, the likeliest first.
    fn suspects(&self, case: &Case, shared: &[Common], start: u64, slot: u64) -> Vec<Suspect> {
        let mut accounts: Vec<(&u32, &Account)> = case.accounts.iter().collect();
        let host = self.common_host(case, slot);
        let pods = self.shared_instances(case);
        let with_host = |service: u32, account: &Account| {
            let of_host = host.as_ref().filter(|host| host.services[0] == service);
            let weight = of_host.map_or(account.weight, |host| host.weight);
            let of_pod = if pods.contains_key(&service) { ONE_INSTANCE } else { 1.0 };
            weight * of_pod * self.changed(case.tenant, service, start)
        };
        let total: f64 = case.accounts.iter().map(|(service, account)| with_host(*service, account)).sum();
        accounts
            .sort_by(|a, b| with_host(*b.0, b.1).total_cmp(&with_host(*a.0, a.1)).then_with(|| a.0.cmp(b.0)));
        let mut suspects: Vec<Suspect> = (1u32..)
            .zip(accounts.into_iter().take(MAX_SUSPECTS))
            .map(|(rank, (&service, account))| Suspect {
                score: if total > 0.0 { with_host(service, account) / total } else { 0.0 },
                ..self.suspect(rank, (service, account), pods.get(&service).copied(), slot)
            })
            .collect();
        self.add_common(shared, host.as_ref(), &mut suspects);
        suspects
    }

    /// Whether it comes from outside, from inside or with a change, and whether fewer come.
    fn side(&self, case: &Case, incident: &Incident, slot: u64) -> String {
        let Some(first) = incident.suspects.first() else { return String::new() };
        let is_first = |service: u32| self.names.name(service) == first.service;
        let new = case.groups.iter().find_map(|&group| self.new_change(group, slot, is_first));
        let told = |suspect: &Suspect| {
            self.told_before(&incident.tenant, &suspect.service, &suspect.department, incident.start)
        };
        let mut side = match (first.kind, told(first), new) {
            (SuspectKind::Version | SuspectKind::Configuration, None, _) if !first.version.is_empty() => {
                with_change(first.kind)
            }
            (SuspectKind::Version | SuspectKind::Configuration, Some(told), _) => {
                format!("It came with a change: {}.", told.in_words())
            }
            (_, Some(told), _) => format!("It may have come with a change: {}.", told.in_words()),
            (_, None, Some(new)) => format!(
                "It may have come with a change: {} {} is new since {}.",
                new.kind().name(),
                self.names.name(new.value),
                times::text(new.since * SLOT_NS)
            ),
            (SuspectKind::Partner, None, None) => "It comes from outside: from the partner.".to_owned(),
            _ => INSIDE.to_owned(),
        };
        if told(first).is_none()
            && let Some(other) = incident.suspects.iter().skip(1).find_map(told)
        {
            side = format!("{side} Shortly before there was a change elsewhere: {}.", other.in_words());
        }
        match self.volume(&case.groups) {
            Some(left) if left < FEWER => format!("{side} Only {:.0} % as many come as usual.", left * 100.0),
            Some(left) if left > MORE => format!("{side} {left:.1} times as many come as usual."),
            _ => side,
        }
    }

    /// What those that are hit have in common, as evidence of the first suspect; a host that several services share becomes that.
    fn add_common(&self, shared: &[Common], host: Option<&Host>, suspects: &mut [Suspect]) {
        let Some(first) = suspects.first_mut() else { return };
        if let Some(host) = host.filter(|host| self.names.name(host.services[0]) == first.service) {
            let names: Vec<&str> = host.services.iter().map(|service| self.names.name(*service)).collect();
            self.names.name(host.host).clone_into(&mut first.instance);
            (first.kind, first.version) = (SuspectKind::Host, String::new());
            let sentence = format!("{} are slow on host {} only", names.join(", "), first.instance);
            first.evidence.insert(0, sentence);
        }
        let known = [first.instance.clone(), first.version.clone(), first.service.clone()];
        let known: Vec<&str> = known.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
        let told = shared.iter().filter(|one| !known.contains(&one.value.as_str()));
        first.evidence.extend(told.map(have));
    }

    /// `pod`: the instance of it that those that are hit share.
    fn suspect(
        &self,
        rank: u32,
        (service, account): (u32, &Account),
        pod: Option<u32>,
        slot: u64,
    ) -> Suspect {
        let mut proofs: Vec<&Proof> = account.proofs.values().collect();
        proofs.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.operation.cmp(&b.operation)));
        let first = proofs.first();
        let confined = confined(&proofs);
        let told = told_once(&proofs);
        let department = proofs.iter().find(|proof| proof.service == service && proof.department != EMPTY);
        let department = department.map_or_else(|| self.department_of(service), |proof| proof.department);
        let department = self.names.name(department).to_owned();
        let (instance, version) = match confined {
            Some((Trait::Instance | Trait::Host, value)) => {
                (self.names.name(value).to_owned(), String::new())
            }
            Some((Trait::Version | Trait::Configuration, value)) => {
                (String::new(), self.names.name(value).to_owned())
            }
            None => (
                pod.or_else(|| self.only_instance(service, slot))
                    .map(|only| self.names.name(only).to_owned())
                    .unwrap_or_default(),
                String::new(),
            ),
        };
        let kind = self.kind(&proofs, confined, &department);
        let department = match &self.settings.network_department {
            Some(owner) if kind == SuspectKind::Network => owner.clone(),
            _ => department,
        };
        Suspect {
            rank,
            service: self.names.name(service).to_owned(),
            operation: first.map_or("", |proof| self.names.name(shown_operation(proof, service))).to_owned(),
            instance,
            version,
            kind,
            department,
            score: 0.0,
            excess_ms: account.excess_ns / 1e6,
            transactions: account.transactions,
            evidence: told.iter().map(|proof| self.sentence(proof, service)).collect(),
            figures: told.iter().map(|proof| self.figure(proof, service)).collect(),
        }
    }

    fn kind(&self, proofs: &[&Proof], confined: Option<(Trait, u32)>, department: &str) -> SuspectKind {
        match confined {
            Some((Trait::Version, _)) => return SuspectKind::Version,
            Some((Trait::Configuration, _)) => return SuspectKind::Configuration,
            Some((Trait::Instance | Trait::Host, _)) => return SuspectKind::Host,
            None => {}
        }
        let mut kinds: Vec<(SuspectKind, f64)> = Vec::new();
        for proof in proofs {
            let kind = match proof.sign {
                Sign::Time(Measure::Own) | Sign::Error | Sign::Shape => SuspectKind::Own,
                Sign::Time(Measure::Database) => SuspectKind::Database,
                Sign::Time(Measure::Partner) => SuspectKind::Partner,
                Sign::Time(Measure::Network) => SuspectKind::Network,
                Sign::Time(Measure::Queue) => SuspectKind::Queue,
                Sign::Missing => SuspectKind::Missing,
            };
            match kinds.iter_mut().find(|(other, _)| *other == kind) {
                Some((_, weight)) => *weight += proof.weight,
                None => kinds.push((kind, proof.weight)),
            }
        }
        let kind = kinds.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(SuspectKind::Own, |kind| kind.0);
        let mut words = department.split(|c: char| !c.is_alphanumeric());
        let is_security = words.any(|word| self.settings.security_words.iter().any(|name| name == word));
        let timed = proofs.first().is_some_and(|proof| matches!(proof.sign, Sign::Time(_)));
        if kind == SuspectKind::Own && is_security && timed { SuspectKind::Security } else { kind }
    }

    /// Who owns a service: of its own work, not of its database's.
    pub(crate) fn department_of(&self, service: u32) -> u32 {
        let mut own =
            self.mixes.iter().filter(|(_, key, _)| key.service == service && key.sort == Sort::Shape);
        own.next().map_or(EMPTY, |(_, _, mix)| mix.department)
    }

    /// The instance of a service that has no other.
    pub(crate) fn only_instance(&self, service: u32, slot: u64) -> Option<u32> {
        let mut only: Option<u32> = None;
        let series =
            self.series.iter().filter(|(_, key, series)| key.service == service && series.last + 12 > slot);
        for (_, _, series) in series {
            for entry in
                series.traits.iter().filter(|entry| entry.what == Trait::Instance && entry.last + 12 > slot)
            {
                match only {
                    Some(other) if other != entry.value => return None,
                    _ => only = Some(entry.value),
                }
            }
        }
        only
    }

    fn figure(&self, proof: &Proof, service: u32) -> Figure {
        let (what, unit) = match proof.sign {
            _ if is_unanswered(proof, service) => ("unanswered", 1.0),
            Sign::Time(Measure::Own) => ("own", 1e6),
            Sign::Time(Measure::Database) => ("database", 1e6),
            Sign::Time(Measure::Partner) => ("partner", 1e6),
            Sign::Time(Measure::Queue) => ("queue", 1e6),
            Sign::Time(Measure::Network) => ("network", 1e6),
            Sign::Error => ("error", 1.0),
            Sign::Missing => ("missing", 1.0),
            Sign::Shape => ("shape", 1.0),
        };
        Figure {
            what: what.to_owned(),
            operation: self.names.name(proof.operation).to_owned(),
            usual: proof.usual / unit,
            now: proof.now / unit,
            hits: proof.hits,
            of: proof.of,
        }
    }

    fn sentence(&self, proof: &Proof, service: u32) -> String {
        let name = |id| self.names.name(id);
        let operation = name(proof.operation);
        let list = |children: &[(u32, u32)]| {
            children
                .iter()
                .map(|child| format!("{} {}", name(child.0), name(child.1)))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let times =
            || format!("takes {} where {} is usual", milliseconds(proof.now), milliseconds(proof.usual));
        let only = match proof.confined {
            Some((Trait::Instance, value)) => format!(", only on {}", name(value)),
            Some((Trait::Version, value)) => format!(", only in version {}", name(value)),
            Some((Trait::Configuration, value)) => format!(", only with configuration {}", name(value)),
            Some((Trait::Host, value)) => format!(", only on host {}", name(value)),
            None => String::new(),
        };
        let share = format!("in {} of {} ({:.1} % is usual)", proof.hits, proof.of, proof.usual * 100.0);
        match proof.sign {
            _ if is_unanswered(proof, service) => {
                format!(
                    "{} {operation}: a call to {} is not answered {share}",
                    name(proof.service),
                    name(service)
                )
            }
            Sign::Time(Measure::Own) => format!("{operation}: own work {}{only}", times()),
            Sign::Time(Measure::Database) => format!("{operation}: the database {}{only}", times()),
            Sign::Time(Measure::Partner) => format!("{operation}: the partner {}{only}", times()),
            Sign::Time(Measure::Queue) => format!("{operation}: the wait in the queue {}{only}", times()),
            Sign::Time(Measure::Network) => {
                format!(
                    "{operation}: the way from {} to {} and back {}",
                    name(proof.caller),
                    name(proof.service),
                    times()
                )
            }
            Sign::Error => format!("{operation}: fails by itself {share}"),
            Sign::Missing => format!("{operation} does not come {share}"),
            Sign::Shape if !proof.lacks.is_empty() => {
                format!("{operation}: does not call {} {share}", list(&proof.lacks))
            }
            Sign::Shape if !proof.gained.is_empty() => {
                format!("{operation}: calls {}, as it does not use to, {share}", list(&proof.gained))
            }
            Sign::Shape => format!("{operation}: calls others than it uses to {share}"),
        }
    }
}

/// What those that are hit have in common.
fn have(one: &Common) -> String {
    let (hit, healthy) = (one.share * 100.0, one.healthy * 100.0);
    let has = if one.what == SERVICE { "go through".to_owned() } else { format!("have {}", one.what) };
    format!("{hit:.0} % of those that are hit {has} {}, of healthy ones {healthy:.0} %", one.value)
}

/// What nearly all that are hit have and most healthy ones lack, where the suspect does not say so: one channel, say.
fn most_have(incident: &Incident) -> String {
    let Some(first) = incident.suspects.first() else { return String::new() };
    let is_said = |one: &Common| [&first.instance, &first.version, &first.service].contains(&&one.value);
    let told = incident.shared.iter().find(|one| one.share >= MOST.0 && one.healthy <= MOST.1);
    told.filter(|one| !is_said(one)).map_or_else(String::new, |one| format!(" {}.", have(one)))
}

/// Whether this speaks against a service because a caller of it fails, or breaks off, where it should have answered.
fn is_unanswered(proof: &Proof, service: u32) -> bool {
    proof.service != service
        && match proof.sign {
            Sign::Error => true,
            Sign::Shape => proof.lacks.first().is_some_and(|child| child.0 == service),
            Sign::Time(_) | Sign::Missing => false,
        }
}

/// The operation of a service that a proof is about.
fn shown_operation(proof: &Proof, service: u32) -> u32 {
    let missed = || proof.lacks.iter().find(|child| child.0 == service).map_or(EMPTY, |child| child.1);
    if is_unanswered(proof, service) { missed() } else { proof.operation }
}

/// The heaviest proofs, each operation once: it is the same in whatever types of transactions.
fn told_once<'a>(proofs: &[&'a Proof]) -> Vec<&'a Proof> {
    let place = |proof: &Proof| (proof.sign, proof.caller, proof.service, proof.operation);
    let mut told: Vec<&Proof> = Vec::with_capacity(MAX_EVIDENCE);
    for proof in proofs {
        if told.len() < MAX_EVIDENCE && told.iter().all(|other| place(other) != place(proof)) {
            told.push(proof);
        }
    }
    told
}

/// Some types by name, and how many more there are.
pub(crate) fn named(types: &[String]) -> String {
    let some = types.iter().take(MAX_TYPES_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match types.len().saturating_sub(MAX_TYPES_NAMED) {
        0 => some,
        1 => format!("{some} and one other type"),
        more => format!("{some} and {more} other types"),
    }
}

/// What the proofs against a service agree in.
pub(crate) fn confined_to(account: &Account) -> Option<(Trait, u32)> {
    let mut proofs: Vec<&Proof> = account.proofs.values().collect();
    proofs.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.operation.cmp(&b.operation)));
    confined(&proofs)
}

/// What the heaviest half of the proofs agree in.
fn confined(proofs: &[&Proof]) -> Option<(Trait, u32)> {
    let total: f64 = proofs.iter().map(|proof| proof.weight).sum();
    let candidate = proofs.iter().find_map(|proof| proof.confined)?;
    let agree: f64 =
        proofs.iter().filter(|proof| proof.confined == Some(candidate)).map(|proof| proof.weight).sum();
    (agree * 2.0 >= total).then_some(candidate)
}

fn milliseconds(ns: f64) -> String {
    let ms = ns / 1e6;
    if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

pub(super) fn summary(incident: &Incident) -> String {
    let Some(first) = incident.suspects.first() else { return String::new() };
    let what = match first.kind {
        SuspectKind::Own => match first.figures.first().map_or("", |figure| figure.what.as_str()) {
            "unanswered" => "calls to it are not answered",
            "error" => "its own work, which fails",
            "shape" => "its own work, which is not what it usually does",
            _ => "its own work",
        },
        SuspectKind::Database => "its database",
        SuspectKind::Network => "the network to and from it",
        SuspectKind::Queue => "the queue before it",
        SuspectKind::Partner => "the partner that it waits for",
        SuspectKind::Security => "the security check",
        SuspectKind::Version => "a version of it",
        SuspectKind::Configuration => "a change of its configuration",
        SuspectKind::Host => "one instance of it",
        SuspectKind::Missing => "a step that does not come",
        SuspectKind::Outside => "what comes to it",
    };
    let owner = if first.department.is_empty() || first.department == "unassigned" {
        String::new()
    } else {
        format!(" ({})", first.department)
    };
    let where_ = [&first.instance, &first.version].into_iter().find(|name| !name.is_empty());
    let detail = where_.map_or_else(String::new, |name| format!(", {name}"));
    let money =
        if incident.amount > 0.0 { format!(", amount {:.0}", incident.amount) } else { String::new() };
    format!(
        "Since {}, {}{} {} of {} {} hit{money}. Most likely cause: {}{owner}: {what}{detail}.",
        times::text(incident.start),
        if incident.estimated { "about " } else { "" },
        incident.transactions,
        if incident.transactions == 1 { "transaction" } else { "transactions" },
        named(&incident.types),
        if incident.transactions == 1 { "is" } else { "are" },
        first.service,
    )
}
