//! Connections against real TLS listeners: each way it can fail says so, and the key never travels in clear.

#![allow(clippy::unwrap_used)] // The helpers of a test may fail it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use siftstream::connect::{
    ApiKey, ApiKeySource, ClientIdentity, ConnectionOptions, TcpConnector, connect_any,
};
use siftstream::control::{ControlOptions, SiftControl};
use siftstream::seams::connector::{BoxIo, Connector};
use siftstream::{Error, ErrorCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const KEY: &str = "canary-4711-secret";

struct Ca(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
struct Leaf {
    certificate: String,
    key: String,
}

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    fn leaf(&self, name: &str, last_year: i32) -> Leaf {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(last_year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        Leaf { certificate, key: key.serialize_pem() }
    }
}

/// Answers each connection with what it receives, over TLS.
async fn serve(leaf: &Leaf, clients: Option<&Ca>) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(&ca.pem()).unwrap()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(socket).await else { return };
                let (mut from, mut to) = tokio::io::split(stream);
                drop(tokio::io::copy(&mut from, &mut to).await);
            });
        }
    });
    address
}

fn options(address: SocketAddr, ca: Option<&Ca>) -> ConnectionOptions {
    let mut options = ConnectionOptions::new(format!("https://localhost:{}", address.port()));
    options.extra_ca_pem = ca.map(Ca::pem);
    options
}

async fn echo(io: &mut BoxIo) -> std::io::Result<()> {
    io.write_all(b"hello").await?;
    io.flush().await?;
    let mut back = [0; 5];
    io.read_exact(&mut back).await?;
    assert_eq!(&back, b"hello");
    Ok(())
}

async fn failure(options: ConnectionOptions) -> Error {
    let Err(error) = TcpConnector::new(options).unwrap().connect().await else { panic!("it connected") };
    error
}

fn assert_tls_error(error: &Error, advice: &str) {
    assert_eq!(error.code(), ErrorCode::Tls, "{error}");
    assert!(error.message().contains(advice), "{error}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn an_endpoint_of_an_own_ca_is_trusted_when_the_ca_is_given() {
    let ca = Ca::new();
    let address = serve(&ca.leaf("localhost", 2100), None).await;
    let mut io = TcpConnector::new(options(address, Some(&ca))).unwrap().connect().await.unwrap();
    echo(&mut io).await.unwrap();
    let probe = io.probe().unwrap();
    assert!(probe.unread_bytes().is_some());
    drop(io);
    assert_eq!((probe.unread_bytes(), probe.min_rtt()), (None, None), "a probe keeps its connection open");
}

#[tokio::test]
async fn an_endpoint_that_nobody_vouches_for_is_refused() {
    let address = serve(&Ca::new().leaf("localhost", 2100), None).await;
    assert_tls_error(&failure(options(address, None)).await, "extra_ca_pem");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let ca = Ca::new();
    let address = serve(&ca.leaf("localhost", 2001), None).await;
    assert_tls_error(&failure(options(address, Some(&ca))).await, "expired");
}

#[tokio::test]
async fn a_certificate_for_another_host_needs_the_name_override() {
    let ca = Ca::new();
    let address = serve(&ca.leaf("sift.example", 2100), None).await;
    assert_tls_error(&failure(options(address, Some(&ca))).await, "server_name");
    let mut named = options(address, Some(&ca));
    named.server_name = Some("sift.example".into());
    let mut io = TcpConnector::new(named).unwrap().connect().await.unwrap();
    echo(&mut io).await.unwrap();
}

#[tokio::test]
async fn mutual_tls_works_with_the_right_certificate_and_explains_the_others() {
    let (ca, stranger) = (Ca::new(), Ca::new());
    let address = serve(&ca.leaf("localhost", 2100), Some(&ca)).await;
    let identity = |leaf: Leaf| Some(ClientIdentity::new(leaf.certificate, leaf.key));

    let mut right = options(address, Some(&ca));
    right.client_identity = identity(ca.leaf("vehicle", 2100));
    let mut io = TcpConnector::new(right).unwrap().connect().await.unwrap();
    echo(&mut io).await.unwrap();

    for wrong in [None, identity(stranger.leaf("vehicle", 2100))] {
        let mut options = options(address, Some(&ca));
        options.client_identity = wrong;
        // With TLS 1.3 the refusal comes after the client's side of the handshake.
        let text = match TcpConnector::new(options).unwrap().connect().await {
            Err(error) => error.to_string(),
            Ok(mut io) => echo(&mut io).await.unwrap_err().to_string(),
        };
        assert!(text.contains("client_identity"), "{text}");
    }
}

#[tokio::test]
async fn a_tls_client_on_a_plaintext_port_is_told_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        let mut rest = Vec::new();
        drop(socket.read_to_end(&mut rest).await);
    });
    assert_tls_error(&failure(options(address, None)).await, "does not speak TLS");
}

