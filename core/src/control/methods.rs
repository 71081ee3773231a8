//! Sift's unary calls, each with the messages that go out and come back.

use std::marker::PhantomData;

use crate::proto::sift::assets::v1 as assets;
use crate::proto::sift::ingestion_configs::v2 as configs;
use crate::proto::sift::ping::v1 as ping;
use crate::proto::sift::runs::v2 as runs;

/// A call that takes a `Q` and answers with an `R`.
pub(super) struct Method<Q, R> {
    path: &'static str,
    messages: PhantomData<fn(Q) -> R>,
}

impl<Q, R> Method<Q, R> {
    const fn new(path: &'static str) -> Self {
        Self { path, messages: PhantomData }
    }

    /// What it is called, for messages.
    pub(super) fn name(&self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }

    /// Its whole name, as a request has it.
    pub(super) fn path(&self) -> &'static str {
        self.path
    }
}

pub(super) const PING: Method<ping::PingRequest, ping::PingResponse> =
    Method::new("/sift.ping.v1.PingService/Ping");

pub(super) const GET_ASSET: Method<assets::GetAssetRequest, assets::GetAssetResponse> =
    Method::new("/sift.assets.v1.AssetService/GetAsset");
pub(super) const UPDATE_ASSET: Method<assets::UpdateAssetRequest, assets::UpdateAssetResponse> =
    Method::new("/sift.assets.v1.AssetService/UpdateAsset");

pub(super) const LIST_CONFIGS: Method<
    configs::ListIngestionConfigsRequest,
    configs::ListIngestionConfigsResponse,
> = Method::new("/sift.ingestion_configs.v2.IngestionConfigService/ListIngestionConfigs");
pub(super) const CREATE_CONFIG: Method<
    configs::CreateIngestionConfigRequest,
    configs::CreateIngestionConfigResponse,
> = Method::new("/sift.ingestion_configs.v2.IngestionConfigService/CreateIngestionConfig");
pub(super) const LIST_FLOWS: Method<
    configs::ListIngestionConfigFlowsRequest,
    configs::ListIngestionConfigFlowsResponse,
> = Method::new("/sift.ingestion_configs.v2.IngestionConfigService/ListIngestionConfigFlows");
pub(super) const CREATE_FLOWS: Method<
    configs::CreateIngestionConfigFlowsRequest,
    configs::CreateIngestionConfigFlowsResponse,
> = Method::new("/sift.ingestion_configs.v2.IngestionConfigService/CreateIngestionConfigFlows");

pub(super) const GET_RUN: Method<runs::GetRunRequest, runs::GetRunResponse> =
    Method::new("/sift.runs.v2.RunService/GetRun");
pub(super) const LIST_RUNS: Method<runs::ListRunsRequest, runs::ListRunsResponse> =
    Method::new("/sift.runs.v2.RunService/ListRuns");
pub(super) const CREATE_RUN: Method<runs::CreateRunRequest, runs::CreateRunResponse> =
    Method::new("/sift.runs.v2.RunService/CreateRun");
pub(super) const UPDATE_RUN: Method<runs::UpdateRunRequest, runs::UpdateRunResponse> =
    Method::new("/sift.runs.v2.RunService/UpdateRun");
