//! From a configuration to a running stream.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::key::{Apply, Set};
use super::keys::{self};
use super::{Content, Mode, StreamConfig};
use crate::builder::{
    FileBackupBuilder, LiveOnlyBuilder, LiveWithBackupsBuilder, ProtobufStreamBuilder, SiftStreamBuilder,
    StreamConfigBuilder,
};
use crate::checkpoint::FileCheckpointStore;
use crate::connect::{ClientIdentity, ConnectionOptions, Credentials, ProxyChoice, TcpKeepalive, user_agent};
use crate::control::ControlOptions;
use crate::encode::{IngestionConfigEncoder, ProtobufEncoder};
use crate::error::{Error, ErrorCode, Result};
use crate::retry::RetryPolicy;
use crate::schema::RunSelector;
use crate::stream::SiftStream;
use crate::transport::AnyTransport;

/// A stream whose mode is chosen at run time.
type AnyStream = SiftStream<IngestionConfigEncoder, AnyTransport>;
/// The same for protobuf messages of the caller's own types.
type MessageStream = SiftStream<ProtobufEncoder, AnyTransport>;

impl StreamConfig {
    /// Starts the stream.
    pub async fn open(&self) -> Result<AnyStream> {
        match self.mode() {
            Mode::LiveOnly => self.live_only(self.shared()?.live_only())?.build_any().await,
            Mode::LiveWithBackups => {
                self.live_with_backups(self.shared()?.live_with_backups())?.build_any().await
            }
            Mode::FileBackup => self.file_backup(self.shared()?.file_backup())?.build_any().await,
        }
    }

    /// The same for callers without a runtime: blocks the calling thread for at most `timeout`.
    pub fn open_blocking(&self, timeout: Duration) -> Result<AnyStream> {
        match self.mode() {
            Mode::LiveOnly => self.live_only(self.shared()?.live_only())?.build_any_blocking(timeout),
            Mode::LiveWithBackups => {
                self.live_with_backups(self.shared()?.live_with_backups())?.build_any_blocking(timeout)
            }
            Mode::FileBackup => self.file_backup(self.shared()?.file_backup())?.build_any_blocking(timeout),
        }
    }

    /// Starts a stream of protobuf messages of the caller's own types in `namespace`, which may be empty. Blocks the
    /// calling thread for at most `timeout`. Such messages belong to `asset_name`, and to a run that is given by its ID;
    /// flows have no place in it.
    pub fn open_protobuf_blocking(&self, namespace: &str, timeout: Duration) -> Result<MessageStream> {
        let messages = self.messages(namespace)?;
        match self.mode() {
            Mode::LiveOnly => {
                messages.live_only().try_with(|live| self.live_only(live))?.build_any_blocking(timeout)
            }
            Mode::LiveWithBackups => messages
                .live_with_backups()
                .try_with(|live| self.live_with_backups(live))?
                .build_any_blocking(timeout),
            Mode::FileBackup => {
                messages.file_backup().try_with(|files| self.file_backup(files))?.build_any_blocking(timeout)
            }
        }
    }

    fn messages(&self, namespace: &str) -> Result<ProtobufStreamBuilder> {
        let form = self.form()?;
        if form.asset_name.is_empty() {
            return Err(Error::new(ErrorCode::NotConfigured, "messages belong to an asset: set asset_name"));
        }
        if !form.flows.is_empty() {
            let message = "protobuf messages have no flows: use a configuration without any";
            return Err(Error::new(ErrorCode::InvalidArgument, message));
        }
        if matches!(self.run()?, Some(RunSelector::ByForm(_))) {
            let message = "protobuf messages are attached to a run that exists: give its ID";
            return Err(Error::new(ErrorCode::InvalidArgument, message));
        }
        Ok(ProtobufStreamBuilder::of(self.shared()?).namespace(namespace))
    }

    /// Who connects, and to where.
    pub fn credentials(&self) -> Result<Credentials> {
        if let Some(name) = self.read::<Option<String>>("profile")? {
            return Ok(Credentials::Profile(Some(name).filter(|name| !name.is_empty())));
        }
        let uri: Option<String> = self.read("uri")?;
        let file: Option<String> = self.read("api_key_file")?;
        if let Some(path) = file.filter(|_| self.source_of("api_key") < self.source_of("api_key_file")) {
            return Ok(Credentials::KeyFile { uri: uri.unwrap_or_default(), path: path.into() });
        }
        let apikey = self.secret("api_key").map(|key| key.to_string());
        Ok(Credentials::Config { uri: uri.unwrap_or_default(), apikey: apikey.unwrap_or_default() })
    }

