//! Sift's unary services, on top of the registry.

use crate::filter::Filter;
use crate::paging::page;
use crate::proto::sift::assets::v1::asset_service_server::AssetService;
use crate::proto::sift::assets::v1::{
    GetAssetRequest, GetAssetResponse, UpdateAssetRequest, UpdateAssetResponse,
};
use crate::proto::sift::ingestion_configs::v2::ingestion_config_service_server::IngestionConfigService;
use crate::proto::sift::ingestion_configs::v2::{
    CreateIngestionConfigFlowsRequest, CreateIngestionConfigFlowsResponse, CreateIngestionConfigRequest,
    CreateIngestionConfigResponse, GetIngestionConfigRequest, GetIngestionConfigResponse,
    ListIngestionConfigFlowsRequest, ListIngestionConfigFlowsResponse, ListIngestionConfigsRequest,
    ListIngestionConfigsResponse,
};
use crate::proto::sift::ping::v1::ping_service_server::PingService;
use crate::proto::sift::ping::v1::{PingRequest, PingResponse};
use crate::proto::sift::runs::v2::run_service_server::RunService;
use crate::proto::sift::runs::v2::{
    CreateRunRequest, CreateRunResponse, GetRunRequest, GetRunResponse, ListRunsRequest, ListRunsResponse,
    UpdateRunRequest, UpdateRunResponse,
};
use crate::shared::Shared;
use std::sync::Arc;
use tonic::{Request, Response, Status, async_trait};

/// The services' common implementation.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    shared: Arc<Shared>,
}

impl Control {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

type Reply<T> = Result<Response<T>, Status>;

#[async_trait]
impl PingService for Control {
    async fn ping(&self, _: Request<PingRequest>) -> Reply<PingResponse> {
        self.shared.state.count_ping();
        Ok(Response::new(PingResponse { response: "pong".to_owned() }))
    }
}

#[async_trait]
impl IngestionConfigService for Control {
    async fn get_ingestion_config(
        &self,
        request: Request<GetIngestionConfigRequest>,
    ) -> Reply<GetIngestionConfigResponse> {
        let id = request.into_inner().ingestion_config_id;
        let config = self.shared.state.with_registry(|registry| Ok(registry.config(&id)?.config.clone()));
        config.map(|config| Response::new(GetIngestionConfigResponse { ingestion_config: Some(config) }))
    }

    async fn create_ingestion_config(
        &self,
        request: Request<CreateIngestionConfigRequest>,
    ) -> Reply<CreateIngestionConfigResponse> {
        let form = request.into_inner();
        let config = self.shared.state.with_registry(|registry| {
            registry.create_config(&form.asset_name, &form.client_key, form.flows)
        })?;
        Ok(Response::new(CreateIngestionConfigResponse { ingestion_config: Some(config) }))
    }

    async fn list_ingestion_configs(
        &self,
        request: Request<ListIngestionConfigsRequest>,
    ) -> Reply<ListIngestionConfigsResponse> {
        let query = request.into_inner();
        let filter = Filter::parse(&query.filter, &["client_key", "ingestion_config_id", "asset_id"])?;
        let (ingestion_configs, next_page_token) = self.shared.state.with_registry(|registry| {
            let configs = registry.configs().iter().map(|registered| &registered.config);
            let matching = configs.filter(|config| {
                filter.matches(|field| match field {
                    "client_key" => Some(&config.client_key),
                    "asset_id" => Some(&config.asset_id),
                    _ => Some(&config.ingestion_config_id),
                })
            });
            page(matching.cloned(), query.page_size, &query.page_token, self.shared.page_limit)
        })?;
        Ok(Response::new(ListIngestionConfigsResponse { ingestion_configs, next_page_token }))
    }

    async fn create_ingestion_config_flows(
        &self,
        request: Request<CreateIngestionConfigFlowsRequest>,
    ) -> Reply<CreateIngestionConfigFlowsResponse> {
        let form = request.into_inner();
        self.shared
            .state
            .with_registry(|registry| registry.create_flows(&form.ingestion_config_id, form.flows))?;
        Ok(Response::new(CreateIngestionConfigFlowsResponse {}))
    }

    async fn list_ingestion_config_flows(
        &self,
        request: Request<ListIngestionConfigFlowsRequest>,
    ) -> Reply<ListIngestionConfigFlowsResponse> {
        let query = request.into_inner();
        let filter = Filter::parse(&query.filter, &["flow_name", "name"])?;
        let (flows, next_page_token) = self.shared.state.with_registry(|registry| {
            let flows = registry.config(&query.ingestion_config_id)?.flows.iter();
            let matching = flows.filter(|flow| filter.matches(|_| Some(&flow.name)));
            page(matching.cloned(), query.page_size, &query.page_token, self.shared.page_limit)
        })?;
        Ok(Response::new(ListIngestionConfigFlowsResponse { flows, next_page_token }))
    }
}

#[async_trait]
impl AssetService for Control {
    async fn get_asset(&self, request: Request<GetAssetRequest>) -> Reply<GetAssetResponse> {
        let id = request.into_inner().asset_id;
        let asset = self.shared.state.with_registry(|registry| registry.asset(&id).cloned())?;
        Ok(Response::new(GetAssetResponse { asset: Some(asset) }))
    }

    async fn update_asset(&self, request: Request<UpdateAssetRequest>) -> Reply<UpdateAssetResponse> {
        let form = request.into_inner();
        let asset = form.asset.ok_or_else(|| Status::invalid_argument("no asset is given"))?;
        let paths = form.update_mask.unwrap_or_default().paths;
        let asset = self.shared.state.with_registry(|registry| registry.update_asset(asset, &paths))?;
        Ok(Response::new(UpdateAssetResponse { asset: Some(asset) }))
    }
}

#[async_trait]
impl RunService for Control {
    async fn get_run(&self, request: Request<GetRunRequest>) -> Reply<GetRunResponse> {
        let id = request.into_inner().run_id;
        let run = self.shared.state.with_registry(|registry| registry.run(&id).cloned())?;
        Ok(Response::new(GetRunResponse { run: Some(run) }))
    }

    async fn create_run(&self, request: Request<CreateRunRequest>) -> Reply<CreateRunResponse> {
        let form = request.into_inner();
        let run = self.shared.state.with_registry(|registry| registry.create_run(form))?;
        Ok(Response::new(CreateRunResponse { run: Some(run) }))
    }

    async fn update_run(&self, request: Request<UpdateRunRequest>) -> Reply<UpdateRunResponse> {
        let form = request.into_inner();
        let run = form.run.ok_or_else(|| Status::invalid_argument("no run is given"))?;
        let paths = form.update_mask.unwrap_or_default().paths;
        let run = self.shared.state.with_registry(|registry| registry.update_run(run, &paths))?;
        Ok(Response::new(UpdateRunResponse { run: Some(run) }))
    }

    async fn list_runs(&self, request: Request<ListRunsRequest>) -> Reply<ListRunsResponse> {
        let query = request.into_inner();
        let filter = Filter::parse(&query.filter, &["client_key", "name", "run_id"])?;
        let (runs, next_page_token) = self.shared.state.with_registry(|registry| {
            let matching = registry.runs.iter().filter(|run| {
                filter.matches(|field| match field {
                    "client_key" => run.client_key.as_deref(),
                    "name" => Some(&run.name),
                    _ => Some(&run.run_id),
                })
            });
            page(matching.cloned(), query.page_size, &query.page_token, self.shared.page_limit)
        })?;
        Ok(Response::new(ListRunsResponse { runs, next_page_token }))
    }
}
