//! Carries unary calls between HTTP/2 and the services that tonic generated.

use crate::connection::Command;
use crate::control::Control;
use crate::faults::UnaryEffect;
use crate::proto::sift::assets::v1::asset_service_server::AssetServiceServer;
use crate::proto::sift::ingestion_configs::v2::ingestion_config_service_server::IngestionConfigServiceServer;
use crate::proto::sift::ping::v1::ping_service_server::PingServiceServer;
use crate::proto::sift::runs::v2::run_service_server::RunServiceServer;
use crate::response::send_status_with;
use crate::shared::{Shared, lock};
use bytes::{Bytes, BytesMut};
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, Request, Response};
use http_body::Body as _;
use http_body_util::{BodyExt, Full};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::mpsc;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::codegen::Service;

/// Requests larger than this are refused; schemas can be large.
const MAX_REQUEST: usize = 64 * 1024 * 1024;

/// Answers one unary call.
pub(crate) async fn serve(
    control: Control,
    connection: mpsc::Sender<Command>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    let shared = Arc::clone(control.shared());
    let path = request.uri().path().to_owned();
    let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
    let mut healed = shared.healed.listen();
    let fault = lock(&shared.unary_faults)
        .take(|fault| fault.method.as_deref().is_none_or(|wanted| wanted == method));
    let mut instead = None;
    let mut has_rival = false;
    match fault.map(|fault| fault.effect) {
        None => {}
        Some(UnaryEffect::Status(status)) => return answer(&shared, &mut respond, &status.to_status()),
        Some(UnaryEffect::DoneButStatus(status)) => instead = Some(status.to_status()),
        Some(UnaryEffect::Delay(delay)) => tokio::time::sleep(delay).await,
        Some(UnaryEffect::Silence) => {
            let is_healed = tokio::select! {
                biased;
                _ = std::future::poll_fn(|cx| respond.poll_reset(cx)) => false,
                () = healed.changed() => true,
            };
            if !is_healed {
                return;
            }
        }
        Some(UnaryEffect::RivalFirst) => has_rival = true,
        Some(UnaryEffect::TcpReset) => {
            // The connection may be gone, which is what was asked for.
            connection.send(Command::Reset).await.ok();
            return;
        }
    }
    let (head, body) = request.into_parts();
    let request = match collect(body).await {
        Ok(body) => Request::from_parts(head, Full::new(body)),
        Err(status) => return answer(&shared, &mut respond, &status),
    };
    if has_rival {
        // What the rival is told is between it and the server.
        drop(dispatch(control.clone(), service, request.clone()).await);
    }
    let Some(response) = dispatch(control, service, request).await else {
        return answer(&shared, &mut respond, &Status::unimplemented(format!("this server has no `{path}`")));
    };
    match instead {
        Some(status) => answer(&shared, &mut respond, &status),
        None => forward(&shared, response, &mut respond).await,
    }
}

/// Ends the call with `status`.
pub(crate) fn answer(shared: &Shared, respond: &mut SendResponse<Bytes>, status: &Status) {
    let mut headers = HeaderMap::new();
    shared.dating.stamp(&mut headers);
    // A client that is gone needs no answer.
    send_status_with(respond, status, headers).ok();
}

async fn dispatch(control: Control, service: &str, request: Request<Full<Bytes>>) -> Option<Response<Body>> {
    let response: Result<_, Infallible> = match service {
        "sift.ping.v1.PingService" => {
            PingServiceServer::new(control).accept_compressed(Gzip).call(request).await
        }
        "sift.ingestion_configs.v2.IngestionConfigService" => {
            IngestionConfigServiceServer::new(control)
                .accept_compressed(Gzip)
                .max_decoding_message_size(MAX_REQUEST)
                .call(request)
                .await
        }
        "sift.assets.v1.AssetService" => {
            AssetServiceServer::new(control).accept_compressed(Gzip).call(request).await
        }
        "sift.runs.v2.RunService" => {
            RunServiceServer::new(control).accept_compressed(Gzip).call(request).await
        }
        _ => return None,
    };
    response.ok()
}

async fn collect(mut body: RecvStream) -> Result<Bytes, Status> {
    let mut whole = BytesMut::new();
    while let Some(piece) = body.data().await {
        let piece = piece.map_err(|error| Status::cancelled(error.to_string()))?;
        body.flow_control().release_capacity(piece.len()).ok();
        if whole.len() + piece.len() > MAX_REQUEST {
            return Err(Status::resource_exhausted("the request is too large"));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

async fn forward(shared: &Shared, response: Response<Body>, respond: &mut SendResponse<Bytes>) {
    let (mut head, mut body) = response.into_parts();
    shared.dating.stamp(&mut head.headers);
    let Ok(mut stream) = respond.send_response(Response::from_parts(head, ()), body.is_end_stream()) else {
        return;
    };
    while let Some(Ok(frame)) = body.frame().await {
        let sent = match frame.into_data() {
            Ok(data) => stream.send_data(data, false),
            Err(frame) => frame.into_trailers().map_or(Ok(()), |trailers| stream.send_trailers(trailers)),
        };
        if sent.is_err() {
            return;
        }
    }
}
