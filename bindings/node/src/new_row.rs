//! A row of a flow that is registered when its first row is sent.
//!
//! It is filled by the same cells as other rows, and goes by the names of its channels. A channel whose type is not known
//! has the number 0: it is sent without a value, and core says what is missing.

use std::sync::Arc;

use napi::bindgen_prelude::{Env, Object, Uint8ArraySlice};
use napi_derive::napi;
use serde_json::Value as Json;
use siftstream::{ChannelDataType, ChannelValue, Flow, Result, TrySendError, Value};

use crate::error::{invalid, thrown};
use crate::home::Held;
use crate::promise::promise;
use crate::row::{Parts, cells_of, time_of};
use crate::schema::parse;
use crate::signal::NativeSignal;
use crate::waiting::{self, Patience, Queue, Turn, nobody_waits};

/// A row of one flow that the stream does not know yet.
#[napi]
pub struct NativeNewRow {
    held: Arc<Held>,
    flow: String,
    channels: Vec<(String, ChannelDataType)>,
    /// Texts and bytes, which do not fit a cell.
    long: Vec<Value>,
    queues: Vec<Queue>,
}

impl NativeNewRow {
    /// `channels` is JSON as [`channels`](crate::row::NativeRow::channels) gives it.
    pub(crate) fn new(held: Arc<Held>, flow: String, channels: &str) -> Result<Self> {
        let given = parse(channels)?;
        let channel = |given: &Json| {
            let name = given[0].as_str().ok_or_else(|| invalid("a channel without a name"))?;
            let number = given[1].as_i64().and_then(|number| i32::try_from(number).ok());
            let known = ChannelDataType::ALL.into_iter().find(|known| Some(*known as i32) == number);
            Ok((name.to_owned(), known.unwrap_or_default()))
        };
        let channels = given.as_array().into_iter().flatten().map(channel).collect::<Result<Vec<_>>>()?;
        let long = vec![Value::Empty; channels.len()];
        let queues = held.queues_of_new(&flow);
        Ok(Self { held, flow, channels, long, queues })
    }

    fn load(&self, cells: &[u8]) -> Result<Flow> {
        let Parts { head, values, present } = cells_of(cells, self.channels.len())?;
        let cells = values.iter().zip(present).zip(&self.long);
        let given =
            self.channels.iter().zip(cells).filter_map(|((name, data_type), ((cell, present), long))| {
                let value = match (*present, data_type) {
                    (_, ChannelDataType::Unspecified) => Value::Empty,
                    (0, _) => return None,
                    _ => short(*data_type, *cell).unwrap_or_else(|| long.clone()),
                };
                Some(ChannelValue { name: name.clone(), value })
            });
        Ok(Flow::new(&self.flow, time_of(head)?, &given.collect::<Vec<_>>()))
    }

    fn set(&mut self, at: u32, value: Value) -> napi::Result<()> {
        let place = usize::try_from(at).ok().and_then(|at| self.long.get_mut(at));
        *place.ok_or_else(|| thrown(invalid(format!("there is no channel at position {at}"))))? = value;
        Ok(())
    }
}

/// What a cell holds; none for types that do not fit one.
fn short(data_type: ChannelDataType, cell: [u8; 8]) -> Option<Value> {
    let [a, b, c, d, ..] = cell;
    Some(match data_type {
        ChannelDataType::Double => Value::Double(f64::from_ne_bytes(cell)),
        ChannelDataType::Float => Value::Float(f64::from_ne_bytes(cell) as f32),
        ChannelDataType::Int32 => Value::Int32(i32::from_ne_bytes([a, b, c, d])),
        ChannelDataType::Uint32 => Value::Uint32(u32::from_ne_bytes([a, b, c, d])),
        ChannelDataType::Enum => Value::Enum(u32::from_ne_bytes([a, b, c, d])),
        ChannelDataType::Int64 => Value::Int64(i64::from_ne_bytes(cell)),
        ChannelDataType::Uint64 => Value::Uint64(u64::from_ne_bytes(cell)),
        ChannelDataType::Bool => Value::Bool(a != 0),
        _ => return None,
    })
}

#[napi]
impl NativeNewRow {
    #[napi]
    pub fn set_text(&mut self, at: u32, text: String) -> napi::Result<()> {
        self.set(at, Value::String(text))
    }

    /// Sets a channel of bytes or of bits.
    #[napi]
    pub fn set_bytes(&mut self, at: u32, bytes: &[u8]) -> napi::Result<()> {
        let is_bits = self.channels.get(at as usize).is_some_and(|(_, of)| *of == ChannelDataType::BitField);
        self.set(at, if is_bits { Value::BitField(bytes.to_vec()) } else { Value::Bytes(bytes.to_vec()) })
    }

    /// Sends without ever waiting; false if the stream is full, or the flow is being registered.
    #[napi]
    pub fn try_send(&mut self, cells: &[u8]) -> napi::Result<bool> {
        match self.held.try_send(self.load(cells).map_err(thrown)?) {
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

    /// Sends the row as it is now, waiting until its flow is registered, and for room.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn send<'env>(
        &mut self,
        env: &'env Env,
        cells: Uint8ArraySlice<'_>,
        timeout_ms: Option<f64>,
        signal: Option<&NativeSignal>,
    ) -> napi::Result<Object<'env>> {
        let row = self.load(&cells).map_err(thrown)?;
        let turn = Turn::queue(&self.queues);
        let patience = Patience::new(signal, timeout_ms);
        promise(env, waiting::send(Arc::clone(&self.held), row, turn, patience))
    }
}
