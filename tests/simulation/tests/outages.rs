//! A server that is not there: for ten minutes from the very start, and for ever.

#![allow(clippy::unwrap_used, reason = "a test says more by where it stops")]

use std::time::Duration;

use siftstream_simulation::{Action, End, Outcome, Planned, Scenario, run, with_seed};

const TEN_MINUTES: Duration = Duration::from_secs(600);
const SEEDS: u64 = 6;

/// A stream that sends 20,000 rows within some minutes to a server that is dead, or cut off, from the beginning.
fn without_a_server(seed: u64) -> Scenario {
    let tick = Duration::from_millis(10);
    let gone = if seed.is_multiple_of(2) { Action::CrashServer } else { Action::Partition };
    Scenario {
        rows: 20_000,
        burst: 20,
        pause: Duration::from_millis(200),
        tick,
        latency: (tick * 2, tick * 5),
        disk_rows: 2_000,
        max_file_size: 64 << 10,
        max_file_count: None,
        plan: vec![Planned { at: Duration::ZERO, action: gone }],
        ..Scenario::quiet(seed)
    }
}

fn with_return(scenario: Scenario) -> Scenario {
    let mut plan = scenario.plan.clone();
    plan.extend([Action::StartServer, Action::HealNetwork].map(|action| Planned { at: TEN_MINUTES, action }));
    Scenario { plan, ..scenario }
}

fn live(scenario: Scenario) -> Outcome {
    let outcome = with_seed(scenario.seed, move || run(&scenario));
    let told = outcome.trace.join("\n");
    assert_eq!(outcome.judgement.violations, Vec::<String>::new(), "{told}");
    outcome
}

#[test]
fn callers_send_at_full_rate_for_ten_minutes_without_a_server_and_nothing_is_lost() {
    for seed in 0..SEEDS {
        let outcome = live(with_return(without_a_server(seed)));
        assert_eq!(outcome.accepted_amid_faults, 20_000, "seed {seed}");
        assert_eq!(outcome.times_full, 0, "seed {seed}: nobody waited for the network");
        assert_eq!(outcome.judgement.arrived, 20_000, "seed {seed}");
    }
}

#[test]
fn the_disk_budget_alone_stops_callers_and_what_they_sent_before_is_kept() {
    for seed in 0..SEEDS {
        let scenario = Scenario { max_bytes: Some(512 << 10), ..without_a_server(seed) };
        let outcome = live(with_return(scenario));
        assert!((2_000..20_000).contains(&outcome.accepted_amid_faults), "seed {seed}: {outcome:?}");
        assert!(outcome.times_full > 0, "seed {seed}");
        assert_eq!(
            outcome.judgement.arrived, 20_000,
            "seed {seed}: the rest was sent when there was room again"
        );
    }
}

#[test]
fn a_server_that_never_comes_back_keeps_no_finish_waiting_and_costs_no_row() {
    for seed in 0..SEEDS {
        let ends = End::Unhealed(Duration::from_secs(5));
        let outcome = live(Scenario { ends, ..without_a_server(seed) });
        let report = outcome.report.unwrap();
        assert_eq!((report.accepted, report.on_disk, report.in_memory), (20_000, 20_000, 0), "seed {seed}");
    }
}
