//! What the configuration says to the core: as settings (stored in the log where they change) and compiled.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use throughline_analysis::diagnosis::DiagnosisSettings;
use throughline_otlp::{
    CompiledPlan,
    plan::{RESOURCE_KEYS, SPAN_KEYS, ScanPlan},
};
use throughline_sampling::{MatcherTable, Options, Policies, PolicySettings, SpanQuestions};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    configuration::ConfigurationSlots,
    departments::Departments,
    expression::{ExpressionError, Predicate},
};

/// Types with a terminal step that one configuration can hold: each is a bit of a summary.
pub const MAX_TERMINALS: usize = 64;

/// Everything of the configuration that changes what the core decides. Times are nanoseconds of log time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RulesSettings {
    /// Partitions of the span log and of the summary log.
    pub partitions: u32,
    /// How traces close.
    pub traces: TraceSettings,
    /// Globs over `server.address`: a client without a server there is a partner.
    pub partners: Vec<String>,
    /// Who owns what; first match wins.
    pub departments: Vec<DepartmentRule>,
    /// Owner of time on the network, if not the caller.
    pub network_department: Option<String>,
    /// Owner of time in databases, if not the caller.
    pub database_department: Option<String>,
    /// How transactions are found and close.
    pub transactions: TransactionSettings,
    /// Sampling, in order.
    pub policies: Vec<PolicySettings>,
    /// What holds for all policies.
    #[serde(default)]
    pub sampling: SamplingSettings,
    /// What is wrong, and when it is over; without the network's owner, which is above.
    #[serde(default)]
    pub diagnosis: DiagnosisSettings,
    /// Resource attributes that name the revision of a service's configuration.
    #[serde(default)]
    pub change_attributes: Vec<String>,
    /// Rows that end a batch.
    pub batch_rows: u64,
    /// Age that ends a batch.
    pub batch_delay: u64,
    /// How long closed traces and transactions are found again.
    pub retention: u64,
}

/// How traces close.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceSettings {
    /// No span for so long, root seen.
    pub quiet_time: u64,
    /// No span for so long, no root seen.
    pub quiet_time_without_root: u64,
    /// Open for so long.
    pub max_age: u64,
    /// As many spans.
    pub max_spans: u32,
    /// Most that a server span is moved for clock skew.
    pub max_skew: u64,
    /// Whether a span without a status counts as failed where its attributes say so; not, where nothing is said.
    #[serde(default)]
    pub error_attributes: Option<bool>,
}

/// One rule that gives a resource its department.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DepartmentRule {
    /// The value of this resource attribute.
    Attribute(String),
    /// The first department one of whose globs matches `service.name`.
    Services(Vec<(String, Vec<String>)>),
}

/// How transactions are found and close.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransactionSettings {
    /// Span attributes that name a transaction, best first.
    pub keys: Vec<String>,
    /// Whether span links join traces.
    pub links: bool,
    /// No trace for so long.
    pub quiet_time: u64,
    /// Open for so long.
    pub max_age: u64,
    /// Traces that one transaction takes.
    pub max_traces: u32,
    /// First match wins.
    pub types: Vec<TypeSettings>,
    /// Span attributes kept for every transaction.
    pub attributes: Vec<String>,
}

/// What holds for all policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SamplingSettings {
    /// The attribute that `amount` means in conditions.
    pub amount: String,
    /// As in the Collector: the first policy that votes decides; what it keeps is not dropped by those after it, nor counted by their limits and samplers.
    pub sample_on_first_match: bool,
    /// Keep all, and say what would have been.
    pub dry_run: bool,
    /// Transactions a second of log time that are left to policies, in all partitions together; 0 for all.
    pub max_transactions_per_second: u64,
}

impl Default for SamplingSettings {
    fn default() -> Self {
        Self {
            amount: Options::default().amount,
            sample_on_first_match: false,
            dry_run: false,
            max_transactions_per_second: 0,
        }
    }
}

impl RulesSettings {
    /// What the diagnosis goes by.
    #[must_use]
    pub fn diagnosis(&self) -> DiagnosisSettings {
        DiagnosisSettings { network_department: self.network_department.clone(), ..self.diagnosis.clone() }
    }

