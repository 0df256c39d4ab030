//! The JSON side as OpenAPI 3.1, made of `proto/`: each method's comment names its path, each message is a schema. Run by the build.

use std::collections::BTreeMap;

use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, field_descriptor_proto::Label,
    field_descriptor_proto::Type,
};
use serde_json::{Map, Value, json};

/// Numbers of fields in descriptors, as source locations name them.
const MESSAGE: i32 = 4;
const SERVICE: i32 = 6;
const MEMBER: i32 = 2;

/// The document.
pub(crate) fn document(file: &FileDescriptorProto) -> Value {
    let comments = comments(file);
    let comment = |path: &[i32]| comments.get(path).cloned().unwrap_or_default();
    let mut schemas = Map::new();
    for (number, message) in (0..).zip(&file.message_type) {
        let properties = (0..).zip(&message.field).map(|(field, of)| {
            let mut schema = schema(of, message);
            let text = comment(&[MESSAGE, number, MEMBER, field]);
            if !text.is_empty() {
                schema["description"] = text.into();
            }
            (of.name().to_owned(), schema)
        });
        let properties: Map<String, Value> = properties.collect();
        let mut schema = json!({ "type": "object", "properties": properties });
        let text = comment(&[MESSAGE, number]);
        if !text.is_empty() {
            schema["description"] = text.into();
        }
        schemas.insert(message.name().to_owned(), schema);
    }
    let mut paths = taken_alerts();
    paths.insert("/api/v1/config/reload".to_owned(), reload());
    for (number, service) in (0..).zip(&file.service) {
        for (at, method) in (0..).zip(&service.method) {
            let text = comment(&[SERVICE, number, MEMBER, at]);
            let Some((verb, path)) = path_of(&text) else { continue };
            let request = message(file, method.input_type());
            let summary = text.lines().next().unwrap_or_default().trim();
            let operation =
                operation(&verb, &path, request, summary, method.name(), short(method.output_type()));
            paths.entry(path).or_insert_with(|| json!({}))[verb] = operation;
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Throughline's query API", "version": env!("CARGO_PKG_VERSION"),
            "description": "The same questions as over gRPC. Times are Unix nanoseconds, durations nanoseconds, unless a name says otherwise." },
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

/// Comments by the place of what they stand before.
fn comments(file: &FileDescriptorProto) -> BTreeMap<Vec<i32>, String> {
    let locations = file.source_code_info.iter().flat_map(|info| &info.location);
    locations
        .filter_map(|location| {
            let lines = location.leading_comments.as_deref()?.lines().map(str::trim);
            Some((location.path.clone(), lines.collect::<Vec<_>>().join("\n").trim().to_owned()))
        })
        .collect()
}

/// The verb and the path that a comment names.
fn path_of(comment: &str) -> Option<(String, String)> {
    comment.lines().find_map(|line| {
        let (verb, path) = line.trim().split_once(' ')?;
        let path = path.split(['?', ',', ' ']).next()?;
        let is_path = matches!(verb, "GET" | "POST") && path.starts_with("/api/");
        is_path.then(|| (verb.to_lowercase(), path.to_owned()))
    })
}

fn message<'a>(file: &'a FileDescriptorProto, name: &str) -> Option<&'a DescriptorProto> {
    file.message_type.iter().find(|message| message.name() == short(name))
}

