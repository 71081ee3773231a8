//! From a config to a running stream.

use std::sync::Arc;
use std::time::Duration;

use siftstream_core::checkpoint::FileCheckpointStore;
use siftstream_core::{
    Credentials, FileBackupBuilder, IngestionConfigForm, LiveOnlyBuilder, Result, RunSelector,
    SiftStreamBuilder, StreamConfigBuilder,
};

use crate::config::{Config, Mode};
use crate::stream::Stream;

/// Starts the stream that `config` describes.
pub(crate) fn open(config: &Config, timeout: Duration) -> Result<Stream> {
    match config.mode {
        Mode::LiveOnly => live_only(config)?.build_any_blocking(timeout),
        Mode::FileBackup => file_backup(config).build_any_blocking(timeout),
    }
}

/// What all modes share.
fn shared(config: &Config) -> StreamConfigBuilder {
    let credentials = match &config.profile {
        Some(name) => Credentials::Profile(Some(name.clone()).filter(|name| !name.is_empty())),
        None => Credentials::Config { uri: config.uri.clone(), apikey: config.api_key.clone() },
    };
    let base = SiftStreamBuilder::new(credentials)
        .connection(|connection| connection.clone_from(&config.connection))
        .control(|control| control.clone_from(&config.control));
    let form = IngestionConfigForm {
        asset_name: config.asset_name.clone(),
        client_key: config.client_key.clone(),
        flows: config.flows.clone(),
    };
    let shared = with(base, config.worker_threads, SiftStreamBuilder::worker_threads)
        .ingestion_config(form)
        .add_asset_tags(config.asset_tags.clone())
        .add_asset_metadata(config.asset_metadata.clone());
    let shared = match &config.run {
        Some(RunSelector::ById(id)) => shared.attach_run_id(id),
        Some(RunSelector::ByForm(form)) => shared.attach_run(form.clone()),
        None => shared,
    };
    let end = config.end_stream_on_validation_error;
    let shared = with(shared, end, StreamConfigBuilder::end_stream_on_validation_error);
    with(shared, config.max_row_size, StreamConfigBuilder::max_row_size)
}

fn live_only(config: &Config) -> Result<LiveOnlyBuilder> {
    use LiveOnlyBuilder as Live;
    let live = shared(config).live_only().retry_policy(config.retry_policy);
    let live = with(live, config.linger, Live::linger);
    let live = with(live, config.checkpoint_interval, Live::checkpoint_interval);
    let live = with(live, config.replay_window_bytes, Live::replay_window_bytes);
    let live = with(live, config.ingestion_data_channel_capacity, Live::ingestion_data_channel_capacity);
    let live = with(live, config.ingestion_data_channel_bytes, Live::ingestion_data_channel_bytes);
    let live = with(live, config.idle_timeout, Live::idle_timeout);
    let live = with(live, config.response_timeout, Live::response_timeout);
    let live = with(live, config.stream_name.as_deref(), Live::stream_name);
    Ok(match &config.checkpoint_file {
        Some(path) => live.checkpoint_store(Arc::new(FileCheckpointStore::open(path)?)),
        None => live,
    })
}

fn file_backup(config: &Config) -> FileBackupBuilder {
    use FileBackupBuilder as Files;
    let files = shared(config).file_backup().disk_backup_policy(config.disk_backup_policy.clone());
    let files = with(files, config.stream_name.as_deref(), Files::stream_name);
    let files = with(files, config.ingestion_config_id.as_deref(), Files::ingestion_config_id);
    let files = with(files, config.offline_after, Files::offline_after);
    let files = with(files, config.backup_data_channel_capacity, Files::backup_data_channel_capacity);
    let files = with(files, config.backup_data_channel_bytes, Files::backup_data_channel_bytes);
    let files = with(files, config.batch_size, Files::batch_size);
    with(files, config.flush_interval, Files::flush_interval)
}

/// The builder with what was chosen, or as it is.
fn with<B, V>(builder: B, chosen: Option<V>, set: impl FnOnce(B, V) -> B) -> B {
    match chosen {
        Some(value) => set(builder, value),
        None => builder,
    }
}