#[tokio::test]
async fn a_plaintext_client_on_a_tls_port_is_told_so() {
    let ca = Ca::new();
    let address = serve(&ca.leaf("localhost", 2100), None).await;
    let mut options = ConnectionOptions::new(format!("http://{address}"));
    options.insecure = true;
    let mut io = TcpConnector::new(options).unwrap().connect().await.unwrap();
    io.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    let error = io.read_u8().await.unwrap_err();
    assert!(error.to_string().contains("use https://"), "{error}");
}

#[tokio::test]
async fn a_failure_that_shows_after_the_handshake_reaches_the_caller_of_a_call_as_itself() {
    let ca = Ca::new();
    let key = ApiKeySource::new(ApiKey::new(KEY).unwrap());
    let address = serve(&ca.leaf("localhost", 2100), None).await;
    let mut plaintext = ConnectionOptions::new(format!("http://{address}"));
    plaintext.insecure = true;
    let wants_certificate = serve(&ca.leaf("localhost", 2100), Some(&ca)).await;
    for (options, advice) in
        [(plaintext, "use https://"), (options(wants_certificate, Some(&ca)), "client_identity")]
    {
        let control = SiftControl::new(&options, key.clone(), ControlOptions::default()).unwrap();
        assert_tls_error(&control.ping().await.unwrap_err(), advice);
    }
}

