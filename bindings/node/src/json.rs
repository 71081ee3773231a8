//! What core tells, as JSON. Numbers that may not fit a JavaScript number are texts.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use siftstream::checkpoint::{CheckpointState, Recovery};
use siftstream::flow::FlowRows;
use siftstream::metrics::{METRICS, Metric, MetricValue};
use siftstream::{
    ChannelIndex, Event, EventKind, FlowDescriptor, Report, SiftStreamMetricsSnapshot, Watermarks,
};

use crate::error::error_to_json;

pub(crate) fn report_to_json(report: &Report) -> Value {
    json!({
        "accepted": report.accepted,
        "recovered": report.recovered,
        "confirmed": report.confirmed,
        "onDisk": report.on_disk,
        "inMemory": report.in_memory,
        "dropped": report.dropped,
        "rejected": report.rejected,
        "unconfirmed": ranges_to_json(&report.unconfirmed),
    })
}

pub(crate) fn watermarks_to_json(marks: Watermarks) -> Value {
    json!({
        "accepted": marks.accepted,
        "written": marks.written,
        "durable": marks.durable,
        "confirmed": marks.confirmed,
    })
}

/// The channels of a flow, in their order: name and the number of the type.
pub(crate) fn flow_to_json(flow: &FlowDescriptor) -> Value {
    (0..u32::try_from(flow.channel_count()).unwrap_or(u32::MAX))
        .map(ChannelIndex::new)
        .map(|at| json!([flow.channel_name(at), flow.data_type(at).map(|data_type| data_type as i32)]))
        .collect()
}

/// Every number that core has, under its name as JavaScript writes names; times in milliseconds.
pub(crate) fn metrics_to_json(metrics: &SiftStreamMetricsSnapshot) -> Value {
    let entry = |metric: &Metric| match metric.read(metrics) {
        MetricValue::Count(count) => (camel(metric.name), count.into()),
        MetricValue::Flag(flag) => (camel(metric.name), flag.into()),
        MetricValue::Seconds(seconds) => (camel(metric.name) + "Ms", json!(seconds * 1_000.0)),
        _ => (camel(metric.name), Value::Null),
    };
    let mut told: Map<String, Value> = METRICS.iter().map(entry).collect();
    told.insert("statuses".to_owned(), json!(metrics.statuses));
    told.into()
}

/// `rows_sent` is `rowsSent`.
fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| {
        let mut letters = part.chars();
        let capital = letters.next().map(|letter| letter.to_ascii_uppercase());
        name + &capital.into_iter().chain(letters).collect::<String>()
    })
}

pub(crate) fn event_to_json(event: &Event) -> Value {
    let kind = &event.kind;
    let mut told = json!({
        "number": event.number,
        "at": unix_millis(event.at),
        "name": kind.name(),
        "text": kind.to_string(),
    });
    let mut tell = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            told[key] = value;
        }
    };
    tell("rows", kind.rows().map(Value::from));
    tell("ranges", (!kind.ranges().is_empty()).then(|| ranges_to_json(kind.ranges())));
    tell("flows", (!kind.flows().is_empty()).then(|| flows_to_json(kind.flows())));
    tell("file", kind.file().map(Value::from));
    tell("error", kind.error().map(error_to_json));
    match kind {
        EventKind::Disconnected { retry_in, .. } => tell("retryInMs", Some(millis(*retry_in))),
        EventKind::Checkpoint { duration, .. } => tell("durationMs", Some(millis(*duration))),
        EventKind::Quarantined { bytes, .. } => tell("bytes", Some(Value::from(*bytes))),
        EventKind::FlowRegistered { name } => tell("flow", Some(Value::from(name.as_str()))),
        EventKind::Dropped { cause, .. } => tell("cause", Some(Value::from(cause.as_str()))),
        _ => {}
    }
    told
}

pub(crate) fn recovery_to_json(recovery: &Recovery) -> Value {
    json!({
        "durable": recovery.durable.as_ref().map(state_to_json),
        "confirmed": recovery.confirmed.as_ref().map(state_to_json),
    })
}

fn state_to_json(state: &CheckpointState) -> Value {
    let texts = |numbers: &BTreeMap<String, u64>| -> Map<String, Value> {
        numbers.iter().map(|(key, number)| (key.clone(), number.to_string().into())).collect()
    };
    json!({
        "stream": state.stream,
        "sequence": state.sequence,
        "createdAt": state.created_at / 1_000,
        "eventTimeWatermark": state.event_time_watermark.map(|nanos| nanos.to_string()),
        "rowCount": state.row_count,
        "offsets": texts(&state.offsets),
        "state": state.state,
        "metadata": state.metadata,
    })
}

/// How many rows by flow.
fn flows_to_json(flows: &[FlowRows]) -> Value {
    let entries: Map<String, Value> =
        flows.iter().map(|flow| (flow.flow.to_string(), flow.rows.into())).collect();
    entries.into()
}

/// Inclusive starts, exclusive ends.
fn ranges_to_json(ranges: &[Range<u64>]) -> Value {
    ranges.iter().map(|range| json!([range.start, range.end])).collect()
}

fn millis(duration: Duration) -> Value {
    json!(duration.as_secs_f64() * 1_000.0)
}

/// Milliseconds since 1970, as JavaScript counts time.
pub(crate) fn unix_millis(at: SystemTime) -> Value {
    at.duration_since(UNIX_EPOCH).map_or(Value::Null, |since| Value::from(since.as_millis() as u64))
}
