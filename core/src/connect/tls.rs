//! What is trusted and how TLS is spoken. Nothing here touches process-wide defaults.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio_rustls::TlsConnector;

use super::{ClientIdentity, ConnectionOptions, Endpoint, TlsVersion};
use crate::{Error, ErrorCode, Result};

/// Prepared TLS: reading certificates and keys happens once, and errors in them show at the start.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) connector: TlsConnector,
    pub(super) server_name: ServerName<'static>,
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::Tls, message)
}

impl Tls {
    /// TLS to `endpoint` as the options say.
    pub(super) fn new(options: &ConnectionOptions, endpoint: &Endpoint) -> Result<Self> {
        let name = options.server_name.as_deref().unwrap_or(endpoint.host()).to_owned();
        let server_name = ServerName::try_from(name.clone()).map_err(|_| {
            Error::new(
                ErrorCode::InvalidArgument,
                format!("{name:?} cannot be the name in a certificate: give a host name as `server_name`"),
            )
        })?;
        let versions: &[&SupportedProtocolVersion] = match options.min_tls_version {
            TlsVersion::Tls12 => &[&TLS12, &TLS13],
            TlsVersion::Tls13 => &[&TLS13],
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .map_err(|error| wrong(format!("TLS cannot be set up: {error}")))?
            .with_root_certificates(roots(options.extra_ca_pem.as_deref())?);
        let mut config = match &options.client_identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = read_identity(identity)?;
                builder.with_client_auth_cert(chain, key).map_err(|error| {
                    wrong(format!(
                        "the client certificate cannot be used ({error}): check that its key belongs to it"
                    ))
                })?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), server_name })
    }
}

/// The certificates of Mozilla, of the operating system and of the caller.
fn roots(extra_ca_pem: Option<&[u8]>) -> Result<RootCertStore> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let native = rustls_native_certs::load_native_certs();
    // Machines without a store of their own, or with odd entries in it, are common and still have Mozilla's roots.
    for error in &native.errors {
        tracing::debug!(target: "siftstream::connect", %error, "a certificate of the operating system cannot be read");
    }
    roots.add_parsable_certificates(native.certs);
    if let Some(pem) = extra_ca_pem {
        for certificate in read_certificates(pem, "the extra CA")? {
            roots.add(certificate).map_err(|error| {
                wrong(format!(
                    "the extra CA holds a certificate that cannot be used ({error}): check `extra_ca_pem`"
                ))
            })?;
        }
    }
    Ok(roots)
}

fn read_certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| wrong(format!("{what} is not valid PEM: check the file")))?;
    if certificates.is_empty() {
        return Err(wrong(format!(
            "{what} holds no certificate: it must be PEM, beginning with BEGIN CERTIFICATE"
        )));
    }
    Ok(certificates)
}

fn read_identity(
    identity: &ClientIdentity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = read_certificates(&identity.certificate_pem, "the client certificate")?;
    // The parser's error may quote the text, which is secret here.
    let key = PrivateKeyDer::from_pem_slice(&identity.key_pem)
        .map_err(|_| wrong("the client key is not a PEM private key without a password: check the file"))?;
    Ok((chain, key))
}
