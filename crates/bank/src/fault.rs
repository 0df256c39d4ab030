//! Faults that can be switched on: what, from when, for how long.

use std::time::Duration;

use crate::error::FaultError;
use crate::plan::topology::{DEPARTMENTS, Department, Service};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// Writes of one service wait for a lock in its database.
    DatabaseLock,
    /// Every call between two departments takes longer on the wire, there and back.
    NetworkDelay,
    /// Messages lie in one queue.
    QueueBacklog,
    /// The partner bank answers late.
    SlowPartner,
    /// Part of the pods of one service run a new version that is slow and fails now and then.
    BadVersion,
    /// The security scan takes longer.
    SecurityScanSlow,
    /// One pod of one service is slow.
    BadPod,
    /// Half of the calls to one service fail, and the transfer with them.
    Errors,
    /// The confirmation of half of the transfers never comes.
    MissingStep,
}

impl FaultKind {
    /// Each kind, in the order of the help text.
    pub const ALL: [Self; 9] = [
        Self::DatabaseLock,
        Self::NetworkDelay,
        Self::QueueBacklog,
        Self::SlowPartner,
        Self::BadVersion,
        Self::SecurityScanSlow,
        Self::BadPod,
        Self::Errors,
        Self::MissingStep,
    ];

    /// Its name on the command line and in the truth file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DatabaseLock => "database-lock",
            Self::NetworkDelay => "network-delay",
            Self::QueueBacklog => "queue-backlog",
            Self::SlowPartner => "slow-partner",
            Self::BadVersion => "bad-version",
            Self::SecurityScanSlow => "security-scan-slow",
            Self::BadPod => "bad-pod",
            Self::Errors => "errors",
            Self::MissingStep => "missing-step",
        }
    }

    /// The kind of suspect that a right answer names: `own`, `database`, `network`, `queue`, `partner`, `security`, `version`, `host` or `missing`.
    #[must_use]
    pub fn blame(self) -> &'static str {
        match self {
            Self::DatabaseLock => "database",
            Self::NetworkDelay => "network",
            Self::QueueBacklog => "queue",
            Self::SlowPartner => "partner",
            Self::BadVersion => "version",
            Self::SecurityScanSlow => "security",
            Self::BadPod => "host",
            Self::Errors => "own",
            Self::MissingStep => "missing",
        }
    }

    /// The target where none is named.
    #[must_use]
    pub fn default_target(self) -> &'static str {
        match self {
            Self::DatabaseLock => "ledger",
            Self::NetworkDelay => "payments/core-banking",
            Self::QueueBacklog => "clearing-connector",
            Self::SlowPartner => "clearing-connector",
            Self::BadVersion => "fraud-check",
            Self::SecurityScanSlow => "security-scan",
            Self::BadPod => "payment-orchestrator",
            Self::Errors => "accounts",
            Self::MissingStep => "settlement",
        }
    }

    /// The services that it can be aimed at (a pair of departments for `network-delay`).
    fn services(self) -> &'static [Service] {
        use Service::{
            Accounts, ClearingConnector, CustomerProfile, FraudCheck, Ledger, Limits, NotificationHub,
        };
        use Service::{PaymentOrchestrator, PaymentRouter, SanctionsScreening, SecurityScan, Settlement};
        match self {
            Self::DatabaseLock => &[Ledger, Accounts],
            Self::NetworkDelay => &[],
            Self::QueueBacklog => &[ClearingConnector, Settlement],
            Self::SlowPartner => &[ClearingConnector],
            Self::SecurityScanSlow => &[SecurityScan],
            Self::MissingStep => &[Settlement],
            Self::BadVersion | Self::Errors => &[
                FraudCheck,
                SecurityScan,
                SanctionsScreening,
                CustomerProfile,
                Limits,
                Accounts,
                Ledger,
                PaymentRouter,
            ],
            Self::BadPod => &[
                FraudCheck,
                SecurityScan,
                SanctionsScreening,
                CustomerProfile,
                Limits,
                Accounts,
                Ledger,
                PaymentRouter,
                PaymentOrchestrator,
                ClearingConnector,
                Settlement,
                NotificationHub,
            ],
        }
    }
}

/// What a fault is aimed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// One service.
    Service(Service),
    /// The network between two departments.
    Between(Department, Department),
}

/// One fault in a window of time after the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// Where.
    pub target: Target,
    /// From when, after the start of the bank.
    pub after: Duration,
    /// For how long.
    pub lasts: Duration,
}

