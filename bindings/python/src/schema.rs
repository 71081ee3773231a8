//! The schema's dataclasses (`siftstream/_schema.py`) as the core's.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};
use siftstream::schema::{ChannelBitFieldElement, ChannelEnumType, MetadataValue, Metadatum};
use siftstream::{
    ChannelConfig, ChannelDataType as Type, FlowConfig, IngestionConfigForm, RunForm, RunSelector,
};

use crate::arguments::{is_number, kind};
use crate::error::{wrong_type, wrong_value};

const TYPES: [Type; 11] = [
    Type::Double,
    Type::Float,
    Type::Bool,
    Type::Int32,
    Type::Uint32,
    Type::Int64,
    Type::Uint64,
    Type::Enum,
    Type::BitField,
    Type::String,
    Type::Bytes,
];

/// An `IngestionConfig`.
pub(crate) fn ingestion_config(config: &Bound<'_, PyAny>) -> PyResult<IngestionConfigForm> {
    let field = |name| config.getattr(name).map_err(|_| unexpected(config, "an IngestionConfig"));
    Ok(IngestionConfigForm {
        asset_name: field("asset")?.extract()?,
        client_key: field("client_key")?.extract()?,
        flows: flows(&field("flows")?)?,
    })
}

/// Several `Flow`s.
pub(crate) fn flows(given: &Bound<'_, PyAny>) -> PyResult<Vec<FlowConfig>> {
    given.try_iter()?.map(|flow| self::flow(&flow?)).collect()
}

fn flow(flow: &Bound<'_, PyAny>) -> PyResult<FlowConfig> {
    let field = |name| flow.getattr(name).map_err(|_| unexpected(flow, "a Flow"));
    let channels = field("channels")?.try_iter()?.map(|channel| self::channel(&channel?));
    Ok(FlowConfig { name: field("name")?.extract()?, channels: channels.collect::<PyResult<_>>()? })
}

fn channel(channel: &Bound<'_, PyAny>) -> PyResult<ChannelConfig> {
    let field = |name| channel.getattr(name).map_err(|_| unexpected(channel, "a Channel"));
    let name: String = field("name")?.extract()?;
    let data_type: String = field("type")?.extract()?;
    let found = TYPES.into_iter().find(|known| known.as_str() == data_type);
    let data_type = found.ok_or_else(|| {
        let known = TYPES.map(Type::as_str).join(", ");
        let message = format!("channel '{name}': {data_type:?} is no type of channel: use one of {known}");
        wrong_value(channel.py(), message)
    })?;
    let enum_types = field("enum")?
        .call_method0("items")?
        .try_iter()?
        .map(|item| {
            let (name, key) = item?.extract()?;
            Ok(ChannelEnumType { name, key, is_signed: false })
        })
        .collect::<PyResult<_>>()?;
    let bit_field_elements = field("bits")?
        .try_iter()?
        .map(|bits| {
            let bits = bits?;
            Ok(ChannelBitFieldElement {
                name: bits.getattr("name")?.extract()?,
                index: bits.getattr("first")?.extract()?,
                bit_count: bits.getattr("count")?.extract()?,
            })
        })
        .collect::<PyResult<_>>()?;
    Ok(ChannelConfig {
        name,
        unit: field("unit")?.extract()?,
        description: field("description")?.extract()?,
        data_type,
        enum_types,
        bit_field_elements,
    })
}

/// A `Run`, or the ID of one.
pub(crate) fn run(run: &Bound<'_, PyAny>) -> PyResult<RunSelector> {
    if let Ok(id) = run.cast::<PyString>() {
        return Ok(RunSelector::ById(id.to_str()?.to_owned()));
    }
    let field = |name| run.getattr(name).map_err(|_| unexpected(run, "a Run or the ID of one"));
    Ok(RunSelector::ByForm(RunForm {
        name: field("name")?.extract()?,
        client_key: field("client_key")?.extract()?,
        description: field("description")?.extract()?,
        tags: field("tags")?.extract()?,
        metadata: metadata(&field("metadata")?)?,
    }))
}

/// `{key: text, number or truth}`.
pub(crate) fn metadata(given: &Bound<'_, PyAny>) -> PyResult<Vec<MetadataValue>> {
    let given = given.py().get_type::<PyDict>().call1((given,))?.cast_into::<PyDict>()?;
    let pair = |(key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
        let key: String = key.extract()?;
        let value = if let Ok(truth) = value.cast::<PyBool>() {
            Metadatum::Boolean(truth.is_true())
        } else if is_number(&value) {
            Metadatum::Number(value.extract()?)
        } else {
            let text = value.cast::<PyString>().map_err(|_| {
                let message = format!("metadata '{key}' is {}: give a str, a number or a bool", kind(&value));
                wrong_type(value.py(), message)
            })?;
            Metadatum::String(text.to_str()?.to_owned())
        };
        Ok(MetadataValue { key, value })
    };
    given.iter().map(pair).collect()
}

fn unexpected(given: &Bound<'_, PyAny>, wanted: &str) -> PyErr {
    wrong_type(given.py(), format!("{} is not {wanted}", kind(given)))
}
