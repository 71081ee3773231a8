//! What the server can be told to do wrong, and when.
//!
//! A [`Fault`] is a moment ([`When`]) and an [`Effect`]. Faults wait in a queue; each ingest stream that is opened
//! takes the next one ([`Times`] says for how many streams it stays at the head). Connections and unary calls have
//! queues of their own, with [`ConnectionFault`] and [`UnaryFault`].

use crate::gate::Blackhole;
use std::collections::VecDeque;
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The moment in an ingest stream's life at which an effect sets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// As soon as the stream is opened, before anything of it is read.
    AtOnce,
    /// When this many rows were taken.
    Rows(u64),
    /// When this many bytes of the body were taken, prefixes included; cuts messages in half.
    Bytes(u64),
    /// When the stream has been open for this long.
    Elapsed(Duration),
    /// After the client's half-close, when everything was taken.
    EndOfStream,
}

/// What happens to an ingest stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Nothing: the stream is served well. Lets streams pass in the middle of a script.
    Nothing,
    /// The call ends with this status.
    Status(FaultStatus),
    /// The call ends with OK after `delay`. Before the half-close this is an early OK: rows beyond the moment are
    /// not taken. Should the half-close arrive during the delay, they are taken after all, because then OK confirms them.
    Ok {
        /// How long to wait first; nothing is read meanwhile.
        delay: Duration,
        /// Afterwards read and discard what else the client sends, instead of resetting the stream with NO_ERROR.
        drain: bool,
    },
    /// As [`Effect::Ok`] after this delay, and then the TCP connection is reset: nothing that would follow the answer
    /// reaches the client.
    OkThenTcpReset(Duration),
    /// The TCP connection is reset (RST, not FIN).
    TcpReset,
    /// The HTTP/2 stream is reset.
    StreamReset(StreamReset),
    /// The connection says goodbye; the stream is served on if the kind allows it.
    GoAway(GoAway),
    /// The stream is not read any more and never answered, until the server is healed.
    Silence,
    /// The whole connection's socket is not read or written for this long, or until the server is healed.
    Freeze(Option<Duration>),
    /// Nothing passes on any connection until the server is healed; the stream itself is served well.
    Blackhole(Blackhole),
    /// From here on the stream is read at this pace, until the server is healed; 0 stops reading.
    SlowReader {
        /// Bytes of body per second.
        bytes_per_s: u64,
    },
    /// OK is answered, with a `grpc-status` that is no number.
    MalformedTrailers,
    /// The response message comes without trailers.
    MissingTrailers,
    /// The response message comes with exactly these trailers, whose names and values HTTP must allow.
    Trailers(Vec<(String, String)>),
    /// The answer is an HTTP status without anything of gRPC, as a proxy would give it.
    HttpStatus(u16),
    /// OK is answered with a response message padded to this many bytes.
    HugeResponse(usize),
    /// OK is answered with response headers padded to this many bytes.
    HugeHeaders(usize),
    /// New connections are refused from here on; the stream itself is served well.
    CloseListener,
}

/// A status that a fault answers with.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultStatus {
    /// The gRPC code.
    pub code: Code,
    /// The text beside it.
    pub message: String,
    /// If set, `grpc-status-details-bin` carries google.rpc.RetryInfo with this delay.
    pub retry_after: Option<Duration>,
}

impl FaultStatus {
    /// A status with `code` and a message that names it.
    pub fn new(code: Code) -> Self {
        Self { code, message: format!("injected {code:?}"), retry_after: None }
    }

    /// The same status with a google.rpc.RetryInfo.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    pub(crate) fn to_status(&self) -> Status {
        match self.retry_after {
            Some(delay) => Status::with_error_details(
                self.code,
                self.message.clone(),
                ErrorDetails::with_retry_info(Some(delay)),
            ),
            None => Status::new(self.code, self.message.clone()),
        }
    }
}

/// The reason given when a stream is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamReset {
    /// NO_ERROR.
    NoError,
    /// INTERNAL_ERROR.
    InternalError,
    /// REFUSED_STREAM: the server claims not to have processed anything.
    RefusedStream,
    /// CANCEL.
    Cancel,
    /// ENHANCE_YOUR_CALM.
    EnhanceYourCalm,
}

