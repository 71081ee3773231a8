//! The progress bar: how much of the files is confirmed. Nothing is drawn where standard error is no terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LOOK: &str = "{bar:30} {bytes}/{total_bytes} confirmed, {bytes_per_sec}, {eta} left";

/// How much of the files is confirmed.
pub(super) struct Progress {
    bar: ProgressBar,
    /// How far each file is counted.
    counted: RefCell<HashMap<PathBuf, u64>>,
}

impl Progress {
    /// Progress through files, each from an offset to its end.
    pub(super) fn new<'a>(files: impl Iterator<Item = (&'a Path, u64, u64)>) -> Self {
        let (mut counted, mut total) = (HashMap::new(), 0);
        for (path, from, to) in files {
            counted.insert(path.to_owned(), from);
            total += to.saturating_sub(from);
        }
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(LOOK) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        Self { bar, counted: RefCell::new(counted) }
    }

    /// Takes in that a file is confirmed up to `offset`.
    pub(super) fn confirmed(&self, file: &Path, offset: u64) {
        if let Some(counted) = self.counted.borrow_mut().get_mut(file) {
            self.bar.inc(offset.saturating_sub(*counted));
            *counted = offset;
        }
    }

    /// Says something without a bar in between.
    pub(super) fn aside(&self, say: impl FnOnce()) {
        self.bar.suspend(say);
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
