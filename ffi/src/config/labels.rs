//! What asset and run are said to be: tags, metadata, the run itself.

use siftstream_core::schema::MetadataValue;
use siftstream_core::{Result, RunForm, RunSelector};

use super::{set, siftstream_config};
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
    set(config, error, |config| config.add_asset_tag(tag.get("tag")?))
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
    add_to_asset(config, error, || Ok(MetadataValue::new(key.get("key")?, value.get("value")?)))
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
    add_to_asset(config, error, || Ok(MetadataValue::new(key.get("key")?, value)))
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
    add_to_asset(config, error, || Ok(MetadataValue::new(key.get("key")?, value)))
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
    set(config, error, |config| config.attach_run(run_form(name, client_key)?))
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
    set(config, error, |config| config.attach_run(RunSelector::ById(run_id.get("run_id")?.to_owned())))
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
    set(config, error, |config| config.set_run_description(description.get("description")?))
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
    set(config, error, |config| config.add_run_tag(tag.get("tag")?))
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
    add_to_run(config, error, || Ok(MetadataValue::new(key.get("key")?, value.get("value")?)))
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
    add_to_run(config, error, || Ok(MetadataValue::new(key.get("key")?, value)))
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
    add_to_run(config, error, || Ok(MetadataValue::new(key.get("key")?, value)))
}

/// A run by its client key.
pub(crate) fn run_form(name: siftstream_str, client_key: siftstream_str) -> Result<RunSelector> {
    let (name, client_key) = (name.get("name")?.to_owned(), client_key.get("client_key")?.to_owned());
    Ok(RunSelector::ByForm(RunForm { name, client_key, ..RunForm::default() }))
}

fn add_to_asset(
    config: *mut siftstream_config,
    error: *mut *mut siftstream_error,
    metadata: impl FnOnce() -> Result<MetadataValue>,
) -> siftstream_status {
    set(config, error, |config| {
        config.add_asset_metadata(metadata()?);
        Ok(())
    })
}

fn add_to_run(
    config: *mut siftstream_config,
    error: *mut *mut siftstream_error,
    metadata: impl FnOnce() -> Result<MetadataValue>,
) -> siftstream_status {
    set(config, error, |config| config.add_run_metadata(metadata()?))
}
