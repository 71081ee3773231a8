//! Where the address and the API key come from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::DeTable;
use zeroize::Zeroizing;

use super::{ApiKey, ApiKeyProvider, ApiKeySource};
use crate::{Error, ErrorCode, Result};

/// The name of the file that profiles are read from, in the user's local configuration directory.
pub const SIFT_CONFIG_NAME: &str = "sift.toml";

/// The names of the key in a profile; the first one that is there wins.
const API_KEY_NAMES: [&str; 2] = ["api_key", "apikey"];

/// Who connects, and to where. `Debug` does not show the key.
#[derive(Clone)]
pub enum Credentials {
    /// Given directly.
    Config {
        /// The address of Sift's gRPC endpoint.
        uri: String,
        /// The API key.
        apikey: String,
    },
    /// The key is read from a file, again whenever it may have changed: writing a new key to the file rotates it.
    KeyFile {
        /// The address of Sift's gRPC endpoint.
        uri: String,
        /// The file, which holds the key and nothing else; white space around it does not count.
        path: PathBuf,
    },
    /// The key is asked for, again whenever it may have changed.
    Provider {
        /// The address of Sift's gRPC endpoint.
        uri: String,
        /// Tells the key.
        provider: ApiKeyProvider,
    },
    /// Read from `sift.toml`: the named table, or the top level if there is no name.
    Profile(Option<String>),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config { uri, apikey: _ } => {
                f.debug_struct("Config").field("uri", &shown(uri)).field("apikey", &"***").finish()
            }
            Self::KeyFile { uri, path } => {
                f.debug_struct("KeyFile").field("uri", &shown(uri)).field("path", path).finish()
            }
            Self::Provider { uri, provider: _ } => {
                f.debug_struct("Provider").field("uri", &shown(uri)).finish_non_exhaustive()
            }
            Self::Profile(name) => f.debug_tuple("Profile").field(name).finish(),
        }
    }
}

impl Credentials {
    /// The address, and what tells the key.
    pub fn source(self) -> Result<(String, ApiKeySource)> {
        match self {
            Self::KeyFile { uri, path } => {
                let provider = move || read_key(&path);
                Ok((uri, ApiKeySource::provided(Arc::new(provider))?))
            }
            Self::Provider { uri, provider } => Ok((uri, ApiKeySource::provided(provider)?)),
            fixed => fixed.resolve().map(|(uri, key)| (uri, ApiKeySource::new(key))),
        }
    }

    /// The address and the key as it is now, from the user's `sift.toml` if they are in a profile.
    pub fn resolve(self) -> Result<(String, ApiKey)> {
        match self {
            Self::Config { uri, apikey } => Ok((uri, ApiKey::new(apikey)?)),
            Self::KeyFile { uri, path } => Ok((uri, ApiKey::new(read_key(&path)?)?)),
            Self::Provider { uri, provider } => Ok((uri, ApiKey::new(provider()?)?)),
            Self::Profile(name) => {
                let file = sift_config_path().ok_or_else(|| {
                    let message =
                        "the user's configuration directory is unknown: set HOME, or give `uri` and `apikey`";
                    Error::new(ErrorCode::NotConfigured, message)
                })?;
                read_profile(&file, name.as_deref())
            }
        }
    }

    /// The same, with profiles read from `file`.
    pub fn resolve_from(self, file: &Path) -> Result<(String, ApiKey)> {
        match self {
            Self::Profile(name) => read_profile(file, name.as_deref()),
            other => other.resolve(),
        }
    }
}

/// An address, unless somebody put a password into it.
fn shown(uri: &str) -> &str {
    if uri.contains('@') { "***" } else { uri }
}

fn read_key(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| Error::io(format_args!("cannot read the API key in {}", path.display()), &error))?;
    Ok(text.trim().to_owned())
}

fn read_profile(file: &Path, name: Option<&str>) -> Result<(String, ApiKey)> {
    let shown = file.display();
    let text = Zeroizing::new(std::fs::read_to_string(file).map_err(|error| {
        Error::io(format_args!("cannot read the credentials in {shown}"), &error)
            .context("create the file, or give `uri` and `apikey`")
    })?);
    // The parser's own message quotes the line it failed at, and that line may hold the key.
    let table = DeTable::parse(&text).map_err(|error| {
        let line = error
            .span()
            .map(|span| text.as_bytes()[..span.start].iter().filter(|byte| **byte == b'\n').count());
        let line = line.map_or_else(String::new, |before| format!(" at line {}", before + 1));
        Error::new(ErrorCode::InvalidArgument, format!("{shown} is not valid TOML{line}: correct it"))
    })?;
    let table = table.get_ref();
    let (profile, place) = match name {
        None => (table, format!("the top level of {shown}")),
        Some(name) => match table.get(name).and_then(|value| value.get_ref().as_table()) {
            Some(profile) => (profile, format!("[{name}] in {shown}")),
            None => {
                let message =
                    format!("{shown} has no profile {name:?}: add a table [{name}] with `uri` and `api_key`");
                return Err(Error::new(ErrorCode::NotFound, message));
            }
        },
    };
    let find = |names: &[&str]| {
        let texts = names.iter().filter_map(|name| profile.get(*name)?.get_ref().as_str());
        texts.map(str::to_owned).find(|text| !text.is_empty())
    };
    let missing = |key: &str| Error::new(ErrorCode::NotConfigured, format!("{place} has no `{key}`: add it"));
    let uri = find(&["uri"]).ok_or_else(|| missing("uri"))?;
    let key = find(&API_KEY_NAMES).ok_or_else(|| missing(API_KEY_NAMES[0]))?;
    let key = ApiKey::new(key).map_err(|error| Error::from(error).context(place))?;
    Ok((uri, key))
}

/// The file that profiles are read from; none if the user's configuration directory is unknown.
#[must_use]
pub fn sift_config_path() -> Option<PathBuf> {
    Some(local_config_directory()?.join(SIFT_CONFIG_NAME))
}

/// Where this platform keeps a user's configuration.
fn local_config_directory() -> Option<PathBuf> {
    if cfg!(windows) {
        return std::env::var_os("LOCALAPPDATA").map(PathBuf::from);
    }
    let home = || std::env::home_dir().filter(|home| home.is_absolute());
    if cfg!(target_os = "macos") {
        return Some(home()?.join("Library/Application Support"));
    }
    let configured = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    configured.or_else(|| Some(home()?.join(".config")))
}
