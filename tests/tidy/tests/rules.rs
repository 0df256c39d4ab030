//! One test a rule. Each says what to do about it.

#![allow(clippy::expect_used, reason = "a test that cannot go on has nothing better to do than stop")]

use regex::Regex;
use throughline_tidy::repository::{SourceFile, files};

/// A file holds one subject; longer ones are two.
const MOST_LINES: usize = 450;

/// Longer ones that are there already, at the length that they have. A number here only ever gets smaller.
const LONGER: [(&str, usize); 0] = [];

/// Crates that do no I/O, read no clock and start no task.
const CORE: [&str; 4] =
    ["crates/otlp/src/", "crates/assembly/src/", "crates/sampling/src/", "crates/analysis/src/"];

fn report(rule: &str, found: &[String]) {
    assert!(found.is_empty(), "{rule}\n  {}", found.join("\n  "));
}

fn lines_that_match(
    files: &[SourceFile],
    pattern: &str,
    is_looked_at: impl Fn(&SourceFile) -> bool,
) -> Vec<String> {
    let pattern = Regex::new(pattern).expect("a pattern of this file");
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_rust() && is_looked_at(file)) {
        let lines = file.code().filter(|(_, line)| pattern.is_match(line));
        found.extend(lines.map(|(number, line)| format!("{}:{number}: {}", file.path, line.trim())));
    }
    found
}

#[test]
fn files_are_short() {
    let mut found = Vec::new();
    for file in files().iter().filter(|file| file.is_rust()) {
        let lines = file.text.lines().count();
        let most = LONGER.iter().find(|(path, _)| *path == file.path).map_or(MOST_LINES, |(_, lines)| *lines);
        if lines > most {
            found.push(format!("{}: {lines} lines, at most {most}", file.path));
        }
    }
    report("a file holds one subject; split these", &found);
}

#[test]
fn the_list_of_longer_files_shrinks() {
    let files = files();
    let mut found = Vec::new();
    for (path, lines) in LONGER {
        match files.iter().find(|file| file.path == path).map(|file| file.text.lines().count()) {
            None => found.push(format!("{path} is gone: take it off the list")),
            Some(now) if now <= MOST_LINES => {
                found.push(format!("{path} is short now: take it off the list"));
            }
            Some(now) if now < lines => found.push(format!("{path} has {now} lines now: write that number")),
            Some(_) => {}
        }
    }
    report("the ratchet turns one way", &found);
}

#[test]
fn lib_rs_is_a_charter() {
    let is_lib = |file: &SourceFile| file.path.starts_with("crates/") && file.path.ends_with("/src/lib.rs");
    let found =
        lines_that_match(&files(), r"^\s*(pub(\([a-z]+\))? )?(async |const |unsafe )*fn |^impl\b", is_lib);
    report("lib.rs says what the crate is and names its modules; move functions into one", &found);
    let bare: Vec<_> = files()
        .iter()
        .filter(|file| is_lib(file) && !file.text.starts_with("//! "))
        .map(|file| file.path.clone())
        .collect();
    report("lib.rs begins by saying what the crate is", &bare);
}

#[test]
fn the_core_does_no_io_and_reads_no_clock() {
    let is_core = |file: &SourceFile| CORE.iter().any(|crate_of| file.path.starts_with(crate_of));
    let forbidden = r"std::(fs|net|process|thread|env)\b|\b(SystemTime|Instant)\b|\btokio\b|\brand::";
    let found = lines_that_match(&files(), forbidden, is_core);
    report("the core takes records and returns effects; do this in `worker` or at the edge", &found);
}

#[test]
fn the_core_depends_on_nothing_that_does_io() {
    let forbidden = Regex::new(
        r"^(tokio|axum|tonic|reqwest|hyper|clickhouse|throughline-(log|worker|receiver|api|clickhouse))\b",
    )
    .unwrap();
    let mut found = Vec::new();
    for crate_of in CORE {
        let manifest = crate_of.replace("src/", "Cargo.toml");
        let files = files();
        let file = files
            .iter()
            .find(|file| file.path == manifest)
            .unwrap_or_else(|| panic!("{manifest} is not there"));
        let dependencies =
            file.text.split("\n[").find(|section| section.starts_with("dependencies]")).unwrap_or_default();
        found.extend(
            dependencies
                .lines()
                .filter(|line| forbidden.is_match(line))
                .map(|line| format!("{manifest}: {line}")),
        );
    }
    report("nothing points back up", &found);
}

#[test]
fn nothing_is_left_for_later() {
    // the words are put together here so that this file is not its own first finding
    let words =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")].join("|");
    let pattern = Regex::new(&format!(r"\b({words})\b")).unwrap();
    let mut found = Vec::new();
    for file in files().iter().filter(|file| !file.path.ends_with(".lock")) {
        let lines = file.text.lines().enumerate().filter(|(_, line)| pattern.is_match(line));
        found.extend(lines.map(|(index, line)| format!("{}:{}: {}", file.path, index + 1, line.trim())));
    }
    report("what is not done yet is not written down here", &found);
}

#[test]
fn tests_wait_on_conditions_and_not_on_time() {
    let is_test = |file: &SourceFile| file.path.contains("/tests/") && !file.path.starts_with("tests/tidy/");
    let mut found = Vec::new();
    for file in files().iter().filter(|file| file.is_rust() && is_test(file)) {
        let lines: Vec<_> = file.text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            // a poll between two looks at a condition is no wait for time: it says so, or stands within a loop
            let before = lines[index.saturating_sub(8)..index].iter();
            let polls = before.rev().any(|earlier| earlier.contains("loop") || earlier.contains("while "));
            if line.contains("thread::sleep(") && !polls {
                found.push(format!("{}:{}: {}", file.path, index + 1, line.trim()));
            }
        }
    }
    report("wait until a condition holds, with a deadline", &found);
}

#[test]
fn versions_stand_in_one_table() {
    let own_version = Regex::new(r#"(?m)^[a-z0-9_-]+ = ("[0-9]|\{[^}]*version = )"#).unwrap();
    let is_crate = |file: &&SourceFile| file.path.starts_with("crates/") && file.path.ends_with("Cargo.toml");
    let files = files();
    let found: Vec<_> = files
        .iter()
        .filter(is_crate)
        .flat_map(|file| {
            own_version.find_iter(&file.text).map(move |hit| format!("{}: {}", file.path, hit.as_str()))
        })
        .collect();
    report("a crate says `name.workspace = true`; the version stands in the root", &found);
}

#[test]
fn every_crate_obeys_the_workspace_lints() {
    let files = files();
    let manifests =
        files.iter().filter(|file| file.path.starts_with("crates/") && file.path.ends_with("Cargo.toml"));
    let bare: Vec<_> = manifests
        .filter(|file| !file.text.contains("[lints]\nworkspace = true"))
        .map(|file| file.path.clone())
        .collect();
    report("add `[lints] workspace = true`", &bare);
}
