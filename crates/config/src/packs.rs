//! Rule packs: files of their own, in the words that `throughline-advice` checks.

use std::fs;
use std::path::{Path, PathBuf};

use throughline_advice::{BUILTIN, Pack, PackFault, Packs, Rule};

use crate::fault::Fault;
use crate::node::{Node, Value};
use crate::reader::{Reader, Scope};
use crate::yaml;

/// Keys of a pack and of a rule.
const PACK_KEYS: [&str; 3] = ["pack", "version", "rules"];
const RULE_KEYS: [&str; 3] = ["name", "when", "advice"];

/// Largest file: a pack of thousands of rules is none.
const MAX_BYTES: u64 = 1 << 20;

/// Where packs lie.
pub(crate) fn files(reader: &mut Reader, whole: Scope<'_>) -> Vec<PathBuf> {
    let files: Vec<String> = reader.get(whole, "diagnosis.rules.files");
    files.into_iter().map(PathBuf::from).collect()
}

/// The pack that is built in, and those of files; every fault is noted.
pub(crate) fn read(reader: &mut Reader, whole: Scope<'_>) -> Packs {
    let mut read: Vec<(Pack, Node)> = Vec::new();
    if reader.get(whole, "diagnosis.rules.builtin") {
        read.extend(pack(BUILTIN, Path::new("built-in rule pack"), &mut reader.faults));
    }
    let files: Vec<String> = reader.get(whole, "diagnosis.rules.files");
    for file in files {
        match text(Path::new(&file)) {
            Ok(text) => read.extend(pack(&text, Path::new(&file), &mut reader.faults)),
            Err(why) => {
                if let Some(node) = whole.node.at("diagnosis.rules.files") {
                    reader.faults.push(Fault::new("diagnosis.rules.files", node, format!("{file}: {why}")));
                }
            }
        }
    }
    let (packs, nodes): (Vec<Pack>, Vec<Node>) = read.into_iter().unzip();
    Packs::compile(packs).unwrap_or_else(|faults| {
        reader.faults.extend(faults.iter().filter_map(|fault| placed(fault, &nodes)));
        Packs::default()
    })
}

fn text(path: &Path) -> Result<String, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_BYTES {
        return Err(format!("{size} bytes; at most {MAX_BYTES} are possible"));
    }
    fs::read_to_string(path).map_err(|error| error.to_string())
}

/// A pack as it is written; `None` where it is none.
fn pack(text: &str, path: &Path, faults: &mut Vec<Fault>) -> Option<(Pack, Node)> {
    let root = match yaml::parse(text, path) {
        Ok(root) => root,
        Err(fault) => {
            faults.push(fault);
            return None;
        }
    };
    unknown(&root, "", &PACK_KEYS, faults);
    let name = scalar(&root, "", "pack", faults);
    let version = scalar(&root, "", "version", faults);
    let rules = match root.get("rules").map(|node| &node.value) {
        Some(Value::List(items)) => items.as_slice(),
        _ => {
            faults.push(Fault::new(
                "rules",
                &root,
                "a list of rules is expected, each with name, when and advice",
            ));
            &[]
        }
    };
    let mut made = Vec::new();
    for (index, node) in rules.iter().enumerate() {
        let at = format!("rules[{index}].");
        unknown(node, &at, &RULE_KEYS, faults);
        let [name, when, advice] = RULE_KEYS.map(|key| scalar(node, &at, key, faults));
        // What is missing is noted: the rest is checked all the same, so that all faults are told at once.
        made.push(Rule {
            name: name.unwrap_or_else(|| format!("rules[{index}]")),
            when: when.unwrap_or_else(|| "true".to_owned()),
            advice: advice.unwrap_or_else(|| "-".to_owned()),
        });
    }
    let name = name.unwrap_or_else(|| path.display().to_string());
    Some((Pack { name, version: version.unwrap_or_default(), rules: made }, root))
}

fn unknown(node: &Node, at: &str, known: &[&str], faults: &mut Vec<Fault>) {
    let Value::Map(entries) = &node.value else {
        let expected = format!("a map is expected, with {}", known.join(", "));
        faults.push(Fault::new(at.trim_end_matches('.'), node, expected));
        return;
    };
    for (name, inner) in entries.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
        let expected = format!("does not exist here; there are {}", known.join(", "));
        faults.push(Fault::new(format!("{at}{name}"), inner, expected));
    }
}

fn scalar(node: &Node, at: &str, key: &str, faults: &mut Vec<Fault>) -> Option<String> {
    match node.get(key).map(|inner| (&inner.value, inner)) {
        Some((Value::Scalar { text, .. }, _)) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Some((_, inner)) => {
            faults.push(Fault::new(format!("{at}{key}"), inner, "a text that is not empty is expected"));
            None
        }
        None if matches!(node.value, Value::Map(_)) => {
            faults.push(Fault::missing(format!("{at}{key}"), node, "is missing"));
            None
        }
        None => None,
    }
}

/// A fault of compiling with the place where it stands.
fn placed(fault: &PackFault, nodes: &[Node]) -> Option<Fault> {
    let root = nodes.get(fault.pack)?;
    let Some((index, part)) = fault.rule else {
        return Some(Fault::new("pack", root.get("pack").unwrap_or(root), fault.message.clone()));
    };
    let rule = match root.get("rules").map(|rules| &rules.value) {
        Some(Value::List(items)) => items.get(index).unwrap_or(root),
        _ => root,
    };
    let key = format!("rules[{index}].{}", part.name());
    Some(Fault::new(key, rule.get(part.name()).unwrap_or(rule), fault.message.clone()))
}
