//! Flows and channels of a TOML file.

use toml::de::DeValue;

use super::Loader;
use super::document::{Fields, Spanned};
use crate::error::Result;
use crate::failure_policy::FailurePolicy;
use crate::schema::{ChannelBitFieldElement, ChannelConfig, ChannelDataType, ChannelEnumType, FlowConfig};

const FLOW: &[&str] = &["name", "failure_policy", "channels"];
const CHANNEL: &[&str] = &["name", "data_type", "unit", "description", "enum_types", "bit_field_elements"];
const ENUM_TYPE: &[&str] = &["name", "key", "is_signed"];
const BIT_FIELD_ELEMENT: &[&str] = &["name", "index", "bit_count"];

impl<'t> Loader<'t, '_> {
    pub(super) fn flows(&mut self, value: &Spanned<DeValue<'t>>) -> Result<()> {
        let mut seen = Vec::new();
        for flow in self.document.tables(value, "flow", FLOW)? {
            let name = flow.needed("name")?;
            if seen.contains(&name) {
                return Err(flow.wrong(&format!("has the name {name:?}, as another one has: rename it")));
            }
            seen.push(name);
            if self.config.flows().iter().any(|known| known.name == name) {
                continue;
            }
            let channels =
                self.list(&flow, "channels", "channel", CHANNEL, |channel| self.channel(channel))?;
            if let Some(policy) = flow.text("failure_policy")? {
                let policy = match policy {
                    "stop" => FailurePolicy::Stop,
                    "skip" => FailurePolicy::Skip,
                    _ => return Err(flow.wrong("has a failure_policy that is neither `stop` nor `skip`")),
                };
                self.config.flow_failure_policies.entry(name.to_owned()).or_insert(policy);
            }
            self.config.add_flow(FlowConfig { name: name.to_owned(), channels })?;
        }
        Ok(())
    }

    fn channel(&self, channel: &Fields<'t, '_>) -> Result<ChannelConfig> {
        let name = channel.needed("name")?;
        let data_type = channel.needed("data_type")?;
        let data_type = ChannelDataType::from_name(data_type).ok_or_else(|| {
            let known = ChannelDataType::ALL.map(ChannelDataType::as_str).join(", ");
            channel.wrong(&format!("cannot have the data_type {data_type:?}: use one of {known}"))
        })?;
        let text = |field| channel.text(field).map(|text| text.unwrap_or_default().to_owned());
        Ok(ChannelConfig {
            name: name.to_owned(),
            unit: text("unit")?,
            description: text("description")?,
            data_type,
            enum_types: self.list(channel, "enum_types", "value of an enum", ENUM_TYPE, |entry| {
                let (name, key) = (entry.needed("name")?.to_owned(), entry.number("key")?);
                Ok(ChannelEnumType { name, key, is_signed: entry.flag("is_signed")? })
            })?,
            bit_field_elements: self.list(
                channel,
                "bit_field_elements",
                "bit field element",
                BIT_FIELD_ELEMENT,
                |element| {
                    let (name, index) = (element.needed("name")?.to_owned(), element.number("index")?);
                    Ok(ChannelBitFieldElement { name, index, bit_count: element.number("bit_count")? })
                },
            )?,
        })
    }

    /// The entries of a list that may be left out.
    fn list<T>(
        &self,
        of: &Fields<'t, '_>,
        name: &str,
        what: &'static str,
        known: &'static [&'static str],
        read: impl Fn(&Fields<'t, '_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let Some(value) = of.get(name) else { return Ok(Vec::new()) };
        self.document.tables(value, what, known)?.iter().map(read).collect()
    }
}