/// The last part of a full name.
fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn operation(
    verb: &str,
    path: &str,
    request: Option<&DescriptorProto>,
    summary: &str,
    name: &str,
    answer: &str,
) -> Value {
    let fields = request.map(|request| request.field.as_slice()).unwrap_or_default();
    let in_path = |field: &FieldDescriptorProto| path.contains(&format!("{{{}}}", field.name()));
    let empty = DescriptorProto::default();
    let request = request.unwrap_or(&empty);
    let is_query = verb == "get";
    let parameters: Vec<Value> = fields
        .iter()
        .filter(|field| is_query || in_path(field))
        .map(|field| {
            let place = if in_path(field) { "path" } else { "query" };
            json!({ "name": field.name(), "in": place, "required": in_path(field), "schema": schema(field, request) })
        })
        .collect();
    let error = json!({ "description": "why there is no answer",
        "content": { "application/json": { "schema": { "type": "object", "properties": { "error": { "type": "string" } } } } } });
    let mut operation = json!({
        "operationId": name,
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": { "description": "the answer",
                "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{answer}") } } } },
            "default": error,
        },
    });
    if !is_query {
        let body: Map<String, Value> = fields
            .iter()
            .filter(|field| !in_path(field))
            .map(|field| (field.name().to_owned(), schema(field, request)))
            .collect();
        operation["requestBody"] = json!({ "required": true,
            "content": { "application/json": { "schema": { "type": "object", "properties": body } } } });
    }
    operation
}

/// A field's type.
fn schema(field: &FieldDescriptorProto, message: &DescriptorProto) -> Value {
    let one = match field.r#type() {
        Type::String => json!({ "type": "string" }),
        Type::Bool => json!({ "type": "boolean" }),
        Type::Double | Type::Float => json!({ "type": "number", "format": "double" }),
        Type::Message => {
            let entry = message.nested_type.iter().find(|nested| nested.name() == short(field.type_name()));
            if entry.is_some() {
                return json!({ "type": "object", "additionalProperties": { "type": "string" } });
            }
            json!({ "$ref": format!("#/components/schemas/{}", short(field.type_name())) })
        }
        Type::Int64 | Type::Uint64 | Type::Fixed64 | Type::Sint64 => {
            json!({ "type": "integer", "format": "int64" })
        }
        _ => json!({ "type": "integer", "format": "int32" }),
    };
    if field.label() == Label::Repeated { json!({ "type": "array", "items": one }) } else { one }
}

/// The ways in for alerts, which are not questions.
fn taken_alerts() -> Map<String, Value> {
    let taken = json!({ "200": { "description": "they are on disk" }, "default": { "description": "why they are not" } });
    let text = json!({ "type": "string" });
    let strings = json!({ "type": "object", "additionalProperties": text });
    let alert = json!({ "type": "object", "properties": {
        "name": text, "service": text, "department": text, "severity": text, "summary": text, "labels": strings, "annotations": strings,
        "status": { "enum": ["firing", "resolved"] }, "starts_at": { "type": "string", "format": "date-time" },
        "ends_at": { "type": "string", "format": "date-time" }, "source": text } });
    let either = json!({ "oneOf": [alert, { "type": "array", "items": alert }] });
    let post = |name: &str, summary: &str, schema: Value| {
        json!({ "post": { "operationId": name, "summary": summary, "responses": taken,
            "requestBody": { "required": true, "content": { "application/json": { "schema": schema } } } } })
    };
    let webhook = "Alerts, as Alertmanager's webhook (version 4) posts them.";
    Map::from_iter([
        ("/api/v1/alerts".to_owned(), post("TakeAlerts", "One alert or a list of them.", either)),
        (
            "/api/v1/alerts/alertmanager".to_owned(),
            post("TakeWebhook", webhook, json!({ "type": "object", "required": ["alerts"] })),
        ),
    ])
}

/// What `serve` answers beside the questions.
fn reload() -> Value {
    let text = json!({ "type": "string" });
    let fault = json!({ "type": "object", "properties": { "source": text, "key": text, "value": text, "expected": text } });
    let answer = json!({ "type": "object", "properties": {
        "result": { "enum": ["taken", "unchanged", "refused"] }, "rules_version": text,
        "needs_restart": { "type": "array", "items": text }, "faults": { "type": "array", "items": fault } } });
    let says =
        |what: &str| json!({ "description": what, "content": { "application/json": { "schema": answer } } });
    json!({ "post": { "operationId": "ReloadConfiguration", "summary": "Reads the configuration again.",
        "responses": { "200": says("it holds, or says what it said before"), "422": says("all that is wrong with it: the one of before stays") } } })
}
