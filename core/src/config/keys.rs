//! Every key, once. What sets, reads, writes and documents keys goes by this table.

use std::path::PathBuf;
use std::time::Duration;

use super::Mode;
use super::convert::take;
use super::key::{Apply, ConfigKey, ConfigType};
use crate::failure_policy::FailurePolicy;
use crate::spool::{FsyncPolicy, WhenFull};
use crate::stream::OverflowPolicy;

use ConfigType::{
    Bool, Bytes, BytesLimit, Choice, Duration as Time, DurationOr, Integer, Limit, List, Secret, Text,
};

const ALL: &[Mode] = &Mode::ALL;
const LIVE: &[Mode] = &[Mode::LiveOnly, Mode::LiveWithBackups];
const NUMBER: ConfigType = Integer { most: u64::MAX };
const SMALL: ConfigType = Integer { most: u32::MAX as u64 };

/// A section of rows `"name" type = default => where it goes, "meaning";`.
macro_rules! keys {
    ($($section:literal {
        $($name:literal $takes:expr $(, $default:literal)? => $place:ident($($argument:tt)*), $meaning:literal;)*
    })*) => {
        pub(super) static KEYS: &[ConfigKey] = &[$($(ConfigKey {
            name: $name,
            takes: $takes,
            default: default!($($default)?),
            meaning: $meaning,
            section: $section,
            apply: $place!($($argument)*),
        },)*)*];
    };
}

macro_rules! default {
    () => {
        None
    };
    ($default:literal) => {
        Some($default)
    };
}

macro_rules! read {
    ($modes:expr) => {
        Apply::Read($modes)
    };
}

macro_rules! connection {
    ($field:ident) => {
        Apply::Connection(|connection, value| {
            connection.$field = take(value)?;
            Ok(())
        })
    };
}

macro_rules! control {
    ($field:ident) => {
        Apply::Control(|control, value| {
            control.$field = take(value)?;
            Ok(())
        })
    };
}

macro_rules! shared {
    ($method:ident: $type:ty) => {
        Apply::Shared(|builder, value| Ok(builder.$method(take::<$type>(value)?)))
    };
}

macro_rules! modes {
    ($live_only:expr, $live_with_backups:expr, $file_backup:expr) => {
        Apply::Modes {
            live_only: $live_only,
            live_with_backups: $live_with_backups,
            file_backup: $file_backup,
        }
    };
}

macro_rules! with {
    ($method:ident: $type:ty) => {
        Some(|builder, value| Ok(builder.$method(take::<$type>(value)?)))
    };
}

macro_rules! all {
    ($($method:tt)*) => { modes!(with!($($method)*), with!($($method)*), with!($($method)*)) };
}

macro_rules! live {
    ($($method:tt)*) => { modes!(with!($($method)*), with!($($method)*), None) };
}

macro_rules! live_only {
    ($($method:tt)*) => { modes!(with!($($method)*), None, None) };
}

macro_rules! disk {
    ($($method:tt)*) => { modes!(None, with!($($method)*), with!($($method)*)) };
}

macro_rules! backups {
    ($($method:tt)*) => { modes!(None, with!($($method)*), None) };
}

