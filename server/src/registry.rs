//! What clients registered: assets, ingestion configs with their flows, runs. The rules of Sift's control plane.

use crate::id::new_id;
use crate::proto::sift::assets::v1::Asset;
use crate::proto::sift::common::r#type::v1::ChannelDataType;
use crate::proto::sift::ingestion_configs::v2::{FlowConfig, IngestionConfig};
use crate::proto::sift::runs::v2::{CreateRunRequest, Run};
use crate::tally::FlowTally;
use std::collections::{HashMap, HashSet};
use tonic::Status;

/// An ingestion config, its flows in the order of registration, and what arrived for them.
#[derive(Debug, Clone)]
pub struct RegisteredConfig {
    /// The config as clients see it.
    pub config: IngestionConfig,
    /// The schema of each flow.
    pub flows: Vec<FlowConfig>,
    /// What arrived for each flow, in the same order.
    pub tallies: Vec<FlowTally>,
    index: HashMap<String, usize>,
}

impl RegisteredConfig {
    /// The schema and the tally of the flow called `name`.
    pub(crate) fn flow_mut(&mut self, name: &str) -> Option<(&FlowConfig, &mut FlowTally)> {
        let at = *self.index.get(name)?;
        Some((&self.flows[at], &mut self.tallies[at]))
    }

    fn add_flows(&mut self, flows: Vec<FlowConfig>) -> Result<(), Status> {
        check_flows(&flows)?;
        if let Some(known) = flows.iter().find(|flow| self.index.contains_key(&flow.name)) {
            return Err(Status::already_exists(format!(
                "flow `{}` exists in this ingestion config",
                known.name
            )));
        }
        for flow in flows {
            self.index.insert(flow.name.clone(), self.flows.len());
            self.tallies.push(FlowTally::new(&self.config.ingestion_config_id, &flow));
            self.flows.push(flow);
        }
        Ok(())
    }
}

/// Everything that is registered.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) assets: Vec<Asset>,
    pub(crate) runs: Vec<Run>,
    configs: Vec<RegisteredConfig>,
    config_index: HashMap<String, usize>,
    run_ids: HashSet<String>,
    /// Configs that the server has lost, wholly or their flows.
    forgotten: HashSet<String>,
}

impl Registry {
    pub(crate) fn configs(&self) -> &[RegisteredConfig] {
        &self.configs
    }

    pub(crate) fn config(&self, id: &str) -> Result<&RegisteredConfig, Status> {
        self.config_index
            .get(id)
            .map(|&at| &self.configs[at])
            .ok_or_else(|| Status::not_found(format!("no ingestion config has the ID `{id}`")))
    }

    pub(crate) fn config_mut(&mut self, id: &str) -> Result<&mut RegisteredConfig, Status> {
        match self.config_index.get(id) {
            Some(&at) => Ok(&mut self.configs[at]),
            None => Err(Status::not_found(format!("no ingestion config has the ID `{id}`"))),
        }
    }

    pub(crate) fn create_config(
        &mut self,
        asset_name: &str,
        client_key: &str,
        flows: Vec<FlowConfig>,
    ) -> Result<IngestionConfig, Status> {
        require(asset_name, "asset name")?;
        require(client_key, "client key")?;
        check_flows(&flows)?;
        let asset_id = self.assets.iter().find(|asset| asset.name == asset_name).map(|a| a.asset_id.clone());
        let exists = |config: &RegisteredConfig| {
            Some(&config.config.asset_id) == asset_id.as_ref() && config.config.client_key == client_key
        };
        if self.configs.iter().any(exists) {
            return Err(Status::already_exists(format!(
                "asset `{asset_name}` has an ingestion config with the client key `{client_key}`"
            )));
        }
        let asset_id = asset_id.unwrap_or_else(|| self.create_asset(asset_name));
        let ingestion_config_id = new_id();
        let config = IngestionConfig { ingestion_config_id, asset_id, client_key: client_key.to_owned() };
        let mut registered = RegisteredConfig {
            config: config.clone(),
            flows: Vec::new(),
            tallies: Vec::new(),
            index: HashMap::new(),
        };
        registered.add_flows(flows)?;
        self.config_index.insert(config.ingestion_config_id.clone(), self.configs.len());
        self.configs.push(registered);
        Ok(config)
    }

    /// Loses all configs: who registers one again gets another ID.
    pub(crate) fn forget_configs(&mut self) {
        self.forgotten.extend(self.configs.drain(..).map(|config| config.config.ingestion_config_id));
        self.config_index.clear();
    }

    /// Loses the flows of all configs.
    pub(crate) fn forget_flows(&mut self) {
        for config in &mut self.configs {
            self.forgotten.insert(config.config.ingestion_config_id.clone());
            config.flows.clear();
            config.tallies.clear();
            config.index.clear();
        }
    }

