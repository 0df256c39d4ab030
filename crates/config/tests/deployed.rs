//! Configurations that this repository hands out are right: those of `deploy/`, and what the Helm chart makes of its values.

#![allow(clippy::unwrap_used, reason = "helpers of a test: a panic is the report")]

use std::path::{Path, PathBuf};

use saphyr::{LoadableYamlNode, Yaml, YamlEmitter};
use throughline_config::{ClickHouseTarget, Config, Sources};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn load(files: Vec<PathBuf>) -> Config {
    Config::load(&Sources { files, ..Sources::default() }).unwrap_or_else(|error| panic!("{error}"))
}

/// Addresses that are listened on, without the store's.
fn addresses(config: &Config) -> [String; 5] {
    let receiver = &config.receiver;
    [receiver.grpc.endpoint, receiver.http.endpoint, config.api, config.metrics, config.health]
        .map(|address| address.to_string())
}

const ALL: [&str; 5] = ["0.0.0.0:4317", "0.0.0.0:4318", "0.0.0.0:7317", "0.0.0.0:8888", "0.0.0.0:13133"];

#[test]
fn every_configuration_of_deploy_is_right() {
    let folder = repository().join("deploy");
    let files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        load(vec![file]);
    }
}

#[test]
fn the_image_listens_on_all_addresses() {
    let config = load(vec![repository().join("deploy/image.yaml")]);
    assert_eq!(addresses(&config), ALL);
    let ClickHouseTarget::Embedded { listen, .. } = &config.clickhouse.target else {
        panic!("an engine is in it")
    };
    assert_eq!(listen.to_string(), "0.0.0.0:8123");
}

/// What the chart writes without any values: its own keys over `config` of values.yaml.
#[test]
fn the_charts_defaults_are_right() {
    let chart = repository().join("helm/throughline");
    let values = std::fs::read_to_string(chart.join("values.yaml")).unwrap();
    let values = Yaml::load_from_str(&values).unwrap();
    let mut text = String::new();
    YamlEmitter::new(&mut text).dump(&values[0]["config"]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.yaml");
    std::fs::write(&path, text).unwrap();
    let config = load(vec![path, chart.join("files/throughline.yaml")]);
    assert_eq!(addresses(&config), ALL);
    assert!(!config.rules.departments.is_empty());
}

/// The chart's ports, and those that the image says it has, are the ones that the configuration opens.
#[test]
fn ports_are_the_same_everywhere() {
    let template =
        std::fs::read_to_string(repository().join("helm/throughline/templates/statefulset.yaml")).unwrap();
    let image = std::fs::read_to_string(repository().join("deploy/Dockerfile")).unwrap();
    let exposed = image.lines().find(|line| line.starts_with("EXPOSE ")).unwrap();
    for port in ALL.map(|address| address.rsplit(':').next().unwrap()).into_iter().chain(["8123"]) {
        assert!(template.contains(&format!("containerPort: {port} ")), "{port}");
        assert!(exposed.split(' ').any(|word| word == port), "{port}");
    }
}
