//! Who works in the bank: departments, services, pods, queues and partners.

use std::sync::Arc;

use opentelemetry::KeyValue;

use super::dice::Dice;

/// A department: owner of services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Department {
    /// Mobile, web, branches, files, standing orders.
    Channels,
    /// The way in.
    Gateway,
    /// Fraud, malware, sanctions.
    RiskAndSecurity,
    /// Who the customer is, and what is allowed.
    Customer,
    /// Accounts and the ledger, with their database.
    CoreBanking,
    /// From order to clearing to settlement.
    Payments,
    /// Push and text messages.
    Notification,
}

/// All departments.
pub const DEPARTMENTS: [Department; 7] = [
    Department::Channels,
    Department::Gateway,
    Department::RiskAndSecurity,
    Department::Customer,
    Department::CoreBanking,
    Department::Payments,
    Department::Notification,
];

impl Department {
    /// Its name, the value of the resource attribute `department`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Channels => "channels",
            Self::Gateway => "gateway",
            Self::RiskAndSecurity => "risk-and-security",
            Self::Customer => "customer",
            Self::CoreBanking => "core-banking",
            Self::Payments => "payments",
            Self::Notification => "notification",
        }
    }
}

macro_rules! services {
    ($($variant:ident $name:literal $department:ident $version:literal $language:literal $port:literal;)+) => {
        /// A service of the bank.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Service {
            $(#[doc = concat!("`", $name, "`")] $variant,)+
        }

        /// All services.
        pub const SERVICES: &[Service] = &[$(Service::$variant),+];

        impl Service {
            /// `service.name`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The department that owns it.
            #[must_use]
            pub fn department(self) -> Department {
                match self { $(Self::$variant => Department::$department,)+ }
            }

            /// `service.version` while nothing is rolled out.
            #[must_use]
            pub fn version(self) -> &'static str {
                match self { $(Self::$variant => $version,)+ }
            }

            pub(super) fn language(self) -> &'static str {
                match self { $(Self::$variant => $language,)+ }
            }

            pub(super) fn port(self) -> i64 {
                match self { $(Self::$variant => $port,)+ }
            }
        }
    };
}

services! {
    MobileBff "mobile-bff" Channels "7.14.2" "nodejs" 8080;
    WebBff "web-bff" Channels "7.14.0" "nodejs" 8080;
    BranchDesk "branch-desk" Channels "3.2.9" "dotnet" 8080;
    FileUpload "file-upload" Channels "2.8.1" "java" 8080;
    StandingOrders "standing-orders" Channels "4.0.3" "java" 8080;
    ApiGateway "api-gateway" Gateway "12.1.0" "go" 8443;
    FraudCheck "fraud-check" RiskAndSecurity "5.3.1" "python" 9090;
    SecurityScan "security-scan" RiskAndSecurity "1.19.4" "go" 9090;
    SanctionsScreening "sanctions-screening" RiskAndSecurity "8.0.2" "java" 9090;
    CustomerProfile "customer-profile" Customer "6.7.0" "java" 8080;
    Limits "limits" Customer "2.2.5" "java" 9090;
    Accounts "accounts" CoreBanking "21.4.1" "java" 9090;
    Ledger "ledger" CoreBanking "21.4.1" "java" 9090;
    PaymentOrchestrator "payment-orchestrator" Payments "9.5.0" "java" 9090;
    PaymentRouter "payment-router" Payments "9.2.3" "java" 9090;
    ClearingConnector "clearing-connector" Payments "3.11.0" "java" 9090;
    Settlement "settlement" Payments "3.9.6" "java" 8080;
    NotificationHub "notification-hub" Notification "1.6.2" "nodejs" 8080;
}

impl Service {
    /// The version that the fault `bad-version` rolls out.
    #[must_use]
    pub fn bad_version(self) -> String {
        let major: u32 = self.version().split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
        format!("{}.0.0", major + 1)
    }
}

/// One running pod of a service, as its telemetry's resource describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Place in [`Topology::instances`].
    pub index: usize,
    /// Whose pod.
    pub service: Service,
    /// `service.version`.
    pub version: String,
    /// `k8s.pod.name` and `service.instance.id`.
    pub pod: String,
    /// `k8s.node.name` and `host.name`.
    pub host: String,
    /// `cloud.region`.
    pub region: &'static str,
    /// Number of the pod within its service.
    pub ordinal: usize,
    /// Runs only while a `bad-version` fault rolls it out: the number of that fault.
    pub rolled_out_by: Option<usize>,
}

