//! Tags and metadata of an asset. Both are merged into what is there: others put theirs on it too.

use super::{SiftControl, methods};
use crate::Result;
use crate::grpc::Code;
use crate::proto::sift::assets::v1::{Asset, GetAssetRequest, UpdateAssetRequest};
use crate::proto::sift::metadata::v1::MetadataValue as WireMetadata;
use crate::schema::{MetadataValue, validate_tags};

impl SiftControl {
    /// Adds tags to an asset.
    pub async fn add_asset_tags(&self, asset_id: &str, tags: &[String]) -> Result<()> {
        validate_tags(tags)?;
        let mut asset = self.get_asset(asset_id).await?;
        if merge_tags(&mut asset.tags, tags) {
            self.update_asset(asset, "tags").await?;
        }
        Ok(())
    }

    /// Adds metadata to an asset; a key that it has already gets the new value.
    pub async fn add_asset_metadata(&self, asset_id: &str, metadata: &[MetadataValue]) -> Result<()> {
        MetadataValue::validate_all(metadata)?;
        let mut asset = self.get_asset(asset_id).await?;
        if merge_metadata(&mut asset.metadata, metadata) {
            self.update_asset(asset, "metadata").await?;
        }
        Ok(())
    }

    /// Whether the asset has this name. One that is gone, or hidden from this key, has not.
    pub(super) async fn is_asset(&self, asset_id: &str, name: &str) -> Result<bool> {
        match self.request_asset(asset_id).await {
            Ok(asset) => Ok(asset.is_some_and(|asset| asset.name == name)),
            Err(failure) if failure.code == Code::NotFound => Ok(false),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn get_asset(&self, asset_id: &str) -> Result<Asset> {
        self.request_asset(asset_id).await?.ok_or_else(|| self.incomplete(methods::GET_ASSET.name()))
    }

    async fn request_asset(&self, asset_id: &str) -> Result<Option<Asset>, super::call::CallError> {
        let request = GetAssetRequest { asset_id: asset_id.to_owned() };
        let answer = self.call(methods::GET_ASSET, request).await?;
        Ok(answer.asset)
    }

    async fn update_asset(&self, asset: Asset, field: &str) -> Result<()> {
        let update_mask = Some(prost_types::FieldMask { paths: vec![field.to_owned()] });
        let request = UpdateAssetRequest { asset: Some(asset), update_mask };
        self.call(methods::UPDATE_ASSET, request).await?;
        Ok(())
    }
}

/// Adds the tags that are not there; whether any was.
pub(super) fn merge_tags(present: &mut Vec<String>, added: &[String]) -> bool {
    let before = present.len();
    for tag in added {
        if !present.contains(tag) {
            present.push(tag.clone());
        }
    }
    present.len() > before
}

/// Adds or replaces pairs; whether anything changed.
pub(super) fn merge_metadata(present: &mut Vec<WireMetadata>, added: &[MetadataValue]) -> bool {
    let mut changed = false;
    for pair in added {
        let wire = WireMetadata::from(pair);
        match present.iter_mut().find(|there| there.key.as_ref().is_some_and(|key| key.name == pair.key)) {
            Some(there) if there.value == wire.value => continue,
            Some(there) => *there = wire,
            None => present.push(wire),
        }
        changed = true;
    }
    changed
}
