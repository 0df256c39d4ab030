//! Figures as tables: departments, service levels, topology, baselines, alerts, deployments.

use throughline_api::query::{Alert, Baseline, Change, Deployment, Kpis, Topology};

use super::table::table;
use super::time::{moment, share, span};

/// Departments, then service levels.
pub(crate) fn kpis(kpis: &Kpis) -> String {
    let rows: Vec<_> = kpis
        .departments
        .iter()
        .map(|of| {
            vec![
                of.department.clone(),
                of.transactions.to_string(),
                share(of.failed, of.transactions),
                of.calls.to_string(),
                share(of.errors, of.calls),
                format!("{:.0} %", of.critical_share * 100.0),
                span(of.p50),
                span(of.p95),
                of.missed.to_string(),
                if of.with_level == 0 { "-".to_owned() } else { format!("{:.2} %", of.attainment * 100.0) },
            ]
        })
        .collect();
    let head = [
        "department",
        "transactions",
        "failed",
        "calls",
        "errors",
        "of the time",
        "p50",
        "p95",
        "missed",
        "attains",
    ];
    let mut out = table(&head, &rows, 1);
    if !kpis.levels.is_empty() {
        let rows: Vec<_> = kpis
            .levels
            .iter()
            .map(|of| {
                vec![
                    of.r#type.clone(),
                    span(of.latency),
                    format!("{:.2} %", of.objective * 100.0),
                    format!("{:.2} %", of.attainment * 100.0),
                    if of.burn_rate < 0.0 { "∞".to_owned() } else { format!("{:.1}", of.burn_rate) },
                    of.transactions.to_string(),
                ]
            })
            .collect();
        let head = ["service level of", "within", "objective", "attained", "burns", "transactions"];
        out = format!("{out}\n\n{}", table(&head, &rows, 1));
    }
    out
}

/// Services, then who calls whom.
pub(crate) fn topology(topology: &Topology) -> String {
    let rows: Vec<_> = topology
        .services
        .iter()
        .map(|of| {
            let failed = share(of.errors, of.calls);
            vec![of.service.clone(), of.department.clone(), of.calls.to_string(), failed, span(of.critical)]
        })
        .collect();
    let services = table(&["service", "department", "calls", "errors", "critical"], &rows, 2);
    let rows: Vec<_> = topology
        .calls
        .iter()
        .map(|of| {
            let failed = share(of.errors, of.calls);
            let (calls, took, way) = (of.calls.to_string(), span(of.duration), span(of.network));
            vec![of.caller.clone(), of.callee.clone(), calls, failed, took, way]
        })
        .collect();
    let calls = table(&["caller", "callee", "calls", "errors", "mean", "network"], &rows, 2);
    format!("{services}\n\n{calls}")
}

/// What is usual.
pub(crate) fn baselines(baselines: &[Baseline]) -> String {
    let rows: Vec<_> = baselines
        .iter()
        .map(|of| {
            let caller = if of.caller.is_empty() { String::new() } else { format!(" from {}", of.caller) };
            vec![
                of.r#type.clone(),
                of.service.clone(),
                of.operation.clone(),
                format!("{}{caller}", of.kind),
                span(of.median as u64),
                span(of.mean as u64),
                format!("{:.0}", of.weight),
                if of.judges { "yes" } else { "not yet" }.to_owned(),
            ]
        })
        .collect();
    table(&["type", "service", "operation", "what", "median", "mean", "observed", "judges"], &rows, 4)
}

/// Alerts.
pub(crate) fn alerts(alerts: &[Alert]) -> String {
    let rows: Vec<_> = alerts
        .iter()
        .map(|of| {
            let incident = if of.incident.is_empty() { "none" } else { &of.incident };
            vec![
                moment(of.start),
                of.state.clone(),
                of.name.clone(),
                of.severity.clone(),
                of.service.clone(),
                of.department.clone(),
                incident.to_owned(),
            ]
        })
        .collect();
    table(&["since", "state", "alert", "severity", "service", "department", "incident"], &rows, 7)
}

/// Changes that were told of, a line each.
pub(crate) fn changes(changes: &[Change]) -> String {
    let rows: Vec<_> = changes
        .iter()
        .map(|of| {
            let place = if of.service.is_empty() { &of.department } else { &of.service };
            vec![moment(of.time), of.kind.clone(), place.clone(), of.by.clone(), of.text.clone()]
        })
        .collect();
    table(&["at", "kind", "of", "told by", "what"], &rows, 5)
}

/// New versions, a line each, and under it what came of it.
pub(crate) fn deployments(deployments: &[Deployment]) -> String {
    let lines = deployments.iter().map(|of| {
        let going_on = if of.over { "" } else { "  still looked at" };
        format!(
            "{}  {:<15}  {} {} (before {}){going_on}\n    {}",
            moment(of.since),
            of.verdict,
            of.service,
            of.candidate,
            of.baseline,
            of.sentence
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use throughline_api::query::{DepartmentKpi, TypeLevel};

    use super::*;

    #[test]
    fn departments_and_levels_stand_in_two_tables() {
        let departments = vec![DepartmentKpi {
            department: "payments".to_owned(),
            transactions: 200,
            failed: 10,
            calls: 900,
            critical_share: 0.42,
            p50: 12_000_000,
            with_level: 200,
            missed: 7,
            attainment: 0.965,
            ..DepartmentKpi::default()
        }];
        let levels = vec![TypeLevel {
            r#type: "transfer".to_owned(),
            latency: 3_000_000_000,
            objective: 0.995,
            attainment: 0.965,
            burn_rate: -1.0,
            ..TypeLevel::default()
        }];
        let text = kpis(&Kpis { departments, levels });
        for part in ["payments", "5 %", "42 %", "12 ms", "96.50 %", "transfer", "3.00 s", "99.50 %", "∞"] {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
    }

    #[test]
    fn a_deployment_says_its_verdict_first() {
        let text = deployments(&[Deployment {
            service: "ledger".to_owned(),
            candidate: "2.4.0".to_owned(),
            baseline: "2.3.0".to_owned(),
            verdict: "worse".to_owned(),
            sentence: "version 2.4.0 of ledger is worse".to_owned(),
            ..Deployment::default()
        }]);
        assert!(text.contains("worse            ledger 2.4.0 (before 2.3.0)  still looked at"), "{text}");
    }
}
