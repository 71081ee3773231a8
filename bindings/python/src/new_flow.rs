//! Rows of flows that are registered when their first row is sent.
//!
//! There is no row of the core to fill before the flow is registered, so these go by the names of their channels: with the
//! types of the config that was staged, or with those that the values tell.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use siftstream::schema::FlowConfig;
use siftstream::{
    ChannelDataType, ChannelValue, Error, ErrorCode, Flow, SendError, TimeValue, TrySendError, Value,
};

use crate::arguments::kind;
use crate::error::{exception, undelivered, wrong_type};
use crate::flow::dict_of;
use crate::live::{Live, Patience};
use crate::time::timestamp;
use crate::value::{Misfit, Names, names_of, owned, refuse_at, type_of};

/// Sends `{channel: value}`; the flow is registered before.
pub(crate) fn send(
    live: &Live,
    flow: &str,
    values: &Bound<'_, PyAny>,
    time: Option<&Bound<'_, PyAny>>,
    patience: Patience,
) -> PyResult<()> {
    let py = values.py();
    let time = timestamp(time)?.unwrap_or_else(TimeValue::now);
    let staged = live.config_of(flow);
    let told = match &staged {
        Some(config) => as_staged(config, values)?,
        None => as_told(flow, values)?,
    };
    let mut row = Flow::new(flow, time, &told);
    if matches!(patience, Patience::None) {
        return live.stream().try_send(row).map_err(|refused| match refused {
            TrySendError::Full(_) => undelivered(py, &no_room(live, flow), values),
            TrySendError::Refused(SendError { error, .. }) => undelivered(py, &error, values),
        });
    }
    let mut error = no_room(live, flow);
    while let Some(step) = patience.step() {
        match py.detach(|| live.stream().send_timeout(row, step)) {
            Ok(()) => return Ok(()),
            Err(late) if late.error.code() == ErrorCode::Timeout => {
                (row, error) = (late.data, late.error);
                py.check_signals()?;
            }
            Err(refused) => return Err(undelivered(py, &refused.error, values)),
        }
    }
    Err(undelivered(py, &patience.told(&error), values))
}

/// Why a row of this flow cannot be taken now.
fn no_room(live: &Live, flow: &str) -> Error {
    if live.knows(flow) {
        return Error::new(ErrorCode::Full, "the stream is full: send again later, or wait with send");
    }
    let message = format!("flow '{flow}' is being registered: send again later, or wait with send");
    Error::new(ErrorCode::Full, message)
}

/// The values, with the types of the config.
fn as_staged(config: &FlowConfig, values: &Bound<'_, PyAny>) -> PyResult<Vec<ChannelValue>> {
    let names = names_of(config);
    each(&config.name, values, |channel, value| {
        let Some(at) = config.channels.iter().position(|known| known.name == channel) else {
            let message =
                format!("flow '{}' has no channel '{channel}': use a channel of its config", config.name);
            return Err(exception(value.py(), &Error::new(ErrorCode::UnknownChannel, message)));
        };
        as_type(&config.name, channel, config.channels[at].data_type, names[at].as_ref(), value)
    })
}

/// The values, with the types that they tell.
fn as_told(flow: &str, values: &Bound<'_, PyAny>) -> PyResult<Vec<ChannelValue>> {
    each(flow, values, |channel, value| {
        if value.is_none() {
            return Ok(Value::Empty);
        }
        let Some(data_type) = type_of(value) else {
            let message = format!(
                "channel '{channel}' of flow '{flow}', which is not registered: {} tells no type of channel; \
                 give a number, a bool, a str or bytes, or stage the flow",
                kind(value)
            );
            return Err(wrong_type(value.py(), message));
        };
        as_type(flow, channel, data_type, None, value)
    })
}

fn as_type(
    flow: &str,
    channel: &str,
    data_type: ChannelDataType,
    names: Option<&Names>,
    value: &Bound<'_, PyAny>,
) -> PyResult<Value> {
    let refused = |misfit: Misfit| {
        let place = format!("channel '{channel}' of flow '{flow}'");
        refuse_at(misfit, &place, data_type, value)
    };
    owned(data_type, names, value).map_err(refused)
}

fn each(
    flow: &str,
    values: &Bound<'_, PyAny>,
    convert: impl Fn(&str, &Bound<'_, PyAny>) -> PyResult<Value>,
) -> PyResult<Vec<ChannelValue>> {
    let given = match values.cast::<PyDict>() {
        // A conversion may run code that changes the caller's.
        Ok(given) => given.copy()?,
        Err(_) => dict_of(values)?,
    };
    given
        .iter()
        .map(|(channel, value)| {
            let channel = channel.cast::<PyString>().map_err(|_| {
                let message = format!("flow '{flow}': channels are named by str, not {channel}");
                wrong_type(value.py(), message)
            })?;
            let channel = channel.to_str()?;
            Ok(ChannelValue::new(channel, convert(channel, &value)?))
        })
        .collect()
}
