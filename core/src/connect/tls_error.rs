//! Says in plain words why TLS failed, and what to do.

use std::io;

use rustls::{AlertDescription, CertificateError, Error as Rustls};

use crate::{Error, ErrorCode};

/// What a failure of TLS with `place` means; `None` if the network failed and not TLS.
pub(super) fn explain(error: &io::Error, place: &str) -> Option<Error> {
    let tls = error.get_ref()?.downcast_ref::<Rustls>()?;
    let advice = match tls {
        Rustls::InvalidCertificate(certificate) => certificate_advice(certificate),
        Rustls::InvalidMessage(_) => {
            "it does not speak TLS on this port; check the port, or use http:// with `insecure` if it has no TLS".into()
        }
        Rustls::AlertReceived(alert) => alert_advice(*alert),
        Rustls::NoApplicationProtocol => "it does not offer HTTP/2; check that it is a gRPC endpoint".into(),
        Rustls::PeerIncompatible(_) => "it speaks no version of TLS that is allowed here; check `min_tls_version`".into(),
        _ => "check that it is Sift's gRPC endpoint".into(),
    };
    Some(Error::new(ErrorCode::Tls, format!("no secure connection to {place} ({tls}): {advice}")))
}

fn certificate_advice(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired; renew it there, or correct this machine's clock"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; correct this machine's clock"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another host; check the uri, or set `server_name` to the name in the certificate"
        }
        CertificateError::UnknownIssuer => {
            "nobody who is trusted here signed its certificate; if it is your own, give its CA as `extra_ca_pem`"
        }
        CertificateError::Revoked => "its certificate was revoked; ask its operator",
        _ => "its certificate cannot be verified; ask its operator",
    }
    .to_owned()
}

fn alert_advice(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => "it wants a client certificate; set `client_identity`",
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::DecryptError
        | AlertDescription::AccessDenied => "it refused the client certificate; check `client_identity`",
        AlertDescription::HandshakeFailure => {
            "it refused the handshake; it may want a client certificate (`client_identity`)"
        }
        AlertDescription::ProtocolVersion => {
            "it speaks no version of TLS that is allowed here; check `min_tls_version`"
        }
        AlertDescription::NoApplicationProtocol => {
            "it does not offer HTTP/2; check that it is a gRPC endpoint"
        }
        AlertDescription::UnrecognisedName => {
            "it does not know the host name; check the uri or `server_name`"
        }
        _ => "it ended the handshake; check that it is Sift's gRPC endpoint",
    }
    .to_owned()
}
