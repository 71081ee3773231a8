//! Compiles the protocol description that the client library uses too, server stubs only, without `protoc`.

const PROTOS: [&str; 5] = [
    "sift/ping/v1/ping.proto",
    "sift/ingest/v1/ingest.proto",
    "sift/ingestion_configs/v2/ingestion_configs.proto",
    "sift/assets/v1/assets.proto",
    "sift/runs/v2/runs.proto",
];

const ROOT: &str = "../core/proto";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed={ROOT}");
    let descriptors = protox::compile(PROTOS, [ROOT])?;
    tonic_prost_build::configure().build_client(false).build_transport(false).compile_fds(descriptors)?;
    Ok(())
}
