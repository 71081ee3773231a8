//! siftstream works with a server made of the traits that Sift generates, not only with this project's own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sift_rs::ingest::v1::ingest_service_server::{IngestService, IngestServiceServer};
use sift_rs::ingest::v1::{
    IngestArbitraryProtobufDataStreamRequest, IngestArbitraryProtobufDataStreamResponse,
    IngestWithConfigDataStreamRequest, IngestWithConfigDataStreamResponse,
};
use sift_rs::ingestion_configs::v2::ingestion_config_service_server::{
    IngestionConfigService, IngestionConfigServiceServer,
};
use sift_rs::ingestion_configs::v2::{
    CreateIngestionConfigFlowsRequest, CreateIngestionConfigFlowsResponse, CreateIngestionConfigRequest,
    CreateIngestionConfigResponse, FlowConfig as SiftFlowConfig, GetIngestionConfigRequest,
    GetIngestionConfigResponse, IngestionConfig, ListIngestionConfigFlowsRequest,
    ListIngestionConfigFlowsResponse, ListIngestionConfigsRequest, ListIngestionConfigsResponse,
};
use sift_rs::ping::v1::ping_service_server::{PingService, PingServiceServer};
use sift_rs::ping::v1::{PingRequest, PingResponse};
use siftstream::{
    ChannelConfig, ChannelDataType, ChannelValue, Credentials, Flow, FlowConfig, IngestionConfigForm,
    SiftStreamBuilder, TimeValue,
};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming};

const CONFIG_ID: &str = "11111111-2222-3333-4444-555555555555";

/// What was registered and received.
#[derive(Clone, Default)]
struct Sift {
    flows: Arc<Mutex<Vec<SiftFlowConfig>>>,
    rows: Arc<Mutex<Vec<IngestWithConfigDataStreamRequest>>>,
}

#[tonic::async_trait]
impl PingService for Sift {
    async fn ping(&self, _: Request<PingRequest>) -> Result<Response<PingResponse>, Status> {
        Ok(Response::new(PingResponse { response: "pong".to_owned() }))
    }
}

#[tonic::async_trait]
impl IngestionConfigService for Sift {
    async fn get_ingestion_config(
        &self,
        _: Request<GetIngestionConfigRequest>,
    ) -> Result<Response<GetIngestionConfigResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn create_ingestion_config(
        &self,
        request: Request<CreateIngestionConfigRequest>,
    ) -> Result<Response<CreateIngestionConfigResponse>, Status> {
        let request = request.into_inner();
        self.flows.lock().unwrap().extend(request.flows);
        let config = IngestionConfig {
            ingestion_config_id: CONFIG_ID.to_owned(),
            asset_id: "asset".to_owned(),
            client_key: request.client_key,
        };
        Ok(Response::new(CreateIngestionConfigResponse { ingestion_config: Some(config) }))
    }

    async fn list_ingestion_configs(
        &self,
        _: Request<ListIngestionConfigsRequest>,
    ) -> Result<Response<ListIngestionConfigsResponse>, Status> {
        Ok(Response::new(ListIngestionConfigsResponse::default()))
    }

    async fn create_ingestion_config_flows(
        &self,
        request: Request<CreateIngestionConfigFlowsRequest>,
    ) -> Result<Response<CreateIngestionConfigFlowsResponse>, Status> {
        self.flows.lock().unwrap().extend(request.into_inner().flows);
        Ok(Response::new(CreateIngestionConfigFlowsResponse::default()))
    }

    async fn list_ingestion_config_flows(
        &self,
        _: Request<ListIngestionConfigFlowsRequest>,
    ) -> Result<Response<ListIngestionConfigFlowsResponse>, Status> {
        let flows = self.flows.lock().unwrap().clone();
        Ok(Response::new(ListIngestionConfigFlowsResponse { flows, next_page_token: String::new() }))
    }
}

#[tonic::async_trait]
impl IngestService for Sift {
    async fn ingest_with_config_data_stream(
        &self,
        request: Request<Streaming<IngestWithConfigDataStreamRequest>>,
    ) -> Result<Response<IngestWithConfigDataStreamResponse>, Status> {
        let mut rows = request.into_inner();
        while let Some(row) = rows.next().await {
            self.rows.lock().unwrap().push(row?);
        }
        Ok(Response::new(IngestWithConfigDataStreamResponse::default()))
    }

    async fn ingest_arbitrary_protobuf_data_stream(
        &self,
        _: Request<Streaming<IngestArbitraryProtobufDataStreamRequest>>,
    ) -> Result<Response<IngestArbitraryProtobufDataStreamResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }
}

#[tokio::test]
async fn rows_reach_a_server_of_generated_traits_and_are_confirmed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let sift = Sift::default();
    let serving = tonic::transport::Server::builder()
        .add_service(PingServiceServer::new(sift.clone()))
        .add_service(IngestionConfigServiceServer::new(sift.clone()))
        .add_service(IngestServiceServer::new(sift.clone()))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(serving);
    let form = IngestionConfigForm {
        asset_name: "rover".to_owned(),
        client_key: "rover-v1".to_owned(),
        flows: vec![FlowConfig {
            name: "arm".to_owned(),
            channels: vec![ChannelConfig::new("angle", ChannelDataType::Double)],
        }],
    };
    let stream = SiftStreamBuilder::new(Credentials::Config { uri, apikey: "key".to_owned() })
        .insecure(true)
        .ingestion_config(form)
        .live_only()
        .build()
        .await
        .unwrap();
    for number in 0..5_000 {
        let time = TimeValue::from_timestamp_nanos(number);
        let row = Flow::new("arm", time, &[ChannelValue::new("angle", number as f64)]);
        stream.send(row).await.unwrap();
    }
    let finishing = tokio::task::spawn_blocking(move || stream.finish(Duration::from_secs(10)));
    assert_eq!(finishing.await.unwrap().unwrap().confirmed, 5_000);
    let rows = sift.rows.lock().unwrap();
    assert_eq!(rows.len(), 5_000);
    assert!(rows.iter().enumerate().all(|(number, row)| {
        row.flow == "arm"
            && row.ingestion_config_id == CONFIG_ID
            && row.timestamp.is_some_and(|time| time.nanos as usize == number)
    }));
}
