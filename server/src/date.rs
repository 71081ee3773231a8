//! The `date` of answers: what a client can learn of the server's clock.

use crate::shared::lock;
use http::header::DATE;
use http::{HeaderMap, HeaderValue};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

/// Which time the answers to unary calls, and refusals of keys, bear.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AnswerDate {
    /// This machine's.
    #[default]
    Now,
    /// That of a clock which is ahead by this much.
    Ahead(Duration),
    /// That of a clock which is behind by this much.
    Behind(Duration),
    /// None, as of a proxy that removes it.
    Absent,
}

/// The choice that holds now.
#[derive(Debug, Default)]
pub(crate) struct Dating(Mutex<AnswerDate>);

impl Dating {
    pub(crate) fn set(&self, date: AnswerDate) {
        *lock(&self.0) = date;
    }

    /// Adds the header to an answer.
    pub(crate) fn stamp(&self, headers: &mut HeaderMap) {
        let now = SystemTime::now();
        let time = match *lock(&self.0) {
            AnswerDate::Now => Some(now),
            AnswerDate::Ahead(by) => now.checked_add(by),
            AnswerDate::Behind(by) => now.checked_sub(by),
            AnswerDate::Absent => None,
        };
        if let Some(time) = time
            && let Ok(value) = HeaderValue::from_str(&httpdate::fmt_http_date(time))
        {
            headers.insert(DATE, value);
        }
    }
}
