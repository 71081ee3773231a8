//! From options to a running stream.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use siftstream::{
    Credentials, FileBackupBuilder, IngestionConfigForm, LiveOnlyBuilder, LiveWithBackupsBuilder, Result,
    SiftStreamBuilder, StreamConfigBuilder,
};

use crate::error::invalid;
use crate::home::AnyStream;
use crate::schema::{flows, metadata, parse, run};

/// Starts the stream that `given` describes. Blocks the calling thread.
pub(crate) fn open(given: &str, timeout: Duration) -> Result<AnyStream> {
    let given = parse(given)?;
    let chosen = &given["options"];
    let shared = shared(&given, chosen);
    match text(chosen, "mode").unwrap_or("live_only") {
        "live_only" => live_only(shared, chosen).build_any_blocking(timeout),
        "live_with_backups" => live_with_backups(shared, chosen).build_any_blocking(timeout),
        "file_backup" => file_backup(shared, chosen).build_any_blocking(timeout),
        other => Err(invalid(format!("there is no mode '{other}'"))),
    }
}

fn shared(given: &Value, chosen: &Value) -> StreamConfigBuilder {
    let credentials = Credentials::Config {
        uri: text(chosen, "uri").unwrap_or_default().to_owned(),
        apikey: text(chosen, "api_key").unwrap_or_default().to_owned(),
    };
    let form = IngestionConfigForm {
        asset_name: text(chosen, "asset_name").unwrap_or_default().to_owned(),
        client_key: text(chosen, "client_key").unwrap_or_default().to_owned(),
        flows: flows(&given["flows"]).unwrap_or_default(),
    };
    let shared = SiftStreamBuilder::new(credentials)
        .insecure(chosen["insecure"].as_bool().unwrap_or(false))
        .ingestion_config(form)
        .add_asset_metadata(metadata(&given["assetMetadata"]));
    match run(&given["run"]) {
        siftstream::RunSelector::ById(id) => shared.attach_run_id(&id),
        siftstream::RunSelector::ByForm(form) if form.name.is_empty() => shared,
        siftstream::RunSelector::ByForm(form) => shared.attach_run(form),
    }
}

fn live_only(shared: StreamConfigBuilder, chosen: &Value) -> LiveOnlyBuilder {
    let it = shared.live_only();
    let it = with(
        it,
        number(chosen, "ingestion_data_channel_capacity"),
        LiveOnlyBuilder::ingestion_data_channel_capacity,
    );
    let it = with(it, number(chosen, "replay_window_bytes"), LiveOnlyBuilder::replay_window_bytes);
    with(it, time(chosen, "checkpoint_interval"), LiveOnlyBuilder::checkpoint_interval)
}

fn live_with_backups(shared: StreamConfigBuilder, chosen: &Value) -> LiveWithBackupsBuilder {
    use LiveWithBackupsBuilder as Backed;
    let it = shared.live_with_backups();
    let it = with(it, text(chosen, "stream_name"), Backed::stream_name);
    let it = with(it, text(chosen, "ingestion_config_id"), Backed::ingestion_config_id);
    let it = with(it, text(chosen, "disk_backup_policy.backups_dir").map(PathBuf::from), Backed::backups_dir);
    let it = with(it, time(chosen, "checkpoint_interval"), Backed::checkpoint_interval);
    let it = with(it, time(chosen, "flush_interval"), Backed::flush_interval);
    let it = with(it, number(chosen, "backup_data_channel_capacity"), Backed::backup_data_channel_capacity);
    with(it, number(chosen, "ingestion_data_channel_capacity"), Backed::ingestion_data_channel_capacity)
}

fn file_backup(shared: StreamConfigBuilder, chosen: &Value) -> FileBackupBuilder {
    let it = shared.file_backup();
    let it = with(
        it,
        text(chosen, "disk_backup_policy.backups_dir").map(PathBuf::from),
        FileBackupBuilder::backups_dir,
    );
    let it = with(it, text(chosen, "ingestion_config_id"), FileBackupBuilder::ingestion_config_id);
    let it = with(it, text(chosen, "stream_name"), FileBackupBuilder::stream_name);
    let it = with(it, time(chosen, "flush_interval"), FileBackupBuilder::flush_interval);
    with(it, number(chosen, "backup_data_channel_capacity"), FileBackupBuilder::backup_data_channel_capacity)
}

fn with<B, V>(builder: B, chosen: Option<V>, set: impl FnOnce(B, V) -> B) -> B {
    match chosen {
        Some(value) => set(builder, value),
        None => builder,
    }
}

fn text<'a>(chosen: &'a Value, key: &str) -> Option<&'a str> {
    chosen[key].as_str()
}

fn number(chosen: &Value, key: &str) -> Option<u64> {
    chosen[key].as_u64()
}

fn time(chosen: &Value, key: &str) -> Option<Duration> {
    chosen[key].as_u64().map(Duration::from_millis)
}