/// Passes bytes on to `target` and keeps what the client sent.
async fn tap(target: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = TcpStream::connect(target).await.unwrap().into_split();
            tokio::spawn(async move { drop(tokio::io::copy(&mut from_server, &mut to_client).await) });
            let record = Arc::clone(&record);
            tokio::spawn(async move {
                let mut buffer = vec![0; 4096];
                while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
                    record.lock().unwrap().extend_from_slice(&buffer[..count]);
                    if to_server.write_all(&buffer[..count]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    (address, seen)
}

#[tokio::test]
async fn the_key_never_travels_in_clear() {
    let ca = Ca::new();
    let (address, seen) = tap(serve(&ca.leaf("localhost", 2100), None).await).await;
    let key = ApiKeySource::new(ApiKey::new(KEY).unwrap());
    let mut control_options = ControlOptions::default();
    control_options.request_timeout = Duration::from_millis(500);
    control_options.overall_timeout = Duration::from_secs(1);
    for options in [options(address, Some(&ca)), options(address, None)] {
        let control = SiftControl::new(&options, key.clone(), control_options.clone()).unwrap();
        let error = control.ping().await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains(KEY));
    }
    let seen = seen.lock().unwrap();
    assert!(seen.len() > 200, "the requests did not pass the tap");
    assert!(!seen.windows(KEY.len()).any(|window| window == KEY.as_bytes()));
}

/// What is wrong, where, and how the client differs.
type Cell<'a> = (&'static str, SocketAddr, &'a dyn Fn(&mut ConnectionOptions));

#[tokio::test]
async fn the_key_travels_in_clear_in_no_case_of_failure() {
    let (ca, stranger) = (Ca::new(), Ca::new());
    let plaintext = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let without_tls = plaintext.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = plaintext.accept().await {
            tokio::spawn(async move {
                drop(tokio::io::copy_buf(&mut BufReader::new(&mut socket), &mut tokio::io::sink()).await)
            });
        }
    });
    let good = ca.leaf("localhost", 2100);
    let wants_certificate = serve(&good, Some(&ca)).await;
    let own_key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&own_key).unwrap();
    let own = Leaf { certificate: own.pem(), key: own_key.serialize_pem() };
    let secure = |_: &mut ConnectionOptions| {};
    let identified = |options: &mut ConnectionOptions| {
        let leaf = stranger.leaf("vehicle", 2100);
        options.client_identity = Some(ClientIdentity::new(leaf.certificate, leaf.key));
    };
    let plaintext = |options: &mut ConnectionOptions| {
        options.uri = options.uri.replace("https://", "http://");
        options.insecure = true;
    };
    let cells: [Cell<'_>; 9] = [
        ("expired", serve(&ca.leaf("localhost", 2001), None).await, &secure),
        ("another host", serve(&ca.leaf("sift.example", 2100), None).await, &secure),
        ("unknown CA", serve(&stranger.leaf("localhost", 2100), None).await, &secure),
        ("signs itself", serve(&own, None).await, &secure),
        ("no client certificate", wants_certificate, &secure),
        ("a wrong client certificate", wants_certificate, &identified),
        ("no TLS", without_tls, &secure),
        ("plaintext on a TLS port", serve(&good, None).await, &plaintext),
        ("plaintext on a port that says nothing", without_tls, &plaintext),
    ];
    for (cell, address, change) in cells {
        let (tapped, seen) = tap(address).await;
        let mut options = options(tapped, Some(&ca));
        change(&mut options);
        options.handshake_timeout = Duration::from_secs(1);
        let mut control_options = ControlOptions::default();
        control_options.request_timeout = Duration::from_secs(2);
        control_options.overall_timeout = Duration::from_secs(4);
        let key = ApiKeySource::new(ApiKey::new(KEY).unwrap());
        let control = SiftControl::new(&options, key, control_options).unwrap();
        let error = control.ping().await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains(KEY), "{cell}");
        let seen = seen.lock().unwrap();
        assert!(!seen.is_empty(), "{cell}: nothing passed the tap");
        assert!(!seen.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "{cell}");
    }
}

#[tokio::test]
async fn a_certificate_that_signs_itself_is_trusted_when_it_is_given() {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let leaf = Leaf { certificate: certificate.clone(), key: key.serialize_pem() };
    let address = serve(&leaf, None).await;
    assert_tls_error(&failure(options(address, None)).await, "extra_ca_pem");
    let mut trusting = options(address, None);
    trusting.extra_ca_pem = Some(certificate.into_bytes());
    let mut io = TcpConnector::new(trusting).unwrap().connect().await.unwrap();
    echo(&mut io).await.unwrap();
}

#[tokio::test]
async fn a_tls_failure_reaches_the_caller_of_a_call_as_itself() {
    let address = serve(&Ca::new().leaf("localhost", 2100), None).await;
    let key = ApiKeySource::new(ApiKey::new(KEY).unwrap());
    let control = SiftControl::new(&options(address, None), key, ControlOptions::default()).unwrap();
    assert_tls_error(&control.ping().await.unwrap_err(), "extra_ca_pem");
}

#[tokio::test]
async fn a_dead_first_address_costs_less_than_a_second() {
    // A listener whose queue is full drops further SYNs: to the client it is a host that does not answer.
    let dead = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    dead.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    dead.listen(0).unwrap();
    let dead_address = dead.local_addr().unwrap().as_socket().unwrap();
    let mut fillers = Vec::new();
    for _ in 0..4 {
        let filler = tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(dead_address)).await;
        fillers.push(filler);
    }
    let live = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let live_address = live.local_addr().unwrap();
    // A machine that is busy wakes a waiter late, but not every time.
    let mut best = Duration::MAX;
    for _ in 0..10 {
        let begin = Instant::now();
        let socket = connect_any(&[dead_address, live_address]).await.unwrap();
        assert_eq!(socket.peer_addr().unwrap(), live_address);
        best = best.min(begin.elapsed());
        if best < Duration::from_secs(1) {
            break;
        }
    }
    assert!(best < Duration::from_secs(1), "{best:?}");
}
