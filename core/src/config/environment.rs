//! Choices from environment variables: `SIFTSTREAM_` and the name of the key in capitals, dots as underscores.

use super::keys::KEYS;
use super::{Source, StreamConfig, nearest, unknown};
use crate::error::{Error, ErrorCode, Result};

const PREFIX: &str = "SIFTSTREAM_";

/// A variable that is so few slips away from a known one was meant to be it. Others belong to somebody else.
const SLIPS: usize = 3;

impl StreamConfig {
    /// Adds the choices of the environment; what was set explicitly stays. A variable whose name is nearly that of a key
    /// is an error; others are left alone. After an error nothing has changed.
    pub fn apply_env(&mut self) -> Result<()> {
        // What is not text can be none of our values; its name still counts.
        self.apply_vars(std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            Some((name, value.into_string().unwrap_or_default()))
        }))
    }

    /// The same with these variables.
    pub fn apply_vars(&mut self, variables: impl IntoIterator<Item = (String, String)>) -> Result<()> {
        let mut changed = self.clone();
        for (variable, value) in variables {
            if !variable.starts_with(PREFIX) {
                continue;
            }
            match KEYS.iter().find(|key| key.variable() == variable) {
                Some(key) => changed
                    .set_from(Source::Environment, key.name, value.into())
                    .map_err(|error| error.context(&variable))?,
                None => refuse_slip(&variable)?,
            }
        }
        *self = changed;
        Ok(())
    }
}

fn refuse_slip(variable: &str) -> Result<()> {
    let names: Vec<String> = KEYS.iter().map(super::ConfigKey::variable).collect();
    let names = || names.iter().map(String::as_str);
    let is_slip =
        nearest::nearest(variable, names()).is_some_and(|name| nearest::distance_to(variable, name) <= SLIPS);
    if is_slip {
        let message = unknown(variable, names()).message().replace("key", "environment variable");
        return Err(Error::new(ErrorCode::InvalidArgument, message));
    }
    Ok(())
}
