//! Compiles the records of the summary log and of the analysis log from `proto/`, without a system `protoc`.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=../../proto");
    let files =
        protox::compile(["throughline/v1/summary.proto", "throughline/v1/analysis.proto"], ["../../proto"])?;
    prost_build::Config::new().btree_map(["."]).bytes(["."]).compile_fds(files)?;
    Ok(())
}
