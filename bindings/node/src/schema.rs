//! Flows, runs and metadata as JavaScript writes them.

use serde_json::Value;
use siftstream::schema::{ChannelBitFieldElement, ChannelEnumType, MetadataValue, Metadatum};
use siftstream::{ChannelConfig, ChannelDataType, Error, FlowConfig, Result, RunForm, RunSelector};

use crate::error::invalid;

pub(crate) fn parse(json: &str) -> Result<Value> {
    serde_json::from_str(json).map_err(|error| invalid(format!("not the JSON that was agreed on: {error}")))
}

/// `[{name, channels: [{name, type, unit, description, enumTypes, bitFieldElements}]}]`
pub(crate) fn flows(given: &Value) -> Result<Vec<FlowConfig>> {
    list(given).map(flow).collect()
}

fn flow(given: &Value) -> Result<FlowConfig> {
    let channels = list(&given["channels"]).map(channel).collect::<Result<_>>()?;
    Ok(FlowConfig { name: text(&given["name"]), channels })
}

fn channel(given: &Value) -> Result<ChannelConfig> {
    let name = text(&given["name"]);
    let wanted = text(&given["type"]);
    let data_type = ChannelDataType::from_name(&wanted).ok_or_else(|| no_such_type(&name, &wanted))?;
    Ok(ChannelConfig {
        unit: text(&given["unit"]),
        description: text(&given["description"]),
        enum_types: list(&given["enumTypes"]).map(enum_type).collect::<Result<_>>()?,
        bit_field_elements: list(&given["bitFieldElements"]).map(bits).collect::<Result<_>>()?,
        ..ChannelConfig::new(name, data_type)
    })
}

fn no_such_type(channel: &str, wanted: &str) -> Error {
    let known = ChannelDataType::ALL.map(ChannelDataType::as_str).join(", ");
    invalid(format!("channel '{channel}' has the type '{wanted}': use one of {known}"))
}

fn enum_type(given: &Value) -> Result<ChannelEnumType> {
    let is_signed = given["isSigned"].as_bool().unwrap_or(false);
    Ok(ChannelEnumType {
        name: text(&given["name"]),
        key: small(&given["key"], "key of an enum")?,
        is_signed,
    })
}

fn bits(given: &Value) -> Result<ChannelBitFieldElement> {
    let index = i32::try_from(small(&given["index"], "index of bits")?);
    Ok(ChannelBitFieldElement {
        name: text(&given["name"]),
        index: index.map_err(|_| invalid("the index of bits is too large"))?,
        bit_count: small(&given["bitCount"], "number of bits")?,
    })
}

/// `{id}`, or `{name, clientKey, description, tags, metadata}`.
pub(crate) fn run(given: &Value) -> RunSelector {
    match given["id"].as_str() {
        Some(id) => RunSelector::ById(id.to_owned()),
        None => RunSelector::ByForm(RunForm {
            name: text(&given["name"]),
            client_key: text(&given["clientKey"]),
            description: given["description"].as_str().map(str::to_owned),
            tags: list(&given["tags"]).map(text).collect(),
            metadata: metadata(&given["metadata"]),
        }),
    }
}

/// `{key: text | number | boolean}`
pub(crate) fn metadata(given: &Value) -> Vec<MetadataValue> {
    let pairs = given.as_object().into_iter().flatten();
    let value = |value: &Value| match value {
        Value::Bool(value) => Metadatum::Boolean(*value),
        Value::Number(value) => Metadatum::Number(value.as_f64().unwrap_or(f64::NAN)),
        other => Metadatum::String(text(other)),
    };
    pairs.map(|(key, given)| MetadataValue { key: key.clone(), value: value(given) }).collect()
}

fn list(given: &Value) -> impl Iterator<Item = &Value> {
    given.as_array().into_iter().flatten()
}

fn text(given: &Value) -> String {
    given.as_str().unwrap_or_default().to_owned()
}

fn small(given: &Value, what: &str) -> Result<u32> {
    let number = given.as_u64().and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| invalid(format!("the {what} is {given}: use a whole number up to 4294967295")))
}
