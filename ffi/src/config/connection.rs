//! Where Sift is, who asks, and how connections are made.

use siftstream_core::RetryPolicy;
use siftstream_core::connect::{ClientIdentity, TcpKeepalive, TlsVersion};

use super::{choose, millis, set, siftstream_config};
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
    set(config, error, |config| {
        config.uri = uri.get("uri")?.to_owned();
        Ok(())
    })
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
    set(config, error, |config| {
        config.api_key = api_key.get("api_key")?.to_owned();
        Ok(())
    })
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
    set(config, error, |config| {
        config.profile = Some(profile.get("profile")?.to_owned());
        Ok(())
    })
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
    set(config, error, |config| {
        config.connection.insecure = insecure;
        Ok(())
    })
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
    set(config, error, |config| {
        config.connection.extra_ca_pem = Some(pem.get("pem")?.to_vec());
        Ok(())
    })
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
        let (certificate, key) = (certificate_pem.get("certificate_pem")?, key_pem.get("key_pem")?);
        config.connection.client_identity = Some(ClientIdentity::new(certificate, key));
        Ok(())
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
    set(config, error, |config| {
        config.connection.server_name = Some(server_name.get("server_name")?.to_owned());
        Ok(())
    })
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
    set(config, error, |config| {
        let versions = [
            (Version::SIFTSTREAM_TLS_1_2 as i32, TlsVersion::Tls12),
            (Version::SIFTSTREAM_TLS_1_3 as i32, TlsVersion::Tls13),
        ];
        config.connection.min_tls_version = choose(version, "siftstream_tls_version", &versions)?;
        Ok(())
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
    set(config, error, |config| {
        config.connection.connect_timeout = millis(milliseconds);
        Ok(())
    })
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
    set(config, error, |config| {
        config.connection.handshake_timeout = millis(milliseconds);
        Ok(())
    })
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
        let keepalive = TcpKeepalive { idle: millis(idle_ms), interval: millis(interval_ms), retries };
        config.connection.tcp_keepalive = (retries > 0).then_some(keepalive);
        Ok(())
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
    set(config, error, |config| {
        config.control.request_timeout = millis(milliseconds);
        Ok(())
    })
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
    set(config, error, |config| {
        config.control.overall_timeout = millis(milliseconds);
        Ok(())
    })
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
        config.control.retry_policy =
            retry_policy(max_attempts, initial_backoff_ms, max_backoff_ms, backoff_multiplier);
        Ok(())
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
    set(config, error, |config| {
        config.control.max_decoding_message_size = bytes;
        Ok(())
    })
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
    set(config, error, |config| {
        config.worker_threads = Some(threads);
        Ok(())
    })
}

/// A policy from its parts.
pub(super) fn retry_policy(
    max_attempts: u32,
    initial_backoff_ms: u64,
    max_backoff_ms: u64,
    backoff_multiplier: u32,
) -> RetryPolicy {
    RetryPolicy {
        max_attempts,
        initial_backoff: millis(initial_backoff_ms),
        max_backoff: millis(max_backoff_ms),
        backoff_multiplier,
        ..RetryPolicy::default()
    }
}