    /// What policies are compiled for.
    #[must_use]
    pub fn policy_options(&self) -> Options {
        Options {
            partitions: self.partitions,
            amount: self.sampling.amount.clone(),
            sample_on_first_match: self.sampling.sample_on_first_match,
        }
    }
}

/// One type of transaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TypeSettings {
    /// What it is called.
    pub name: String,
    /// Over the root of the first trace.
    #[serde(rename = "match")]
    pub matches: String,
    /// Over any span: seen, the transaction is complete.
    pub terminal: Option<String>,
    /// Closes so long after the terminal step.
    pub settle: u64,
    /// Instead of the transactions' own.
    pub max_age: Option<u64>,
    /// An `incomplete` row is written so long after the first trace.
    pub deadline: Option<u64>,
}

/// A fault in settings that only compiling finds.
#[derive(Debug, Error)]
pub enum RuleFault {
    /// An expression does not parse or names what does not exist.
    #[error("transactions.types[{index}].{key}: {error}")]
    Expression {
        /// Which type.
        index: usize,
        /// `match` or `terminal`.
        key: &'static str,
        /// What is wrong.
        error: ExpressionError,
    },
    /// A glob does not parse.
    #[error("{key}: `{glob}` is no glob: {error}")]
    Glob {
        /// Where it stands.
        key: String,
        /// The glob.
        glob: String,
        /// What is wrong.
        error: String,
    },
    /// A policy's settings are wrong.
    #[error("sampling.policies: {0}")]
    Policy(String),
    /// More types with a terminal step than there are bits.
    #[error("transactions.types: {0} types with `terminal`, at most {MAX_TERMINALS} are possible")]
    Terminals(usize),
}

/// A type, compiled.
#[derive(Debug)]
pub struct TransactionType {
    /// What it is called.
    pub name: Arc<str>,
    /// Over the root of the first trace.
    pub matches: Predicate,
    /// Bit in a summary's `terminals`, and the step.
    pub terminal: Option<(u32, Predicate)>,
    /// As in the settings.
    pub settle: u64,
    /// As in the settings, or the transactions' own.
    pub max_age: u64,
    /// As in the settings.
    pub deadline: Option<u64>,
}

/// The settings, compiled: what the folds run under.
#[derive(Debug)]
pub struct Rules {
    /// Hash of the settings: facts and traces say under which they were made.
    pub version: u64,
    /// As they were given.
    pub settings: RulesSettings,
    /// What the scan looks for.
    pub plan: Arc<CompiledPlan>,
    /// Resource to department.
    pub departments: Departments,
    /// Resource to the revision of its configuration.
    pub configurations: ConfigurationSlots,
    /// Types, in order.
    pub types: Vec<TransactionType>,
    /// Policies, in order.
    pub policies: Policies,
    /// What they ask of spans that the scan does not answer.
    pub questions: SpanQuestions,
    /// Span attributes that are captured for the transaction: those of `transactions.attributes`, then those that policies name.
    pub captured: Vec<Box<str>>,
    /// Slot of the plan's `span_keys` to place in `transactions.keys`.
    pub key_slots: Vec<Option<u32>>,
    /// Slot of the plan's `span_keys` to index in `captured`.
    pub attribute_slots: Vec<Option<u32>>,
}

impl Rules {
    /// Compiles settings; all faults at once.
    ///
    /// # Errors
    /// Every fault found.
    pub fn compile(settings: RulesSettings) -> Result<Self, Vec<RuleFault>> {
        let mut faults = Vec::new();
        let version = xxh3_64(&serde_json::to_vec(&settings).unwrap_or_default());
        let failures = settings.traces.error_attributes.unwrap_or(false);
        let mut plan = ScanPlan { version, failures, ..ScanPlan::default() };
        let departments = Departments::compile(&settings, &mut plan, &mut faults);
        let configurations = ConfigurationSlots::compile(&settings.change_attributes, &mut plan);
        let types = compile_types(&settings.transactions, &mut faults);
        let mut matchers = MatcherTable::default();
        let policies =
            match Policies::compile_with(&settings.policies, &settings.policy_options(), &mut matchers) {
                Ok(policies) => Some(policies),
                Err(found) => {
                    faults.extend(found.into_iter().map(|fault| RuleFault::Policy(fault.to_string())));
                    None
                }
            };
        let (matchers, questions) = matchers.into_parts();
        plan.matchers = matchers;
        let captured = captured(&settings.transactions, policies.as_ref());
        let (key_slots, attribute_slots) = span_slots(&settings.transactions, &captured, &mut plan);
        match policies {
            Some(policies) if faults.is_empty() => Ok(Self {
                version,
                plan: Arc::new(CompiledPlan::new(plan)),
                departments,
                configurations,
                types,
                policies,
                questions,
                captured,
                key_slots,
                attribute_slots,
                settings,
            }),
            _ => Err(faults),
        }
    }

