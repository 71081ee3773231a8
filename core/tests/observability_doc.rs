//! docs/observability.md lists every metric, event and log target that there is.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use siftstream::logs::TARGETS;
use siftstream::metrics::METRICS;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn sources(dir: &Path, found: &mut String) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn the_page_lists_every_metric_every_event_and_every_target() {
    let page = std::fs::read_to_string(root().join("docs/observability.md")).unwrap();
    let kinds = std::fs::read_to_string(root().join("core/src/events/kind.rs")).unwrap();
    let names = kinds.split_once("fn name(").unwrap().1.split_once("\n    }\n").unwrap().0;
    let events: Vec<&str> = names.split('"').skip(1).step_by(2).collect();
    assert!(events.len() >= 13, "{events:?}");
    let metrics = METRICS.iter().map(|metric| metric.name);
    let targets = TARGETS.iter().map(|(target, _)| *target);
    for name in metrics.chain(targets).chain(events) {
        assert!(page.contains(&format!("| `{name}` |")), "{name} is not in docs/observability.md");
    }
}

#[test]
fn nothing_is_logged_under_a_target_that_is_not_listed() {
    let mut text = String::new();
    sources(&root().join("core/src"), &mut text);
    for macro_name in ["error", "warn", "info", "debug", "trace"] {
        for call in text.split(&format!("tracing::{macro_name}!(")).skip(1) {
            let target =
                call.trim_start().strip_prefix("target: \"").map(|rest| rest.split('"').next().unwrap());
            let listed = target.is_some_and(|target| TARGETS.iter().any(|(listed, _)| *listed == target));
            assert!(listed, "tracing::{macro_name}!({}", call.lines().next().unwrap());
        }
    }
}