    /// How connections are made; the address comes from the credentials. Reads the files that are named.
    pub fn connection(&self) -> Result<ConnectionOptions> {
        let mut connection = ConnectionOptions::new("");
        connection.user_agent = user_agent(self.language.as_deref().unwrap_or("rust"));
        for (value, apply) in self.plain() {
            if let Apply::Connection(set) = apply {
                set(&mut connection, value)?;
            }
        }
        if let Some(path) = self.read::<Option<String>>("extra_ca_file")? {
            connection.extra_ca_pem.get_or_insert_default().extend(read_file(&path)?);
        }
        connection.client_identity = self.client_identity()?;
        if let Some(uri) = self.secret("proxy") {
            let is_none = uri.as_str() == "none";
            connection.proxy = if is_none { ProxyChoice::Direct } else { ProxyChoice::Uri(uri.clone()) };
        }
        let retries = self.read("tcp_keepalive.retries")?;
        connection.tcp_keepalive = (retries > 0).then_some(TcpKeepalive {
            idle: self.read("tcp_keepalive.idle")?,
            interval: self.read("tcp_keepalive.interval")?,
            retries,
        });
        Ok(connection)
    }

    /// How calls other than sending are bounded.
    pub fn control(&self) -> Result<ControlOptions> {
        let mut control = ControlOptions::default();
        for (value, apply) in self.plain() {
            if let Apply::Control(set) = apply {
                set(&mut control, value)?;
            }
        }
        control.retry_policy = self.retry_policy("control_retry_policy")?;
        Ok(control)
    }

    /// What was chosen, but for the secrets, and where it goes.
    fn plain(&self) -> impl Iterator<Item = (&super::ConfigValue, &'static Apply)> {
        self.chosen.iter().filter_map(|(name, held)| match &held.content {
            Content::Plain(value) => Some((value, &keys::find(name)?.apply)),
            Content::Secret(_) => None,
        })
    }

    fn client_identity(&self) -> Result<Option<ClientIdentity>> {
        let either = |text: Option<Vec<u8>>, file: &str| match (text, self.read::<Option<String>>(file)?) {
            (Some(text), _) => Ok(Some(text)),
            (None, Some(path)) => read_file(&path).map(Some),
            (None, None) => Ok(None),
        };
        let certificate = either(self.read("client_certificate_pem")?, "client_certificate_file")?;
        let key = self.secret("client_key_pem").map(|key| key.as_bytes().to_vec());
        match (certificate, either(key, "client_key_file")?) {
            (Some(certificate), Some(key)) => Ok(Some(ClientIdentity::new(certificate, key))),
            (None, None) => Ok(None),
            _ => {
                let message = "a client certificate and its key belong together: give both, or neither";
                Err(Error::new(ErrorCode::NotConfigured, message))
            }
        }
    }

    fn retry_policy(&self, group: &str) -> Result<RetryPolicy> {
        Ok(RetryPolicy {
            max_attempts: self.read(&format!("{group}.max_attempts"))?,
            initial_backoff: self.read(&format!("{group}.initial_backoff"))?,
            max_backoff: self.read(&format!("{group}.max_backoff"))?,
            backoff_multiplier: self.read(&format!("{group}.backoff_multiplier"))?,
            max_retry_after: self.read(&format!("{group}.max_retry_after"))?,
        })
    }

    /// How the sending of rows is retried.
    fn sending_retry_policy(&self) -> Result<Option<RetryPolicy>> {
        let never: bool = self.read("no_retry")?;
        Ok(if never { None } else { Some(self.retry_policy("retry_policy")?) })
    }

    fn shared(&self) -> Result<StreamConfigBuilder> {
        let (connection, control) = (self.connection()?, self.control()?);
        let shared = SiftStreamBuilder::new(self.credentials()?)
            .connection(|options| *options = connection)
            .control(|options| *options = control)
            .worker_threads(self.read("worker_threads")?);
        let shared = self
            .threads(shared)?
            .ingestion_config(self.form()?)
            .add_asset_tags(self.read("asset_tags")?)
            .add_asset_metadata(self.asset_metadata.clone());
        let shared = match self.run()? {
            Some(RunSelector::ById(id)) => shared.attach_run_id(&id),
            Some(RunSelector::ByForm(form)) => shared.attach_run(form),
            None => shared,
        };
        self.apply(shared, |apply| if let Apply::Shared(set) = apply { Some(*set) } else { None })
    }

    /// How the threads are set up; the builder says whether that can be.
    fn threads(&self, mut builder: SiftStreamBuilder) -> Result<SiftStreamBuilder> {
        if let Some(name) = self.read::<Option<String>>("thread_name")? {
            builder = builder.thread_name(&name);
        }
        if let Some(nice) = self.read::<Option<String>>("thread_nice")? {
            builder = builder.thread_nice(number("thread_nice", &nice)?);
        }
        if let Some(priority) = self.read::<Option<u64>>("thread_fifo_priority")? {
            builder = builder.thread_fifo_priority(u32::try_from(priority).unwrap_or(u32::MAX));
        }
        let cpus: Vec<String> = self.read("thread_cpus")?;
        let cpus: Vec<usize> = cpus.iter().map(|cpu| number("thread_cpus", cpu)).collect::<Result<_>>()?;
        Ok(builder.thread_cpus(&cpus))
    }

