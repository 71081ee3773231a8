//! How often one place in the code may log.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;

/// In each window so many records of one place pass.
const RECORDS: u32 = 10;
const WINDOW: Duration = Duration::from_secs(1);

struct Window {
    begun: Instant,
    passed: u32,
    held_back: u64,
}

/// Counts records by the place in the code that they come from.
#[derive(Default)]
pub(super) struct Limit {
    windows: HashMap<Identifier, Window>,
}

impl Limit {
    /// Whether a record passes; if so, how many like it were held back since the last one that did.
    pub(super) fn pass(&mut self, place: Identifier, now: Instant) -> Option<u64> {
        let window = self.windows.entry(place).or_insert(Window { begun: now, passed: 0, held_back: 0 });
        if now.saturating_duration_since(window.begun) >= WINDOW {
            window.begun = now;
            window.passed = 0;
        }
        if window.passed == RECORDS {
            window.held_back += 1;
            return None;
        }
        window.passed += 1;
        Some(std::mem::take(&mut window.held_back))
    }
}
