//! Snapshots as text for other programs: the Prometheus text format, and JSON.

use std::fmt::{self, Write};

use serde_json::{Map, Value, json};

use super::catalogue::{METRICS, Metric, MetricKind, MetricValue, STATUS_NAMES};
use super::{LabelledSnapshot, SiftStreamMetricsSnapshot};

/// Before each name, so that they can stand beside those of other programs.
const PREFIX: &str = "siftstream";

impl SiftStreamMetricsSnapshot {
    /// The snapshot as a JSON object: each metric by its name, durations in seconds, and `statuses` as an object with the
    /// count of each status code that occurred, by its name.
    #[must_use]
    pub fn to_json(&self) -> String {
        json_of(self).to_string()
    }
}

pub(super) fn json_of(snapshot: &SiftStreamMetricsSnapshot) -> Value {
    let mut object = Map::new();
    for metric in METRICS {
        let value = match metric.read(snapshot) {
            MetricValue::Count(count) => json!(count),
            MetricValue::Seconds(seconds) => json!(seconds),
            MetricValue::Flag(flag) => json!(flag),
        };
        object.insert(metric.name.to_owned(), value);
    }
    let mut counts = Map::new();
    counts.extend(statuses(snapshot).map(|(name, count)| (name.to_owned(), json!(count))));
    object.insert("statuses".to_owned(), Value::Object(counts));
    Value::Object(object)
}

/// All streams in the Prometheus text format, version 0.0.4.
pub(super) fn prometheus(streams: &[LabelledSnapshot]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    write_all(&mut text, streams).ok();
    text
}

fn write_all(text: &mut String, streams: &[LabelledSnapshot]) -> fmt::Result {
    for metric in METRICS {
        let name = exposed_name(metric);
        head(text, &name, metric.meaning, metric.kind)?;
        for stream in streams {
            let value = metric.read(&stream.snapshot);
            writeln!(text, "{name}{{stream=\"{}\"}} {}", Escaped(&stream.name), Plain(value))?;
        }
    }
    let name = format!("{PREFIX}_grpc_streams_ended_total");
    head(text, &name, "gRPC streams that ended, by status code", MetricKind::Counter)?;
    for stream in streams {
        for (code, count) in statuses(&stream.snapshot) {
            writeln!(text, "{name}{{stream=\"{}\",code=\"{code}\"}} {count}", Escaped(&stream.name))?;
        }
    }
    Ok(())
}

fn head(text: &mut String, name: &str, meaning: &str, kind: MetricKind) -> fmt::Result {
    let kind = match kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
    };
    writeln!(text, "# HELP {name} {meaning}\n# TYPE {name} {kind}")
}

/// Counters end in `_total` and durations in their unit, as readers of Prometheus expect.
fn exposed_name(metric: &Metric) -> String {
    let name = metric.name;
    let unit = match metric.read(&SiftStreamMetricsSnapshot::default()) {
        MetricValue::Seconds(_) => "_seconds",
        MetricValue::Count(_) | MetricValue::Flag(_) => "",
    };
    match metric.kind {
        MetricKind::Counter => format!("{PREFIX}_{name}{unit}_total"),
        MetricKind::Gauge => format!("{PREFIX}_{name}{unit}"),
    }
}

/// The status codes that occurred, with their counts.
fn statuses(snapshot: &SiftStreamMetricsSnapshot) -> impl Iterator<Item = (&'static str, u64)> {
    STATUS_NAMES.into_iter().zip(snapshot.statuses).filter(|(_, count)| *count > 0)
}

/// A label's value with what would end it escaped.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| match char {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            other => f.write_char(other),
        })
    }
}

/// A value as a plain number.
struct Plain(MetricValue);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            MetricValue::Count(count) => count.fmt(f),
            MetricValue::Seconds(seconds) => seconds.fmt(f),
            MetricValue::Flag(flag) => u8::from(flag).fmt(f),
        }
    }
}
