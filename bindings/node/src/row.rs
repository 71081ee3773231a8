//! One row by position: JavaScript fills cells of shared layout, one call sends them.
//!
//! ```text
//! 0        8        16                     16+8n            16+9n
//! | time   | kind   | 8 bytes a channel …  | 1 byte a channel |
//!   of row   of time  value                  is there a value?
//! ```
//!
//! Texts and bytes do not fit a cell: they are set by calls, and only their presence is in the cells.

use std::sync::Arc;

use napi::bindgen_prelude::{Env, Object, Uint8ArraySlice};
use napi_derive::napi;
use siftstream::{ChannelDataType, ChannelIndex, FlowBuilder, Result, TimeValue, TrySendError};

use crate::error::{invalid, thrown};
use crate::home::Held;
use crate::json::flow_to_json;
use crate::promise::promise;
use crate::signal::NativeSignal;
use crate::waiting::{self, Patience, Queue, Turn, nobody_waits};

const HEAD: usize = 16;
const CELL: usize = 8;

/// How the time of a row is written.
const NANOS: u8 = 1;
const MILLIS: u8 = 2;

/// A row of one flow of one stream.
#[napi]
pub struct NativeRow {
    held: Arc<Held>,
    builder: FlowBuilder,
    types: Box<[ChannelDataType]>,
    queues: Vec<Queue>,
}

impl NativeRow {
    pub(crate) fn new(held: Arc<Held>, flow: &str) -> Result<Self> {
        let descriptor = held.get_flow_descriptor(flow)?;
        let positions = 0..u32::try_from(descriptor.channel_count()).unwrap_or(u32::MAX);
        let types = positions.filter_map(|at| descriptor.data_type(ChannelIndex::new(at))).collect();
        let queues = held.queues_of(flow);
        Ok(Self { held, builder: FlowBuilder::new(&descriptor), types, queues })
    }

    /// Takes over what is in the cells.
    fn load(&mut self, cells: &[u8]) -> Result<()> {
        let Parts { head, values, present } = cells_of(cells, self.types.len())?;
        self.builder.set_timestamp(time_of(head)?);
        let row = &mut self.builder;
        for (at, ((data_type, cell), present)) in (0..).zip(self.types.iter().zip(values).zip(present)) {
            let at = ChannelIndex::new(at);
            let [a, b, c, d, ..] = *cell;
            match (*present, data_type) {
                (0, _) => row.set_empty(at)?,
                (_, ChannelDataType::Double) => row.set_double(at, f64::from_ne_bytes(*cell))?,
                (_, ChannelDataType::Float) => row.set_float(at, f64::from_ne_bytes(*cell) as f32)?,
                (_, ChannelDataType::Int32) => row.set_int32(at, i32::from_ne_bytes([a, b, c, d]))?,
                (_, ChannelDataType::Uint32) => row.set_uint32(at, u32::from_ne_bytes([a, b, c, d]))?,
                (_, ChannelDataType::Enum) => row.set_enum(at, u32::from_ne_bytes([a, b, c, d]))?,
                (_, ChannelDataType::Int64) => row.set_int64(at, i64::from_ne_bytes(*cell))?,
                (_, ChannelDataType::Uint64) => row.set_uint64(at, u64::from_ne_bytes(*cell))?,
                (_, ChannelDataType::Bool) => row.set_bool(at, a != 0)?,
                // Set by its own call already.
                (_, _) => {}
            }
        }
        Ok(())
    }
}

/// The parts of the cells.
pub(crate) struct Parts<'a> {
    pub(crate) head: &'a [u8],
    pub(crate) values: &'a [[u8; CELL]],
    pub(crate) present: &'a [u8],
}

/// The parts of the cells of so many channels.
#[inline]
pub(crate) fn cells_of(cells: &[u8], count: usize) -> Result<Parts<'_>> {
    let Some((head, rest)) = cells.split_at_checked(HEAD) else { return Err(misfit()) };
    let Some((values, present)) = rest.split_at_checked(CELL * count) else { return Err(misfit()) };
    if present.len() != count {
        return Err(misfit());
    }
    let (values, _) = values.as_chunks();
    Ok(Parts { head, values, present })
}

/// The time that the head of the cells tells.
#[inline]
pub(crate) fn time_of(head: &[u8]) -> Result<TimeValue> {
    let (cells, _) = head.as_chunks::<CELL>();
    let [time, kind] = cells else { return Err(misfit()) };
    match kind[0] {
        NANOS => Ok(TimeValue::from_timestamp_nanos(i64::from_ne_bytes(*time))),
        MILLIS => time_of_millis(f64::from_ne_bytes(*time)),
        _ => Ok(TimeValue::now()),
    }
}

#[napi]
impl NativeRow {
    /// The channels as JSON, in their order: name and the number of the type.
    #[napi]
    pub fn channels(&self) -> String {
        flow_to_json(self.builder.descriptor()).to_string()
    }

    #[napi]
    pub fn set_text(&mut self, at: u32, text: String) -> napi::Result<()> {
        self.builder.set_string(ChannelIndex::new(at), &text).map_err(thrown)
    }

    /// Sets a channel of bytes or of bits.
    #[napi]
    pub fn set_bytes(&mut self, at: u32, bytes: &[u8]) -> napi::Result<()> {
        let index = ChannelIndex::new(at);
        let set = match self.builder.descriptor().data_type(index) {
            Some(ChannelDataType::BitField) => self.builder.set_bit_field(index, bytes),
            _ => self.builder.set_bytes(index, bytes),
        };
        set.map_err(thrown)
    }

    /// Sends without ever waiting; false if the stream is full.
    #[napi]
    pub fn try_send(&mut self, cells: &[u8]) -> napi::Result<bool> {
        self.load(cells).map_err(thrown)?;
        match self.held.try_send(&self.builder) {
            Ok(()) => Ok(true),
            Err(TrySendError::Full(_)) => Ok(false),
            Err(TrySendError::Refused(refused)) => Err(thrown(refused.error)),
        }
    }

    /// The same for a send that could wait: it overtakes none that does.
    #[napi]
    pub fn send_now(&mut self, cells: &[u8]) -> napi::Result<bool> {
        Ok(nobody_waits(&self.queues) && self.try_send(cells)?)
    }

    /// Sends a copy of the row as it is now, waiting for room.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn send<'env>(
        &mut self,
        env: &'env Env,
        cells: Uint8ArraySlice<'_>,
        timeout_ms: Option<f64>,
        signal: Option<&NativeSignal>,
    ) -> napi::Result<Object<'env>> {
        self.load(&cells).map_err(thrown)?;
        let turn = Turn::queue(&self.queues);
        let patience = Patience::new(signal, timeout_ms);
        promise(env, waiting::send(Arc::clone(&self.held), self.builder.clone(), turn, patience))
    }
}

/// The time so many milliseconds after 1970.
pub(crate) fn time_of_millis(millis: f64) -> Result<TimeValue> {
    let seconds = (millis / 1_000.0).floor();
    let nanos = ((millis - seconds * 1_000.0) * 1e6).round();
    if seconds.is_nan() || seconds.abs() >= 1e12 {
        return Err(invalid(format!("{millis} ms is no time: give milliseconds since 1970")));
    }
    // Rounding may reach the next second.
    let (seconds, nanos) = if nanos >= 1e9 { (seconds + 1.0, 0.0) } else { (seconds, nanos) };
    TimeValue::try_from_timestamp(seconds as i64, nanos as u32)
}

fn misfit() -> siftstream::Error {
    invalid("the cells do not fit the channels of the flow")
}
