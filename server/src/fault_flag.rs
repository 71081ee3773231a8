//! The text form of faults: `kind,key=value,…`, as given to `serve --fault`.

use crate::faults::{Effect, Fault, FaultStatus, GoAway, StreamReset, Times, When};
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;
use tonic::Code;

/// A fault and for how many ingest streams it is meant.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultFlag {
    /// What happens.
    pub fault: Fault,
    /// To how many streams.
    pub times: Times,
}

/// The keys of one flag that have not been used.
struct Keys<'a>(BTreeMap<&'a str, &'a str>);

impl Keys<'_> {
    fn number(&mut self, key: &str) -> Result<Option<u64>, String> {
        let Some(text) = self.0.remove(key) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| format!("`{key}={text}`: expected a whole number"))
    }

    fn millis(&mut self, key: &str) -> Result<Option<Duration>, String> {
        Ok(self.number(key)?.map(Duration::from_millis))
    }

    fn is_set(&mut self, key: &str) -> bool {
        self.0.remove(key).is_some_and(|value| value != "false")
    }
}

impl FromStr for FaultFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(',').unwrap_or((text, ""));
        let pairs = rest.split(',').filter(|part| !part.is_empty());
        let mut keys = Keys(pairs.map(|part| part.split_once('=').unwrap_or((part, "true"))).collect());
        let (kind, argument) = kind.split_once('=').unwrap_or((kind, ""));
        let mut default_when = When::AtOnce;
        let effect = match kind {
            "none" => Effect::Nothing,
            "status" => Effect::Status(FaultStatus {
                retry_after: keys.millis("retry-after-ms")?,
                ..FaultStatus::new(code(argument)?)
            }),
            "early-ok" => Effect::Ok {
                delay: keys.millis("delay-ms")?.unwrap_or_default(),
                drain: keys.is_set("drain"),
            },
            "delay-ok" => {
                default_when = When::EndOfStream;
                Effect::Ok { delay: keys.millis("delay-ms")?.unwrap_or(Duration::from_secs(1)), drain: false }
            }
            "reset" => Effect::TcpReset,
            "reset-stream" => Effect::StreamReset(stream_reset(argument)?),
            "goaway" => Effect::GoAway(match argument {
                "" | "graceful" => GoAway::Graceful,
                "enhance-your-calm" => GoAway::EnhanceYourCalm,
                other => return Err(format!("`{other}` is neither `graceful` nor `enhance-your-calm`")),
            }),
            "silence" => Effect::Silence,
            "no-response" => {
                default_when = When::EndOfStream;
                Effect::Silence
            }
            "freeze" => Effect::Freeze(keys.millis("for-ms")?),
            "slow-reader" => Effect::SlowReader { bytes_per_s: keys.number("bytes-per-s")?.unwrap_or(0) },
            "malformed-trailers" => {
                default_when = When::EndOfStream;
                Effect::MalformedTrailers
            }
            "missing-trailers" => {
                default_when = When::EndOfStream;
                Effect::MissingTrailers
            }
            "huge-response" => {
                default_when = When::EndOfStream;
                let bytes = keys.number("bytes")?.and_then(|bytes| usize::try_from(bytes).ok());
                Effect::HugeResponse(bytes.unwrap_or(8 * 1024 * 1024))
            }
            "close-listener" => Effect::CloseListener,
            other => return Err(format!("unknown fault `{other}`; known are {KINDS}")),
        };
        let when = when(&mut keys)?.unwrap_or(default_when);
        let times = match keys.0.remove("times") {
            None => Times::N(1),
            Some("always") => Times::Always,
            Some(n) => {
                Times::N(n.parse().map_err(|_| format!("`times={n}`: expected a number or `always`"))?)
            }
        };
        if let Some(key) = keys.0.keys().next() {
            return Err(format!("fault `{kind}` has no key `{key}`"));
        }
        Ok(Self { fault: Fault::new(when, effect), times })
    }
}

const KINDS: &str = "none, status=CODE, early-ok, delay-ok, reset, reset-stream=REASON, goaway=KIND, silence, \
                     no-response, freeze, slow-reader, malformed-trailers, missing-trailers, huge-response, \
                     close-listener";

fn when(keys: &mut Keys<'_>) -> Result<Option<When>, String> {
    let rows = keys.number("after")?.map(When::Rows);
    let bytes = keys.number("after-bytes")?.map(When::Bytes);
    let elapsed = keys.millis("after-ms")?.map(When::Elapsed);
    let end = keys.is_set("at-end").then_some(When::EndOfStream);
    let mut given = [rows, bytes, elapsed, end].into_iter().flatten();
    let first = given.next();
    if given.next().is_some() {
        return Err("give only one of `after`, `after-bytes`, `after-ms` and `at-end`".to_owned());
    }
    Ok(first)
}

fn code(text: &str) -> Result<Code, String> {
    Ok(match text {
        "CANCELLED" => Code::Cancelled,
        "UNKNOWN" => Code::Unknown,
        "INVALID_ARGUMENT" => Code::InvalidArgument,
        "DEADLINE_EXCEEDED" => Code::DeadlineExceeded,
        "NOT_FOUND" => Code::NotFound,
        "ALREADY_EXISTS" => Code::AlreadyExists,
        "PERMISSION_DENIED" => Code::PermissionDenied,
        "RESOURCE_EXHAUSTED" => Code::ResourceExhausted,
        "FAILED_PRECONDITION" => Code::FailedPrecondition,
        "ABORTED" => Code::Aborted,
        "OUT_OF_RANGE" => Code::OutOfRange,
        "UNIMPLEMENTED" => Code::Unimplemented,
        "INTERNAL" => Code::Internal,
        "UNAVAILABLE" => Code::Unavailable,
        "DATA_LOSS" => Code::DataLoss,
        "UNAUTHENTICATED" => Code::Unauthenticated,
        other => return Err(format!("`{other}` is no gRPC error code, such as UNAVAILABLE")),
    })
}

fn stream_reset(text: &str) -> Result<StreamReset, String> {
    Ok(match text {
        "" | "refused-stream" => StreamReset::RefusedStream,
        "no-error" => StreamReset::NoError,
        "internal-error" => StreamReset::InternalError,
        "cancel" => StreamReset::Cancel,
        "enhance-your-calm" => StreamReset::EnhanceYourCalm,
        other => return Err(format!("`{other}` is no reason to reset a stream, such as `refused-stream`")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_flag_says_what_when_and_how_often() {
        let flag: FaultFlag = "status=UNAVAILABLE,after=1000,times=3".parse().unwrap();
        assert_eq!(flag.fault, Fault::status(Code::Unavailable, 1000));
        assert_eq!(flag.times, Times::N(3));
        let flag: FaultFlag = "early-ok,after=100,delay-ms=20,times=always".parse().unwrap();
        assert_eq!(flag.fault, Fault::early_ok(100, Duration::from_millis(20)));
        assert_eq!(flag.times, Times::Always);
        assert_eq!("no-response".parse::<FaultFlag>().unwrap().fault, Fault::no_response());
    }

    #[test]
    fn a_misspelt_fault_flag_is_refused() {
        for text in ["", "statu=OK", "status=OK", "silence,after=x", "silence,afer=1", "reset,after=1,at-end"]
        {
            assert!(text.parse::<FaultFlag>().is_err(), "{text}");
        }
    }
}
