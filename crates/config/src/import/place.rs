//! Where in a file the configuration lies: at its top, below other keys (values of a chart, a custom resource), or as text in a `ConfigMap`.

use std::borrow::Cow;

use super::parse;
use crate::node::{Node, Source, Value};

/// How deep it is looked for.
const MAX_DEPTH: usize = 12;

/// The first place, in the order of the file, that is one; the top, where none is.
pub(super) fn find<'a>(root: &'a Node, is_one: &dyn Fn(&Node) -> bool) -> Cow<'a, Node> {
    inside(root, is_one, MAX_DEPTH).unwrap_or(Cow::Borrowed(root))
}

fn inside<'a>(node: &'a Node, is_one: &dyn Fn(&Node) -> bool, depth: usize) -> Option<Cow<'a, Node>> {
    if is_one(node) {
        return Some(Cow::Borrowed(node));
    }
    let depth = depth.checked_sub(1)?;
    match &node.value {
        Value::Map(entries) => entries.iter().find_map(|(_, inner)| inside(inner, is_one, depth)),
        Value::List(items) => items.iter().find_map(|inner| inside(inner, is_one, depth)),
        Value::Scalar { text, .. } => {
            let mut inner = text.contains('\n').then(|| parse(text).ok()).flatten()?;
            lower(&mut inner, line_of(node).saturating_sub(1));
            inside(&inner, is_one, depth).map(|found| Cow::Owned(found.into_owned()))
        }
    }
}

fn line_of(node: &Node) -> usize {
    match &node.source {
        Source::File { line, .. } => *line,
        _ => 0,
    }
}

/// Lines of a text to lines of the file that it stands in, where it begins so many lines below the first.
fn lower(node: &mut Node, by: usize) {
    if let Source::File { line, .. } = &mut node.source {
        *line += by;
    }
    match &mut node.value {
        Value::Map(entries) => entries.iter_mut().for_each(|(_, inner)| lower(inner, by)),
        Value::List(items) => items.iter_mut().for_each(|inner| lower(inner, by)),
        Value::Scalar { .. } => {}
    }
}
