//! Walks through the pages of a list call.

use crate::{Error, ErrorCode, Result};

/// How many entries a page should have.
pub(super) const PAGE_SIZE: u32 = 1000;

/// The token of the next page. Also ends the walk when an endpoint sends one token twice, which would have no end.
pub(super) struct Pages {
    token: Option<String>,
}

impl Pages {
    pub(super) fn new() -> Self {
        Self { token: Some(String::new()) }
    }

    /// The token to ask with; `None` after the last page.
    pub(super) fn token(&self) -> Option<String> {
        self.token.clone()
    }

    /// Takes the token that came with a page.
    pub(super) fn advance(&mut self, what: &str, next: String) -> Result<()> {
        if !next.is_empty() && self.token.as_deref() == Some(next.as_str()) {
            let message = format!("{what}: the endpoint sent the same page twice: ask its operator");
            return Err(Error::new(ErrorCode::Internal, message));
        }
        self.token = (!next.is_empty()).then_some(next);
        Ok(())
    }
}
