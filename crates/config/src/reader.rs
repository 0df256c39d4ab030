//! Reads keys of the table out of nodes. A fault is noted and the default taken, so that reading goes on and every fault is found.

use std::collections::BTreeSet;
use std::path::Path;

use crate::fault::Fault;
use crate::keys::{self, Given, Key};
use crate::kind::Kind;
use crate::node::{Node, Source};
use crate::setting::Setting;
use crate::yaml;

/// A map that keys are read from: the whole configuration, or one item of a list.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) node: &'a Node,
    /// Path of the item in the table, such as `transactions.types[]`; empty for the whole.
    pub(crate) table: &'static str,
    /// Path of the item as it is shown, such as `transactions.types[0]`.
    pub(crate) shown: &'a str,
}

/// Reads and notes.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) faults: Vec<Fault>,
    /// Paths of the table that were asked for: a test compares them with the table.
    pub(crate) asked: BTreeSet<&'static str>,
}

impl<'a> Scope<'a> {
    /// The whole configuration.
    pub(crate) fn whole(node: &'a Node) -> Self {
        Self { node, table: "", shown: "" }
    }

    fn shown(&self, name: &str) -> String {
        if self.shown.is_empty() { name.to_owned() } else { format!("{}.{name}", self.shown) }
    }

    fn key(&self, name: &str) -> &'static Key {
        let path = if self.table.is_empty() { name.to_owned() } else { format!("{}.{name}", self.table) };
        #[expect(
            clippy::expect_used,
            reason = "names are written in this crate; every one of them is read by a test"
        )]
        keys::find(&path).expect("a key of the table")
    }
}

impl Reader {
    /// The value of a key; its default where it is not written or wrong.
    pub(crate) fn get<T: Setting + Default>(&mut self, scope: Scope<'_>, name: &str) -> T {
        let key = scope.key(name);
        self.asked.insert(key.path);
        match (scope.node.at(name).filter(|node| !node.is_null() || key.kind == Kind::Secret), key.default) {
            (Some(node), _) => self.read(&scope.shown(name), node, key.kind).unwrap_or_else(|| default(key)),
            (None, Given::Required) => {
                self.faults.push(Fault::missing(
                    scope.shown(name),
                    scope.node,
                    format!("is missing; {}", key.meaning),
                ));
                T::default()
            }
            (None, Given::Value(_) | Given::Unset(_)) => default(key),
        }
    }

    /// The value of a key that may be absent.
    pub(crate) fn optional<T: Setting>(&mut self, scope: Scope<'_>, name: &str) -> Option<T> {
        let key = scope.key(name);
        self.asked.insert(key.path);
        let node = scope.node.at(name).filter(|node| !node.is_null())?;
        self.read(&scope.shown(name), node, key.kind)
    }

    /// The node of a list of maps, or that of its default.
    pub(crate) fn list(&mut self, scope: Scope<'_>, name: &str) -> Vec<Node> {
        self.get(scope, name)
    }

    fn read<T: Setting>(&mut self, shown: &str, node: &Node, kind: Kind) -> Option<T> {
        T::read(node, kind)
            .map_err(|expected| {
                let mut fault = Fault::new(shown, node, expected);
                if kind == Kind::Secret {
                    fault.value = None;
                }
                self.faults.push(fault);
            })
            .ok()
    }
}

/// The default of the table as a node.
pub(crate) fn default_node(key: &Key) -> Option<Node> {
    let Given::Value(text) = key.default else { return None };
    if text.starts_with('[') {
        let mut node = yaml::parse(text, Path::new("")).ok()?;
        node.source = Source::Default;
        return Some(node);
    }
    Some(Node::plain(text, Source::Default))
}

fn default<T: Setting + Default>(key: &Key) -> T {
    default_node(key).and_then(|node| T::read(&node, key.kind).ok()).unwrap_or_default()
}
