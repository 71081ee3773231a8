//! The unary services follow Sift's rules.

mod common;

use common::{connect, flow, ready, unary, unary_with_key};
use siftstream_server::proto::sift::assets::v1::{Asset, GetAssetRequest, GetAssetResponse};
use siftstream_server::proto::sift::assets::v1::{UpdateAssetRequest, UpdateAssetResponse};
use siftstream_server::proto::sift::ingestion_configs::v2::{
    CreateIngestionConfigFlowsRequest, CreateIngestionConfigFlowsResponse, CreateIngestionConfigRequest,
    CreateIngestionConfigResponse, ListIngestionConfigFlowsRequest, ListIngestionConfigFlowsResponse,
    ListIngestionConfigsRequest, ListIngestionConfigsResponse,
};
use siftstream_server::proto::sift::ping::v1::{PingRequest, PingResponse};
use siftstream_server::proto::sift::runs::v2::{
    CreateRunRequest, CreateRunResponse, ListRunsRequest, ListRunsResponse,
};
use siftstream_server::{Code, FaultStatus, LocalServer, Times, UnaryEffect, UnaryFault};

const PING: &str = "/sift.ping.v1.PingService/Ping";
const CREATE: &str = "/sift.ingestion_configs.v2.IngestionConfigService/CreateIngestionConfig";
const LIST: &str = "/sift.ingestion_configs.v2.IngestionConfigService/ListIngestionConfigs";
const CREATE_FLOWS: &str = "/sift.ingestion_configs.v2.IngestionConfigService/CreateIngestionConfigFlows";
const LIST_FLOWS: &str = "/sift.ingestion_configs.v2.IngestionConfigService/ListIngestionConfigFlows";
const GET_ASSET: &str = "/sift.assets.v1.AssetService/GetAsset";
const UPDATE_ASSET: &str = "/sift.assets.v1.AssetService/UpdateAsset";
const CREATE_RUN: &str = "/sift.runs.v2.RunService/CreateRun";
const LIST_RUNS: &str = "/sift.runs.v2.RunService/ListRuns";

#[tokio::test]
async fn only_the_right_key_opens_the_server() {
    let server = LocalServer::builder().api_key(Some("k")).start().unwrap();
    let channel = connect(&server);
    for key in [None, Some("x")] {
        let result: Result<PingResponse, _> = unary_with_key(&channel, PING, PingRequest {}, key).await;
        assert_eq!(result.unwrap_err().code(), Code::Unauthenticated);
    }
    let _: PingResponse = unary_with_key(&channel, PING, PingRequest {}, Some("k")).await.unwrap();
    assert_eq!(server.state().pings(), 1);
    assert!(!format!("{server:?}").contains("api_key"));
}

#[tokio::test]
async fn a_config_is_created_once_and_found_by_its_client_key() {
    let (server, channel, id) = ready();
    let form = |asset: &str, key: &str| CreateIngestionConfigRequest {
        asset_name: asset.to_owned(),
        client_key: key.to_owned(),
        ..CreateIngestionConfigRequest::default()
    };
    for (asset, key, code) in [
        ("asset", "key", Code::AlreadyExists),
        ("", "k", Code::InvalidArgument),
        ("a", "", Code::InvalidArgument),
    ] {
        let result: Result<CreateIngestionConfigResponse, _> =
            unary(&channel, CREATE, form(asset, key)).await;
        assert_eq!(result.unwrap_err().code(), code);
    }
    let _: CreateIngestionConfigResponse = unary(&channel, CREATE, form("asset", "key2")).await.unwrap();
    let filter = "client_key == 'key'".to_owned();
    let query = ListIngestionConfigsRequest { filter, ..ListIngestionConfigsRequest::default() };
    let found: ListIngestionConfigsResponse = unary(&channel, LIST, query).await.unwrap();
    assert_eq!(found.ingestion_configs.len(), 1);
    assert_eq!(found.ingestion_configs[0].ingestion_config_id, id);
    assert_eq!(server.state().assets().len(), 1);
}