impl Instance {
    /// The resource attributes, as the SDK of this pod reports them.
    #[must_use]
    pub fn attributes(&self) -> Vec<KeyValue> {
        vec![
            KeyValue::new("service.name", self.service.name()),
            KeyValue::new("service.namespace", "bank"),
            KeyValue::new("service.version", self.version.clone()),
            KeyValue::new("service.instance.id", self.pod.clone()),
            KeyValue::new("department", self.service.department().name()),
            KeyValue::new("deployment.environment.name", "production"),
            KeyValue::new("cloud.provider", "on-premises"),
            KeyValue::new("cloud.region", self.region),
            KeyValue::new("host.name", self.host.clone()),
            KeyValue::new("k8s.namespace.name", self.service.department().name()),
            KeyValue::new("k8s.node.name", self.host.clone()),
            KeyValue::new("k8s.pod.name", self.pod.clone()),
            KeyValue::new("telemetry.sdk.language", "rust"),
            KeyValue::new("telemetry.sdk.name", "opentelemetry"),
            KeyValue::new("process.runtime.name", self.service.language()),
        ]
    }
}

/// All pods, those included that a rollout brings for a time.
#[derive(Clone, Debug)]
pub struct Topology {
    instances: Vec<Arc<Instance>>,
    pods: usize,
}

const REGIONS: [&str; 2] = ["eu-central-1", "eu-west-1"];
const NODES_PER_REGION: u64 = 6;

impl Topology {
    /// `pods` of each service, and new pods for each `(number of fault, service)` rolled out on every second pod.
    pub(super) fn new(pods: usize, rollouts: &[(usize, Service)], dice: &mut Dice) -> Self {
        let mut topology = Self { instances: Vec::new(), pods };
        for service in SERVICES {
            for ordinal in 0..pods {
                topology.add(*service, ordinal, service.version().to_owned(), None, dice);
            }
        }
        for (fault, service) in rollouts {
            for ordinal in (0..pods).filter(|ordinal| is_rolled_out(*ordinal)) {
                topology.add(*service, ordinal, service.bad_version(), Some(*fault), dice);
            }
        }
        topology
    }

    fn add(&mut self, service: Service, ordinal: usize, version: String, by: Option<usize>, dice: &mut Dice) {
        let region = REGIONS[ordinal % REGIONS.len()];
        let node = dice.below(NODES_PER_REGION) + 1;
        let hash = dice.hex(5);
        self.instances.push(Arc::new(Instance {
            index: self.instances.len(),
            service,
            version,
            pod: format!("{}-{}-{hash}", service.name(), dice.hex(8)),
            host: format!("node-{region}-{node:02}"),
            region,
            ordinal,
            rolled_out_by: by,
        }));
    }

    /// All pods, in the order of [`Instance::index`].
    #[must_use]
    pub fn instances(&self) -> &[Arc<Instance>] {
        &self.instances
    }

    /// A pod that serves a call now, with `rollout` being the fault that rolls out a version of this service now.
    pub(super) fn pick(&self, service: Service, rollout: Option<usize>, dice: &mut Dice) -> Arc<Instance> {
        let ordinal = dice.index(self.pods);
        let rolled_out = rollout.filter(|_| is_rolled_out(ordinal));
        let found = self.instances.iter().find(|instance| {
            instance.service == service && instance.ordinal == ordinal && instance.rolled_out_by == rolled_out
        });
        // Every service has every ordinal, so the first pod is only a way to say so without a panic.
        Arc::clone(found.unwrap_or(&self.instances[0]))
    }
}

/// A new version goes to every second pod, the first one included: part of the pods, as long as there are two.
fn is_rolled_out(ordinal: usize) -> bool {
    ordinal.is_multiple_of(2)
}

/// A queue between services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Payments on their way to another bank.
    Clearing,
    /// Transfers between two accounts of this bank.
    Internal,
    /// Payments that failed.
    Rejections,
    /// Payments that came back.
    Returns,
}

impl Queue {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Clearing => "payments.clearing",
            Self::Internal => "payments.internal",
            Self::Rejections => "payments.rejections",
            Self::Returns => "payments.returns",
        }
    }

    pub(super) fn consumer(self) -> Service {
        match self {
            Self::Clearing => Service::ClearingConnector,
            Self::Internal | Self::Rejections | Self::Returns => Service::Settlement,
        }
    }
}

/// Another company's system, seen only from our side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partner {
    /// `peer.service`.
    pub name: &'static str,
    /// `server.address`.
    pub address: &'static str,
}

pub(super) const INSTANT_PARTNERS: [Partner; 3] = [
    Partner { name: "partner-bank-nord", address: "instant.nord-bank.example" },
    Partner { name: "partner-bank-alpin", address: "instant.alpin-bank.example" },
    Partner { name: "partner-bank-riva", address: "instant.riva-bank.example" },
];
pub(super) const CLEARING_HOUSE: Partner =
    Partner { name: "clearing-house", address: "batch.clearing-house.example" };
pub(super) const CORRESPONDENT: Partner =
    Partner { name: "correspondent-bank", address: "gateway.correspondent-bank.example" };
pub(super) const PUSH_PROVIDER: Partner = Partner { name: "push-provider", address: "push.messages.example" };
