//! What a stream would be told: by the arguments, the environment, a configuration file and `sift.toml`.

use super::Args;
use super::disk::DiskPlan;
use super::finding::{Finding, Report, count};
use super::modes;
use siftstream::connect::{ApiKey, ConnectionOptions, sift_config_path};
use siftstream::{ConfigValue, Credentials, Error, FlowConfig, Mode, StreamConfig, default_backups_dir};
use std::path::{Path, PathBuf};

const CONFIG: &str = "config";
const PROFILE: &str = "profile";
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
        let mut config = StreamConfig::default();
        config.set_language("cli");
        if let Some(file) = &args.config {
            report.add(read(&mut config, file));
        }
        if let Err(error) = config.apply_env().and_then(|()| apply(&mut config, args)) {
            report.add(Finding::fail(CONFIG, error.message()));
        }
        let (uri, key) = who_and_where(&config, report);
        if let Some(key) = &key {
            report.hide(key);
        }
        let connection = uri.and_then(|uri| match config.connection() {
            Ok(mut connection) => {
                connection.uri = uri;
                Some(connection)
            }
            Err(error) => {
                report.add(Finding::fail(CONFIG, error.message()));
                None
            }
        });
        Self { connection, key, disk: disk(&config, report) }
    }
}

fn read(config: &mut StreamConfig, file: &Path) -> Finding {
    let shown = file.display();
    if let Err(error) = config.load_file(file) {
        return Finding::fail(CONFIG, error.message());
    }
    if let Err(error) = FlowConfig::validate_all(config.flows()) {
        return Finding::fail(CONFIG, Error::from(error).context(shown).message());
    }
    let has_secret =
        StreamConfig::keys().iter().any(|key| key.is_secret() && config.is_set(key.name).unwrap_or(false));
    if has_secret && modes::is_open(file) {
        return Finding::warn(CONFIG, format!("others can read the key in {shown}: chmod 600 {shown}"));
    }
    let flows = config.flows();
    let channels = flows.iter().map(|flow| flow.channels.len()).sum();
    let (mode, flows, channels) =
        (config.mode().as_str(), count(flows.len(), "flow"), count(channels, "channel"));
    Finding::ok(CONFIG, format!("{shown}: {mode}, {flows}, {channels}"))
}

/// The arguments win over all else.
fn apply(config: &mut StreamConfig, args: &Args) -> Result<(), Error> {
    if args.uri.is_some() {
        config.unset("profile")?;
    }
    let text = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let given = [
        ("uri", args.uri.clone()),
        ("api_key", args.api_key.clone()),
        ("profile", args.profile.clone()),
        ("extra_ca_file", text(&args.ca)),
        ("client_certificate_file", text(&args.client_cert)),
        ("client_key_file", text(&args.client_key)),
        ("server_name", args.server_name.clone()),
        ("disk_backup_policy.backups_dir", text(&args.backups_dir)),
    ];
    for (key, value) in given {
        if let Some(value) = value {
            config.set(key, value)?;
        }
    }
    if args.insecure {
        config.set("insecure", true)?;
    }
    if let Some(bytes) = args.min_free {
        config.set("disk_backup_policy.min_free", bytes)?;
    }
    if !config.is_set("uri")? && !config.is_set("profile")? {
        config.set("profile", "")?;
    }
    Ok(())
}

fn who_and_where(config: &StreamConfig, report: &mut Report) -> (Option<String>, Option<ApiKey>) {
    let credentials = match config.credentials() {
        Ok(credentials) => credentials,
        Err(error) => {
            report.add(Finding::fail(CONFIG, error.message()));
            return (None, None);
        }
    };
    match credentials {
        Credentials::Config { uri, apikey } => (Some(uri), direct_key(apikey, report)),
        Credentials::KeyFile { .. } | Credentials::Provider { .. } => match credentials.resolve() {
            Ok((uri, key)) => (Some(uri), Some(key)),
            Err(error) => {
                report.add(Finding::fail(KEY, error.message()));
                (None, None)
            }
        },
        Credentials::Profile(name) => match Credentials::Profile(name.clone()).resolve() {
            Ok((uri, key)) => {
                report.add(profile(name.as_deref()));
                (Some(uri), Some(key))
            }
            Err(error) => {
                report.add(Finding::fail(PROFILE, error.message()));
                (None, None)
            }
        },
    }
}

fn direct_key(text: String, report: &mut Report) -> Option<ApiKey> {
    if text.is_empty() {
        let message = "there is no API key: give --api-key, set SIFTSTREAM_API_KEY, or use a profile";
        report.add(Finding::fail(KEY, message));
        return None;
    }
    match ApiKey::new(text) {
        Ok(key) => Some(key),
        Err(error) => {
            report.add(Finding::fail(KEY, error.to_string()));
            None
        }
    }
}

fn profile(name: Option<&str>) -> Finding {
    let file = sift_config_path().unwrap_or_default();
    let shown = file.display();
    if modes::is_open(&file) {
        return Finding::warn(PROFILE, format!("others can read the key in {shown}: chmod 600 {shown}"));
    }
    let place = name.map_or_else(|| shown.to_string(), |name| format!("[{name}] in {shown}"));
    Finding::ok(PROFILE, format!("address and key are those of {place}"))
}

/// The disk that a stream would use, if it uses one or a directory is named.
fn disk(config: &StreamConfig, report: &mut Report) -> Option<DiskPlan> {
    let named = match config.get("disk_backup_policy.backups_dir") {
        Ok(ConfigValue::Text(dir)) => Some(PathBuf::from(dir)),
        _ => None,
    };
    if named.is_none() && config.mode() == Mode::LiveOnly {
        return None;
    }
    let min_free = match config.get("disk_backup_policy.min_free") {
        Ok(ConfigValue::Unsigned(bytes)) => bytes,
        _ => 0,
    };
    match named.map_or_else(default_backups_dir, Ok) {
        Ok(dir) => Some(DiskPlan { dir, min_free }),
        Err(error) => {
            report.add(Finding::fail("disk", error.message()));
            None
        }
    }
}
