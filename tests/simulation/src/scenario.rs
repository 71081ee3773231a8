//! What happens in the world of a seed: how the stream is set up, and what goes wrong when.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use siftstream::spool::FsyncPolicy;
use siftstream_server::{Code, Effect, Fault, GoAway, StreamReset, When};

/// Keeps the numbers for scenarios apart from those that turmoil draws from the same seed.
const SALT: u64 = 0x5157_5f53_4345_4e45;

/// Something that happens to the world.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// All messages between the hosts are lost.
    Partition,
    /// What the client says is lost.
    MuteClient,
    /// What the server says is lost.
    MuteServer,
    /// Messages wait on the way.
    Hold,
    /// Ends whatever is wrong with the network; messages that waited arrive.
    HealNetwork,
    /// A message takes at most this long from now on.
    Latency(Duration),
    /// Every connection is reset.
    CutConnections,
    /// The server misbehaves on an ingest stream.
    ServerFault(Fault),
    /// The server's host dies; what it had received it keeps.
    CrashServer,
    /// It is back.
    StartServer,
    /// The client's process dies; what it had written is on the disk.
    KillClient,
    /// The client's machine loses power; of what was not synced, the disk keeps what this seed says.
    PowerLoss(u64),
    /// The client's process starts again, on what the disk has kept.
    StartClient,
    /// The client finishes its stream without much patience, and opens it again.
    Reopen,
    /// The client's disk does this.
    Disk(Disk),
}

/// How a disk works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// As it should.
    Works,
    /// Every change fails with EIO.
    Fails,
    /// Every sync fails, and loses what it should have kept.
    CannotSync,
}

/// An action and its moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// Since the beginning.
    pub at: Duration,
    /// What happens then.
    pub action: Action,
}

/// The world of a seed.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Where all of it comes from.
    pub seed: u64,
    /// How many rows are sent.
    pub rows: u64,
    /// How many rows are sent at a time, and the time between.
    pub burst: u64,
    /// See `burst`.
    pub pause: Duration,
    /// How finely time is cut.
    pub tick: Duration,
    /// How long a message takes.
    pub latency: (Duration, Duration),
    /// Of the stream.
    pub checkpoint_interval: Duration,
    /// Of the stream.
    pub wire_rows: u64,
    /// Of the stream.
    pub disk_rows: u64,
    /// Of the stream.
    pub batch_size: u32,
    /// Of the stream.
    pub flush_interval: Duration,
    /// Of the stream.
    pub max_file_size: u64,
    /// Of the stream.
    pub max_file_count: Option<usize>,
    /// Of the stream.
    pub max_bytes: Option<u64>,
    /// Of the stream.
    pub fsync: FsyncPolicy,
    /// Of the stream.
    pub linger: Duration,
    /// Of the stream: after how long without progress it gives up a gRPC stream.
    pub timeout: Duration,
    /// One in so many bursts is followed by a flush.
    pub flush_one_in: u32,
    /// What happens, in order.
    pub plan: Vec<Planned>,
    /// What comes after the plan.
    pub ends: End,
}

/// How a world ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Everything heals, and then nothing may be missing.
    Healed,
    /// Nothing heals: the stream is finished within this time, and what it could not deliver it has kept.
    Unhealed(Duration),
}

impl Scenario {
    /// The world of `seed`: 1,000 rows, and everything that can go wrong.
    pub fn of(seed: u64) -> Self {
        let mut scenario = Self::quiet(seed);
        let mut rng = SmallRng::seed_from_u64(seed ^ SALT);
        let sending = scenario.pause * u32::try_from(scenario.rows / scenario.burst).unwrap_or(u32::MAX);
        let span = (sending * 3 / 2).max(Duration::from_millis(500));
        let mut plan = Vec::new();
        plan_network(&mut rng, span, &mut plan);
        plan_server(&mut rng, span, &mut plan);
        plan_client(&mut rng, span, &mut plan);
        plan.sort_by_key(|planned| planned.at);
        scenario.plan = plan;
        if rng.random_bool(0.2) {
            scenario.max_bytes = Some(scenario.max_file_size * 2 + rng.random_range(0..=256 << 10));
        }
        scenario
    }

