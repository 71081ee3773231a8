//! The API key: never shown, wiped from memory, replaceable while running.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use http::HeaderValue;
use zeroize::Zeroizing;

use crate::{Error, ErrorCode, Result};

/// The longest key, in bytes.
pub const MAX_API_KEY_BYTES: usize = 8 * 1024;

/// A key that cannot be shown: `Debug` and `Display` print `***`. Its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct ApiKey(Zeroizing<String>);

/// Why a text cannot be an API key. Never contains the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeyError {
    /// Nothing was given.
    #[error("the API key is empty: create one in Sift and give it as `apikey`")]
    Empty,
    /// Longer than [`MAX_API_KEY_BYTES`].
    #[error(
        "the API key has {bytes} bytes, more than {MAX_API_KEY_BYTES}: is it the content of a whole file?"
    )]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A line break: it would end the header that carries the key.
    #[error("the API key contains a line break: remove it, also from its end")]
    LineBreak,
    /// A character that no key has.
    #[error("the API key contains a character other than visible ASCII at byte {at}: copy it again")]
    NotVisibleAscii {
        /// Where.
        at: usize,
    },
}

impl From<ApiKeyError> for Error {
    fn from(error: ApiKeyError) -> Self {
        Self::new(ErrorCode::InvalidArgument, error.to_string())
    }
}

impl ApiKey {
    /// Takes `key` over; its memory is wiped also when it is refused.
    pub fn new(key: impl Into<String>) -> Result<Self, ApiKeyError> {
        let key = Zeroizing::new(key.into());
        if key.is_empty() {
            return Err(ApiKeyError::Empty);
        }
        if key.len() > MAX_API_KEY_BYTES {
            return Err(ApiKeyError::TooLong { bytes: key.len() });
        }
        match key.bytes().position(|byte| !byte.is_ascii_graphic()) {
            None => Ok(Self(key)),
            Some(at) if matches!(key.as_bytes()[at], b'\r' | b'\n') => Err(ApiKeyError::LineBreak),
            Some(at) => Err(ApiKeyError::NotVisibleAscii { at }),
        }
    }

    /// The value of the `authorization` header. It is marked as sensitive: HTTP/2 keeps it out of its compression
    /// table and out of debug output.
    pub fn authorization(&self) -> HeaderValue {
        let text = Zeroizing::new(format!("Bearer {}", self.0.as_str()));
        let mut value = HeaderValue::from_str(&text)
            .unwrap_or_else(|_| unreachable!("a key holds visible ASCII only, checked at construction"));
        value.set_sensitive(true);
        value
    }

    /// `text` with each occurrence of the key replaced by `***`; for texts from an endpoint, which may repeat it.
    pub fn redact(&self, text: &str) -> String {
        text.replace(self.0.as_str(), "***")
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Tells the key that is valid now. It is asked before a request, at most once a second, and must not block for long.
pub type ApiKeyProvider = Arc<dyn Fn() -> Result<String> + Send + Sync>;

/// How long an answer of a provider is used.
const PROVIDED_FOR: Duration = Duration::from_secs(1);

/// The key that is valid now, shared by everything that talks to the endpoint.
#[derive(Clone)]
pub struct ApiKeySource {
    current: Arc<RwLock<ApiKey>>,
    provider: Option<Provider>,
}

#[derive(Clone)]
struct Provider {
    ask: ApiKeyProvider,
    asked: Arc<Mutex<Instant>>,
}

impl fmt::Debug for ApiKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeySource(***)")
    }
}

impl ApiKeySource {
    /// A source that begins with `key`.
    pub fn new(key: ApiKey) -> Self {
        Self { current: Arc::new(RwLock::new(key)), provider: None }
    }

    /// A source that asks `provider`, so that a key can change without the program's doing. While the provider fails,
    /// the last key stays.
    pub fn provided(provider: ApiKeyProvider) -> Result<Self> {
        let source = Self::new(ApiKey::new(provider()?)?);
        let provider = Provider { ask: provider, asked: Arc::new(Mutex::new(Instant::now())) };
        Ok(Self { provider: Some(provider), ..source })
    }

    /// Replaces the key: every request that begins later carries the new one.
    pub fn set_api_key(&self, key: ApiKey) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = key;
    }

    /// The key that is valid now.
    pub fn current(&self) -> ApiKey {
        if let Some(provider) = &self.provider
            && provider.is_due()
        {
            match (provider.ask)().and_then(|key| Ok(ApiKey::new(key)?)) {
                Ok(key) => self.set_api_key(key),
                Err(error) => tracing::warn!(
                    target: "siftstream::connect",
                    %error, "the API key cannot be asked for; the last one stays"
                ),
            }
        }
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Provider {
    /// Whether it is time to ask again; says so to one caller only.
    fn is_due(&self) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = asked.elapsed() >= PROVIDED_FOR;
        if due {
            *asked = Instant::now();
        }
        due
    }
}
