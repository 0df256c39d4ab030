//! What only the core can judge: conditions, globs, policies. Its words, with key and place added.

use throughline_assembly::rules::{RuleFault, Rules, RulesSettings};
use throughline_sampling::{MatcherTable, Policies, PolicyFault};

use crate::fault::Fault;
use crate::node::{Node, Source, Value};

/// Notes everything that does not compile.
pub(crate) fn check(settings: &RulesSettings, root: &Node, faults: &mut Vec<Fault>) {
    let policies =
        Policies::compile_with(&settings.policies, &settings.policy_options(), &mut MatcherTable::default());
    let policies = policies.err().unwrap_or_default();
    let told = !policies.is_empty();
    faults.extend(policies.into_iter().map(|fault| policy_fault(fault, root)));
    if let Err(found) = Rules::compile(settings.clone()) {
        // What is wrong with policies was told, with more.
        let news = found.into_iter().filter(|fault| !(told && matches!(fault, RuleFault::Policy(_))));
        faults.extend(news.filter_map(|fault| rule_fault(fault, root)));
    }
}

fn policy_fault(fault: PolicyFault, root: &Node) -> Fault {
    let name = fault.policy.split('/').next().unwrap_or_default();
    let node = items(root, "sampling.policies").iter().find(|item| is_named(item, name));
    let within = node.and_then(|node| node.at(&fault.key).or(Some(node)));
    let source = within.map_or(Source::Default, |node| node.source.clone());
    let value = (!fault.value.is_empty()).then_some(fault.value);
    Fault {
        key: format!("sampling.policies[{}].{}", fault.policy, fault.key),
        value,
        expected: fault.hint,
        source,
    }
}

fn is_named(item: &Node, name: &str) -> bool {
    matches!(item.get("name"), Some(Node { value: Value::Scalar { text, .. }, .. }) if text == name)
}

fn rule_fault(fault: RuleFault, root: &Node) -> Option<Fault> {
    match fault {
        RuleFault::Expression { index, key, error } => {
            let item = items(root, "transactions.types").get(index)?;
            // a condition that is missing was reported where it was read
            let node = item.get(key).filter(|node| !node.is_null())?;
            Some(Fault::new(format!("transactions.types[{index}].{key}"), node, error.to_string()))
        }
        RuleFault::Glob { key, glob, error } => {
            let top = key.split(['[', '.']).next().unwrap_or_default();
            let source = root.at(top).map_or(Source::Default, |node| find(node, &glob).source.clone());
            Some(Fault { key, value: Some(glob), expected: format!("a glob is expected: {error}"), source })
        }
        RuleFault::Terminals(_) => {
            let node = root.at("transactions.types")?;
            Some(Fault { value: None, ..Fault::new("transactions.types", node, fault.to_string()) })
        }
        RuleFault::Policy(message) => {
            let source = root.at("sampling.policies").map_or(Source::Default, |node| node.source.clone());
            Some(Fault { key: "sampling.policies".to_owned(), value: None, expected: message, source })
        }
    }
}

fn items<'a>(root: &'a Node, path: &str) -> &'a [Node] {
    match root.at(path) {
        Some(Node { value: Value::List(items), .. }) => items,
        _ => &[],
    }
}

/// The scalar of this text under `node`, or `node` itself.
fn find<'a>(node: &'a Node, wanted: &str) -> &'a Node {
    fn within<'a>(node: &'a Node, wanted: &str) -> Option<&'a Node> {
        match &node.value {
            Value::Scalar { text, .. } => (text == wanted).then_some(node),
            Value::List(items) => items.iter().find_map(|item| within(item, wanted)),
            Value::Map(entries) => entries.iter().find_map(|(_, item)| within(item, wanted)),
        }
    }
    within(node, wanted).unwrap_or(node)
}
