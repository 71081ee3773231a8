//! Compiles the minimal Sift protocol description without `protoc`.

const PROTOS: [&str; 5] = [
    "sift/ping/v1/ping.proto",
    "sift/ingest/v1/ingest.proto",
    "sift/ingestion_configs/v2/ingestion_configs.proto",
    "sift/assets/v1/assets.proto",
    "sift/runs/v2/runs.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    prost_build::compile_fds(descriptors)?;
    Ok(())
}
