//! From which level on records are wanted; can change while streams log.

use std::sync::atomic::{AtomicU8, Ordering};

use tracing::Level;
use tracing::callsite::rebuild_interest_cache;
use tracing::level_filters::LevelFilter;

use super::LogLevel;

#[derive(Debug)]
pub(super) struct Threshold(AtomicU8);

/// From nothing to everything.
const FILTERS: [LevelFilter; 6] = [
    LevelFilter::OFF,
    LevelFilter::ERROR,
    LevelFilter::WARN,
    LevelFilter::INFO,
    LevelFilter::DEBUG,
    LevelFilter::TRACE,
];

fn number(level: Option<LogLevel>) -> u8 {
    let filter = level.map_or(LevelFilter::OFF, |level| LevelFilter::from_level(Level::from(level)));
    let at = FILTERS.iter().position(|known| *known == filter).unwrap_or_default();
    u8::try_from(at).unwrap_or_default()
}

impl Threshold {
    pub(super) fn new(level: LogLevel) -> Self {
        Self(AtomicU8::new(number(Some(level))))
    }

    pub(super) fn get(&self) -> LevelFilter {
        let at = usize::from(self.0.load(Ordering::Relaxed));
        FILTERS.get(at).copied().unwrap_or(LevelFilter::OFF)
    }

    pub(super) fn set(&self, level: Option<LogLevel>) {
        self.0.store(number(level), Ordering::Relaxed);
        // Each place in the code remembers whether anybody wants what it says.
        rebuild_interest_cache();
    }
}