impl Fault {
    /// A fault of this kind at its usual place.
    #[must_use]
    pub fn new(kind: FaultKind, after: Duration, lasts: Duration) -> Self {
        let target = match kind {
            FaultKind::NetworkDelay => Target::Between(Department::Payments, Department::CoreBanking),
            FaultKind::DatabaseLock => Target::Service(Service::Ledger),
            FaultKind::QueueBacklog | FaultKind::SlowPartner => Target::Service(Service::ClearingConnector),
            FaultKind::BadVersion => Target::Service(Service::FraudCheck),
            FaultKind::SecurityScanSlow => Target::Service(Service::SecurityScan),
            FaultKind::BadPod => Target::Service(Service::PaymentOrchestrator),
            FaultKind::Errors => Target::Service(Service::Accounts),
            FaultKind::MissingStep => Target::Service(Service::Settlement),
        };
        Self { kind, target, after, lasts }
    }
}

/// Reads `KIND[:TARGET]@AFTER+FOR`: `database-lock@30s+5m`, `bad-pod:ledger@1m+2m`, `network-delay:channels/gateway@0s+1m`.
///
/// # Errors
/// [`FaultError`] says what is wrong and what would be right.
pub fn parse_fault(text: &str) -> Result<Fault, FaultError> {
    let form = || FaultError::Form(text.to_owned());
    let (what, window) = text.split_once('@').ok_or_else(form)?;
    let (after, lasts) = window.split_once('+').ok_or_else(form)?;
    let (name, target) = what.split_once(':').map_or((what, None), |(name, target)| (name, Some(target)));
    let kind = FaultKind::ALL
        .into_iter()
        .find(|kind| kind.name() == name)
        .ok_or_else(|| FaultError::Kind(name.to_owned(), FaultKind::ALL.map(FaultKind::name).join(", ")))?;
    let mut fault = Fault::new(kind, duration(after)?, duration(lasts)?);
    if let Some(target) = target {
        fault.target = parse_target(kind, target)?;
    }
    Ok(fault)
}

fn duration(text: &str) -> Result<Duration, FaultError> {
    humantime::parse_duration(text.trim()).map_err(|_| FaultError::Duration(text.to_owned()))
}

fn parse_target(kind: FaultKind, text: &str) -> Result<Target, FaultError> {
    if kind == FaultKind::NetworkDelay {
        let known = |name: &str| DEPARTMENTS.into_iter().find(|department| department.name() == name);
        let pair = text.split_once('/').and_then(|(a, b)| Some(Target::Between(known(a)?, known(b)?)));
        let allowed = || format!("DEPARTMENT/DEPARTMENT of {}", DEPARTMENTS.map(Department::name).join(", "));
        return pair.ok_or_else(|| refused(kind, text, allowed()));
    }
    let services = kind.services();
    let found = services.iter().find(|service| service.name() == text);
    let names = || services.iter().map(|service| service.name()).collect::<Vec<_>>().join(", ");
    found.map(|service| Target::Service(*service)).ok_or_else(|| refused(kind, text, names()))
}

fn refused(kind: FaultKind, target: &str, allowed: String) -> FaultError {
    FaultError::Target { kind: kind.name(), target: target.to_owned(), allowed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_read_by_its_name() {
        for kind in FaultKind::ALL {
            let fault = parse_fault(&format!("{}@30s+5m", kind.name())).unwrap();
            assert_eq!(fault, Fault::new(kind, Duration::from_secs(30), Duration::from_secs(300)));
            let aimed = parse_fault(&format!("{}:{}@30s+5m", kind.name(), kind.default_target())).unwrap();
            assert_eq!(aimed, fault, "the default target of {} is what it says", kind.name());
        }
    }

    #[test]
    fn a_target_can_be_named() {
        let pod = parse_fault("bad-pod:ledger@1m+90s").unwrap();
        assert_eq!(pod.target, Target::Service(Service::Ledger));
        let wire = parse_fault("network-delay:channels/gateway@0s+1m").unwrap();
        assert_eq!(wire.target, Target::Between(Department::Channels, Department::Gateway));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let message = |text| parse_fault(text).unwrap_err().to_string();
        assert!(message("database-lock").contains("KIND[:TARGET]@AFTER+FOR"));
        assert!(message("gremlins@1s+1s").contains("slow-partner"));
        assert!(message("errors@soon+1s").contains("soon"));
        assert!(message("errors:mobile-bff@1s+1s").contains("fraud-check"));
        assert!(message("network-delay:here/there@1s+1s").contains("core-banking"));
    }
}