    /// The same stream in a world where nothing goes wrong.
    pub fn quiet(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let fsync = match rng.random_range(0..4) {
            0 => FsyncPolicy::EveryChunk,
            1 => FsyncPolicy::Never,
            _ => FsyncPolicy::Interval(millis(&mut rng, 20, 500)),
        };
        let shortest = millis(&mut rng, 2, 5);
        Self {
            seed,
            rows: 1_000,
            burst: rng.random_range(1..=40),
            pause: millis(&mut rng, 1, 60),
            tick: Duration::from_millis(1),
            latency: (shortest, shortest + millis(&mut rng, 0, 60)),
            checkpoint_interval: millis(&mut rng, 50, 4_000),
            wire_rows: rng.random_range(8..=2_000),
            disk_rows: rng.random_range(64..=2_000),
            batch_size: rng.random_range(1..=256),
            flush_interval: millis(&mut rng, 1, 100),
            max_file_size: rng.random_range(4 << 10..=256 << 10),
            max_file_count: rng.random_bool(0.3).then(|| rng.random_range(2..=8)),
            max_bytes: None,
            fsync,
            linger: millis(&mut rng, 0, 5),
            timeout: millis(&mut rng, 2_000, 8_000),
            flush_one_in: rng.random_range(5..=60),
            plan: Vec::new(),
            ends: End::Healed,
        }
    }
}

fn millis(rng: &mut SmallRng, least: u64, most: u64) -> Duration {
    Duration::from_millis(rng.random_range(least..=most))
}

fn moment(rng: &mut SmallRng, span: Duration) -> Duration {
    let span = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(rng.random_range(0..=span))
}

/// Mostly short, sometimes longer than any timeout.
fn length(rng: &mut SmallRng) -> Duration {
    match rng.random_range(0..10) {
        0..5 => millis(rng, 1, 300),
        5..9 => millis(rng, 300, 3_000),
        _ => millis(rng, 3_000, 25_000),
    }
}

/// Troubles of the network come one after the other, for it can only be in one state.
fn plan_network(rng: &mut SmallRng, span: Duration, plan: &mut Vec<Planned>) {
    let mut at = Duration::ZERO;
    for _ in 0..rng.random_range(0..=4) {
        at += moment(rng, span / 3);
        let action = match rng.random_range(0..7) {
            0 | 1 => Action::Partition,
            2 => Action::MuteClient,
            3 => Action::MuteServer,
            4 => Action::Hold,
            5 => {
                plan.push(Planned { at, action: Action::Latency(millis(rng, 5, 400)) });
                continue;
            }
            _ => {
                plan.push(Planned { at, action: Action::CutConnections });
                continue;
            }
        };
        plan.push(Planned { at, action });
        at += length(rng);
        plan.push(Planned { at, action: Action::HealNetwork });
    }
}

fn plan_server(rng: &mut SmallRng, span: Duration, plan: &mut Vec<Planned>) {
    for _ in 0..rng.random_range(0..=3) {
        plan.push(Planned { at: moment(rng, span), action: Action::ServerFault(server_fault(rng)) });
    }
    let mut at = Duration::ZERO;
    for _ in 0..rng.random_range(0..=2) {
        // One in some worlds begins without a server.
        at += if rng.random_bool(0.2) { Duration::ZERO } else { moment(rng, span / 2) };
        plan.push(Planned { at, action: Action::CrashServer });
        at += length(rng);
        plan.push(Planned { at, action: Action::StartServer });
    }
}

fn server_fault(rng: &mut SmallRng) -> Fault {
    let rows = rng.random_range(0..=200);
    let delay = millis(rng, 0, 200);
    let codes = [Code::Unavailable, Code::Internal, Code::ResourceExhausted, Code::Aborted, Code::Unknown];
    match rng.random_range(0..8) {
        0 | 1 => Fault::early_ok(rows, delay),
        2 => Fault::status(codes[rng.random_range(0..codes.len())], rows),
        3 => Fault::new(When::Rows(rows), Effect::StreamReset(StreamReset::RefusedStream)),
        4 => Fault::new(When::Rows(rows), Effect::GoAway(GoAway::Graceful)),
        5 => Fault::new(When::Rows(rows), Effect::GoAway(GoAway::EnhanceYourCalm)),
        6 => Fault::delayed_ok(delay * 5),
        _ => Fault::no_response(),
    }
}

fn plan_client(rng: &mut SmallRng, span: Duration, plan: &mut Vec<Planned>) {
    let mut at = Duration::ZERO;
    for _ in 0..rng.random_range(0..=3) {
        at += moment(rng, span / 2);
        match rng.random_range(0..8) {
            0..3 => plan.push(Planned { at, action: Action::KillClient }),
            3..6 => plan.push(Planned { at, action: Action::PowerLoss(rng.random()) }),
            6 => {
                plan.push(Planned { at, action: Action::Reopen });
                continue;
            }
            _ => {
                let disk = if rng.random_bool(0.5) { Disk::Fails } else { Disk::CannotSync };
                plan.push(Planned { at, action: Action::Disk(disk) });
                at += length(rng) / 2;
                plan.push(Planned { at, action: Action::Disk(Disk::Works) });
                continue;
            }
        }
        at += millis(rng, 0, 500);
        plan.push(Planned { at, action: Action::StartClient });
    }
}
