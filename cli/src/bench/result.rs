//! What a run measured.

use std::time::Duration;

use siftstream::Report;

use super::latency::Latencies;

/// The figures of one run.
pub(crate) struct BenchResult {
    pub(crate) messages: u64,
    pub(crate) channels: u32,
    /// From the first send to the last accepted one.
    pub(crate) send: Duration,
    /// From the first send to the end of finish.
    pub(crate) all: Duration,
    pub(crate) cpu: Duration,
    /// Of the sending threads alone: what rows cost their callers.
    pub(crate) caller_cpu: Duration,
    /// What all rows take on the wire.
    pub(crate) bytes: u64,
    pub(crate) peak_rss_kib: u64,
    pub(crate) latencies: Latencies,
    /// Of the second half of the sending, when everything is warm.
    pub(crate) allocations_per_row: f64,
    pub(crate) report: Report,
    pub(crate) finish: String,
}

impl BenchResult {
    /// Whether every row is confirmed or on disk.
    pub(crate) fn is_complete(&self) -> bool {
        self.report.in_memory == 0 && self.report.dropped == 0 && self.report.rejected == 0
    }

    fn fields(&self) -> Vec<(&'static str, serde_json::Value)> {
        let per_row = |figure: f64| if self.messages == 0 { 0.0 } else { figure / self.messages as f64 };
        let seconds = self.all.as_secs_f64();
        let rate = if seconds > 0.0 { self.messages as f64 / seconds } else { 0.0 };
        let report = &self.report;
        vec![
            ("messages", self.messages.into()),
            ("channels", self.channels.into()),
            ("send_seconds", self.send.as_secs_f64().into()),
            ("seconds", seconds.into()),
            ("rows_per_s", rate.into()),
            ("cpu_us_per_row", per_row(self.cpu.as_secs_f64() * 1e6).into()),
            ("caller_cpu_us_per_row", per_row(self.caller_cpu.as_secs_f64() * 1e6).into()),
            ("bytes_per_row", per_row(self.bytes as f64).into()),
            ("peak_rss_kib", self.peak_rss_kib.into()),
            ("p50_ns", self.latencies.quantile(5_000).into()),
            ("p99_ns", self.latencies.quantile(9_900).into()),
            ("p999_ns", self.latencies.quantile(9_990).into()),
            ("max_ns", self.latencies.max().into()),
            ("allocations_per_row", self.allocations_per_row.into()),
            ("accepted", report.accepted.into()),
            ("recovered", report.recovered.into()),
            ("confirmed", report.confirmed.into()),
            ("on_disk", report.on_disk.into()),
            ("in_memory", report.in_memory.into()),
            ("dropped", report.dropped.into()),
            ("rejected", report.rejected.into()),
            ("finish", self.finish.clone().into()),
        ]
    }

    pub(crate) fn to_json(&self) -> String {
        let fields = self.fields().into_iter().map(|(name, value)| (name.to_owned(), value));
        serde_json::Value::Object(fields.collect()).to_string()
    }

    pub(crate) fn to_text(&self) -> String {
        let lines = self.fields().into_iter().map(|(name, value)| format!("{name:>20}  {value}"));
        lines.collect::<Vec<_>>().join("\n")
    }
}
