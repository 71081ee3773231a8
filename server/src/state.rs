//! What the server knows and received, open to inspection by tests.

use crate::proto::sift::assets::v1::Asset;
use crate::proto::sift::ingest::v1::{
    IngestArbitraryProtobufDataStreamRequest, IngestWithConfigDataStreamRequest,
};
use crate::proto::sift::ingestion_configs::v2::FlowConfig;
use crate::proto::sift::runs::v2::Run;
use crate::registry::{RegisteredConfig, Registry};
use crate::stream_record::{StreamRecord, Streams};
use crate::tally::FlowTally;
use crate::validate::{check_arbitrary, check_row};
use crate::value::Value;
use bytes::Bytes;
use prost::Message;
use prost_types::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tonic::{Code, Status};

/// Texts of schema errors that are kept; beyond these they are only counted.
const KEPT_ERRORS: usize = 1_000;

/// Called with the stream's number and the protobuf bytes of each valid row, in the order of each stream.
pub(crate) type RowListener = Arc<dyn Fn(u64, &[u8]) + Send + Sync>;

/// Says what is wrong with a row of a flow that fits its schema; nothing, if it is to be taken.
type Objection = Box<dyn Fn(&str, &[Value]) -> Option<String> + Send>;

/// A valid row, kept because the server was built with `keep_rows`.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptRow {
    /// The number of the ingest stream that carried it.
    pub stream: u64,
    /// Its ingestion config.
    pub ingestion_config_id: String,
    /// Its flow.
    pub flow: String,
    /// Its timestamp.
    pub timestamp: Option<Timestamp>,
    /// Its values, in the order of the flow's channels.
    pub values: Vec<Value>,
    /// Its run, empty if it has none.
    pub run_id: String,
    /// The message as it was received.
    pub raw: Bytes,
}

/// A row that did not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaError {
    /// The number of the ingest stream that carried it.
    pub stream: u64,
    /// The flow it named, if it could be read.
    pub flow: String,
    /// What is wrong with it.
    pub text: String,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stream {}, flow `{}`: {}", self.stream, self.flow, self.text)
    }
}

/// The server's memory. It outlives stops and restarts of the server.
pub struct State {
    inner: Mutex<Inner>,
    streams: Arc<Streams>,
    keep_rows: bool,
    listener: Option<RowListener>,
    pings: AtomicU64,
    connections: AtomicU64,
    refused: AtomicU64,
    counted_rows: AtomicU64,
    counted_bytes: AtomicU64,
}

#[derive(Default)]
struct Inner {
    registry: Registry,
    arbitrary: BTreeMap<String, u64>,
    rows: u64,
    bytes: u64,
    kept: Vec<KeptRow>,
    kept_messages: Vec<Bytes>,
    schema_errors: u64,
    error_texts: Vec<SchemaError>,
    objection: Option<Objection>,
}

impl State {
    pub(crate) fn new(keep_rows: bool, listener: Option<RowListener>) -> Self {
        Self {
            inner: Mutex::default(),
            streams: Arc::default(),
            keep_rows,
            listener,
            pings: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            counted_rows: AtomicU64::new(0),
            counted_bytes: AtomicU64::new(0),
        }
    }

