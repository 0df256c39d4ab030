//! Which service and department an alert is about, by its labels.

use super::{Alert, Topology};

/// Labels that name a service, the surest first.
const SERVICE: [&str; 18] = [
    "service_name",
    "service",
    "service.name",
    "destination_service",
    "app",
    "app_kubernetes_io_name",
    "application",
    "component",
    "workload",
    "deployment",
    "statefulset",
    "daemonset",
    "container",
    "pod",
    "service_instance_id",
    "instance",
    "exported_job",
    "job",
];

/// Labels that name a department.
const DEPARTMENT: [&str; 5] = ["department", "team", "owner", "owned_by", "squad"];

/// Where an alert belongs; empty where its labels do not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) service: String,
    pub(super) department: String,
}

/// The place of an alert: only services that transactions really went through are known.
pub(super) fn place(alert: &Alert, topology: &Topology) -> Place {
    let values = SERVICE.iter().filter_map(|name| alert.labels.get(*name));
    let service = values.filter_map(|value| service_of(value, topology)).next().unwrap_or_default();
    let named = DEPARTMENT.iter().filter_map(|name| alert.labels.get(*name));
    let named = named.filter(|name| topology.has_department(name)).map(String::as_str).next();
    let department = named.or(topology.department(service)).unwrap_or_default();
    Place { service: service.to_owned(), department: department.to_owned() }
}

/// The service that a label's value names: itself, an instance of it, `namespace/name`, or a pod whose name begins with it.
pub(super) fn service_of<'a>(value: &str, topology: &'a Topology) -> Option<&'a str> {
    if let Some(service) = topology.service(value).or_else(|| topology.service_of_instance(value)) {
        return Some(service);
    }
    let short = value.rsplit('/').next().unwrap_or(value);
    let host = short.split(':').next().unwrap_or(short);
    if let Some(service) = topology.service(host).or_else(|| topology.service_of_instance(host)) {
        return Some(service);
    }
    // The longest known name that a pod's or a host's name begins with.
    let cuts = host.char_indices().rev().filter(|(_, letter)| matches!(letter, '-' | '.' | '_'));
    cuts.filter_map(|(at, _)| topology.service(&host[..at])).next()
}
