//! What a check found, and how it is told.

use crate::backups::printable;
use serde::Serialize;
use serde_json::Value;
use siftstream::connect::ApiKey;
use std::io::{self, Write};

/// How well it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// As it should be.
    Ok,
    /// A stream works, but somebody should look at this.
    Warn,
    /// A stream does not work, or not safely.
    Fail,
    /// Not checked, because something before it is missing.
    Skip,
}

/// What one check found.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    check: &'static str,
    status: Status,
    message: String,
    #[serde(skip_serializing_if = "Value::is_null")]
    values: Value,
}

impl Finding {
    pub(super) fn new(check: &'static str, status: Status, message: impl Into<String>) -> Self {
        Self { check, status, message: message.into(), values: Value::Null }
    }

    pub(super) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, message)
    }

    pub(super) fn warn(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Status::Warn, message)
    }

    pub(super) fn fail(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Status::Fail, message)
    }

    pub(super) fn skip(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(check, Status::Skip, message)
    }

    /// The same with what was measured, for programs.
    pub(super) fn with(mut self, values: Value) -> Self {
        self.values = values;
        self
    }

    pub(super) fn is_fine(&self) -> bool {
        self.status != Status::Fail
    }
}

/// Tells findings as they come, and counts them.
#[derive(Debug)]
pub(super) struct Report {
    json: bool,
    key: Option<ApiKey>,
    problems: usize,
    warnings: usize,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        Self { json, key: None, problems: 0, warnings: 0 }
    }

    /// From now on this key is struck out wherever it stands: in a uri, a path, an answer.
    pub(super) fn hide(&mut self, key: &ApiKey) {
        self.key = Some(key.clone());
    }

    pub(super) fn add(&mut self, mut finding: Finding) {
        match finding.status {
            Status::Warn => self.warnings += 1,
            Status::Fail => self.problems += 1,
            Status::Ok | Status::Skip => {}
        }
        if let Some(key) = &self.key {
            finding.message = key.redact(&finding.message);
        }
        if self.json {
            let line = serde_json::to_string(&finding).unwrap_or_default();
            return say(&line);
        }
        let status = match finding.status {
            Status::Ok => "ok",
            Status::Warn => "warn",
            Status::Fail => "FAIL",
            Status::Skip => "skip",
        };
        say(&format!("{status:<4}  {:<10}  {}", finding.check, printable(&finding.message)));
    }

    /// Ends the report; whether there is no problem.
    pub(super) fn end(self) -> bool {
        if !self.json {
            let warnings = count(self.warnings, "warning");
            say(&match self.problems {
                0 if self.warnings == 0 => "no problem found".to_owned(),
                0 => format!("no problem found, {warnings}"),
                problems => format!("{} found, {warnings}", count(problems, "problem")),
            });
        }
        self.problems == 0
    }
}

/// How many of something, in words.
pub(super) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn say(line: &str) {
    // Whoever reads no further still learns from the exit code.
    writeln!(io::stdout().lock(), "{line}").ok();
}
