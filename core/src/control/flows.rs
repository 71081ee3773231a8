//! Compares flows with Sift's and registers those that it lacks.

use std::collections::HashMap;

use prost::Message;

use super::filter::one_of;
use super::pages::{PAGE_SIZE, Pages};
use super::{SiftControl, methods};
use crate::grpc::Code;
use crate::proto::sift::ingestion_configs::v2::{
    CreateIngestionConfigFlowsRequest, FlowConfig as WireFlow, ListIngestionConfigFlowsRequest,
};
use crate::schema::{FlowConfig, flow_difference};
use crate::{Error, ErrorCode, Result};

/// What one request may carry: gRPC servers take 4 MiB unless told otherwise.
const MAX_BATCH_BYTES: usize = 2 * 1024 * 1024;
const MAX_BATCH_FLOWS: usize = 200;
/// How many names one filter holds.
const MAX_FILTER_NAMES: usize = 50;
/// How often others may register flows while we do.
const MAX_RACES: u32 = 5;

impl SiftControl {
    /// The flows of an ingestion config. Those with types that this version does not know are left out.
    pub async fn flows(&self, ingestion_config_id: &str) -> Result<Vec<FlowConfig>> {
        let flows = self.list_flows(ingestion_config_id, "").await?;
        Ok(flows.into_values().filter_map(|flow| flow.try_into().ok()).collect())
    }

    /// Registers flows with an ingestion config. Flows that are there already, and equal, are left alone; one that
    /// differs is [`ErrorCode::SchemaMismatch`] and then none is registered.
    pub async fn add_new_flows(&self, ingestion_config_id: &str, flows: &[FlowConfig]) -> Result<()> {
        FlowConfig::validate_all(flows)?;
        for flows in flows.chunks(MAX_FILTER_NAMES) {
            let names = one_of("flow_name", flows.iter().map(|flow| flow.name.as_str()));
            let mut known = self.list_flows(ingestion_config_id, &names).await?;
            compare(flows, &mut known, None)?;
        }
        for flows in flows.chunks(MAX_FILTER_NAMES) {
            let names = one_of("flow_name", flows.iter().map(|flow| flow.name.as_str()));
            self.register_missing(ingestion_config_id, flows, &names, None).await?;
        }
        Ok(())
    }

    /// The flows of the config, all of them, after those missing were registered.
    pub(super) async fn ensure_flows(
        &self,
        ingestion_config_id: &str,
        wanted: &[FlowConfig],
        new_key: &str,
    ) -> Result<Vec<FlowConfig>> {
        let (mut flows, known) =
            self.register_missing(ingestion_config_id, wanted, "", Some(new_key)).await?;
        // Flows of others may have types from the future; they are none of our business.
        let mut others: Vec<FlowConfig> =
            known.into_values().filter_map(|flow| flow.try_into().ok()).collect();
        others.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        flows.append(&mut others);
        Ok(flows)
    }

    /// Compares, registers what is missing and compares again, until nothing is missing. Returns the wanted flows as
    /// Sift has them, and those that the filter found beside them.
    async fn register_missing(
        &self,
        ingestion_config_id: &str,
        wanted: &[FlowConfig],
        filter: &str,
        new_key: Option<&str>,
    ) -> Result<(Vec<FlowConfig>, HashMap<String, WireFlow>)> {
        for _ in 0..MAX_RACES {
            let mut known = self.list_flows(ingestion_config_id, filter).await?;
            let (present, missing) = compare(wanted, &mut known, new_key)?;
            if missing.is_empty() {
                return Ok((present, known));
            }
            self.create_flows(ingestion_config_id, &missing).await?;
        }
        let message = format!(
            "flows were registered with {} {MAX_RACES} times, but it does not list them: ask its operator",
            self.place
        );
        Err(Error::new(ErrorCode::Internal, message))
    }

    async fn list_flows(&self, ingestion_config_id: &str, filter: &str) -> Result<HashMap<String, WireFlow>> {
        let mut flows = HashMap::new();
        let mut pages = Pages::new();
        while let Some(page_token) = pages.token() {
            let request = ListIngestionConfigFlowsRequest {
                ingestion_config_id: ingestion_config_id.to_owned(),
                page_size: PAGE_SIZE,
                page_token,
                filter: filter.to_owned(),
            };
            let page = self.call(methods::LIST_FLOWS, request).await?;
            flows.extend(page.flows.into_iter().map(|flow| (flow.name.clone(), flow)));
            pages.advance(methods::LIST_FLOWS.name(), page.next_page_token)?;
        }
        Ok(flows)
    }

    /// Registers flows, batch by batch. One that exists already ends it early: the caller compares again.
    async fn create_flows(&self, ingestion_config_id: &str, flows: &[&FlowConfig]) -> Result<()> {
        let mut rest = flows;
        while !rest.is_empty() {
            let batch = first_batch(rest.iter().copied());
            rest = &rest[batch.len()..];
            let request = CreateIngestionConfigFlowsRequest {
                ingestion_config_id: ingestion_config_id.to_owned(),
                flows: batch,
            };
            let answer = self.call(methods::CREATE_FLOWS, request).await;
            match answer {
                Ok(_) => {}
                Err(failure) if failure.code == Code::AlreadyExists => return Ok(()),
                Err(failure) => return Err(failure.into()),
            }
        }
        Ok(())
    }
}

/// Takes the `wanted` flows out of the `known` ones, as Sift has them, and names those that are missing.
fn compare<'a>(
    wanted: &'a [FlowConfig],
    known: &mut HashMap<String, WireFlow>,
    new_key: Option<&str>,
) -> Result<(Vec<FlowConfig>, Vec<&'a FlowConfig>)> {
    let mut present = Vec::with_capacity(wanted.len());
    let mut missing = Vec::new();
    for flow in wanted {
        let Some(theirs) = known.remove(&flow.name) else {
            missing.push(flow);
            continue;
        };
        let theirs = FlowConfig::try_from(theirs).map_err(|error| {
            flow_mismatch(&format!("flow {:?} differs in Sift: {error}", flow.name), new_key)
        })?;
        if let Some(difference) = flow_difference(flow, &theirs) {
            return Err(flow_mismatch(&difference.to_string(), new_key));
        }
        present.push(theirs);
    }
    Ok((present, missing))
}

pub(crate) fn flow_mismatch(difference: &str, new_key: Option<&str>) -> Error {
    let key = new_key.map_or_else(String::new, |key| format!(", such as {key:?}"));
    let advice =
        format!("A registered flow cannot change: give it another name, or use a new client key{key}.");
    Error::new(ErrorCode::SchemaMismatch, format!("{difference}\n{advice}"))
}

/// As many of the first flows as one request may carry: at least one, however large it is.
pub(super) fn first_batch<'a>(flows: impl IntoIterator<Item = &'a FlowConfig>) -> Vec<WireFlow> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    for flow in flows.into_iter().take(MAX_BATCH_FLOWS).map(WireFlow::from) {
        bytes += flow.encoded_len();
        if bytes > MAX_BATCH_BYTES && !batch.is_empty() {
            break;
        }
        batch.push(flow);
    }
    batch
}
