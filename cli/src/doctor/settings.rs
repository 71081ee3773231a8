//! What a stream would be told: from the arguments, a configuration file, `sift.toml` and the environment.

use super::Args;
use super::disk::DiskPlan;
use super::finding::{Finding, Report};
use super::modes;
use siftstream::connect::{ApiKey, ClientIdentity, ConnectionOptions, sift_config_path, user_agent};
use siftstream::spool::DiskBackupPolicy;
use siftstream::{Credentials, Error};
use std::path::{Path, PathBuf};

const CONFIG: &str = "config";
const KEY: &str = "key";

/// What the other checks go by.
pub(super) struct Settings {
    /// None if it is not known where Sift is.
    pub(super) connection: Option<ConnectionOptions>,
    /// None if there is none that could be sent.
    pub(super) key: Option<ApiKey>,
    pub(super) disk: Option<DiskPlan>,
}

impl Settings {
    /// Reads everything, and reports what is wrong with it.
    pub(super) fn gather(args: &Args, report: &mut Report) -> Self {
        let (uri, key) = match &args.uri {
            Some(uri) => (Some(uri.clone()), direct_key(args, report)),
            None => profile(args, report).unzip(),
        };
        if let Some(key) = &key {
            report.hide(key);
        }
        let connection = uri.and_then(|uri| match options(args, uri) {
            Ok(options) => Some(options),
            Err(error) => {
                report.add(Finding::fail(CONFIG, error.message()));
                None
            }
        });
        let min_free = args.min_free.unwrap_or(DiskBackupPolicy::default().min_free);
        let disk = args.backups_dir.clone().map(|dir| DiskPlan { dir, min_free });
        Self { connection, key, disk }
    }
}

fn direct_key(args: &Args, report: &mut Report) -> Option<ApiKey> {
    let given = args.api_key.clone().or_else(|| std::env::var("SIFTSTREAM_API_KEY").ok());
    let Some(text) = given else {
        report.add(Finding::fail(KEY, "there is no API key: give --api-key, or set SIFTSTREAM_API_KEY"));
        return None;
    };
    match ApiKey::new(text) {
        Ok(key) => Some(key),
        Err(error) => {
            report.add(Finding::fail(KEY, error.to_string()));
            None
        }
    }
}

fn profile(args: &Args, report: &mut Report) -> Option<(String, ApiKey)> {
    let credentials = Credentials::Profile(args.profile.clone());
    let resolved = match &args.config {
        Some(file) => credentials.resolve_from(file),
        None => credentials.resolve(),
    };
    match resolved {
        Ok((uri, key)) => {
            let file = args.config.clone().or_else(sift_config_path);
            report.add(readable(file.as_deref(), args.profile.as_deref()));
            Some((uri, key))
        }
        Err(error) => {
            report.add(Finding::fail(CONFIG, error.message()));
            None
        }
    }
}

fn readable(file: Option<&Path>, profile: Option<&str>) -> Finding {
    let shown = file.map_or_else(String::new, |file| file.display().to_string());
    let place = profile.map_or_else(|| shown.clone(), |name| format!("[{name}] in {shown}"));
    if file.is_some_and(modes::is_open) {
        return Finding::warn(CONFIG, format!("others can read the API key in {shown}: chmod 600 {shown}"));
    }
    Finding::ok(CONFIG, format!("address and key are those of {place}"))
}

fn options(args: &Args, uri: String) -> Result<ConnectionOptions, Error> {
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|error| Error::io(format_args!("cannot read {}", path.display()), &error))
    };
    let mut options = ConnectionOptions::new(uri);
    options.insecure = args.insecure;
    options.extra_ca_pem = args.ca.as_ref().map(read).transpose()?;
    options.server_name.clone_from(&args.server_name);
    options.user_agent = user_agent("cli");
    if let (Some(certificate), Some(key)) = (&args.client_cert, &args.client_key) {
        options.client_identity = Some(ClientIdentity::new(read(certificate)?, read(key)?));
    }
    Ok(options)
}
