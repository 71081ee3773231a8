//! How a connection to Sift is described, secured and opened.
//!
//! [`ConnectionOptions`] says where and how, [`Credentials`] who; [`TcpConnector`] opens connections from them.

mod credentials;
mod endpoint;
mod greeting;
mod happy_eyeballs;
mod options;
mod proxy;
mod secret;
mod socket;
mod tcp;
mod tcp_info;
mod tls;
mod tls_error;
mod wire;

pub use credentials::{Credentials, SIFT_CONFIG_NAME, sift_config_path};
pub use endpoint::{Endpoint, EndpointError, Scheme};
pub use happy_eyeballs::{STAGGER, connect_any};
pub use options::{ClientIdentity, ConnectionOptions, TcpKeepalive, TlsVersion, user_agent};
pub use proxy::ProxyChoice;
pub use secret::{ApiKey, ApiKeyError, ApiKeyProvider, ApiKeySource, MAX_API_KEY_BYTES};
pub use tcp::{TcpConnector, proxy_of, resolve, resolve_host};