#[tokio::test]
async fn pages_of_one_list_every_flow_and_a_known_flow_is_not_created_twice() {
    let server = LocalServer::builder().page_size(1).start().unwrap();
    let channel = connect(&server);
    let id = server.state().create_config("asset", "key", vec![flow("a"), flow("b")]).unwrap();
    let form = |id: &str, name: &str| CreateIngestionConfigFlowsRequest {
        ingestion_config_id: id.to_owned(),
        flows: vec![flow(name)],
    };
    for (id, name, code) in [(id.as_str(), "a", Code::AlreadyExists), ("x", "c", Code::NotFound)] {
        let result: Result<CreateIngestionConfigFlowsResponse, _> =
            unary(&channel, CREATE_FLOWS, form(id, name)).await;
        assert_eq!(result.unwrap_err().code(), code);
    }
    let _: CreateIngestionConfigFlowsResponse = unary(&channel, CREATE_FLOWS, form(&id, "c")).await.unwrap();
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let query = ListIngestionConfigFlowsRequest {
            ingestion_config_id: id.clone(),
            page_token,
            filter: "flow_name in ['a','c']".to_owned(),
            page_size: 0,
        };
        let page: ListIngestionConfigFlowsResponse = unary(&channel, LIST_FLOWS, query).await.unwrap();
        assert_eq!(page.flows.len(), 1);
        names.extend(page.flows.into_iter().map(|flow| flow.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["a", "c"]);
}

#[tokio::test]
async fn an_update_touches_only_what_its_mask_names() {
    let (server, channel, _) = ready();
    let asset_id = server.state().assets()[0].asset_id.clone();
    let asset = Asset {
        asset_id: asset_id.clone(),
        name: "renamed".to_owned(),
        tags: vec!["t".to_owned()],
        ..Asset::default()
    };
    let mask = |path: &str| Some(prost_types::FieldMask { paths: vec![path.to_owned()] });
    let form = UpdateAssetRequest { asset: Some(asset.clone()), update_mask: mask("tags") };
    let _: UpdateAssetResponse = unary(&channel, UPDATE_ASSET, form).await.unwrap();
    let got: GetAssetResponse = unary(&channel, GET_ASSET, GetAssetRequest { asset_id }).await.unwrap();
    let got = got.asset.unwrap();
    assert_eq!((got.name.as_str(), got.tags.len()), ("asset", 1));
    let form = UpdateAssetRequest { asset: Some(asset), update_mask: mask("asset_id") };
    let refused: Result<UpdateAssetResponse, _> = unary(&channel, UPDATE_ASSET, form).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_run_is_found_by_its_client_key() {
    let (_server, channel, _) = ready();
    let client_key = Some("r".to_owned());
    let form = CreateRunRequest { name: "run".to_owned(), client_key, ..CreateRunRequest::default() };
    let made: CreateRunResponse = unary(&channel, CREATE_RUN, form.clone()).await.unwrap();
    let again: Result<CreateRunResponse, _> = unary(&channel, CREATE_RUN, form).await;
    assert_eq!(again.unwrap_err().code(), Code::AlreadyExists);
    let query = ListRunsRequest { filter: "client_key == 'r'".to_owned(), ..ListRunsRequest::default() };
    let found: ListRunsResponse = unary(&channel, LIST_RUNS, query).await.unwrap();
    assert_eq!(found.runs, [made.run.unwrap()]);
}

#[tokio::test]
async fn a_unary_fault_hits_only_its_method() {
    let (server, channel, _) = ready();
    let fault = UnaryFault {
        method: Some("Ping".to_owned()),
        effect: UnaryEffect::Status(FaultStatus::new(Code::Unavailable)),
    };
    server.inject_unary(fault, Times::N(1));
    let _: ListRunsResponse = unary(&channel, LIST_RUNS, ListRunsRequest::default()).await.unwrap();
    let failed: Result<PingResponse, _> = unary(&channel, PING, PingRequest {}).await;
    assert_eq!(failed.unwrap_err().code(), Code::Unavailable);
    let _: PingResponse = unary(&channel, PING, PingRequest {}).await.unwrap();
    let unknown: Result<PingResponse, _> =
        unary(&channel, "/sift.nothing.v1.Service/Call", PingRequest {}).await;
    assert_eq!(unknown.unwrap_err().code(), Code::Unimplemented);
}
