//! From credentials to a stream of protobuf messages of the caller's own types.
//!
//! Such rows have no schema that is registered, so a stream with files starts without a network. Their slots are below a
//! directory of their own, so that no file of theirs is taken for one of rows with a schema.

use std::time::Duration;

use super::encoded_rows::start_unregistered;
use super::{
    FileBackupBuilder, LiveOnlyBuilder, LiveWithBackupsBuilder, SiftStreamBuilder, StreamConfigBuilder,
};
use crate::encode::ProtobufEncoder;
use crate::error::Result;
use crate::schema::IngestionConfigForm;
use crate::seams::runtime::StreamRuntime;
use crate::spool::PROTOBUF_DIR;
use crate::stream::SiftStream;
use crate::transport::{AnyTransport, FileBackup, LiveStreamingOnly, LiveStreamingWithBackups, Transport};

/// What slots of such streams are keyed by beside their names.
const MODE_LIVE: &str = "protobuf_live_with_backups";
const MODE_FILES: &str = "protobuf_file_backup";
/// Stands where rows with a schema have the ID of their ingestion config, which must be given or asked for.
const NO_CONFIG: &str = "00000000-0000-0000-0000-000000000000";

/// The part of the choices that all transports share.
pub struct ProtobufStreamBuilder {
    config: StreamConfigBuilder,
    namespace: String,
}

impl SiftStreamBuilder {
    /// A stream of protobuf messages of any types, which belong to the asset `asset_name`.
    pub fn arbitrary_protobuf(self, asset_name: &str) -> ProtobufStreamBuilder {
        let form =
            IngestionConfigForm { asset_name: asset_name.to_owned(), ..IngestionConfigForm::default() };
        ProtobufStreamBuilder::of(self.ingestion_config(form))
    }
}

impl ProtobufStreamBuilder {
    /// Messages of the asset that `config` names.
    pub(crate) fn of(config: StreamConfigBuilder) -> Self {
        Self { config, namespace: String::new() }
    }

    /// The namespace that Sift keeps the messages in; none by default.
    #[must_use]
    pub fn namespace(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    /// Attaches all messages to an existing run.
    #[must_use]
    pub fn attach_run_id(mut self, run_id: &str) -> Self {
        self.config = self.config.attach_run_id(run_id);
        self
    }

    /// Makes Sift end a stream at a message that it cannot take, instead of setting it aside. Off by default.
    #[must_use]
    pub fn end_stream_on_validation_error(mut self, end: bool) -> Self {
        self.config = self.config.end_stream_on_validation_error(end);
        self
    }

    /// The largest encoded message in bytes; 4 MiB by default.
    #[must_use]
    pub fn max_row_size(mut self, bytes: usize) -> Self {
        self.config = self.config.max_row_size(bytes);
        self
    }

    /// A stream that keeps unconfirmed messages in memory only.
    pub fn live_only(self) -> ProtobufBuilder<LiveOnlyBuilder> {
        self.over(StreamConfigBuilder::live_only)
    }

    /// A stream that keeps every message on disk until Sift has confirmed it.
    pub fn live_with_backups(self) -> ProtobufBuilder<LiveWithBackupsBuilder> {
        self.over(|config| config.live_with_backups().ingestion_config_id(NO_CONFIG))
    }

    /// A stream that writes messages to files only.
    pub fn file_backup(self) -> ProtobufBuilder<FileBackupBuilder> {
        self.over(|config| config.file_backup().ingestion_config_id(NO_CONFIG))
    }

    fn over<B>(mut self, begin: impl FnOnce(StreamConfigBuilder) -> B) -> ProtobufBuilder<B> {
        let encoder = ProtobufEncoder::new(
            &self.config.form.asset_name,
            &self.namespace,
            self.config.end_stream_on_validation_error,
        );
        // Names the slot: messages of two namespaces do not share one.
        self.config.form.client_key = format!("protobuf/{}", self.namespace);
        ProtobufBuilder { transport: begin(self.config), encoder }
    }
}

/// The choices of a stream of protobuf messages: those of its transport.
pub struct ProtobufBuilder<B> {
    transport: B,
    encoder: ProtobufEncoder,
}

impl<B> ProtobufBuilder<B> {
    /// Changes how messages are delivered and kept.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(B) -> B) -> Self {
        self.transport = change(self.transport);
        self
    }

    /// The same for changes that can be refused.
    pub(crate) fn try_with(mut self, change: impl FnOnce(B) -> Result<B>) -> Result<Self> {
        self.transport = change(self.transport)?;
        Ok(self)
    }
}

