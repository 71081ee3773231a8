//! A small client for the server's tests, on tonic's generic calls.

#![allow(dead_code, reason = "each test crate uses its part")]
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use siftstream_server::proto::sift::common::r#type::v1::ChannelDataType;
use siftstream_server::proto::sift::ingest::v1::{
    IngestWithConfigDataChannelValue, IngestWithConfigDataStreamRequest, IngestWithConfigDataStreamResponse,
};
use siftstream_server::proto::sift::ingestion_configs::v2::{ChannelConfig, FlowConfig};
use siftstream_server::{LocalServer, Value};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

pub const LONG: Duration = Duration::from_secs(10);

pub fn connect(server: &LocalServer) -> Channel {
    Endpoint::from_shared(server.uri()).unwrap().connect_lazy()
}

pub async fn unary<Req, Res>(channel: &Channel, path: &'static str, request: Req) -> Result<Res, Status>
where
    Req: prost::Message + Send + Sync + 'static,
    Res: prost::Message + Default + Send + Sync + 'static,
{
    unary_with_key(channel, path, request, None).await
}

pub async fn unary_with_key<Req, Res>(
    channel: &Channel,
    path: &'static str,
    request: Req,
    key: Option<&str>,
) -> Result<Res, Status>
where
    Req: prost::Message + Send + Sync + 'static,
    Res: prost::Message + Default + Send + Sync + 'static,
{
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let mut request = Request::new(request);
    if let Some(key) = key {
        request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    }
    let codec = ProstCodec::<Req, Res>::default();
    grpc.unary(request, http::uri::PathAndQuery::from_static(path), codec)
        .await
        .map(tonic::Response::into_inner)
}

pub type Rows = mpsc::Sender<IngestWithConfigDataStreamRequest>;

/// Opens an ingest stream: send rows, drop the sender to half-close, await the handle for the answer.
pub fn open(channel: &Channel) -> (Rows, tokio::task::JoinHandle<Result<(), Status>>) {
    let (rows, receiver) = mpsc::channel(16);
    let mut grpc = Grpc::new(channel.clone());
    let call = tokio::spawn(async move {
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let codec =
            ProstCodec::<IngestWithConfigDataStreamRequest, IngestWithConfigDataStreamResponse>::default();
        let path =
            http::uri::PathAndQuery::from_static("/sift.ingest.v1.IngestService/IngestWithConfigDataStream");
        grpc.client_streaming(Request::new(ReceiverStream::new(receiver)), path, codec).await.map(drop)
    });
    (rows, call)
}

/// Sends rows `numbers` on a new stream and half-closes.
pub async fn stream(channel: &Channel, id: &str, numbers: std::ops::Range<u64>) -> Result<(), Status> {
    let (rows, call) = open(channel);
    for number in numbers {
        if rows.send(row(id, number)).await.is_err() {
            break;
        }
    }
    drop(rows);
    tokio::time::timeout(LONG, call).await.unwrap().unwrap()
}

pub fn flow(name: &str) -> FlowConfig {
    let channel = |name: &str, data_type: ChannelDataType| ChannelConfig {
        name: name.to_owned(),
        data_type: data_type.into(),
        ..ChannelConfig::default()
    };
    FlowConfig {
        name: name.to_owned(),
        channels: vec![channel("seq", ChannelDataType::Uint64), channel("temp", ChannelDataType::Double)],
    }
}

/// A good row of the flow `f`.
pub fn row(id: &str, number: u64) -> IngestWithConfigDataStreamRequest {
    let value = |value| IngestWithConfigDataChannelValue { r#type: Some(value) };
    IngestWithConfigDataStreamRequest {
        ingestion_config_id: id.to_owned(),
        flow: "f".to_owned(),
        timestamp: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 5 }),
        channel_values: vec![value(Value::Uint64(number)), value(Value::Double(0.5))],
        ..IngestWithConfigDataStreamRequest::default()
    }
}

/// A server that keeps rows, with the flow `f` registered, and a connection to it.
pub fn ready() -> (LocalServer, Channel, String) {
    let server = LocalServer::builder().keep_rows(true).start().unwrap();
    let id = server.state().create_config("asset", "key", vec![flow("f")]).unwrap();
    let channel = connect(&server);
    (server, channel, id)
}
