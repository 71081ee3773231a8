//! Where Sift is, who asks, and how connections are made.

use std::time::Duration;

use siftstream_core::{Result, StreamConfig};

use super::{choose, millis, put, set, siftstream_config};
use crate::error::siftstream_error;
use crate::status::siftstream_status;
use crate::view::{siftstream_bytes, siftstream_str};

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum siftstream_tls_version {
    /// TLS 1.2.
    SIFTSTREAM_TLS_1_2 = 12,
    /// TLS 1.3.
    SIFTSTREAM_TLS_1_3 = 13,
}

use siftstream_tls_version as Version;

/// Sets the address of Sift's gRPC endpoint, such as "https://grpc-api.siftstack.com". The text is copied.
///
/// Errors: INVALID_ARGUMENT. Whether the address makes sense is checked when a stream is created.
/// Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_uri(
    config: *mut siftstream_config,
    uri: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "uri", || uri.get("uri"))
}

/// Sets the API key. The text is copied; it never appears in an error or a log.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_api_key(
    config: *mut siftstream_config,
    api_key: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "api_key", || api_key.get("api_key"))
}

/// Takes address and API key from the table `profile` of the user's sift.toml, or from its top level if the name is
/// empty, instead of those that are set here. The text is copied; the file is read when a stream is created.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_profile(
    config: *mut siftstream_config,
    profile: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "profile", || profile.get("profile"))
}

/// Allows http:// addresses: the API key and all data then travel unencrypted. Off by default.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_insecure(
    config: *mut siftstream_config,
    insecure: bool,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "insecure", || Ok(insecure))
}

/// Trusts certificates besides those of the operating system and of Mozilla: the content of a PEM file. It is
/// copied.
///
/// Errors: INVALID_ARGUMENT. What it holds is checked when a stream is created.
/// Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_extra_ca_pem(
    config: *mut siftstream_config,
    pem: siftstream_bytes,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "extra_ca_pem", || text_of(pem, "pem"))
}

/// Identifies this client by a certificate (mutual TLS): the contents of two PEM files. They are copied.
///
/// Errors: INVALID_ARGUMENT. What they hold is checked when a stream is created.
/// Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_client_identity(
    config: *mut siftstream_config,
    certificate_pem: siftstream_bytes,
    key_pem: siftstream_bytes,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        let (certificate, key) = (text_of(certificate_pem, "certificate_pem")?, text_of(key_pem, "key_pem")?);
        config.set("client_certificate_pem", certificate)?;
        config.set("client_key_pem", key)
    })
}

/// Sets the name that the endpoint's certificate must hold, if it is not the host of the address. The text is
/// copied.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_server_name(
    config: *mut siftstream_config,
    server_name: siftstream_str,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "server_name", || server_name.get("server_name"))
}

/// Sets the oldest version of TLS that is spoken, a siftstream_tls_version; 1.2 by default.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_min_tls_version(
    config: *mut siftstream_config,
    version: i32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "min_tls_version", || {
        let versions =
            [(Version::SIFTSTREAM_TLS_1_2 as i32, "1.2"), (Version::SIFTSTREAM_TLS_1_3 as i32, "1.3")];
        choose(version, "siftstream_tls_version", &versions)
    })
}

/// Sets the time for finding and reaching the host, in milliseconds; 10,000 by default.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_connect_timeout_ms(
    config: *mut siftstream_config,
    milliseconds: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "connect_timeout", || Ok(millis(milliseconds)))
}

/// Sets the time for the TLS handshake, in milliseconds; 10,000 by default.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_handshake_timeout_ms(
    config: *mut siftstream_config,
    milliseconds: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "handshake_timeout", || Ok(millis(milliseconds)))
}

/// Sets after how many milliseconds of silence TCP asks whether the endpoint still lives (20,000 by default), how
/// often it asks (5,000) and after how many questions without an answer the connection is given up (4). 0 `retries`
/// turn it off.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_tcp_keepalive(
    config: *mut siftstream_config,
    idle_ms: u64,
    interval_ms: u64,
    retries: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        config.set("tcp_keepalive.idle", millis(idle_ms))?;
        config.set("tcp_keepalive.interval", millis(interval_ms))?;
        config.set("tcp_keepalive.retries", retries)
    })
}

/// Sets the time for one attempt of a call other than sending, in milliseconds; 30,000 by default.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_request_timeout_ms(
    config: *mut siftstream_config,
    milliseconds: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "request_timeout", || Ok(millis(milliseconds)))
}

/// Sets the time for all attempts of such a call together, in milliseconds; 120,000 by default.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_overall_timeout_ms(
    config: *mut siftstream_config,
    milliseconds: u64,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "overall_timeout", || Ok(millis(milliseconds)))
}

/// Sets how calls other than sending are tried again: `max_attempts` times (5 by default), with waits of at most
/// `initial_backoff_ms` (50), growing by `backoff_multiplier` (5) to at most `max_backoff_ms` (5,000).
///
/// Errors: INVALID_ARGUMENT. Whether the policy makes sense is checked when a stream is created.
/// Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_control_retry_policy(
    config: *mut siftstream_config,
    max_attempts: u32,
    initial_backoff_ms: u64,
    max_backoff_ms: u64,
    backoff_multiplier: u32,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    set(config, error, |config| {
        let waits = [millis(initial_backoff_ms), millis(max_backoff_ms)];
        set_retry_policy(config, "control_retry_policy", max_attempts, waits, backoff_multiplier)
    })
}

/// Sets the largest answer that is taken, in bytes; 50 MiB by default.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_max_decoding_message_size(
    config: *mut siftstream_config,
    bytes: usize,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "max_decoding_message_size", || Ok(bytes))
}

/// Sets the number of threads that a stream runs on; 1 by default.
///
/// Errors: INVALID_ARGUMENT. Thread-safety: one thread at a time. Blocking: never.
#[unsafe(no_mangle)]
pub extern "C" fn siftstream_config_set_worker_threads(
    config: *mut siftstream_config,
    threads: usize,
    error: *mut *mut siftstream_error,
) -> siftstream_status {
    put(config, error, "worker_threads", || Ok(threads))
}

/// Sets the parts of a policy; `waits` are the first one and the longest.
pub(super) fn set_retry_policy(
    config: &mut StreamConfig,
    group: &str,
    max_attempts: u32,
    waits: [Duration; 2],
    backoff_multiplier: u32,
) -> Result<()> {
    config.set(&format!("{group}.max_attempts"), max_attempts)?;
    config.set(&format!("{group}.initial_backoff"), waits[0])?;
    config.set(&format!("{group}.max_backoff"), waits[1])?;
    config.set(&format!("{group}.backoff_multiplier"), backoff_multiplier)
}

/// The text of a PEM file; what is not text in it means nothing.
fn text_of(pem: siftstream_bytes, name: &str) -> Result<String> {
    Ok(String::from_utf8_lossy(pem.get(name)?).into_owned())
}
