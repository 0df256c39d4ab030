//! Compiles the query API from `proto/`, without a system `protoc`, and describes its JSON side as OpenAPI.

#[path = "openapi.rs"]
mod openapi;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=../../proto");
    println!("cargo:rerun-if-changed=openapi.rs");
    let files = protox::compile(["throughline/v1/query.proto"], ["../../proto"])?;
    let queries = files.file.iter().find(|file| file.name().ends_with("query.proto"));
    let document = openapi::document(queries.ok_or("query.proto is not there")?);
    let out = std::path::PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    std::fs::write(out.join("openapi.json"), serde_json::to_string_pretty(&document)?)?;
    let mut build = tonic_prost_build::configure();
    for name in files.file.iter().flat_map(|file| &file.message_type).map(prost_types::DescriptorProto::name)
    {
        // A parameter that there is not is a mistake, and is told.
        let strict = if name.ends_with("Request") { ", deny_unknown_fields" } else { "" };
        let attributes =
            format!("#[derive(serde::Serialize, serde::Deserialize)]\n#[serde(default{strict})]");
        build = build.type_attribute(name, attributes);
    }
    build
        // `self` is no name in Rust; in JSON it is one.
        .field_attribute("ExplainedHop.self", "#[serde(rename = \"self\")]")
        .compile_fds(files)?;
    Ok(())
}