impl StreamReset {
    pub(crate) fn reason(self) -> h2::Reason {
        match self {
            Self::NoError => h2::Reason::NO_ERROR,
            Self::InternalError => h2::Reason::INTERNAL_ERROR,
            Self::RefusedStream => h2::Reason::REFUSED_STREAM,
            Self::Cancel => h2::Reason::CANCEL,
            Self::EnhanceYourCalm => h2::Reason::ENHANCE_YOUR_CALM,
        }
    }
}

/// The kinds of GOAWAY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoAway {
    /// NO_ERROR: streams that are open are served to their end.
    Graceful,
    /// ENHANCE_YOUR_CALM: the connection is closed at once.
    EnhanceYourCalm,
}

/// One scripted misbehaviour of an ingest stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// When it sets in.
    pub when: When,
    /// What it does.
    pub effect: Effect,
}

impl Fault {
    /// `effect` at the moment `when`.
    pub fn new(when: When, effect: Effect) -> Self {
        Self { when, effect }
    }

    /// A stream that is served well.
    pub fn none() -> Self {
        Self::new(When::EndOfStream, Effect::Nothing)
    }

    /// Ends with `code` after `rows` rows.
    pub fn status(code: Code, rows: u64) -> Self {
        Self::new(When::Rows(rows), Effect::Status(FaultStatus::new(code)))
    }

    /// Answers OK after `rows` rows and a delay, while the client still sends.
    pub fn early_ok(rows: u64, delay: Duration) -> Self {
        Self::new(When::Rows(rows), Effect::Ok { delay, drain: false })
    }

    /// Takes everything, then waits this long before the OK.
    pub fn delayed_ok(delay: Duration) -> Self {
        Self::new(When::EndOfStream, Effect::Ok { delay, drain: false })
    }

    /// Takes everything and never answers.
    pub fn no_response() -> Self {
        Self::new(When::EndOfStream, Effect::Silence)
    }
}

/// What can happen to a connection as it is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionFault {
    /// Nothing: lets connections pass in the middle of a script.
    Nothing,
    /// Accepted, then neither read nor written, until the server is healed.
    Silence,
    /// Closed right after it was accepted.
    Close,
    /// Reset (RST) when this many bytes were read from the socket, TLS included.
    ResetAfterBytes(u64),
    /// Answered with these bytes, which are no HTTP/2.
    Answer(&'static [u8]),
    /// The client may have no more than this many streams open (SETTINGS_MAX_CONCURRENT_STREAMS).
    MaxStreams(u32),
    /// Streams get no window at first; they get one when the server is healed.
    ZeroWindow,
    /// GOAWAY is sent when the connection has been open for this long.
    GoAwayAfter(Duration, GoAway),
}

/// A misbehaviour of unary calls.
#[derive(Debug, Clone, PartialEq)]
pub struct UnaryFault {
    /// The method it is for, for example `CreateIngestionConfig`; `None` for any.
    pub method: Option<String>,
    /// What it does.
    pub effect: UnaryEffect,
}

/// What happens to a unary call.
#[derive(Debug, Clone, PartialEq)]
pub enum UnaryEffect {
    /// It fails with this status and has no effect.
    Status(FaultStatus),
    /// It is carried out, but the answer is this status.
    DoneButStatus(FaultStatus),
    /// It is answered this much later.
    Delay(Duration),
    /// It is answered when the server is healed.
    Silence,
    /// A rival carries out the very same call right before it.
    RivalFirst,
    /// The TCP connection is reset (RST).
    TcpReset,
}

/// How many times a fault applies before the next in the queue has its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// This many times.
    N(u64),
    /// Until the script is cleared.
    Always,
}

/// A queue of things to do wrong.
#[derive(Debug)]
pub(crate) struct Script<T> {
    queue: VecDeque<(T, Times)>,
}

impl<T> Default for Script<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new() }
    }
}

impl<T: Clone> Script<T> {
    pub(crate) fn push(&mut self, fault: T, times: Times) {
        if times != Times::N(0) {
            self.queue.push_back((fault, times));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.queue.clear();
    }

    /// The next fault in the queue that `applies`, counted as used once.
    pub(crate) fn take(&mut self, applies: impl Fn(&T) -> bool) -> Option<T> {
        let at = self.queue.iter().position(|(fault, _)| applies(fault))?;
        let (fault, times) = &mut self.queue[at];
        let fault = fault.clone();
        if let Times::N(left) = times {
            *left -= 1;
            if *left == 0 {
                self.queue.remove(at);
            }
        }
        Some(fault)
    }
}
