//! The address of a Sift endpoint, checked once.

use std::fmt;

use http::Uri;

use crate::{Error, ErrorCode};

/// How an endpoint is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Without TLS; only where the caller asked for it by name.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Where Sift listens: scheme, host and port, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    scheme: Scheme,
    host: String,
    port: u16,
}

/// Why a text is not the address of an endpoint. Never shows what stands before an `@`: it may be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Nothing was given.
    #[error("the uri is empty: give one such as https://grpc-api.siftstack.com")]
    Empty,
    /// Not a URI.
    #[error("the uri {uri:?} is malformed: give one such as https://grpc-api.siftstack.com")]
    Malformed {
        /// The text.
        uri: String,
    },
    /// No scheme.
    #[error("the uri {uri:?} has no scheme: put https:// in front of it")]
    NoScheme {
        /// The text.
        uri: String,
    },
    /// Neither `http` nor `https`.
    #[error("the uri {uri:?} has the scheme {scheme:?}: use https")]
    UnknownScheme {
        /// The text.
        uri: String,
        /// Its scheme.
        scheme: String,
    },
    /// `http` without the option that allows it.
    #[error(
        "the uri {uri:?} would send the API key and all data unencrypted: use https, or set `insecure` to allow it"
    )]
    InsecureNotAllowed {
        /// The text.
        uri: String,
    },
    /// A name or password before the host.
    #[error(
        "the uri has a user name or password before the host: remove it and give the API key as `apikey`"
    )]
    UserInfo,
    /// No host.
    #[error("the uri {uri:?} has no host: give one such as https://grpc-api.siftstack.com")]
    NoHost {
        /// The text.
        uri: String,
    },
    /// A port that does not exist.
    #[error("the uri {uri:?} has an invalid port: use 1 to 65535")]
    InvalidPort {
        /// The text.
        uri: String,
    },
    /// A path, query or fragment.
    #[error("the uri {uri:?} goes on after the host and port: remove the path")]
    Path {
        /// The text.
        uri: String,
    },
}

impl From<EndpointError> for Error {
    fn from(error: EndpointError) -> Self {
        Self::new(ErrorCode::InvalidArgument, error.to_string())
    }
}

impl Endpoint {
    /// Reads `uri`. `http://` is refused unless `insecure`.
    pub fn parse(uri: &str, insecure: bool) -> Result<Self, EndpointError> {
        if uri.is_empty() {
            return Err(EndpointError::Empty);
        }
        if uri.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        let shown = || uri.chars().take(256).collect::<String>();
        let (scheme, rest) = uri.split_once("://").ok_or_else(|| EndpointError::NoScheme { uri: shown() })?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "https" => Scheme::Https,
            "http" if insecure => Scheme::Http,
            "http" => return Err(EndpointError::InsecureNotAllowed { uri: shown() }),
            _ => return Err(EndpointError::UnknownScheme { uri: shown(), scheme: scheme.to_owned() }),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(EndpointError::Path { uri: shown() });
        }
        if authority.is_empty() || authority.starts_with(':') {
            return Err(EndpointError::NoHost { uri: shown() });
        }
        let parsed: http::uri::Authority =
            authority.parse().map_err(|_| EndpointError::Malformed { uri: shown() })?;
        let host = parsed.host();
        // What follows the host is empty, or a colon and the port; http only hides a port that it cannot read.
        let port = match authority.get(host.len()..).unwrap_or_default() {
            "" => scheme.default_port(),
            after => after
                .strip_prefix(':')
                .and_then(|digits| digits.parse().ok())
                .filter(|port| *port != 0)
                .ok_or_else(|| EndpointError::InvalidPort { uri: shown() })?,
        };
        Ok(Self { scheme, host: host.to_owned(), port })
    }

    /// How it is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host as a resolver wants it: an IPv6 address is without brackets.
    pub fn host(&self) -> &str {
        self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&self.host)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What requests name as their `:scheme` and `:authority`.
    pub fn origin(&self) -> Uri {
        let authority = if self.port == self.scheme.default_port() {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        };
        Uri::builder()
            .scheme(self.scheme.as_str())
            .authority(authority)
            .path_and_query("/")
            .build()
            .unwrap_or_else(|_| unreachable!("the parts were checked when the endpoint was parsed"))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme.as_str(), self.host, self.port)
    }
}