    /// From now on rows to which `objection` finds something to say are treated like rows that do not fit their schema.
    pub fn object_to_rows(&self, objection: impl Fn(&str, &[Value]) -> Option<String> + Send + 'static) {
        self.lock().objection = Some(Box::new(objection));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rows received on all ingest streams: the valid ones, or all of them in count-only mode.
    pub fn rows(&self) -> u64 {
        self.lock().rows + self.counted_rows.load(Relaxed)
    }

    /// Bytes of the messages that [`State::rows`] counts; in count-only mode with their prefixes.
    pub fn bytes(&self) -> u64 {
        self.lock().bytes + self.counted_bytes.load(Relaxed)
    }

    /// What arrived for each registered flow.
    pub fn flows(&self) -> Vec<FlowTally> {
        self.lock().registry.configs().iter().flat_map(|config| config.tallies.iter().cloned()).collect()
    }

    /// What arrived for the first registered flow of this name.
    pub fn flow(&self, name: &str) -> Option<FlowTally> {
        self.flows().into_iter().find(|flow| flow.name == name)
    }

    /// Rows of the arbitrary-protobuf call by message type.
    pub fn arbitrary_rows(&self) -> BTreeMap<String, u64> {
        self.lock().arbitrary.clone()
    }

    /// How many rows did not fit their schema.
    pub fn schema_error_count(&self) -> u64 {
        self.lock().schema_errors
    }

    /// The first 1,000 rows that did not fit their schema.
    pub fn schema_errors(&self) -> Vec<SchemaError> {
        self.lock().error_texts.clone()
    }

    /// The valid rows in the order of their arrival, if the server was built with `keep_rows`.
    pub fn kept_rows(&self) -> Vec<KeptRow> {
        self.lock().kept.clone()
    }

    /// The valid messages of the arbitrary-protobuf call as they were received, if the server was built with `keep_rows`.
    pub fn kept_messages(&self) -> Vec<Bytes> {
        self.lock().kept_messages.clone()
    }

    /// Like [`State::kept_rows`], and forgets them, so that a long test need not hold them all.
    pub fn take_kept_rows(&self) -> Vec<KeptRow> {
        std::mem::take(&mut self.lock().kept)
    }

    /// Every ingest stream that was opened.
    pub fn streams(&self) -> Vec<StreamRecord> {
        self.streams.all()
    }

    /// How many ingest streams were opened.
    pub fn streams_opened(&self) -> usize {
        self.streams().len()
    }

    /// How many ingest streams ended with OK after the client's half-close.
    pub fn streams_confirmed(&self) -> usize {
        self.streams().iter().filter(|stream| stream.is_confirmed()).count()
    }

    /// How many pings were answered.
    pub fn pings(&self) -> u64 {
        self.pings.load(Relaxed)
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> u64 {
        self.connections.load(Relaxed)
    }

    /// How many calls were refused for their key.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// The assets, in the order of their creation.
    pub fn assets(&self) -> Vec<Asset> {
        self.lock().registry.assets.clone()
    }

    /// The runs, in the order of their creation.
    pub fn runs(&self) -> Vec<Run> {
        self.lock().registry.runs.clone()
    }

    /// The ingestion configs with their flows, in the order of their creation.
    pub fn configs(&self) -> Vec<RegisteredConfig> {
        self.lock().registry.configs().to_vec()
    }

    /// Creates an ingestion config as a rival client would; returns its ID.
    ///
    /// # Errors
    /// The status that the client would have got.
    pub fn create_config(
        &self,
        asset_name: &str,
        client_key: &str,
        flows: Vec<FlowConfig>,
    ) -> Result<String, Status> {
        let config = self.lock().registry.create_config(asset_name, client_key, flows)?;
        Ok(config.ingestion_config_id)
    }

    /// Adds flows to the ingestion config of a client key as a rival client would.
    ///
    /// # Errors
    /// The status that the client would have got.
    pub fn add_flows(
        &self,
        asset_name: &str,
        client_key: &str,
        flows: Vec<FlowConfig>,
    ) -> Result<(), Status> {
        let registry = &mut self.lock().registry;
        let asset = registry.assets.iter().find(|asset| asset.name == asset_name);
        let asset_id = asset.map(|asset| asset.asset_id.clone()).unwrap_or_default();
        let mut configs = registry.configs().iter().map(|registered| &registered.config);
        let found = configs.find(|config| config.asset_id == asset_id && config.client_key == client_key);
        let id = found.map(|config| config.ingestion_config_id.clone());
        let id = id.ok_or_else(|| Status::not_found(format!("no ingestion config of `{client_key}`")))?;
        registry.create_flows(&id, flows)
    }

    /// Loses all ingestion configs, with what was counted of their flows. Who registers one again gets another ID; a row
    /// that names a lost one ends its stream with NOT_FOUND.
    pub fn forget_configs(&self) {
        self.lock().registry.forget_configs();
    }

    /// Loses the flows of all ingestion configs in the same way; the configs stay, and their IDs.
    pub fn forget_flows(&self) {
        self.lock().registry.forget_flows();
    }

    /// Waits until `condition` holds, at most for `timeout`; returns whether it does.
    pub fn wait_for(&self, timeout: Duration, condition: impl Fn(&Self) -> bool) -> bool {
        const STEP: Duration = Duration::from_millis(2);
        let deadline = Instant::now() + timeout;
        loop {
            if condition(self) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(STEP);
        }
    }

    pub(crate) fn open_streams(&self) -> &Arc<Streams> {
        &self.streams
    }

    pub(crate) fn with_registry<R>(&self, act: impl FnOnce(&mut Registry) -> R) -> R {
        act(&mut self.lock().registry)
    }

    pub(crate) fn count_ping(&self) {
        self.pings.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_connection(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// Adds what count-only mode saw.
    pub(crate) fn count(&self, rows: u64, bytes: u64) {
        self.counted_rows.fetch_add(rows, Relaxed);
        self.counted_bytes.fetch_add(bytes, Relaxed);
    }

    /// Takes rows that carry an ingestion config.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a bad row that asks for the end of its stream; the rows before it are taken.
    pub(crate) fn take_rows(&self, stream: u64, messages: &[Bytes]) -> Result<(), Status> {
        let mut valid = Vec::new();
        let mut outcome = Ok(());
        {
            let mut inner = self.lock();
            for message in messages {
                match inner.take_row(stream, message, self.keep_rows) {
                    Ok(()) if self.listener.is_some() => valid.push(message),
                    Ok(()) => {}
                    Err(BadRow { ends_stream: false, .. }) => {}
                    Err(BadRow { error, code, .. }) => {
                        outcome = Err(Status::new(code, error.to_string()));
                        break;
                    }
                }
            }
        }
        if let Some(listener) = &self.listener {
            valid.into_iter().for_each(|message| listener(stream, message));
        }
        outcome
    }

    /// Takes rows of the arbitrary-protobuf call.
    ///
    /// # Errors
    /// As [`State::take_rows`].
    pub(crate) fn take_arbitrary(&self, stream: u64, messages: &[Bytes]) -> Result<(), Status> {
        let mut inner = self.lock();
        for message in messages {
            if let Err(BadRow { error, ends_stream: true, .. }) =
                inner.take_arbitrary(stream, message, self.keep_rows)
            {
                return Err(Status::invalid_argument(error.to_string()));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("rows", &self.rows()).finish_non_exhaustive()
    }
}

struct BadRow {
    error: SchemaError,
    ends_stream: bool,
    code: Code,
}

impl Inner {
    fn take_row(&mut self, stream: u64, message: &Bytes, keep: bool) -> Result<(), BadRow> {
        let row = IngestWithConfigDataStreamRequest::decode(&message[..]).map_err(|error| {
            self.bad_row(stream, String::new(), format!("no valid message: {error}"), false)
        })?;
        if self.registry.has_lost(&row.ingestion_config_id, &row.flow) {
            let text = format!("ingestion config `{}` has no flow `{}`", row.ingestion_config_id, row.flow);
            let error = SchemaError { stream, flow: row.flow, text };
            return Err(BadRow { error, ends_stream: true, code: Code::NotFound });
        }
        if let Err(text) = self.check(&row) {
            return Err(self.bad_row(stream, row.flow, text, row.end_stream_on_validation_error));
        }
        if keep {
            self.kept.push(KeptRow {
                stream,
                ingestion_config_id: row.ingestion_config_id.clone(),
                flow: row.flow.clone(),
                timestamp: row.timestamp,
                values: row.channel_values.iter().filter_map(|value| value.r#type.clone()).collect(),
                run_id: row.run_id.clone(),
                raw: Bytes::copy_from_slice(message),
            });
        }
        self.rows += 1;
        self.bytes += message.len() as u64;
        if let Ok(config) = self.registry.config_mut(&row.ingestion_config_id)
            && let Some((_, tally)) = config.flow_mut(&row.flow)
        {
            tally.add(row, message.len());
        }
        Ok(())
    }

    fn check(&mut self, row: &IngestWithConfigDataStreamRequest) -> Result<(), String> {
        if !row.run_id.is_empty() && !self.registry.has_run(&row.run_id) {
            return Err(format!("unknown run `{}`", row.run_id));
        }
        let id = &row.ingestion_config_id;
        let config = self.registry.config_mut(id).map_err(|_| format!("unknown ingestion config `{id}`"))?;
        let (flow, tally) = config.flow_mut(&row.flow).ok_or("the ingestion config has no such flow")?;
        check_row(row, flow)
            .and_then(|()| match &self.objection {
                Some(objection) => {
                    let values: Vec<_> =
                        row.channel_values.iter().filter_map(|value| value.r#type.clone()).collect();
                    objection(&row.flow, &values).map_or(Ok(()), Err)
                }
                None => Ok(()),
            })
            .inspect_err(|_| tally.schema_errors += 1)
    }

    fn take_arbitrary(&mut self, stream: u64, message: &Bytes, keep: bool) -> Result<(), BadRow> {
        let row = IngestArbitraryProtobufDataStreamRequest::decode(&message[..]).map_err(|error| {
            self.bad_row(stream, String::new(), format!("no valid message: {error}"), false)
        })?;
        let run_is_known = row.run_id.is_empty() || self.registry.has_run(&row.run_id);
        let checked = check_arbitrary(&row)
            .and_then(|()| if run_is_known { Ok(()) } else { Err(format!("unknown run `{}`", row.run_id)) });
        if let Err(text) = checked {
            return Err(self.bad_row(
                stream,
                row.message_type_identifier,
                text,
                row.end_stream_on_validation_error,
            ));
        }
        self.rows += 1;
        self.bytes += message.len() as u64;
        if keep {
            self.kept_messages.push(Bytes::copy_from_slice(message));
        }
        *self.arbitrary.entry(row.message_type_identifier).or_default() += 1;
        Ok(())
    }

    fn bad_row(&mut self, stream: u64, flow: String, text: String, ends_stream: bool) -> BadRow {
        let error = SchemaError { stream, flow, text };
        self.schema_errors += 1;
        if self.error_texts.len() < KEPT_ERRORS {
            self.error_texts.push(error.clone());
        }
        BadRow { error, ends_stream, code: Code::InvalidArgument }
    }
}
