//! Settings that several tests share.

#![allow(dead_code, reason = "each test binary uses its share")]

pub(crate) mod bank;

use throughline_analysis::diagnosis::DiagnosisSettings;
use throughline_assembly::{
    rules::{
        DepartmentRule, RulesSettings, SamplingSettings, TraceSettings, TransactionSettings, TypeSettings,
    },
    time::SECOND,
};

/// What the bank sends, as these tests look at it: quick to close.
pub(crate) fn settings() -> RulesSettings {
    RulesSettings {
        partitions: 1,
        traces: TraceSettings {
            quiet_time: 3 * SECOND,
            quiet_time_without_root: 6 * SECOND,
            max_age: 600 * SECOND,
            max_spans: 10_000,
            max_skew: SECOND,
            error_attributes: None,
        },
        partners: Vec::new(),
        departments: vec![DepartmentRule::Attribute("department".into())],
        network_department: None,
        database_department: None,
        transactions: TransactionSettings {
            keys: vec!["payment.uetr".into()],
            links: true,
            quiet_time: 6 * SECOND,
            max_age: 3600 * SECOND,
            max_traces: 100,
            types: vec![TypeSettings {
                name: "transfer".into(),
                matches: r#"root.name == "POST /transfers""#.into(),
                terminal: Some(r#"span.name == "settlement.confirm""#.into()),
                settle: 4 * SECOND,
                max_age: None,
                deadline: Some(60 * SECOND),
            }],
            attributes: vec!["payment.amount".into(), "bank.channel".into()],
        },
        policies: serde_json::from_str(
            r#"[{"name":"errors","type":"status_code","status_code":{"status_codes":["ERROR"]}}]"#,
        )
        .unwrap(),
        sampling: SamplingSettings::default(),
        diagnosis: DiagnosisSettings::default(),
        change_attributes: Vec::new(),
        batch_rows: 1000,
        batch_delay: SECOND,
        retention: 7200 * SECOND,
    }
}
