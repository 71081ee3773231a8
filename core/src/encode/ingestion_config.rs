//! The encoder for rows of an ingestion config: `IngestWithConfigDataStream`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::{EncodeRow, Encodeable, Encoder, Sealed, wire};
use crate::error::{Error, ErrorCode, Result};
use crate::flow::{Flow, FlowBuilder, FlowDescriptor, FlowNames, FlowNumber, TimeValue};
use crate::registration::{Coming, Registrar};
use crate::schema::FlowConfig;

/// Numbers the encoders of a process, so that a row of one stream is not taken for another's.
static NEXT_ENCODER: AtomicU64 = AtomicU64::new(1);

/// Encodes rows of the flows of one ingestion config.
#[derive(Debug)]
pub struct IngestionConfigEncoder {
    number: u64,
    ingestion_config_id: String,
    /// The ID in whose place the other one stands, once it is known.
    learned_id: OnceLock<String>,
    end_stream_on_validation_error: bool,
    flows: RwLock<HashMap<String, FlowDescriptor>>,
    registrar: Arc<Registrar>,
    flow_names: Arc<FlowNames>,
}

impl IngestionConfigEncoder {
    pub(crate) fn new(
        ingestion_config_id: impl Into<String>,
        flows: &[FlowConfig],
        end_stream_on_validation_error: bool,
        registrar: Arc<Registrar>,
    ) -> Self {
        let encoder = Self {
            number: NEXT_ENCODER.fetch_add(1, Ordering::Relaxed),
            ingestion_config_id: ingestion_config_id.into(),
            learned_id: OnceLock::new(),
            end_stream_on_validation_error,
            flows: RwLock::default(),
            registrar,
            flow_names: Arc::default(),
        };
        encoder.add(flows);
        encoder
    }

    /// The ID under which Sift knows the schema; a placeholder as long as the stream could not ask for it.
    pub fn ingestion_config_id(&self) -> &str {
        self.learned_id.get().unwrap_or(&self.ingestion_config_id)
    }

    /// Says what the ID is that this encoder began without.
    pub(crate) fn learn_id(&self, id: &str) {
        if id != self.ingestion_config_id {
            self.learned_id.get_or_init(|| id.to_owned());
        }
    }

    /// The descriptor of the flow `name`, for building rows by index.
    pub fn get_flow_descriptor(&self, name: &str) -> Result<FlowDescriptor> {
        let flows = self.flows.read().unwrap_or_else(PoisonError::into_inner);
        flows.get(name).cloned().ok_or_else(|| {
            Error::new(
                ErrorCode::UnknownFlow,
                format!(
                    "the ingestion config has no flow '{name}': add it with add_new_flows before sending"
                ),
            )
        })
    }

    /// All flows that rows can be built for, by name.
    pub fn get_flows(&self) -> HashMap<String, FlowDescriptor> {
        self.flows.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who registers the flows.
    pub(crate) fn registrar(&self) -> &Arc<Registrar> {
        &self.registrar
    }

    /// Whether rows of the flow `name` can be built.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.flows.read().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }

    /// An error if the descriptor is not one of this stream's.
    #[inline]
    pub(crate) fn check_owner(&self, descriptor: &FlowDescriptor) -> Result<()> {
        if descriptor.owner() == self.number { Ok(()) } else { Err(foreign(descriptor)) }
    }

    /// Makes flows sendable that are registered with Sift.
    pub(crate) fn add(&self, flows: &[FlowConfig]) {
        let mut known = self.flows.write().unwrap_or_else(PoisonError::into_inner);
        for flow in flows {
            known.entry(flow.name.clone()).or_insert_with(|| {
                let number = self.flow_names.add(&flow.name);
                FlowDescriptor::new(self.number, number, self.ingestion_config_id(), flow)
            });
        }
    }
}

#[cold]
fn foreign(descriptor: &FlowDescriptor) -> Error {
    let message = format!(
        "the descriptor of flow '{}' is another stream's: take the descriptor from this stream",
        descriptor.name()
    );
    Error::new(ErrorCode::UnknownFlow, message)
}

impl Sealed for IngestionConfigEncoder {}

impl Encoder for IngestionConfigEncoder {
    fn method(&self) -> &'static str {
        "/sift.ingest.v1.IngestService/IngestWithConfigDataStream"
    }

    fn suffix(&self, run_id: Option<&str>) -> Vec<u8> {
        let mut suffix = Vec::new();
        wire::put_string(&mut suffix, wire::FIELD_RUN_ID, run_id.unwrap_or_default());
        if self.end_stream_on_validation_error {
            wire::put_true(&mut suffix, wire::FIELD_END_STREAM_ON_VALIDATION_ERROR);
        }
        suffix
    }

    fn flow_names(&self) -> Arc<FlowNames> {
        Arc::clone(&self.flow_names)
    }
}

impl EncodeRow for FlowBuilder {
    fn max_len(&self) -> usize {
        self.max_encoded_len()
    }

    fn encode(&mut self, room: &mut [u8]) -> Result<usize> {
        Ok(self.encode_message(room))
    }

    fn flow(&self) -> FlowNumber {
        self.descriptor().number()
    }

    fn event_time(&self) -> Option<TimeValue> {
        self.timestamp()
    }
}

impl EncodeRow for &FlowBuilder {
    fn max_len(&self) -> usize {
        self.max_encoded_len()
    }

    fn encode(&mut self, room: &mut [u8]) -> Result<usize> {
        Ok(self.encode_message(room))
    }

    fn flow(&self) -> FlowNumber {
        self.descriptor().number()
    }

    fn event_time(&self) -> Option<TimeValue> {
        self.timestamp()
    }
}

impl Encodeable<IngestionConfigEncoder> for FlowBuilder {
    type Row<'a> = &'a FlowBuilder;

    fn prepare<'a>(&'a self, encoder: &IngestionConfigEncoder) -> Result<&'a FlowBuilder> {
        encoder.check_owner(self.descriptor())?;
        Ok(self)
    }
}

impl Encodeable<IngestionConfigEncoder> for &FlowBuilder {
    type Row<'a>
        = &'a FlowBuilder
    where
        Self: 'a;

    fn prepare<'a>(&'a self, encoder: &IngestionConfigEncoder) -> Result<&'a FlowBuilder> {
        encoder.check_owner(self.descriptor())?;
        Ok(self)
    }
}

impl Encodeable<IngestionConfigEncoder> for Flow {
    type Row<'a> = FlowBuilder;

    fn announce(&self, encoder: &IngestionConfigEncoder) -> Result<Option<Arc<Coming>>> {
        let registrar = encoder.registrar();
        if !registrar.registers_unknown() || encoder.knows(&self.flow_name) {
            return Ok(None);
        }
        registrar.announce(self)
    }

    fn prepare(&self, encoder: &IngestionConfigEncoder) -> Result<FlowBuilder> {
        let mut row = FlowBuilder::new(&encoder.get_flow_descriptor(&self.flow_name)?);
        row.set_timestamp(self.timestamp);
        for channel in &self.values {
            row.set_with_key(&channel.name, channel.value.clone())?;
        }
        Ok(row)
    }
}
