//! One layer over another.

use crate::node::{Node, Value};

/// Lays `over` on `under`: maps are merged key by key, anything else is replaced. What is null takes nothing away and adds nothing.
pub(crate) fn merge(under: &mut Node, over: Node) {
    if over.is_null() {
        return;
    }
    match (&mut under.value, over.value) {
        (Value::Map(below), Value::Map(above)) => {
            for (key, node) in above {
                match below.iter_mut().find(|(name, _)| *name == key) {
                    Some((_, existing)) => merge(existing, node),
                    None => below.push((key, node)),
                }
            }
        }
        (_, value) => *under = Node { value, source: over.source },
    }
}

/// Puts a value at a path, making maps on the way.
pub(crate) fn put(root: &mut Node, path: &[String], node: Node) {
    let source = node.source.clone();
    let layer = path.iter().rev().fold(node, |inner, key| Node {
        value: Value::Map(vec![(key.clone(), inner)]),
        source: source.clone(),
    });
    merge(root, layer);
}
