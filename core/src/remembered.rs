//! What a slot remembers of Sift, so that a stream starts without a network: the schema, the IDs, and which
//! placeholder stands for which ID that is not known yet.
//!
//! Kept as named bytes in the journal. The API key is not among them.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

use crate::control::flow_mismatch;
use crate::error::{Error, ErrorCode, Result};
use crate::proto::sift::{ingestion_configs::v2 as configs, runs::v2::CreateRunRequest};
use crate::schema::{FlowConfig, IngestionConfigForm, RunForm, flow_difference, suggest_client_key};
use crate::spool::Spool;
use crate::spool::pending::{ID_LEN, RealIds, is_placeholder, placeholder};

/// The form of the ingestion config, with all flows ever used, as Sift's `CreateIngestionConfigRequest`.
const SCHEMA: &str = "schema";
/// Followed by the name of a flow that rows were accepted of before Sift had it; not empty as long as that is so.
const LATE_FLOW: &str = "late_flow/";
const CONFIG_ID: &str = "ingestion_config_id";
/// Not empty while there are flows that were used without asking Sift.
const UNREGISTERED: &str = "unregistered";
/// Followed by the number of its placeholder: a run as Sift's `CreateRunRequest`, and its ID.
const RUN: &str = "run/";
const RUN_ID: &str = "run_id/";
/// The placeholder of the ingestion config; runs count from 1.
const CONFIG_NUMBER: u64 = 0;

/// A run that rows were attached to.
#[derive(Debug, Clone, PartialEq)]
struct RememberedRun {
    form: RunForm,
    id: Option<String>,
}

/// What a slot remembers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Remembered {
    config_id: Option<String>,
    flows: Vec<FlowConfig>,
    unregistered: bool,
    late_flows: BTreeSet<String>,
    runs: BTreeMap<u64, RememberedRun>,
}

impl Remembered {
    pub(crate) fn load(spool: &Spool) -> Result<Self> {
        spool.with_index(|index| Self::from_blobs(&index.blobs))
    }

