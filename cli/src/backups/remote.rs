//! Asks Sift what the channels of an ingestion config are called. Only reads; registers nothing.

use super::error::{Failure, Result};
use super::schema::Flows;
use siftstream::Error;
use siftstream::connect::{ApiKeySource, ConnectionOptions, user_agent};
use siftstream::control::{ControlOptions, SiftControl};
use tokio::runtime::Runtime;

/// A connection to Sift.
pub(crate) struct Remote {
    runtime: Runtime,
    control: SiftControl,
    uri: String,
}

impl Remote {
    /// A connection that is opened when it is needed.
    pub(crate) fn new(endpoint: &super::endpoint::Endpoint) -> Result<Self> {
        let (uri, key) = endpoint.credentials()?.resolve()?;
        let mut options = ConnectionOptions::new(uri);
        options.insecure = endpoint.insecure;
        options.user_agent = user_agent("cli");
        let uri = options.endpoint().map_err(Error::from)?.to_string();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::io("cannot start the network's runtime", &error))?;
        let control = {
            let _inside = runtime.enter();
            SiftControl::new(&options, ApiKeySource::new(key), ControlOptions::default())?
        };
        Ok(Self { runtime, control, uri })
    }

    /// The flows of an ingestion config. Those with types that this version does not know are left out.
    pub(crate) fn flows(&self, config: &str) -> Result<Flows> {
        let flows = self.runtime.block_on(self.control.flows(config)).map_err(|error| Failure::Remote {
            config: config.to_owned(),
            uri: self.uri.clone(),
            why: error.to_string(),
        })?;
        Ok(flows.into_iter().map(|flow| (flow.name.clone(), flow)).collect())
    }
}
