//! Finds the ingestion config of a client key, or creates it.

use super::filter::equals;
use super::flows::first_batch;
use super::pages::{PAGE_SIZE, Pages};
use super::{SiftControl, methods};
use crate::grpc::Code;
use crate::proto::sift::ingestion_configs::v2::{
    CreateIngestionConfigRequest, IngestionConfig, ListIngestionConfigsRequest,
};
use crate::schema::{FlowConfig, IngestionConfigForm, suggest_client_key};
use crate::{Error, ErrorCode, Result};

/// An ingestion config that Sift knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Its ID, which every row carries.
    pub ingestion_config_id: String,
    /// The asset that its rows belong to.
    pub asset_id: String,
    /// All its flows, as Sift has them; those wanted come first, in their order.
    pub flows: Vec<FlowConfig>,
}

impl SiftControl {
    /// Finds the ingestion config of `form` or creates it, and registers the flows it lacks.
    ///
    /// Two processes may do this at once for one form: both end with the same config. A flow that Sift has with other
    /// channels is [`ErrorCode::SchemaMismatch`], and the message shows the difference.
    pub async fn ensure_ingestion_config(&self, form: &IngestionConfigForm) -> Result<Registered> {
        form.validate()?;
        let config = match self.find_config(form).await? {
            Some(config) => config,
            None => self.create_config(form).await?,
        };
        let flows = self
            .ensure_flows(&config.ingestion_config_id, &form.flows, &suggest_client_key(&form.client_key))
            .await?;
        Ok(Registered { ingestion_config_id: config.ingestion_config_id, asset_id: config.asset_id, flows })
    }

    /// The config with the client key, on the asset that is named: keys are only unique per asset.
    async fn find_config(&self, form: &IngestionConfigForm) -> Result<Option<IngestionConfig>> {
        let mut pages = Pages::new();
        while let Some(page_token) = pages.token() {
            let request = ListIngestionConfigsRequest {
                page_size: PAGE_SIZE,
                page_token,
                filter: equals("client_key", &form.client_key),
            };
            let page = self.call(methods::LIST_CONFIGS, request).await?;
            for config in page.ingestion_configs {
                if config.client_key == form.client_key
                    && self.is_asset(&config.asset_id, &form.asset_name).await?
                {
                    return Ok(Some(config));
                }
            }
            pages.advance(methods::LIST_CONFIGS.name(), page.next_page_token)?;
        }
        Ok(None)
    }

    async fn create_config(&self, form: &IngestionConfigForm) -> Result<IngestionConfig> {
        let request = CreateIngestionConfigRequest {
            asset_name: form.asset_name.clone(),
            flows: first_batch(&form.flows),
            organization_id: String::new(),
            client_key: form.client_key.clone(),
        };
        let created = self.call(methods::CREATE_CONFIG, request).await;
        match created {
            Ok(answer) => {
                answer.ingestion_config.ok_or_else(|| self.incomplete(methods::CREATE_CONFIG.name()))
            }
            // Somebody else created it since we looked, or an earlier attempt of ours did and its answer was lost.
            Err(failure) if failure.code == Code::AlreadyExists => {
                self.find_config(form).await?.ok_or_else(|| key_taken(form))
            }
            Err(failure) => Err(failure.into()),
        }
    }
}

fn key_taken(form: &IngestionConfigForm) -> Error {
    let (key, asset) = (&form.client_key, &form.asset_name);
    let message = format!(
        "the client key {key:?} is in use, but not for the asset {asset:?}: use another one, such as {:?}",
        suggest_client_key(key)
    );
    Error::new(ErrorCode::SchemaMismatch, message)
}