keys! {
    "The stream" {
        "mode" Choice(&["live_only", "live_with_backups", "file_backup"]), "live_only" => read(ALL),
            "Where rows go: to Sift from memory, to Sift with files until it has confirmed them, or to files only.";
        "stream_name" Text, "default" => all(stream_name: String),
            "Tells streams of one schema apart, on disk and where checkpoints of inputs are kept.";
        "worker_threads" NUMBER, "1" => read(ALL),
            "How many threads the stream runs on.";
        "thread_name" Text => read(ALL),
            "What the names of the stream's threads begin with, instead of `siftstream`: 1 to 8 visible ASCII characters.";
        "thread_cpus" List => read(ALL),
            "The numbers of the CPUs that the stream's threads run on, if not those of the thread that opens it.";
        "thread_nice" Text => read(ALL),
            "The nice value of the stream's threads, `-20` to `19`, if not that of the thread that opens it.";
        "thread_fifo_priority" Limit, "none" => read(ALL),
            "Makes the stream's threads real-time threads (SCHED_FIFO) of this priority, 1 to 99.";
    }
    "Sift, and who asks" {
        "uri" Text => read(ALL),
            "The address of Sift's gRPC endpoint, such as `https://grpc-api.siftstack.com`.";
        "api_key" Secret => read(ALL),
            "The API key.";
        "api_key_file" Text => read(ALL),
            "A file that holds the API key and nothing else. It is read again while the stream runs: writing a new key to it rotates the key.";
        "profile" Text => read(ALL),
            "Takes `uri` and `api_key` from this table of the user's `sift.toml`, or from its top level if it is empty.";
        "insecure" Bool, "false" => connection(insecure),
            "Allows `http://`: the key and all data then travel unencrypted.";
    }
    "The connection" {
        "extra_ca_file" Text => read(ALL),
            "A PEM file of certificates to trust besides those of the operating system and of Mozilla.";
        "extra_ca_pem" Text => connection(extra_ca_pem),
            "The same, as the content of such a file.";
        "client_certificate_file" Text => read(ALL),
            "A PEM file with the certificate by which this client identifies itself (mutual TLS).";
        "client_key_file" Text => read(ALL),
            "A PEM file with the private key that belongs to it.";
        "client_certificate_pem" Text => read(ALL),
            "The certificate, as the content of such a file.";
        "client_key_pem" Secret => read(ALL),
            "The private key, as the content of such a file.";
        "server_name" Text => connection(server_name),
            "The name that the endpoint's certificate must hold, if it is not the host of `uri`.";
        "min_tls_version" Choice(&["1.2", "1.3"]), "1.2" => connection(min_tls_version),
            "The oldest version of TLS that is spoken.";
        "connect_timeout" Time, "10s" => connection(connect_timeout),
            "The time for finding and reaching the host.";
        "handshake_timeout" Time, "10s" => connection(handshake_timeout),
            "The time for the TLS handshake, and for that of HTTP/2.";
        "proxy" Secret => read(ALL),
            "The HTTP proxy to connect through, such as `http://user:password@proxy.example:3128`, or `none`. By default `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` of the environment say it, but never for this machine itself.";
        "no_proxy" List => connection(no_proxy),
            "Hosts that are reached without that proxy: names with all below them, addresses, networks such as `10.0.0.0/8`, or `*`.";
        "enable_compression_for_ingestion" Bool, "false" => connection(enable_compression_for_ingestion),
            "Compresses each row by gzip on its way to Sift, where that makes it shorter: for wide rows over slow links, as it costs the stream's threads time. Rows travel uncompressed to an endpoint that refuses it.";
        "http2_keepalive_interval" Time, "20s" => connection(http2_keepalive_interval),
            "How often HTTP/2 asks whether the endpoint still lives, also while idle.";
        "http2_keepalive_timeout" Time, "20s" => connection(http2_keepalive_timeout),
            "How long the answer to that may take before the connection is given up.";
        "tcp_keepalive.idle" Time, "20s" => read(ALL),
            "After how long a silence TCP asks whether the endpoint still lives.";
        "tcp_keepalive.interval" Time, "5s" => read(ALL),
            "How often it asks.";
        "tcp_keepalive.retries" SMALL, "4" => read(ALL),
            "After how many questions without an answer the connection is given up; 0 turns it off.";
    }
    "Calls other than sending" {
        "request_timeout" Time, "30s" => control(request_timeout),
            "The time for one attempt.";
        "overall_timeout" Time, "120s" => control(overall_timeout),
            "The time for all attempts of one call together.";
        "control_retry_policy.max_attempts" SMALL, "5" => read(ALL),
            "How often a call is tried.";
        "control_retry_policy.initial_backoff" Time, "50ms" => read(ALL),
            "The longest wait after the first failure.";
        "control_retry_policy.max_backoff" Time, "5s" => read(ALL),
            "The longest wait of all.";
        "control_retry_policy.backoff_multiplier" SMALL, "5" => read(ALL),
            "By what the longest wait grows with each failure.";
        "control_retry_policy.max_retry_after" Time, "60s" => read(ALL),
            "The longest wait that Sift can ask for.";
        "max_decoding_message_size" Bytes, "50MiB" => control(max_decoding_message_size),
            "The largest answer that is taken.";
    }
    "The schema" {
        "asset_name" Text => read(ALL),
            "The vehicle or rig that the data is about.";
        "client_key" Text => read(ALL),
            "Your own name for the schema: the same key finds the same schema again.";
        "ingestion_config_id" Text => disk(ingestion_config_id: String),
            "The ID under which Sift knows the schema, if you have it: then Sift is not asked.";
        "asset_tags" List => read(ALL),
            "Tags to add to the asset.";
        "run.id" Text => read(ALL),
            "The ID of an existing run to attach all rows to.";
        "run.name" Text => read(ALL),
            "The name of a run to attach all rows to, which is created or updated.";
        "run.client_key" Text => read(ALL),
            "Your own name for that run: the same key finds the same run again.";
        "run.description" Text => read(ALL),
            "What that run is about.";
        "run.tags" List => read(ALL),
            "Tags to add to that run.";
    }
    "Rows" {
        "max_row_size" Bytes, "4MiB" => shared(max_row_size: usize),
            "The largest encoded row.";
        "end_stream_on_validation_error" Bool, "false" => shared(end_stream_on_validation_error: bool),
            "Makes Sift end a stream at a row that does not fit the schema, instead of setting it aside.";
        "auto_register_flows" Bool, "false" => shared(auto_register_flows: bool),
            "Registers a flow that is not part of the schema when its first row is sent by name.";
        "overflow_policy" Choice(&["block", "drop_newest", "drop_oldest"]), "block" => all(overflow_policy: OverflowPolicy),
            "What happens when the channel that callers wait for is full: they wait, or rows are dropped, counted and named.";
        "failure_policy" Choice(&["stop", "skip"]), "stop" => live(failure_policy: FailurePolicy),
            "What happens at a row that Sift rejects: the stream stops, or the row is kept in quarantine and skipped. A flow of a file can have its own.";
        "quarantine_dir" Text => live_only(quarantine_dir: PathBuf),
            "Where skipped rows are kept. With a disk they are kept in the slot.";
    }
    "Sending" {
        "linger" Time, "1ms" => live(linger: Duration),
            "How long a part-filled segment may wait for more rows; 0 sends at once.";
        "ingestion_data_channel_capacity" NUMBER, "102400" => live(ingestion_data_channel_capacity: u64),
            "How many rows may wait to be sent.";
        "ingestion_data_channel_bytes" Bytes, "64MiB" => live(ingestion_data_channel_bytes: u64),
            "How much memory rows that wait to be sent may take.";
        "replay_window_bytes" Bytes, "64MiB" => live_only(replay_window_bytes: u64),
            "How much memory unconfirmed rows may take. With 0, what a failed stream carried is lost and reported as dropped.";
        "checkpoint_interval" Time, "60s" => live(checkpoint_interval: Duration),
            "How often what was sent is confirmed.";
        "checkpoint_rows" Limit, "none" => live(checkpoint_rows: u64),
            "A checkpoint is made early when so many rows were sent since the last one.";
        "checkpoint_bytes" BytesLimit, "none" => backups(checkpoint_bytes: u64),
            "A checkpoint is made early when so many bytes were sent since the last one.";
        "checkpoint_file" Text => read(&[Mode::LiveOnly]),
            "The file that keeps the checkpoints of the inputs, so that they survive the process. Modes with a disk keep them there.";
        "idle_timeout" Time, "60s" => live(idle_timeout: Duration),
            "After how long without progress a gRPC stream that has something to do is given up.";
        "response_timeout" Time, "30s" => live(response_timeout: Duration),
            "How long the answer to a half-closed gRPC stream may take while nothing moves.";
        "no_retry" Bool, "false" => read(LIVE),
            "Ends the stream at the first failure instead of trying again.";
        "retry_policy.max_attempts" SMALL, "5" => read(LIVE),
            "How often a connection is tried where rows are not kept; where they are, there is no end to it.";
        "retry_policy.initial_backoff" Time, "50ms" => read(LIVE),
            "The longest wait after the first failure.";
        "retry_policy.max_backoff" Time, "5s" => read(LIVE),
            "The longest wait of all.";
        "retry_policy.backoff_multiplier" SMALL, "5" => read(LIVE),
            "By what the longest wait grows with each failure.";
        "retry_policy.max_retry_after" Time, "60s" => read(LIVE),
            "The longest wait that Sift can ask for; after it, it is asked again.";
    }
    "The disk" {
        "disk_backup_policy.backups_dir" Text => disk(backups_dir: PathBuf),
            "Where files are kept; in the user's data directory by default.";
        "disk_backup_policy.max_backup_file_size" Bytes, "500MiB" => disk(max_backup_file_size: u64),
            "At which size a file is finished and the next one begins.";
        "disk_backup_policy.max_file_count" Limit, "none" => backups(max_file_count: Option<u64>),
            "At how many files a checkpoint is made early.";
        "disk_backup_policy.retain_backups" Bool, "false" => backups(retain_backups: bool),
            "Whether files stay after everything in them was confirmed.";
        "disk_backup_policy.max_bytes" BytesLimit, "none" => disk(max_bytes: Option<u64>),
            "What all files may take together, those of earlier starts included.";
        "disk_backup_policy.min_free" Bytes, "256MiB" => disk(min_free: u64),
            "How much of the disk to leave free.";
        "disk_backup_policy.when_full" Choice(&["block", "error", "drop_oldest", "drop_newest"]), "block"
            => disk(when_full: WhenFull),
            "What happens when there is no room: senders wait, sending fails, the oldest finished file goes, or the newest rows go. What goes is counted and reported.";
        "disk_backup_policy.fsync" DurationOr(&["never", "every_chunk"]), "500ms" => disk(fsync: FsyncPolicy),
            "When written rows are made to survive a power failure: so long after they were written, with every chunk, or only when asked for and when a file is finished.";
        "offline_after" Time, "3s" => disk(offline_after: Duration),
            "How long the start waits for Sift, if it has to ask for an ID, before it goes on without.";
        "backup_data_channel_capacity" NUMBER, "102400" => disk(backup_data_channel_capacity: u64),
            "How many rows may wait to be written.";
        "backup_data_channel_bytes" Bytes, "64MiB" => disk(backup_data_channel_bytes: u64),
            "How much memory rows that wait to be written may take.";
        "batch_size" SMALL, "1024" => disk(batch_size: u32),
            "How many rows share a chunk of a file at most.";
        "flush_interval" Time, "50ms" => disk(flush_interval: Duration),
            "How long a row waits at most for others before it is written.";
        "recover_on_start" Bool, "true" => backups(recover_on_start: bool),
            "Whether rows that earlier streams of this name left on disk are sent, in the background.";
        "reingestion_bytes_per_second" BytesLimit, "none" => backups(reingestion_bytes_per_second: u64),
            "The most bytes of files that are sent again in a second.";
    }
}

/// The key of this name.
pub(super) fn find(name: &str) -> Option<&'static ConfigKey> {
    KEYS.iter().find(|key| key.name == name)
}
