//! From a config to a running stream.

use std::time::Duration;

use siftstream_core::{
    Credentials, FileBackupBuilder, IngestionConfigForm, LiveOnlyBuilder, LiveWithBackupsBuilder, Result,
    RetryPolicy, RunSelector, SiftStreamBuilder, StreamConfigBuilder,
};

use crate::config::{Config, Mode};
use crate::stream::AnyStream;

/// Starts the stream that `config` describes.
pub(crate) fn open(config: &Config, timeout: Duration) -> Result<AnyStream> {
    match config.mode {
        Mode::LiveOnly => live_only(config).build_any_blocking(timeout),
        Mode::LiveWithBackups => live_with_backups(config).build_any_blocking(timeout),
        Mode::FileBackup => file_backup(config).build_any_blocking(timeout),
    }
}

/// Sets the keys of modes that send to Sift, which their builders have under the same names.
macro_rules! sending {
    ($config:ident, $builder:ty, $start:expr) => {{
        let it = $start.retry_policy($config.retry_policy.map(|policy| bounded($config, policy)));
        let it = with(it, $config.linger, <$builder>::linger);
        let it = with(it, $config.checkpoint_interval, <$builder>::checkpoint_interval);
        let rows = $config.ingestion_data_channel_capacity;
        let it = with(it, rows, <$builder>::ingestion_data_channel_capacity);
        let it = with(it, $config.ingestion_data_channel_bytes, <$builder>::ingestion_data_channel_bytes);
        let it = with(it, $config.idle_timeout, <$builder>::idle_timeout);
        with(it, $config.response_timeout, <$builder>::response_timeout)
    }};
}

/// Sets the keys of modes that write files, which their builders have under the same names.
macro_rules! writing {
    ($config:ident, $builder:ty, $start:expr) => {{
        let disk = &$config.disk;
        let it = with($start, $config.stream_name.as_deref(), <$builder>::stream_name);
        let it = with(it, $config.ingestion_config_id.as_deref(), <$builder>::ingestion_config_id);
        let it = with(it, $config.offline_after, <$builder>::offline_after);
        let it = with(it, $config.backup_data_channel_capacity, <$builder>::backup_data_channel_capacity);
        let it = with(it, $config.backup_data_channel_bytes, <$builder>::backup_data_channel_bytes);
        let it = with(it, $config.batch_size, <$builder>::batch_size);
        let it = with(it, $config.flush_interval, <$builder>::flush_interval);
        let it = with(it, disk.backups_dir.as_deref(), <$builder>::backups_dir);
        let it = with(it, disk.max_backup_file_size, <$builder>::max_backup_file_size);
        let it = with(it, disk.max_bytes, <$builder>::max_bytes);
        let it = with(it, disk.min_free, <$builder>::min_free);
        let it = with(it, disk.when_full, <$builder>::when_full);
        with(it, disk.fsync, <$builder>::fsync)
    }};
}

/// The policy with the longest wait that Sift can ask for.
fn bounded(config: &Config, policy: RetryPolicy) -> RetryPolicy {
    RetryPolicy { max_retry_after: config.max_retry_after.unwrap_or(policy.max_retry_after), ..policy }
}

/// What all modes share.
fn shared(config: &Config) -> StreamConfigBuilder {
    let credentials = match &config.profile {
        Some(name) => Credentials::Profile(Some(name.clone()).filter(|name| !name.is_empty())),
        None => Credentials::Config { uri: config.uri.clone(), apikey: config.api_key.clone() },
    };
    let base = SiftStreamBuilder::new(credentials)
        .connection(|connection| connection.clone_from(&config.connection))
        .control(|control| {
            control.clone_from(&config.control);
            control.retry_policy = bounded(config, control.retry_policy);
        });
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
    let shared = with(shared, config.auto_register_flows, StreamConfigBuilder::auto_register_flows);
    with(shared, config.max_row_size, StreamConfigBuilder::max_row_size)
}

fn live_only(config: &Config) -> LiveOnlyBuilder {
    use LiveOnlyBuilder as Live;
    let live = sending!(config, Live, shared(config).live_only());
    with(live, config.replay_window_bytes, Live::replay_window_bytes)
}

fn live_with_backups(config: &Config) -> LiveWithBackupsBuilder {
    use LiveWithBackupsBuilder as Backed;
    let backed = sending!(config, Backed, shared(config).live_with_backups());
    let backed = writing!(config, Backed, backed);
    let backed = with(backed, config.checkpoint_rows, Backed::checkpoint_rows);
    let backed = with(backed, config.checkpoint_bytes, Backed::checkpoint_bytes);
    let backed = with(backed, config.disk.max_file_count, Backed::max_file_count);
    let backed = with(backed, config.disk.retain_backups, Backed::retain_backups);
    let backed = with(backed, config.recover_on_start, Backed::recover_on_start);
    with(backed, config.reingestion_bytes_per_second, Backed::reingestion_bytes_per_second)
}

fn file_backup(config: &Config) -> FileBackupBuilder {
    writing!(config, FileBackupBuilder, shared(config).file_backup())
}

/// The builder with what was chosen, or as it is.
fn with<B, V>(builder: B, chosen: Option<V>, set: impl FnOnce(B, V) -> B) -> B {
    match chosen {
        Some(value) => set(builder, value),
        None => builder,
    }
}