impl ProtobufBuilder<LiveOnlyBuilder> {
    /// Starts the stream once Sift has answered.
    pub async fn build(self) -> Result<SiftStream<ProtobufEncoder, LiveStreamingOnly>> {
        let runtime = StreamRuntime::start(self.transport.config.base.runs_on)?;
        let handle = runtime.handle();
        handle.run(start_unregistered(self.transport, self.encoder, runtime)).await
    }

    /// The same for callers without a runtime: blocks the calling thread for at most `timeout`.
    pub fn build_blocking(self, timeout: Duration) -> Result<SiftStream<ProtobufEncoder, LiveStreamingOnly>> {
        let runtime = StreamRuntime::start(self.transport.config.base.runs_on)?;
        let handle = runtime.handle();
        handle.run_blocking(start_unregistered(self.transport, self.encoder, runtime), timeout)
    }

    /// The same, as the type that streams of all modes share, for callers who choose the mode at run time.
    pub fn build_any_blocking(self, timeout: Duration) -> Result<SiftStream<ProtobufEncoder, AnyTransport>> {
        let runtime = StreamRuntime::start(self.transport.config.base.runs_on)?;
        let handle = runtime.handle();
        handle.run_blocking(start_unregistered(self.transport, self.encoder, runtime), timeout)
    }
}

impl ProtobufBuilder<LiveWithBackupsBuilder> {
    /// Takes the slot and starts the stream.
    pub async fn build(self) -> Result<SiftStream<ProtobufEncoder, LiveStreamingWithBackups>> {
        let runtime = StreamRuntime::start(self.transport.config.base.runs_on)?;
        let handle = runtime.handle();
        handle.run(self.start(runtime)).await
    }

    /// The same for callers without a runtime: blocks the calling thread for at most `timeout`.
    pub fn build_blocking(
        self,
        timeout: Duration,
    ) -> Result<SiftStream<ProtobufEncoder, LiveStreamingWithBackups>> {
        let runtime = StreamRuntime::start(self.transport.config.base.runs_on)?;
        let handle = runtime.handle();
        handle.run_blocking(self.start(runtime), timeout)
    }

    /// The same, as the type that streams of all modes share, for callers who choose the mode at run time.
    pub fn build_any_blocking(self, timeout: Duration) -> Result<SiftStream<ProtobufEncoder, AnyTransport>> {
        let runtime = StreamRuntime::start(self.transport.config.base.runs_on)?;
        let handle = runtime.handle();
        handle.run_blocking(self.start(runtime), timeout)
    }

    async fn start<T>(self, runtime: StreamRuntime) -> Result<SiftStream<ProtobufEncoder, T>>
    where
        T: Transport + From<LiveStreamingWithBackups>,
    {
        let taken = self.transport.take_place(MODE_LIVE, Some(PROTOBUF_DIR)).await?;
        taken.launch(self.encoder, None, runtime).map(|(stream, _)| stream)
    }
}

impl ProtobufBuilder<FileBackupBuilder> {
    /// Takes the slot and starts the stream.
    pub async fn build(self) -> Result<SiftStream<ProtobufEncoder, FileBackup>> {
        let runtime = StreamRuntime::start(self.transport.config.base.runs_on)?;
        let handle = runtime.handle();
        handle.run(self.start(runtime)).await
    }

    /// The same for callers without a runtime: blocks the calling thread for at most `timeout`.
    pub fn build_blocking(self, timeout: Duration) -> Result<SiftStream<ProtobufEncoder, FileBackup>> {
        let runtime = StreamRuntime::start(self.transport.config.base.runs_on)?;
        let handle = runtime.handle();
        handle.run_blocking(self.start(runtime), timeout)
    }

    /// The same, as the type that streams of all modes share, for callers who choose the mode at run time.
    pub fn build_any_blocking(self, timeout: Duration) -> Result<SiftStream<ProtobufEncoder, AnyTransport>> {
        let runtime = StreamRuntime::start(self.transport.config.base.runs_on)?;
        let handle = runtime.handle();
        handle.run_blocking(self.start(runtime), timeout)
    }

    async fn start<T>(self, runtime: StreamRuntime) -> Result<SiftStream<ProtobufEncoder, T>>
    where
        T: Transport + From<FileBackup>,
    {
        let taken = self.transport.take_place(MODE_FILES, Some(PROTOBUF_DIR)).await?;
        taken.launch(self.encoder, runtime).map(|(stream, _)| stream)
    }
}
