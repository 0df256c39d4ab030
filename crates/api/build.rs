//! Compiles the query API from `proto/`, without a system `protoc`.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=../../proto");
    let files = protox::compile(["throughline/v1/query.proto"], ["../../proto"])?;
    tonic_prost_build::configure()
        .type_attribute(".", "#[derive(serde::Serialize, serde::Deserialize)]")
        .type_attribute(".", "#[serde(default)]")
        // `self` is no name in Rust; in JSON it is one.
        .field_attribute("ExplainedHop.self", "#[serde(rename = \"self\")]")
        .compile_fds(files)?;
    Ok(())
}