    /// Reads the named bytes of a journal.
    pub(crate) fn from_blobs(blobs: &BTreeMap<String, Vec<u8>>) -> Result<Self> {
        let text = |name: &str| blobs.get(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let flows = match blobs.get(SCHEMA) {
            Some(bytes) => configs::CreateIngestionConfigRequest::decode(&**bytes)
                .map_err(|error| damaged(SCHEMA, &error))?
                .flows
                .into_iter()
                .map(|flow| FlowConfig::try_from(flow).map_err(|error| damaged(SCHEMA, &error)))
                .collect::<Result<_>>()?,
            None => Vec::new(),
        };
        let mut runs = BTreeMap::new();
        for (name, bytes) in blobs {
            let Some(number) = name.strip_prefix(RUN).and_then(|number| number.parse().ok()) else {
                continue;
            };
            let form = CreateRunRequest::decode(&**bytes).map_err(|error| damaged(name, &error))?.into();
            runs.insert(number, RememberedRun { form, id: text(&format!("{RUN_ID}{number}")) });
        }
        let unregistered = blobs.get(UNREGISTERED).is_some_and(|mark| !mark.is_empty());
        let is_late = |(name, mark): (&String, &Vec<u8>)| {
            name.strip_prefix(LATE_FLOW).filter(|_| !mark.is_empty()).map(str::to_owned)
        };
        let mut late_flows = BTreeSet::new();
        late_flows.extend(blobs.iter().filter_map(is_late));
        Ok(Self { config_id: text(CONFIG_ID), flows, unregistered, late_flows, runs })
    }

    pub(crate) fn config_id(&self) -> Option<&str> {
        self.config_id.as_deref()
    }

    /// All flows that were ever used.
    pub(crate) fn flows(self) -> Vec<FlowConfig> {
        self.flows
    }

    /// The flows of `form`, then those remembered beside them. One that is remembered with other channels is an error.
    pub(crate) fn flows_with(&self, form: &IngestionConfigForm) -> Result<Vec<FlowConfig>> {
        let mut flows = form.flows.clone();
        for known in &self.flows {
            match form.flows.iter().find(|flow| flow.name == known.name) {
                None => flows.push(known.clone()),
                Some(wanted) => {
                    if let Some(difference) = flow_difference(wanted, known) {
                        let new_key = suggest_client_key(&form.client_key);
                        return Err(flow_mismatch(&difference.to_string(), Some(&new_key)));
                    }
                }
            }
        }
        Ok(flows)
    }

    /// Whether Sift has all flows of `form`.
    pub(crate) fn are_registered(&self, form: &IngestionConfigForm) -> bool {
        !self.unregistered
            && self.late_flows.is_empty()
            && form.flows.iter().all(|flow| self.flows.iter().any(|known| known.name == flow.name))
    }

    /// The ID of the run that `form` describes, if it is known.
    pub(crate) fn run_id(&self, form: &RunForm) -> Option<&str> {
        self.runs.values().find(|run| run.form == *form)?.id.as_deref()
    }

    /// Runs whose ID is not known, by number.
    pub(crate) fn unknown_runs(&self) -> Vec<(u64, RunForm)> {
        let unknown = self.runs.iter().filter(|(_, run)| run.id.is_none());
        unknown.map(|(&number, run)| (number, run.form.clone())).collect()
    }

    /// What stands for the ID of the ingestion config.
    pub(crate) fn config_placeholder() -> String {
        as_text(placeholder(CONFIG_NUMBER))
    }

    /// What stands for the ID of the run that `form` describes; remembered durably before it is used.
    pub(crate) fn run_placeholder(&mut self, spool: &Spool, form: &RunForm) -> Result<String> {
        let known = self.runs.iter().find(|(_, run)| run.form == *form).map(|(&number, _)| number);
        let number = match known {
            Some(number) => number,
            None => self.add_run(spool, form)?,
        };
        Ok(as_text(placeholder(number)))
    }

    fn add_run(&mut self, spool: &Spool, form: &RunForm) -> Result<u64> {
        let number = self.runs.keys().next_back().map_or(CONFIG_NUMBER + 1, |last| last + 1);
        spool.put_blob(&format!("{RUN}{number}"), &CreateRunRequest::from(form).encode_to_vec())?;
        self.runs.insert(number, RememberedRun { form: form.clone(), id: None });
        Ok(number)
    }

    /// Remembers the ID of a run.
    pub(crate) fn set_run_id(&mut self, spool: &Spool, form: &RunForm, id: &str) -> Result<()> {
        if self.run_id(form) == Some(id) {
            return Ok(());
        }
        let known = self.runs.iter().find(|(_, run)| run.form == *form).map(|(&number, _)| number);
        let number = match known {
            Some(number) => number,
            None => self.add_run(spool, form)?,
        };
        spool.put_blob(&format!("{RUN_ID}{number}"), id.as_bytes())?;
        if let Some(run) = self.runs.get_mut(&number) {
            run.id = Some(id.to_owned());
        }
        Ok(())
    }

    /// Remembers the schema, the ID of its ingestion config if that is known, and whether Sift has all the flows.
    pub(crate) fn set_schema(
        &mut self,
        spool: &Spool,
        form: &IngestionConfigForm,
        flows: &[FlowConfig],
        config_id: Option<&str>,
        registered: bool,
    ) -> Result<()> {
        if self.unregistered == registered {
            spool.put_blob(UNREGISTERED, if registered { b"" } else { b"yes" })?;
            self.unregistered = !registered;
        }
        if self.flows != flows {
            let request = configs::CreateIngestionConfigRequest {
                asset_name: form.asset_name.clone(),
                client_key: form.client_key.clone(),
                flows: flows.iter().map(Into::into).collect(),
                organization_id: String::new(),
            };
            spool.put_blob(SCHEMA, &request.encode_to_vec())?;
            self.flows = flows.to_vec();
        }
        if let Some(id) = config_id.filter(|id| self.config_id.as_deref() != Some(*id)) {
            self.set_config_id(spool, id)?;
        }
        Ok(())
    }

    /// Remembers flows that were registered later.
    pub(crate) fn add_flows(&mut self, spool: &Spool, flows: &[FlowConfig]) -> Result<()> {
        let form = spool.slot().key().form(flows.to_vec());
        let flows = self.flows_with(&form)?;
        self.set_schema(spool, &form, &flows, None, !self.unregistered)
    }

    /// Remembers a flow, before rows of it are accepted, and whether Sift has it.
    pub(crate) fn note_flow(&mut self, spool: &Spool, flow: &FlowConfig, is_registered: bool) -> Result<()> {
        let was_late = self.late_flows.contains(&flow.name);
        if was_late == is_registered {
            self.set_late(spool, &flow.name, !is_registered)?;
        }
        let added = self.add_flows(spool, std::slice::from_ref(flow));
        if added.is_err() && !was_late {
            self.set_late(spool, &flow.name, false)?;
        }
        added
    }

    /// Takes back what was noted of a flow that Sift refuses, and no row is of.
    pub(crate) fn forget_flow(&mut self, spool: &Spool, name: &str) -> Result<()> {
        let form = spool.slot().key().form(Vec::new());
        let flows: Vec<_> = self.flows.iter().filter(|flow| flow.name != name).cloned().collect();
        self.set_schema(spool, &form, &flows, None, !self.unregistered)?;
        self.set_late(spool, name, false)
    }

    fn set_late(&mut self, spool: &Spool, name: &str, is_late: bool) -> Result<()> {
        spool.put_blob(&format!("{LATE_FLOW}{name}"), if is_late { b"yes" } else { b"" })?;
        if is_late {
            self.late_flows.insert(name.to_owned());
        } else {
            self.late_flows.remove(name);
        }
        Ok(())
    }

    /// Sift has these flows: none of them is late any more.
    pub(crate) fn are_known_to_sift(&mut self, spool: &Spool, flows: &[FlowConfig]) -> Result<()> {
        for flow in flows {
            if self.late_flows.contains(&flow.name) {
                self.set_late(spool, &flow.name, false)?;
            }
        }
        Ok(())
    }

    /// Whether rows were accepted of flows that Sift may not have.
    pub(crate) fn has_late_flows(&self) -> bool {
        !self.late_flows.is_empty()
    }

    /// Remembers under which ID Sift knows the schema from now on.
    pub(crate) fn set_config_id(&mut self, spool: &Spool, id: &str) -> Result<()> {
        spool.put_blob(CONFIG_ID, id.as_bytes())?;
        self.config_id = Some(id.to_owned());
        Ok(())
    }

    /// Remembers in `spool` the IDs that `other` knows, of an equal key.
    pub(crate) fn learn_ids_from(&mut self, other: &Self, spool: &Spool) -> Result<()> {
        if let (None, Some(id)) = (&self.config_id, &other.config_id) {
            spool.put_blob(CONFIG_ID, id.as_bytes())?;
            self.config_id = Some(id.clone());
        }
        for (_, form) in self.unknown_runs() {
            if let Some(id) = other.run_id(&form) {
                self.set_run_id(spool, &form, id)?;
            }
        }
        Ok(())
    }

    /// The IDs that can take the place of placeholders now.
    pub(crate) fn real_ids(&self) -> Result<RealIds> {
        let mut ids = RealIds::new();
        if let Some(id) = &self.config_id {
            ids.insert(placeholder(CONFIG_NUMBER), id)?;
        }
        for (&number, run) in &self.runs {
            if let Some(id) = &run.id {
                ids.insert(placeholder(number), id)?;
            }
        }
        Ok(ids)
    }
}

/// Refuses what cannot be an ID of Sift: it must fit where its placeholder stands.
pub(crate) fn check_id(what: &str, id: &str) -> Result<()> {
    let is_uuid = id.len() == ID_LEN
        && id.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if is_uuid && !is_placeholder(id.as_bytes()) {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::InvalidArgument,
        format!("the {what} {id:?} is not a UUID of {ID_LEN} characters"),
    ))
}

fn as_text(id: [u8; ID_LEN]) -> String {
    String::from_utf8_lossy(&id).into_owned()
}

fn damaged(name: &str, error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorCode::Corrupt, format!("what the slot remembers as {name:?} is damaged: {error}"))
}
