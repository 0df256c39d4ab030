//! YAML to nodes, by `saphyr`: it tells where each node stands and refuses a key that is written twice.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use saphyr::{MarkedYaml, Marker, ScalarStyle, YamlData, YamlLoader};
use saphyr_parser::{BufferedInput, Parser};

use crate::fault::Fault;
use crate::node::{Node, Source, Value};

/// Reads one document. An empty file is an empty map.
pub(crate) fn parse(text: &str, path: &Path) -> Result<Node, Fault> {
    let file = Arc::new(path.to_owned());
    let mut loader = YamlLoader::<MarkedYaml<'_>>::default();
    loader.early_parse(false);
    let mut parser = Parser::new(BufferedInput::new(text.chars()));
    let read = parser.load(&mut loader, true);
    if let Some(error) = read.as_ref().err().or(loader.error()) {
        return Err(Fault::syntax(place(error.marker(), &file), error.info()));
    }
    let mut documents = loader.into_documents();
    if let Some(second) = documents.get(1) {
        return Err(Fault::syntax(place(&second.span.start, &file), "a second document: a file holds one"));
    }
    match documents.pop() {
        None => Ok(Node::default()),
        Some(document) => convert(document, &file),
    }
}

/// Reads a value written on a command line or in the environment: a list or map in YAML's short form, a text in quotes, or else
/// the text as it stands.
pub(crate) fn parse_value(text: &str, source: &Source) -> Result<Node, Fault> {
    if !text.starts_with(['[', '{', '"', '\'']) {
        return Ok(Node::plain(text, source.clone()));
    }
    let mut node = parse(text, Path::new("")).map_err(|fault| fault.said_by(source.clone()))?;
    set_source(&mut node, source);
    Ok(node)
}

fn set_source(node: &mut Node, source: &Source) {
    node.source = source.clone();
    match &mut node.value {
        Value::Scalar { .. } => {}
        Value::List(items) => items.iter_mut().for_each(|item| set_source(item, source)),
        Value::Map(entries) => entries.iter_mut().for_each(|(_, node)| set_source(node, source)),
    }
}

fn place(marker: &Marker, file: &Arc<PathBuf>) -> Source {
    Source::File { path: Arc::clone(file), line: marker.line(), column: marker.col() + 1 }
}

/// The key of YAML 1.1 under which another map's keys are taken over, by an alias as a rule.
const MERGE: &str = "<<";

/// The entries of what is merged: a map, or several, of which an earlier one goes before.
fn maps(node: Node) -> Result<Vec<(String, Node)>, Fault> {
    match node.value {
        Value::Map(entries) => Ok(entries),
        Value::List(items) if items.iter().all(|item| matches!(item.value, Value::Map(_))) => {
            Ok(items.into_iter().map(maps).collect::<Result<Vec<_>, _>>()?.concat())
        }
        _ => Err(Fault::syntax(node.source, "`<<` merges a map, or a list of maps")),
    }
}

fn convert(yaml: MarkedYaml<'_>, file: &Arc<PathBuf>) -> Result<Node, Fault> {
    let source = place(&yaml.span.start, file);
    let value = match yaml.data {
        YamlData::Representation(text, style, _) => {
            Value::Scalar { text: text.into_owned(), quoted: style != ScalarStyle::Plain }
        }
        YamlData::Sequence(items) => {
            Value::List(items.into_iter().map(|item| convert(item, file)).collect::<Result<_, _>>()?)
        }
        YamlData::Mapping(entries) => {
            let mut map = Vec::with_capacity(entries.len());
            let mut merged = Vec::new();
            for (key, node) in entries {
                let YamlData::Representation(name, style, _) = &key.data else {
                    return Err(Fault::syntax(place(&key.span.start, file), "a key that is no text"));
                };
                let name = name.clone().into_owned();
                let is_merge = name == MERGE && *style == ScalarStyle::Plain;
                let mut node = convert(node, file)?;
                if node.is_null() {
                    // nothing stands there, so its place is that of its key
                    node.source = place(&key.span.start, file);
                }
                if is_merge { merged.extend(maps(node)?) } else { map.push((name, node)) }
            }
            // What is written here, or merged earlier, stays.
            for (name, node) in merged {
                if !map.iter().any(|(known, _)| *known == name) {
                    map.push((name, node));
                }
            }
            Value::Map(map)
        }
        YamlData::Tagged(_, inner) => return convert(*inner, file),
        YamlData::Value(_) | YamlData::Alias(_) | YamlData::BadValue => {
            return Err(Fault::syntax(source, "YAML that cannot be read here"));
        }
    };
    Ok(Node { value, source })
}