    /// Whether a row names what the server has lost.
    pub(crate) fn has_lost(&self, id: &str, flow: &str) -> bool {
        let is_there = self.config(id).is_ok_and(|config| config.index.contains_key(flow));
        !is_there && self.forgotten.contains(id)
    }

    pub(crate) fn create_flows(&mut self, id: &str, flows: Vec<FlowConfig>) -> Result<(), Status> {
        self.config_mut(id)?.add_flows(flows)
    }

    fn create_asset(&mut self, name: &str) -> String {
        let asset_id = new_id();
        self.assets.push(Asset { asset_id: asset_id.clone(), name: name.to_owned(), ..Asset::default() });
        asset_id
    }

    pub(crate) fn asset(&self, id: &str) -> Result<&Asset, Status> {
        self.assets
            .iter()
            .find(|asset| asset.asset_id == id)
            .ok_or_else(|| Status::not_found(format!("no asset has the ID `{id}`")))
    }

    pub(crate) fn update_asset(&mut self, new: Asset, paths: &[String]) -> Result<Asset, Status> {
        let Some(asset) = self.assets.iter_mut().find(|asset| asset.asset_id == new.asset_id) else {
            return Err(Status::not_found(format!("no asset has the ID `{}`", new.asset_id)));
        };
        let mut changed = asset.clone();
        for path in paths {
            match path.as_str() {
                "tags" => changed.tags.clone_from(&new.tags),
                "metadata" => changed.metadata.clone_from(&new.metadata),
                _ => return Err(unknown_path(path)),
            }
        }
        *asset = changed.clone();
        Ok(changed)
    }

    pub(crate) fn has_run(&self, id: &str) -> bool {
        self.run_ids.contains(id)
    }

    pub(crate) fn run(&self, id: &str) -> Result<&Run, Status> {
        self.runs
            .iter()
            .find(|run| run.run_id == id)
            .ok_or_else(|| Status::not_found(format!("no run has the ID `{id}`")))
    }

    pub(crate) fn create_run(&mut self, form: CreateRunRequest) -> Result<Run, Status> {
        require(&form.name, "run name")?;
        if let Some(key) = &form.client_key {
            require(key, "client key")?;
            if self.runs.iter().any(|run| run.client_key.as_ref() == Some(key)) {
                return Err(Status::already_exists(format!("a run has the client key `{key}`")));
            }
        }
        let run = Run {
            run_id: new_id(),
            start_time: form.start_time,
            stop_time: form.stop_time,
            name: form.name,
            description: form.description,
            tags: form.tags,
            client_key: form.client_key,
            metadata: form.metadata,
            asset_ids: Vec::new(),
        };
        self.run_ids.insert(run.run_id.clone());
        self.runs.push(run.clone());
        Ok(run)
    }

    pub(crate) fn update_run(&mut self, new: Run, paths: &[String]) -> Result<Run, Status> {
        let Some(run) = self.runs.iter_mut().find(|run| run.run_id == new.run_id) else {
            return Err(Status::not_found(format!("no run has the ID `{}`", new.run_id)));
        };
        let mut changed = run.clone();
        for path in paths {
            match path.as_str() {
                "name" => {
                    require(&new.name, "run name")?;
                    changed.name.clone_from(&new.name);
                }
                "description" => changed.description.clone_from(&new.description),
                "start_time" => changed.start_time = new.start_time,
                "stop_time" => changed.stop_time = new.stop_time,
                "tags" => changed.tags.clone_from(&new.tags),
                "metadata" => changed.metadata.clone_from(&new.metadata),
                "client_key" => changed.client_key.clone_from(&new.client_key),
                _ => return Err(unknown_path(path)),
            }
        }
        *run = changed.clone();
        Ok(changed)
    }
}

fn require(text: &str, what: &str) -> Result<(), Status> {
    if text.trim().is_empty() {
        Err(Status::invalid_argument(format!("the {what} is empty")))
    } else {
        Ok(())
    }
}

fn unknown_path(path: &str) -> Status {
    Status::invalid_argument(format!("update mask names `{path}`, which cannot be updated"))
}

fn check_flows(flows: &[FlowConfig]) -> Result<(), Status> {
    let mut names = HashSet::new();
    for flow in flows {
        require(&flow.name, "flow name")?;
        if !names.insert(&flow.name) {
            return Err(Status::invalid_argument(format!("flow `{}` is listed twice", flow.name)));
        }
        let mut channels = HashSet::new();
        for channel in &flow.channels {
            require(&channel.name, "channel name")?;
            if !channels.insert(&channel.name) {
                let name = &channel.name;
                return Err(Status::invalid_argument(format!(
                    "flow `{}` has channel `{name}` twice",
                    flow.name
                )));
            }
            if channel.data_type() == ChannelDataType::Unspecified {
                return Err(Status::invalid_argument(format!("channel `{}` has no data type", channel.name)));
            }
        }
    }
    Ok(())
}
