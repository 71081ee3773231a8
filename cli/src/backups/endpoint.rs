//! Which Sift to talk to, and with which key.

use super::error::{Failure, Result};
use siftstream::Credentials;

/// Options of the commands that reach Sift.
#[derive(Debug, clap::Args)]
pub(crate) struct Endpoint {
    /// The address of Sift's gRPC endpoint.
    #[arg(long, conflicts_with = "profile")]
    uri: Option<String>,
    /// Take address and key from this table of `sift.toml`.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The API key; SIFTSTREAM_API_KEY if not given.
    #[arg(long, visible_alias = "apikey", value_name = "KEY", requires = "uri")]
    api_key: Option<String>,
    /// Allow http://: the key travels unencrypted.
    #[arg(long)]
    pub(crate) insecure: bool,
}

impl Endpoint {
    /// Whether the user said where Sift is.
    pub(crate) fn is_given(&self) -> bool {
        self.uri.is_some() || self.profile.is_some()
    }

    /// Address and key; those at the top of `sift.toml` if nothing was given.
    pub(crate) fn credentials(&self) -> Result<Credentials> {
        let Some(uri) = &self.uri else { return Ok(Credentials::Profile(self.profile.clone())) };
        let key = self.api_key.clone().or_else(|| std::env::var("SIFTSTREAM_API_KEY").ok());
        Ok(Credentials::Config { uri: uri.clone(), apikey: key.ok_or(Failure::NoKey)? })
    }
}