    /// The settings as they stand in a `rules` record.
    #[must_use]
    pub fn to_record(&self) -> Vec<u8> {
        serde_json::to_vec(&self.settings).unwrap_or_default()
    }

    /// The rules of a `rules` record; `None` where its settings are not understood by this binary.
    #[must_use]
    pub fn from_record(payload: &[u8]) -> Option<Self> {
        Self::compile(serde_json::from_slice(payload).ok()?).ok()
    }

    /// Index of the type whose rule matches the root of a transaction's first trace.
    #[must_use]
    pub fn type_of(&self, name: &str, service: &str, kind: u8) -> Option<usize> {
        self.types.iter().position(|kind_of| kind_of.matches.eval(name, service, kind))
    }
}

fn compile_types(settings: &TransactionSettings, faults: &mut Vec<RuleFault>) -> Vec<TransactionType> {
    let mut types = Vec::new();
    let mut terminals = 0u32;
    for (index, settings_of) in settings.types.iter().enumerate() {
        let mut parse = |key, source: &str, scope| {
            Predicate::parse(source, scope)
                .map_err(|error| faults.push(RuleFault::Expression { index, key, error }))
                .ok()
        };
        let matches = parse("match", &settings_of.matches, "root");
        let terminal = settings_of.terminal.as_deref().map(|source| parse("terminal", source, "span"));
        let terminal = terminal.flatten().map(|predicate| {
            terminals += 1;
            (terminals - 1, predicate)
        });
        if let Some(matches) = matches {
            types.push(TransactionType {
                name: settings_of.name.as_str().into(),
                matches,
                terminal,
                settle: settings_of.settle,
                max_age: settings_of.max_age.unwrap_or(settings.max_age),
                deadline: settings_of.deadline,
            });
        }
    }
    if terminals as usize > MAX_TERMINALS {
        faults.push(RuleFault::Terminals(terminals as usize));
    }
    types
}

type Slots = Vec<Option<u32>>;

/// The attributes that a row or a policy wants, each once. Those of rows come first.
fn captured(settings: &TransactionSettings, policies: Option<&Policies>) -> Vec<Box<str>> {
    let mut captured: Vec<Box<str>> = settings.attributes.iter().map(|key| key.as_str().into()).collect();
    for key in policies.map(Policies::attributes).unwrap_or_default() {
        if !captured.contains(key) {
            captured.push(key.clone());
        }
    }
    captured
}

/// Adds the wanted span attributes to the plan, each once, and says what each slot means.
fn span_slots(settings: &TransactionSettings, captured: &[Box<str>], plan: &mut ScanPlan) -> (Slots, Slots) {
    for key in settings.keys.iter().map(String::as_str).chain(captured.iter().map(|key| &**key)) {
        if !plan.span_keys.iter().any(|known| **known == *key) {
            plan.span_keys.push(key.into());
        }
    }

    debug_assert!(plan.span_keys.len() >= SPAN_KEYS.len() && plan.resource_keys.len() >= RESOURCE_KEYS.len());
    let place = |found: Option<usize>| found.map(|place| place as u32);
    let slots = plan.span_keys.iter();
    slots
        .map(|key| {
            let name = settings.keys.iter().position(|wanted| **wanted == **key);
            (place(name), place(captured.iter().position(|wanted| wanted == key)))
        })
        .unzip()
}
