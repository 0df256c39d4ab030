//! Configurations of the Collector and of Refinery become ours; what has no equal is named.

#![expect(clippy::unwrap_used, reason = "helpers of a test: a panic is the report")]

use throughline_config::import::{ImportError, Imported, otelcol, refinery};
use throughline_config::{Config, Sources};
use throughline_sampling::{MatcherTable, Options, Policies, PolicySettings};

/// The notes, each on a line.
fn notes(imported: &Imported) -> Vec<String> {
    imported.notes.iter().map(ToString::to_string).collect()
}

fn has(imported: &Imported, start: &str, message: &str) {
    let notes = notes(imported);
    assert!(
        notes.iter().any(|note| note.starts_with(start) && note.contains(message)),
        "{start} … {message} is not in {notes:#?}"
    );
}

/// The policies of what was imported, compiled.
fn policies(imported: &Imported) -> (Vec<PolicySettings>, Policies) {
    let value = yaml(&imported.yaml);
    let settings: Vec<PolicySettings> =
        serde_json::from_value(value["sampling"]["policies"].clone()).unwrap();
    let compiled = Policies::compile_with(&settings, &Options::default(), &mut MatcherTable::default());
    (settings, compiled.unwrap_or_else(|faults| panic!("{faults:?}\n{}", imported.yaml)))
}

/// Our YAML, read again by another reader than the one that is tested.
fn yaml(text: &str) -> serde_json::Value {
    use saphyr::{LoadableYamlNode, Yaml};
    fn json(node: &Yaml<'_>) -> serde_json::Value {
        if let Some(map) = node.as_mapping() {
            return map.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), json(value))).collect();
        }
        if let Some(list) = node.as_sequence() {
            return list.iter().map(json).collect();
        }
        let whole = node.as_integer().map(serde_json::Value::from);
        let number = whole.or(node.as_floating_point().map(serde_json::Value::from));
        let bool = number.or(node.as_bool().map(serde_json::Value::from));
        bool.or(node.as_str().map(serde_json::Value::from)).unwrap_or(serde_json::Value::Null)
    }
    Yaml::load_from_str(text).unwrap().first().map_or(serde_json::Value::Null, json)
}

fn load(imported: &Imported) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("throughline.yaml");
    std::fs::write(&path, &imported.yaml).unwrap();
    Config::load(&Sources { files: vec![path], ..Sources::default() })
        .unwrap_or_else(|error| panic!("{error}\n{}", imported.yaml))
}

const COLLECTOR: &str = r#"
receivers:
  otlp:
    protocols:
      grpc: { endpoint: 0.0.0.0:4317, tls: { cert_file: x } }
      http: { endpoint: "pod:4318" }
  jaeger: {}
processors:
  batch: {}
  tail_sampling:
    decision_wait: 10s
    decision_wait_after_root_received: 3s
    num_traces: 50000
    sample_on_first_match: true
    maximum_trace_size_bytes: 1000000
    unheard_of: 1
    policies:
      - name: errors
        type: status_code
        status_code: { status_codes: [ERROR] }
      - name: probes
        type: drop
        drop:
          drop_sub_policy:
            - { name: path, type: string_attribute, string_attribute: { key: url.path, values: ["^/health$$", 'true'], enabled_regex_matching: true } }
      - { name: odd, type: ottl_condition, ottl_condition: { span: ['Len(attributes["x"]) > 5'] } }
      - { name: zero, type: numeric_attribute, numeric_attribute: { key: k, min_value: 0, max_value: 5 } }
      - { name: custom, type: my_extension, my_extension: { a: 1 } }
      - { name: rest, type: probabilistic, probabilistic: { sampling_percentage: 12.5, hash_salt: "22" } }
  tail_sampling/second:
    policies: []
