//! What asset and run are said to be: tags, metadata, the run itself.

use siftstream_core::schema::MetadataValue;
use siftstream_core::{Error, ErrorCode, Result, RunForm, RunSelector};

use super::{Config, set, siftstream_config};
use crate::error::siftstream_error;
use crate::status::siftstream_status;
use crate::view::siftstream_str;

/// Adds a tag to the asset; those it has stay. The text is copied.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_add_asset_tag(
    config: *mut siftstream_config,
    tag: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.asset_tags.push(tag.get("tag")?.to_owned());
        Ok(())
    })
}

/// Adds metadata to the asset; a key that it has gets the new value. The texts are copied.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_add_asset_metadata(
    config: *mut siftstream_config,
    key: siftstream_str,
    value: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        let (key, value) = (key.get("key")?, value.get("value")?);
        config.asset_metadata.push(MetadataValue::new(key, value));
        Ok(())
    })
}

/// Adds metadata to the asset; a key that it has gets the new value. The text is copied.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_add_asset_metadata_number(
    config: *mut siftstream_config,
    key: siftstream_str,
    value: f64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        let key = key.get("key")?;
        config.asset_metadata.push(MetadataValue::new(key, value));
        Ok(())
    })
}

/// Adds metadata to the asset; a key that it has gets the new value. The text is copied.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_add_asset_metadata_bool(
    config: *mut siftstream_config,
    key: siftstream_str,
    value: bool,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        let key = key.get("key")?;
        config.asset_metadata.push(MetadataValue::new(key, value));
        Ok(())
    })
}

/// Attaches all rows to the run with this client key, which is created or updated. The texts are copied.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_attach_run(
    config: *mut siftstream_config,
    name: siftstream_str,
    client_key: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.run = Some(run_form(name, client_key)?);
        Ok(())
    })
}

/// Attaches all rows to an existing run. The text is copied.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_attach_run_id(
    config: *mut siftstream_config,
    run_id: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.run = Some(RunSelector::ById(run_id.get("run_id")?.to_owned()));
        Ok(())
    })
}

/// Says what the run is about. The run must have been attached by its client key. The text is copied.
///
/// Errors: INVALID_ARGUMENT, NOT_CONFIGURED without such a run. Thread-safety: one thread at a time. Blocking:
/// never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_run_description(
    config: *mut siftstream_config,
    description: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        let description = description.get("description")?;
        run(config)?.description = Some(description.to_owned());
        Ok(())
    })
}

/// Adds a tag to the run; those it has stay. The run must have been attached by its client key. The text is copied.
///
/// Errors: INVALID_ARGUMENT, NOT_CONFIGURED without such a run. Thread-safety: one thread at a time. Blocking:
/// never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_add_run_tag(
    config: *mut siftstream_config,
    tag: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        let tag = tag.get("tag")?;
        run(config)?.tags.push(tag.to_owned());
        Ok(())
    })
}

/// Adds metadata to the run; a key that it has gets the new value. The texts are copied. The run must have been
/// attached by its client key.
///
/// Errors: INVALID_ARGUMENT, NOT_CONFIGURED without such a run. Thread-safety: one thread at a time. Blocking:
/// never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_add_run_metadata(
    config: *mut siftstream_config,
    key: siftstream_str,
    value: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        let (key, value) = (key.get("key")?, value.get("value")?);
        run(config)?.metadata.push(MetadataValue::new(key, value));
        Ok(())
    })
}

/// Adds metadata to the run; a key that it has gets the new value. The text is copied. The run must have been
/// attached by its client key.
///
/// Errors: INVALID_ARGUMENT, NOT_CONFIGURED without such a run. Thread-safety: one thread at a time. Blocking:
/// never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_add_run_metadata_number(
    config: *mut siftstream_config,
    key: siftstream_str,
    value: f64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        let key = key.get("key")?;
        run(config)?.metadata.push(MetadataValue::new(key, value));
        Ok(())
    })
}

/// Adds metadata to the run; a key that it has gets the new value. The text is copied. The run must have been
/// attached by its client key.
///
/// Errors: INVALID_ARGUMENT, NOT_CONFIGURED without such a run. Thread-safety: one thread at a time. Blocking:
/// never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_add_run_metadata_bool(
    config: *mut siftstream_config,
    key: siftstream_str,
    value: bool,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        let key = key.get("key")?;
        run(config)?.metadata.push(MetadataValue::new(key, value));
        Ok(())
    })
}

/// A run by its client key.
pub(crate) fn run_form(name: siftstream_str, client_key: siftstream_str) -> Result<RunSelector> {
    let (name, client_key) = (name.get("name")?.to_owned(), client_key.get("client_key")?.to_owned());
    Ok(RunSelector::ByForm(RunForm { name, client_key, ..RunForm::default() }))
}

/// The run that is described here.
fn run(config: &mut Config) -> Result<&mut RunForm> {
    match &mut config.run {
        Some(RunSelector::ByForm(form)) => Ok(form),
        _ => {
            let message = "the config describes no run: call siftstream_config_attach_run first";
            Err(Error::new(ErrorCode::NotConfigured, message))
        }
    }
}
