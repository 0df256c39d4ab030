//! Rule packs: what fires, what does not, and every fault at once.

use std::sync::Arc;

use throughline_advice::{Pack, Packs, Part, Rule};
use throughline_analysis::diagnosis::{Common, Figure, Incident, State, Suspect, SuspectKind};
use throughline_config::{Config, Sources};

fn figure(what: &str, usual: f64, now: f64) -> Figure {
    Figure { what: what.to_owned(), operation: "consume".to_owned(), usual, now, hits: 9, of: 10 }
}

fn incident(kind: SuspectKind, figures: Vec<Figure>) -> Incident {
    let suspect = Suspect {
        rank: 1,
        service: "ledger".to_owned(),
        department: "core-banking".to_owned(),
        operation: "UPDATE accounts".to_owned(),
        instance: String::new(),
        version: String::new(),
        kind,
        score: 0.9,
        excess_ms: 1000.0,
        transactions: 9,
        evidence: Vec::new(),
        figures,
    };
    Incident {
        id: "1".to_owned(),
        tenant: String::new(),
        state: State::Open,
        detected_at: 2,
        start: 1,
        end: None,
        types: vec!["transfer".to_owned()],
        suspects: vec![suspect],
        summary: String::new(),
        transactions: 9,
        estimated: false,
        share: 0.5,
        customers: 3,
        amount: 0.0,
        excess_ms: 1000.0,
        shared: Vec::new(),
        examples: Vec::new(),
        before: Vec::new(),
    }
}

fn builtin() -> Arc<Packs> {
    Config::load(&Sources::default()).unwrap_or_else(|error| panic!("{error}")).advice
}

fn rules(packs: &Packs, incident: &Incident) -> Vec<String> {
    packs.advise(incident).into_iter().map(|advice| advice.rule).collect()
}

#[test]
fn the_built_in_pack_knows_a_starved_consumer_from_a_slow_one() {
    let packs = builtin();
    let starved = incident(SuspectKind::Queue, vec![figure("queue", 5.0, 900.0)]);
    assert_eq!(rules(&packs, &starved), ["consumer-starved"]);
    let slow = incident(SuspectKind::Queue, vec![figure("queue", 5.0, 900.0), figure("own", 10.0, 80.0)]);
    assert_eq!(rules(&packs, &slow), ["consumer-slow"]);
    let lock = incident(SuspectKind::Database, vec![figure("database", 4.0, 400.0)]);
    assert_eq!(rules(&packs, &lock), ["database-lock"]);
    let quiet = incident(SuspectKind::Own, vec![figure("own", 10.0, 15.0)]);
    assert_eq!(rules(&packs, &quiet), Vec::<String>::new(), "half as slow again is no pattern");
}

#[test]
fn every_kind_of_suspect_has_a_pattern_that_speaks_of_it() {
    let packs = builtin();
    for (kind, figures) in [
        (SuspectKind::Own, vec![figure("error", 0.0, 0.4)]),
        (SuspectKind::Database, vec![figure("database", 10.0, 30.0)]),
        (SuspectKind::Network, vec![figure("network", 1.0, 90.0)]),
        (SuspectKind::Queue, vec![figure("queue", 1.0, 90.0)]),
        (SuspectKind::Partner, vec![figure("partner", 1.0, 90.0)]),
        (SuspectKind::Security, vec![figure("own", 1.0, 90.0)]),
        (SuspectKind::Version, vec![figure("own", 1.0, 90.0)]),
        (SuspectKind::Configuration, vec![figure("own", 1.0, 90.0)]),
        (SuspectKind::Host, vec![figure("own", 1.0, 90.0)]),
        (SuspectKind::Outside, Vec::new()),
        (SuspectKind::Missing, vec![figure("missing", 0.0, 0.9)]),
    ] {
        let advice = packs.advise(&incident(kind, figures));
        assert_eq!(advice.len(), 1, "{}: {advice:?}", kind.name());
        assert!(!advice[0].text.contains('{'), "all places are filled in: {}", advice[0].text);
        assert_eq!((advice[0].pack.as_str(), advice[0].suspect), ("throughline", 1));
    }
}

#[test]
fn a_version_that_was_only_told_of_is_not_said_to_be_the_only_one() {
    let packs = builtin();
    let mut of = incident(SuspectKind::Version, vec![figure("error", 0.0, 0.5)]);
    assert_eq!(rules(&packs, &of), ["version-told"]);
    of.suspects[0].version = "4.1.0".to_owned();
    assert_eq!(rules(&packs, &of), ["version"]);
}

#[test]
fn a_condition_can_ask_for_what_those_that_are_hit_share() {
    let when =
        "shared.exists(s, s.what == \"bank.channel\" && s.value == \"mobile\" && s.share > 2.0 * s.healthy)";
    let rule =
        Rule { name: "app".to_owned(), when: when.to_owned(), advice: "Call the app's team.".to_owned() };
    let pack = Pack { name: "own".to_owned(), version: "1".to_owned(), rules: vec![rule] };
    let packs = Packs::compile(vec![pack]).unwrap_or_else(|faults| panic!("{faults:?}"));
    let mut of = incident(SuspectKind::Own, vec![figure("own", 1.0, 90.0)]);
    assert_eq!(rules(&packs, &of), Vec::<String>::new());
    let (what, value) = ("bank.channel".to_owned(), "mobile".to_owned());
    of.shared.push(Common { what, value, share: 0.9, healthy: 0.2 });
    assert_eq!(rules(&packs, &of), ["app"]);
}

#[test]
fn a_suspect_that_is_unlikely_gets_no_advice() {
    let mut of = incident(SuspectKind::Database, vec![figure("database", 4.0, 400.0)]);
    let mut second = of.suspects[0].clone();
    (second.rank, second.kind, second.score) = (2, SuspectKind::Partner, 0.1);
    of.suspects.push(second);
    assert_eq!(rules(&builtin(), &of), ["database-lock"]);
    of.suspects[1].score = 0.4;
    assert_eq!(rules(&builtin(), &of), ["database-lock", "partner-slow"]);
}

#[test]
fn every_fault_of_all_packs_is_told() {
    let rule = |name: &str, when: &str, advice: &str| Rule {
        name: name.to_owned(),
        when: when.to_owned(),
        advice: advice.to_owned(),
    };
    let first = Pack {
        name: "own".to_owned(),
        version: "1".to_owned(),
        rules: vec![
            rule("fine", "suspect.kind == \"queue\" && incident.share > 0.1", "look at {service}"),
            rule("typo", "suspekt.kind == \"queue\"", "x"),
            rule("field", "suspect.colour == \"red\"", "x"),
            rule("syntax", "suspect.kind ==", "x"),
            rule("value", "suspect.score + 1.0", "x"),
            rule("fine", "true", "look at {servis}"),
        ],
    };
    let second = Pack { name: "own".to_owned(), version: "2".to_owned(), rules: Vec::new() };
    let faults = Packs::compile(vec![first, second]).err().unwrap_or_default();
    let places: Vec<_> = faults.iter().map(|fault| (fault.pack, fault.rule)).collect();
    assert_eq!(
        places,
        [
            (0, Some((1, Part::When))),
            (0, Some((2, Part::When))),
            (0, Some((3, Part::When))),
            (0, Some((4, Part::When))),
            (0, Some((5, Part::Name))),
            (0, Some((5, Part::Advice))),
            (1, None),
        ],
        "{faults:#?}"
    );
    assert!(faults[0].message.contains("`suspekt` does not exist"), "{}", faults[0]);
    assert!(faults[5].message.contains("{servis}") && faults[5].message.contains("service"), "{}", faults[5]);
}
