//! Every model in many orders of its threads: at random, and with few but telling switches.
//! `SIFTSTREAM_SCHEDULES` asks for more of them.

use siftstream_schedules as models;

/// How many orders of each kind `make test` tries.
const SCHEDULES: usize = 10_000;
/// How many switches the rarer orders may need.
const DEPTH: usize = 3;

fn try_orders(model: fn()) {
    let asked = std::env::var("SIFTSTREAM_SCHEDULES").ok().and_then(|count| count.parse().ok());
    let schedules = asked.unwrap_or(SCHEDULES);
    shuttle::check_random(model, schedules);
    shuttle::check_pct(model, schedules, DEPTH);
}

#[test]
fn whoever_waits_learns_what_became_of_the_rows() {
    try_orders(models::whoever_waits_learns_what_became_of_the_rows);
}

#[test]
fn a_confirmation_is_counted_before_it_is_seen() {
    try_orders(models::a_confirmation_is_counted_before_it_is_seen);
}

#[test]
fn a_flush_ends_when_its_rows_are_written_or_never_will_be() {
    try_orders(models::a_flush_ends_when_its_rows_are_written_or_never_will_be);
}

#[test]
fn every_event_is_read_once_and_the_end_is_told() {
    try_orders(models::every_event_is_read_once_and_the_end_is_told);
}