    fn live_only(&self, live: LiveOnlyBuilder) -> Result<LiveOnlyBuilder> {
        let mut live = live.retry_policy(self.sending_retry_policy()?);
        for (flow, policy) in &self.flow_failure_policies {
            live = live.flow_failure_policy(flow, *policy);
        }
        if let Some(path) = self.read::<Option<String>>("checkpoint_file")? {
            live = live.checkpoint_store(Arc::new(FileCheckpointStore::open(path)?));
        }
        self.apply(live, |apply| match apply {
            Apply::Modes { live_only, .. } => *live_only,
            _ => None,
        })
    }

    fn live_with_backups(&self, live: LiveWithBackupsBuilder) -> Result<LiveWithBackupsBuilder> {
        let mut live = live.retry_policy(self.sending_retry_policy()?);
        for (flow, policy) in &self.flow_failure_policies {
            live = live.flow_failure_policy(flow, *policy);
        }
        self.apply(live, |apply| match apply {
            Apply::Modes { live_with_backups, .. } => *live_with_backups,
            _ => None,
        })
    }

    fn file_backup(&self, files: FileBackupBuilder) -> Result<FileBackupBuilder> {
        self.apply(files, |apply| match apply {
            Apply::Modes { file_backup, .. } => *file_backup,
            _ => None,
        })
    }

    /// Gives a builder what was chosen and it has a method for. Modes have no use for each other's keys.
    fn apply<B>(&self, mut builder: B, of: impl Fn(&Apply) -> Option<Set<B>>) -> Result<B> {
        for (value, apply) in self.plain() {
            if let Some(set) = of(apply) {
                builder = set(builder, value)?;
            }
        }
        Ok(builder)
    }
}

fn read_file(path: &str) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::io(format_args!("cannot read {path}"), &error))
}

/// A number that a key takes as text.
fn number<N: FromStr>(key: &str, text: &str) -> Result<N> {
    text.trim().parse().map_err(|_| {
        Error::new(ErrorCode::InvalidArgument, format!("{key} is `{text}`: give a whole number"))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::schema::IngestionConfigForm;

    fn config(mode: Mode) -> StreamConfig {
        let mut config = StreamConfig::new(mode);
        for (key, value) in
            [("uri", "http://localhost"), ("api_key", "key"), ("asset_name", "rig"), ("client_key", "rig-v1")]
        {
            config.set(key, value).unwrap();
        }
        config
    }

    fn in_force(config: &StreamConfig) -> String {
        let text = match config.mode() {
            Mode::LiveOnly => config.live_only(config.shared().unwrap().live_only()).unwrap().in_force(),
            Mode::LiveWithBackups => {
                config.live_with_backups(config.shared().unwrap().live_with_backups()).unwrap().in_force()
            }
            Mode::FileBackup => {
                config.file_backup(config.shared().unwrap().file_backup()).unwrap().in_force()
            }
        };
        // The largest number is no limit.
        text.replace(&format!("Some({})", u64::MAX), "None")
    }

    fn of_builders(mode: Mode) -> String {
        let credentials = Credentials::Config { uri: "http://localhost".into(), apikey: "key".into() };
        let form =
            IngestionConfigForm { asset_name: "rig".into(), client_key: "rig-v1".into(), flows: Vec::new() };
        let builder = SiftStreamBuilder::new(credentials).ingestion_config(form);
        match mode {
            Mode::LiveOnly => builder.live_only().in_force(),
            Mode::LiveWithBackups => builder.live_with_backups().in_force(),
            Mode::FileBackup => builder.file_backup().in_force(),
        }
    }

    #[test]
    fn the_defaults_of_the_table_are_those_of_the_builders() {
        for mode in Mode::ALL {
            let expected = of_builders(mode);
            assert_eq!(in_force(&config(mode)), expected, "{mode:?}, nothing chosen");
            for key in StreamConfig::keys().iter().filter(|key| key.name != "mode") {
                let Some(default) = key.default else { continue };
                let mut config = config(mode);
                config.set(key.name, default).unwrap();
                assert_eq!(in_force(&config), expected, "{mode:?}: {} is not {default}", key.name);
            }
            let mut other = config(mode);
            other.set("max_row_size", 1).unwrap();
            assert_ne!(in_force(&other), expected, "the comparison sees nothing");
        }
    }
}