exporters:
  clickhouse: { endpoint: tcp://store:9000, database: otel, username: writer, password: secret, ttl: 72h }
  debug: {}
service:
  pipelines: {}
"#;

#[test]
fn a_collectors_configuration_becomes_ours() {
    let imported = otelcol(COLLECTOR).unwrap();
    let config = load(&imported);
    assert_eq!(config.receiver.grpc.endpoint.to_string(), "0.0.0.0:4317");
    assert_eq!(config.clickhouse.database, "otel");
    assert_eq!(config.clickhouse.user, "writer");
    assert_eq!(config.clickhouse.retention_spans.as_secs(), 72 * 3600);
    assert!(config.rules.sampling.sample_on_first_match);
    assert_eq!(config.rules.traces.quiet_time, 3_000_000_000);
    assert_eq!(config.rules.traces.quiet_time_without_root, 10_000_000_000);
    let names: Vec<_> = config.rules.policies.iter().map(|policy| policy.name.as_str()).collect();
    assert_eq!(names, ["errors", "probes", "zero", "rest"]);
    let (settings, _) = policies(&imported);
    assert_eq!(settings, config.rules.policies);
    let values = &config.rules.policies[1].blocks["drop"]["drop_sub_policy"][0]["string_attribute"]["values"];
    assert_eq!(*values, serde_json::json!(["^/health$", "true"]));
    assert_eq!(config.rules.policies[3].blocks["probabilistic"]["hash_salt"], "22");
}

#[test]
fn what_a_collector_has_and_we_have_not_is_named_with_its_line() {
    let imported = otelcol(COLLECTOR).unwrap();
    for (start, message) in [
        ("line 11: processors.tail_sampling.decision_wait: ", "counted from the last span"),
        ("line 13: processors.tail_sampling.num_traces: ", "not needed"),
        ("line 15: processors.tail_sampling.maximum_trace_size_bytes: ", "traces.max_spans"),
        ("line 16: processors.tail_sampling.unheard_of: ", "not known"),
        ("line 26: processors.tail_sampling.policies[odd]: ", "column 1: `Len` is not understood"),
        ("line 27: processors.tail_sampling.policies[zero]: ", "a bound of 0 is a bound here"),
        ("line 28: processors.tail_sampling.policies[custom]: ", "there is no such type"),
        ("line 31: processors.tail_sampling/second: ", "one set of policies"),
        ("line 5: receivers.otlp.protocols.grpc.tls: ", "no equal"),
        ("line 6: receivers.otlp.protocols.http.endpoint: ", "is no address"),
        ("line 7: receivers.jaeger: ", "no equal"),
        ("line 9: processors.batch: ", "not needed"),
        ("line 33: exporters.clickhouse.endpoint: ", "over HTTP"),
        ("line 33: exporters.clickhouse.password: ", "${file:/path}"),
        ("line 34: exporters.debug: ", "no equal"),
    ] {
        has(&imported, start, message);
    }
    assert_eq!(imported.notes.len(), 16, "{:#?}", notes(&imported));
}

#[test]
fn policies_alone_and_settings_alone_are_enough() {
    let policies = "policies:\n  - { name: all, type: always_sample }\n";
    let settings = format!("tail_sampling:\n  {}", policies.replace('\n', "\n  "));
    for text in [policies, &settings] {
        let imported = otelcol(text).unwrap();
        assert!(imported.notes.is_empty(), "{:?}", imported.notes);
        assert_eq!(imported.yaml, "sampling:\n  policies:\n    - name: all\n      type: always_sample\n");
    }
}

#[test]
fn it_is_found_wherever_it_lies_in_a_file() {
    let inner = "processors:\n  batch: {}\n  tail_sampling/main:\n    num_traces: 9\n    policies:\n      - { name: all, type: always_sample }\n";
    let below = |keys: &[&str]| {
        let mut text = inner.to_owned();
        for key in keys.iter().rev() {
            text = format!("{key}\n  {}\n", text.trim_end().replace('\n', "\n  "));
        }
        text
    };
    let files = [
        inner.to_owned(),
        below(&["config:"]),
        below(&["baseCollectorConfig:"]),
        format!("apiVersion: opentelemetry.io/v1beta1\n{}", below(&["spec:", "config:"])),
        format!("kind: ConfigMap\n{}", below(&["data:", "relay: |"])),
    ];
    for text in &files {
        let imported = otelcol(text).unwrap();
        assert!(imported.yaml.contains("policies:\n    - name: all\n"), "{text}\n{}", imported.yaml);
        let line = text.lines().position(|line| line.contains("num_traces")).unwrap() + 1;
        has(&imported, &format!("line {line}: processors.tail_sampling/main.num_traces"), "not needed");
    }
    let list = otelcol("- { name: all, type: always_sample }\n").unwrap();
    assert_eq!(list.yaml, "sampling:\n  policies:\n    - name: all\n      type: always_sample\n");

    let rules = "Samplers:\n  __default__:\n    DeterministicSampler:\n      SampleRate: 7\n";
    let chart = format!(
        "config:\n  General: {{ ConfigurationVersion: 2 }}\nrules:\n  {}",
        rules.replace('\n', "\n  ")
    );
    let map = format!("data:\n  rules.yaml: |\n    {}", rules.replace('\n', "\n    "));
    for text in [rules, &chart, &map] {
        let imported = refinery(text).unwrap();
        assert!(imported.yaml.contains("sample_rate: 7"), "{text}\n{}", imported.yaml);
    }
}

#[test]
fn rules_of_refinery_1_are_told_apart() {
    for text in
        ["# rules\nSampler = \"DeterministicSampler\"\n\n[dataset]\n", "[dataset]\nSampleRate = 1\n\tx = [\n"]
    {
        let error = refinery(text).unwrap_err();
        assert!(error.to_string().contains("TOML"), "{text}: {error}");
    }
    assert!(matches!(refinery("a: [").unwrap_err(), ImportError::Yaml { .. }));
}

#[test]
fn a_composite_whose_order_says_something_else_is_noted() {
    let text = r#"
policies:
  - name: c
    type: composite
    composite:
      max_total_spans_per_second: 100
      policy_order: [b, a]
      composite_sub_policy: [{ name: a, type: always_sample }, { name: b, type: always_sample }]
"#;
    has(&otelcol(text).unwrap(), "line 3: policies[c]: ", "in the order of their list");
}

#[test]
fn what_is_no_configuration_is_refused() {
    assert!(matches!(otelcol("a: [").unwrap_err(), ImportError::Yaml { line: 1..=2, .. }));
    for text in ["receivers: {}", "[1]", "processors: { batch: {} }", ""] {
        let error = otelcol(text).unwrap_err();
        assert!(matches!(error, ImportError::Nothing(_)) && !error.is_retryable(), "{text}");
    }
    assert!(matches!(refinery("Rules: {}").unwrap_err(), ImportError::Nothing(_)));
}

const RULES: &str = r#"
RulesVersion: 2
Samplers:
  __default__:
    EMADynamicSampler:
      GoalSampleRate: 15
      AdjustmentInterval: 1m30s
      FieldList: [http.method, root.http.route, error, meta.refinery.local_hostname]
      UseTraceLength: true
  staging:
    DeterministicSampler:
      SampleRate: 10
  production:
    RulesBasedSampler:
      CheckNestedFields: true
      Rules:
        - Name: health
          Drop: true
          Conditions:
            - { Field: http.route, Operator: "=", Value: /health }
        - Name: slow errors
          Scope: span
          SampleRate: 1
          Conditions:
            - { Fields: [http.status_code, http.response.status_code], Operator: ">=", Value: 500, Datatype: int }
            - { Field: duration_ms, Operator: ">=", Value: 1000 }
        - Name: odd
          SampleRate: 5
          Conditions:
            - { Field: a, Operator: "<", Value: "text" }
        - Name: keyed
          Conditions:
            - { Field: meta.annotation_type, Operator: exists }
          Sampler:
            WindowedThroughputSampler:
              GoalThroughputPerSec: 100
              UseClusterSize: true
              UpdateFrequency: 1s
              LookbackFrequency: 30s
              FieldList: [request.method, service.name]
        - Name: nothing
"#;

#[test]
fn rules_of_all_environments_become_one_policy() {
    let imported = refinery(RULES).unwrap();
    let (settings, compiled) = policies(&imported);
    assert_eq!(
        (settings.len(), settings[0].name.as_str(), settings[0].kind.as_str()),
        (1, "refinery", "rules")
    );
    assert!(compiled.is_stateful());
    let rules = settings[0].blocks["rules"]["rules"].as_array().unwrap();
    let names: Vec<_> = rules.iter().map(|rule| rule["name"].as_str().unwrap()).collect();
    let expected = [
        "staging",
        "production: health",
        "production: slow errors",
        "production: keyed",
        "production: nothing",
        "production: no rule matched",
        "default",
    ];
    assert_eq!(names, expected);
    assert_eq!((&rules[0]["cel"], &rules[0]["sample_rate"]), (&"tenant == \"staging\"".into(), &10.into()));
    assert_eq!(rules[1]["drop"], true);
    assert_eq!(rules[2]["scope"], "span");
    assert_eq!(rules[2]["conditions"][0]["fields"][1], "http.response.status_code");
    assert_eq!(rules[3]["sampler"]["windowed_throughput"]["goal_throughput_per_sec"], 100);
    assert_eq!(rules[4]["sample_rate"], 0, "there, a rule without a rate keeps nothing");
    let ema = &rules[6]["sampler"]["ema_dynamic"];
    assert_eq!(ema["field_list"], serde_json::json!(["http.method", "http.route", "outcome"]));
    assert_eq!((&ema["adjustment_interval"], &ema["use_trace_length"]), (&"90s".into(), &true.into()));
    assert!(rules[6].get("cel").is_none());
}

#[test]
fn what_refinery_has_and_we_have_not_is_named() {
    let imported = refinery(RULES).unwrap();
    for (start, message) in [
        ("line 8: Samplers.__default__.EMADynamicSampler.FieldList.error: ", "is `outcome`"),
        (
            "line 8: Samplers.__default__.EMADynamicSampler.FieldList.meta.refinery.local_hostname: ",
            "left out of the key",
        ),
        ("line 11: Samplers.staging: ", "tenant `staging`"),
        ("line 15: Samplers.production.RulesBasedSampler.CheckNestedFields: ", "left out"),
        (
            "line 27: Samplers.production.RulesBasedSampler.Rules[odd]: ",
            "texts are compared by = and != only",
        ),
        (
            "line 33: Samplers.production.RulesBasedSampler.Rules[keyed].meta.annotation_type: ",
            "made by Refinery",
        ),
        (
            "line 37: Samplers.production.RulesBasedSampler.Rules[keyed].WindowedThroughputSampler.UseClusterSize: ",
            "not needed",
        ),
        (
            "line 40: Samplers.production.RulesBasedSampler.Rules[keyed].WindowedThroughputSampler.FieldList.service.name: ",
            "worst.service",
        ),
    ] {
        has(&imported, start, message);
    }
}

#[test]
fn refinerys_configuration_says_how_long_to_wait() {
    let text = "General:\n  ConfigurationVersion: 2\nTraces:\n  SendDelay: 2s\n  TraceTimeout: 1m0s\n  SpanLimit: 5000\nDebugging:\n  DryRun: true\n";
    let imported = refinery(text).unwrap();
    let config = load(&imported);
    assert_eq!(config.rules.traces.quiet_time, 2_000_000_000);
    assert_eq!(config.rules.traces.quiet_time_without_root, 60_000_000_000);
    assert_eq!(config.rules.traces.max_spans, 5000);
    has(&imported, "line 2: General.ConfigurationVersion: ", "no equal");
    assert!(config.rules.sampling.dry_run);
    has(
        &refinery("General: {}\nStressRelief:\n  Mode: monitor").unwrap(),
        "line 3: StressRelief.Mode: ",
        "max_transactions",
    );
}

#[test]
fn texts_stay_as_they_were() {
    let text = r#"policies: [{ name: "a: b", type: string_attribute, string_attribute: { key: "k", values: ["$${x}", "no", "5", "€ \"q\"", ""] } }]"#;
    let config = load(&otelcol(text).unwrap());
    let values = &config.rules.policies[0].blocks["string_attribute"]["values"];
    assert_eq!(*values, serde_json::json!(["${x}", "no", "5", "€ \"q\"", ""]));
    assert_eq!(config.rules.policies[0].name, "a: b");
    let rules = "Samplers: { __default__: { RulesBasedSampler: { Rules: [{ Drop: true, Conditions: [{ Field: a, Operator: '=', Value: '${x}' }] }] } } }";
    let config = load(&refinery(rules).unwrap());
    assert_eq!(config.rules.policies[0].blocks["rules"]["rules"][0]["conditions"][0]["value"], "${x}");
}

/// What a Collector reads from the environment is read from it here: texts, numbers, and what stands around the processor.
#[test]
fn a_collectors_references_stay_references() {
    let text = r#"
receivers: { otlp: { protocols: { grpc: { endpoint: "${env:IP}:4317", max_recv_msg_size_mib: 32, keepalive: {} }, http: { endpoint: "localhost:4318", max_request_body_size: 20971521, cors: { allowed_origins: ["https://*.bank.example"], max_age: 60, exposed: [] } } } } }
processors:
  tail_sampling:
    policies:
      - { name: slow, type: latency, latency: { threshold_ms: "${env:SLOW_MS:-2000}" } }
      - { name: who, type: string_attribute, string_attribute: { key: tenant, values: ["${env:WHO}"] } }
      - { name: many, type: string_attribute, string_attribute: { key: tenant, values: "${env:WHO}" } }
exporters: { clickhouse: { endpoint: "http://store:8123", password: "${env:SECRET}", create_schema: false } }
"#;
    let imported = otelcol(text).unwrap();
    for (start, message) in [
        ("line 2: receivers.otlp.protocols.grpc.keepalive: ", "no equal"),
        ("line 2: receivers.otlp.protocols.http.cors.exposed: ", "no equal"),
        ("line 8: processors.tail_sampling.policies[many]: ", "left out"),
        ("line 9: exporters.clickhouse.create_schema: ", "no equal"),
    ] {
        has(&imported, start, message);
    }
    assert_eq!(imported.notes.len(), 4, "{:#?}", notes(&imported));
    for part in [
        "threshold_ms: ${SLOW_MS:-2000}\n",
        "values: [\"${WHO}\"]",
        "endpoint: \"${IP}:4317\"",
        "password: ${SECRET}\n",
        "max_request_body_size_mib: 21",
        "max_recv_msg_size_mib: 32",
        "endpoint: \"127.0.0.1:4318\"",
        "allowed_origins: [\"https://*.bank.example\"]",
        "max_age: \"60s\"",
    ] {
        assert!(imported.yaml.contains(part), "{part} is not in\n{}", imported.yaml);
    }
}

/// A number that the environment gives is a number when it is read.
#[test]
fn a_reference_may_stand_for_a_number() {
    let text = r#"policies: [{ name: slow, type: latency, latency: { threshold_ms: "${env:NOT_SET_ANYWHERE:-2000}" } }]"#;
    let config = load(&otelcol(text).unwrap());
    assert_eq!(config.rules.policies[0].blocks["latency"]["threshold_ms"], 2000);
}

/// There, policies may bear one name, or none.
#[test]
fn every_policy_has_a_name_of_its_own() {
    let text = "policies:\n  - { name: a, type: always_sample }\n  - { name: a, type: latency, latency: { threshold_ms: 5 } }\n  - { type: always_sample }\n";
    let imported = otelcol(text).unwrap();
    let names: Vec<_> = load(&imported).rules.policies.iter().map(|policy| policy.name.clone()).collect();
    assert_eq!(names, ["a", "a-2", "policy-3"]);
    has(&imported, "line 3: policies[a]: ", "is `a-2`: another one has its name");
    has(&imported, "line 4: policies[#3]: ", "is `policy-3`: it has no name");
}

/// A condition that stands without a list, and an operator in capitals, as Refinery's own pages have them: neither may make a rule match everything.
#[test]
fn conditions_are_taken_in_all_their_forms() {
    let rules = "
Samplers:
  __default__:
    RulesBasedSampler:
      Rules:
        - { Name: one, Drop: true, Conditions: { Field: http.route, Operator: In, Value: [/health] } }
        - { Name: other, SampleRate: 2, Condition: [{ Field: a, Operator: exists }] }
";
    let imported = refinery(rules).unwrap();
    let (settings, _) = policies(&imported);
    let rules = &settings[0].blocks["rules"]["rules"];
    assert_eq!(rules[0]["conditions"][0]["operator"], "in");
    assert_eq!(rules[0]["conditions"][0]["field"], "http.route");
    has(&imported, "line 7: Samplers.__default__.RulesBasedSampler.Rules[other].Condition: ", "no equal");
}

#[test]
fn policies_that_are_too_many_together_are_noted() {
    let one = |index| {
        format!(
            "  - {{ name: p{index}, type: boolean_attribute, boolean_attribute: {{ key: k{index}, value: true }} }}\n"
        )
    };
    let text: String = std::iter::once("policies:\n".to_owned()).chain((0..65).map(one)).collect();
    has(&otelcol(&text).unwrap(), "line 2: policies: ", "together they are too much");
}
