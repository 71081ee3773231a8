//! What became of each ingest stream: the truth that a client's own account is compared with.

use std::sync::{Arc, Mutex, PoisonError};
use tonic::Code;

/// Which of the two ingest calls a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IngestKind {
    /// `IngestWithConfigDataStream`.
    WithConfig,
    /// `IngestArbitraryProtobufDataStream`.
    ArbitraryProtobuf,
}

/// How an ingest stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// It has not ended.
    Open,
    /// The server sent this status.
    Status(Code),
    /// The server answered something that is no valid status.
    Malformed,
    /// The server reset the stream.
    StreamReset,
    /// The server reset the connection.
    TcpReset,
    /// The client, or the connection, went away first.
    Lost,
}

/// One ingest stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRecord {
    /// Its number: 0 for the first stream that was opened.
    pub number: u64,
    /// Which call it is.
    pub kind: IngestKind,
    /// Messages taken, good or bad.
    pub rows_taken: u64,
    /// Bytes of body taken, prefixes included.
    pub bytes_taken: u64,
    /// Whether the client's half-close had arrived when the stream ended.
    pub saw_end_stream: bool,
    /// How it ended.
    pub end: StreamEnd,
}

impl StreamRecord {
    /// Whether the protocol entitles the client to take everything on this stream as confirmed.
    pub fn is_confirmed(&self) -> bool {
        self.saw_end_stream && self.end == StreamEnd::Status(Code::Ok)
    }
}

/// All ingest streams since the server was made.
#[derive(Debug, Default)]
pub(crate) struct Streams(Mutex<Vec<StreamRecord>>);

impl Streams {
    pub(crate) fn all(&self) -> Vec<StreamRecord> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records that a stream was opened. It counts as lost if the handle is dropped before it ended otherwise.
    pub(crate) fn open(self: &Arc<Self>, kind: IngestKind) -> StreamHandle {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = streams.len() as u64;
        streams.push(StreamRecord {
            number,
            kind,
            rows_taken: 0,
            bytes_taken: 0,
            saw_end_stream: false,
            end: StreamEnd::Open,
        });
        StreamHandle { streams: Arc::clone(self), number }
    }
}

/// The way to update the record of one stream.
#[derive(Debug)]
pub(crate) struct StreamHandle {
    streams: Arc<Streams>,
    number: u64,
}

impl StreamHandle {
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn took(&self, rows: u64, bytes: u64) {
        self.update(|record| {
            record.rows_taken += rows;
            record.bytes_taken += bytes;
        });
    }

    pub(crate) fn ended(&self, end: StreamEnd, saw_end_stream: bool) {
        self.update(|record| {
            record.end = end;
            record.saw_end_stream = saw_end_stream;
        });
    }

    fn update(&self, change: impl FnOnce(&mut StreamRecord)) {
        let mut streams = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = usize::try_from(self.number).ok().and_then(|at| streams.get_mut(at)) {
            change(record);
        }
    }
}

impl Drop for StreamHandle {
    fn drop(&mut self) {
        self.update(|record| {
            if record.end == StreamEnd::Open {
                record.end = StreamEnd::Lost;
            }
        });
    }
}
