//! What a configuration says beside its keys: flows, channels, metadata, and the run as a whole.

use super::{Content, Source, StreamConfig};
use crate::error::{Error, ErrorCode, Result};
use crate::failure_policy::FailurePolicy;
use crate::schema::{
    ChannelBitFieldElement, ChannelConfig, ChannelDataType, ChannelEnumType, FlowConfig, IngestionConfigForm,
    MetadataValue, RunForm, RunSelector,
};

/// The keys that describe a run.
const OF_A_RUN: [&str; 4] = ["run.name", "run.client_key", "run.description", "run.tags"];

impl StreamConfig {
    /// The flows.
    #[must_use]
    pub fn flows(&self) -> &[FlowConfig] {
        &self.flows
    }

    /// Adds a flow; it is an error if there is one of its name.
    pub fn add_flow(&mut self, flow: FlowConfig) -> Result<()> {
        if self.flows.iter().any(|known| known.name == flow.name) {
            let message = format!("the config has a flow '{}' already", flow.name);
            return Err(Error::new(ErrorCode::InvalidArgument, message));
        }
        self.flows.push(flow);
        Ok(())
    }

    /// Adds a channel at the end of a flow; returns its index.
    pub fn add_channel(&mut self, flow: &str, channel: ChannelConfig) -> Result<u32> {
        if channel.data_type == ChannelDataType::Unspecified {
            let message = format!("the channel '{}' has no type: give one", channel.name);
            return Err(Error::new(ErrorCode::InvalidArgument, message));
        }
        let channels = &mut self.flow_mut(flow)?.channels;
        let index = u32::try_from(channels.len())
            .map_err(|_| Error::new(ErrorCode::InvalidArgument, "the flow has too many channels"))?;
        channels.push(channel);
        Ok(index)
    }

    /// Names a value of an enum channel.
    pub fn add_enum_type(&mut self, flow: &str, channel: &str, entry: ChannelEnumType) -> Result<()> {
        self.channel_mut(flow, channel)?.enum_types.push(entry);
        Ok(())
    }

    /// Names bits of a bit field channel.
    pub fn add_bit_field_element(
        &mut self,
        flow: &str,
        channel: &str,
        element: ChannelBitFieldElement,
    ) -> Result<()> {
        self.channel_mut(flow, channel)?.bit_field_elements.push(element);
        Ok(())
    }

    /// What happens at a row of this flow that Sift rejects, if it is not what `failure_policy` says.
    pub fn set_flow_failure_policy(&mut self, flow: &str, policy: FailurePolicy) {
        self.flow_failure_policies.insert(flow.to_owned(), policy);
    }

    /// Adds a tag to those that the asset gets.
    pub fn add_asset_tag(&mut self, tag: &str) -> Result<()> {
        self.add_to_list("asset_tags", tag)
    }

    /// Adds metadata to what the asset gets.
    pub fn add_asset_metadata(&mut self, metadata: MetadataValue) {
        put(&mut self.asset_metadata, metadata, true);
    }

    /// The run that all rows are attached to, if there is one.
    pub fn run(&self) -> Result<Option<RunSelector>> {
        let id: Option<String> = self.read("run.id")?;
        let described = OF_A_RUN.iter().filter_map(|key| self.source_of(key)).max();
        match (id, self.source_of("run.id"), described) {
            (Some(_), Some(by_id), Some(by_form)) if by_id == by_form => {
                let message =
                    "there is a run.id, which needs nothing else, and a run to create: leave one out";
                Err(Error::new(ErrorCode::InvalidArgument, message))
            }
            (Some(id), by_id, by_form) if by_id > by_form => Ok(Some(RunSelector::ById(id))),
            (_, _, None) => Ok(None),
            _ => Ok(Some(RunSelector::ByForm(RunForm {
                name: self.read::<Option<String>>("run.name")?.unwrap_or_default(),
                client_key: self.read::<Option<String>>("run.client_key")?.unwrap_or_default(),
                description: self.read("run.description")?,
                tags: self.read("run.tags")?,
                metadata: self.run_metadata.clone(),
            }))),
        }
    }

    /// Attaches all rows to this run, and forgets every other.
    pub fn attach_run(&mut self, run: RunSelector) -> Result<()> {
        for key in OF_A_RUN.into_iter().chain(["run.id"]) {
            self.unset(key)?;
        }
        self.run_metadata.clear();
        match run {
            RunSelector::ById(id) => self.set("run.id", id),
            RunSelector::ByForm(form) => {
                self.set("run.name", form.name)?;
                self.set("run.client_key", form.client_key)?;
                if let Some(description) = form.description {
                    self.set("run.description", description)?;
                }
                if !form.tags.is_empty() {
                    self.set("run.tags", form.tags)?;
                }
                self.run_metadata = form.metadata;
                Ok(())
            }
        }
    }

    /// Describes the run that was given by name.
    pub fn set_run_description(&mut self, description: &str) -> Result<()> {
        self.check_run_is_described()?;
        self.set("run.description", description)
    }

    /// Adds a tag to those that the run gets, which was given by name.
    pub fn add_run_tag(&mut self, tag: &str) -> Result<()> {
        self.check_run_is_described()?;
        self.add_to_list("run.tags", tag)
    }

    /// Adds metadata to what the run gets, which was given by name.
    pub fn add_run_metadata(&mut self, metadata: MetadataValue) -> Result<()> {
        self.check_run_is_described()?;
        put(&mut self.run_metadata, metadata, true);
        Ok(())
    }

    fn check_run_is_described(&self) -> Result<()> {
        if let Some(RunSelector::ByForm(_)) = self.run()? {
            return Ok(());
        }
        Err(Error::new(ErrorCode::NotConfigured, "the config describes no run: attach one by its name first"))
    }

    fn add_to_list(&mut self, key: &'static str, text: &str) -> Result<()> {
        let mut list: Vec<String> = self.read(key)?;
        list.push(text.to_owned());
        self.hold(key, Source::Explicit, Content::Plain(list.into()));
        Ok(())
    }

    pub(super) fn form(&self) -> Result<IngestionConfigForm> {
        Ok(IngestionConfigForm {
            asset_name: self.read::<Option<String>>("asset_name")?.unwrap_or_default(),
            client_key: self.read::<Option<String>>("client_key")?.unwrap_or_default(),
            flows: self.flows.clone(),
        })
    }

    fn flow_mut(&mut self, name: &str) -> Result<&mut FlowConfig> {
        self.flows.iter_mut().find(|flow| flow.name == name).ok_or_else(|| {
            Error::new(ErrorCode::UnknownFlow, format!("the config has no flow '{name}': add it first"))
        })
    }

    fn channel_mut(&mut self, flow: &str, name: &str) -> Result<&mut ChannelConfig> {
        let channels = &mut self.flow_mut(flow)?.channels;
        channels.iter_mut().find(|channel| channel.name == name).ok_or_else(|| {
            let message = format!("the flow '{flow}' of the config has no channel '{name}': add it first");
            Error::new(ErrorCode::UnknownChannel, message)
        })
    }
}

/// Puts metadata among the others; whether it wins over one of the same key is for the caller to say.
pub(super) fn put(all: &mut Vec<MetadataValue>, metadata: MetadataValue, wins: bool) {
    match all.iter_mut().find(|known| known.key == metadata.key) {
        Some(known) if wins => *known = metadata,
        Some(_) => {}
        None => all.push(metadata),
    }
}
