//! `<<` takes over the keys of other maps, as Go's YAML reader does it, in configurations of others and in ours.

#![expect(clippy::unwrap_used, reason = "helpers of a test: a panic is the report")]

use std::time::Duration;

use throughline_config::{
    Config, ConfigError, Sources,
    import::{ImportError, Imported, otelcol, refinery},
};

fn load(text: &str) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("throughline.yaml");
    std::fs::write(&path, text).unwrap();
    Config::load(&Sources { files: vec![path], ..Sources::default() })
}

/// The same is imported as of a text in which nothing is merged, with the same to say, but for lines.
fn assert_same(merged: &Imported, written: &Imported) {
    assert_eq!(merged.yaml, written.yaml);
    let said = |imported: &Imported| -> Vec<_> {
        imported.notes.iter().map(|note| (note.key.clone(), note.message.clone())).collect()
    };
    assert_eq!(said(merged), said(written));
}

#[test]
fn a_collectors_policies_share_what_they_merge() {
    let merged = "
processors:
  tail_sampling:
    policies:
      - &slow { name: slow, type: latency, latency: { threshold_ms: 2000 } }
      - { <<: *slow, name: very slow, latency: { threshold_ms: 9000 } }
      - name: failed
        type: and
        and:
          and_sub_policy:
            - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
            - <<: [{ name: late }, *slow]
";
    let written = "
processors:
  tail_sampling:
    policies:
      - { name: slow, type: latency, latency: { threshold_ms: 2000 } }
      - { name: very slow, type: latency, latency: { threshold_ms: 9000 } }
      - name: failed
        type: and
        and:
          and_sub_policy:
            - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
            - { name: late, type: latency, latency: { threshold_ms: 2000 } }
";
    let merged = otelcol(merged).unwrap();
    assert_same(&merged, &otelcol(written).unwrap());
    assert!(merged.yaml.contains("9000") && merged.yaml.contains("late"), "{}", merged.yaml);
}

#[test]
fn refinerys_samplers_share_what_they_merge() {
    let merged = "
Samplers:
  __default__: &half { DeterministicSampler: { SampleRate: 2 } }
  production: { <<: *half }
";
    let written = "
Samplers:
  __default__: { DeterministicSampler: { SampleRate: 2 } }
  production: { DeterministicSampler: { SampleRate: 2 } }
";
    assert_same(&refinery(merged).unwrap(), &refinery(written).unwrap());
}

#[test]
fn what_is_written_goes_before_what_is_merged() {
    let text = "
log: { retention: &time { age: 3h } }
clickhouse: { retention: { spans: 3d, <<: &long { spans: 9d, transactions: 500d } } }
traces: { <<: { quiet_time: 7s }, quiet_time: 6s }
";
    let config = load(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.clickhouse.retention_spans, Duration::from_secs(3 * 86_400));
    assert_eq!(config.clickhouse.retention_transactions, Duration::from_secs(500 * 86_400));
    assert_eq!(config.rules.traces.quiet_time, 6_000_000_000);
}

#[test]
fn what_cannot_be_merged_is_refused_where_it_stands() {
    let ImportError::Yaml { line, message, .. } = otelcol("policies:\n  - <<: 1\n    name: x\n").unwrap_err()
    else {
        panic!("it is no YAML that can be read");
    };
    assert_eq!((line, message.contains("merges a map")), (2, true), "{message}");
    let faults = load("traces: { \"<<\": { quiet_time: 7s } }").unwrap_err().to_string();
    assert!(faults.contains("traces.<<"), "in quotes it is a key like others: {faults}");
}
