//! The table of what a server received, as text.

use siftstream_server::{State, format_value};
use std::collections::HashMap;
use std::fmt::Write;
use std::time::Instant;

/// Last values longer than this are cut.
const VALUES_WIDTH: usize = 60;

/// Renders the table; remembers the last counts to tell rates.
#[derive(Debug)]
pub(crate) struct Table {
    started: Instant,
    last: Instant,
    rows: HashMap<(String, String), u64>,
    total: u64,
}

impl Table {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self { started: now, last: now, rows: HashMap::new(), total: 0 }
    }

    /// The table now, with rates since it was rendered last.
    pub(crate) fn render(&mut self, state: &State) -> String {
        let seconds = self.last.elapsed().as_secs_f64();
        self.last = Instant::now();
        self.draw(state, seconds)
    }

    /// The table now, with rates since the start.
    pub(crate) fn render_total(&mut self, state: &State) -> String {
        let seconds = self.started.elapsed().as_secs_f64();
        self.rows.clear();
        self.total = 0;
        self.draw(state, seconds)
    }

    fn draw(&mut self, state: &State, seconds: f64) -> String {
        let mut text = String::new();
        line(&mut text, ["FLOW", "ROWS", "ROWS/S", "BYTES", "ERRORS", "MISSING"], "LAST VALUES");
        for flow in state.flows() {
            let before = self
                .rows
                .insert((flow.ingestion_config_id.clone(), flow.name.clone()), flow.rows)
                .unwrap_or_default();
            let values: Vec<String> = flow
                .channels
                .iter()
                .zip(&flow.last_values)
                .map(|(channel, value)| format!("{channel}={}", format_value(value)))
                .collect();
            let mut values = printable(&values.join(" "));
            if values.chars().count() > VALUES_WIDTH {
                values = values.chars().take(VALUES_WIDTH - 1).chain(['…']).collect();
            }
            let missing = flow.sequence.as_ref().map_or("-".to_owned(), |seq| seq.missing().to_string());
            line(
                &mut text,
                [
                    &printable(&flow.name),
                    &flow.rows.to_string(),
                    &rate(flow.rows, before, seconds),
                    &flow.bytes.to_string(),
                    &flow.schema_errors.to_string(),
                    &missing,
                ],
                &values,
            );
        }
        let rows = state.rows();
        let all = rate(rows, std::mem::replace(&mut self.total, rows), seconds);
        let errors = state.schema_error_count().to_string();
        line(&mut text, ["total", &rows.to_string(), &all, &state.bytes().to_string(), &errors, ""], "");
        for error in state.schema_errors().iter().take(3) {
            text.push_str(&printable(&format!("schema error: {error}")));
            text.push('\n');
        }
        text
    }
}

fn rate(now: u64, before: u64, seconds: f64) -> String {
    format!("{:.0}", now.saturating_sub(before) as f64 / seconds.max(1e-3))
}

/// Names and values come from clients: what could steer the terminal is replaced.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn line(text: &mut String, columns: [&str; 6], last: &str) {
    let [name, rows, rate, bytes, errors, missing] = columns;
    // Writing to a string cannot fail.
    writeln!(text, "{name:<24} {rows:>12} {rate:>10} {bytes:>14} {errors:>7} {missing:>8}  {last}").ok();
}
