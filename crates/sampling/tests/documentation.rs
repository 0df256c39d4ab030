//! Every test that the page on sampling names exists, and every type of policy stands in it.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, path::Path};

use throughline_sampling::SUPPORTED;

/// Tests of these crates, by the names of their files.
fn sources(root: &Path) -> BTreeMap<String, String> {
    let mut sources: BTreeMap<String, String> = BTreeMap::new();
    for folder in ["crates/sampling/tests", "crates/assembly/tests"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                sources.entry(name).or_default().push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    sources
}

#[test]
fn the_page_names_every_policy_and_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/sampling.md")).unwrap();
    for kind in SUPPORTED {
        assert!(page.contains(&format!("`{kind}`")), "{kind} is not in docs/sampling.md");
    }
    let sources = sources(&root);
    let quoted = page.split('`').skip(1).step_by(2);
    let named: Vec<_> = quoted.filter_map(|text| text.split_once("::")).collect();
    assert!(named.len() > 50, "tests are named");
    for (file, test) in named {
        let found = sources.get(file).is_some_and(|source| source.contains(&format!("fn {test}(")));
        assert!(found, "docs/sampling.md names {file}::{test}, which is not there");
    }
}
