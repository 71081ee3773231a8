//! Why a command could not do what it was asked for.

use std::io;
use std::path::{Path, PathBuf};

/// The result of most functions here.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a command could not do what it was asked for. The exit code is then 2.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The library's own error, such as one of reading a backup.
    #[error(transparent)]
    Library(#[from] siftstream::Error),
    /// A file or directory that cannot be read.
    #[error("cannot read {}: {error}", .path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write {}: {error}", .path.display())]
    Write {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The name for the result is taken.
    #[error("{} exists and is not overwritten: give another name", .path.display())]
    Exists {
        /// The name.
        path: PathBuf,
    },
    /// Standard output.
    #[error("cannot write to standard output: {0}")]
    Stdout(io::Error),
    /// A schema file that says something else than a schema.
    #[error("{} is not a schema: {why}", .path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// Nobody said what the channels are called.
    #[error(
        "nothing says what the channels in {} are called: give --schema, or --uri to ask Sift for their names",
        .path.display()
    )]
    NoSchema {
        /// A file in no slot that knows.
        path: PathBuf,
    },
    /// A file without a row that could be saved.
    #[error("{} has no chunk that is whole, so there is nothing to save", .path.display())]
    NothingToSave {
        /// The file.
        path: PathBuf,
    },
    /// A time that the format cannot hold.
    #[error(
        "a row of the flow {flow:?} is at {time}, which Parquet's nanoseconds cannot hold (1677 to 2262): export as CSV"
    )]
    TimeOutOfRange {
        /// The flow.
        flow: String,
        /// The time.
        time: String,
    },
    /// The Parquet writer's own error.
    #[error("cannot write {}: {error}", .path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why.
        error: parquet::errors::ParquetError,
    },
    /// Columns that do not form a table: a defect of this command.
    #[error("the columns of {} do not form a table: {error}", .path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// Why.
        error: arrow_schema::ArrowError,
    },
    /// No key was given for an endpoint.
    #[error("--uri needs a key: give --api-key, or set SIFTSTREAM_API_KEY")]
    NoKey,
    /// Rows would be sent that an earlier run has sent.
    #[error(
        "{} tells of rows that were sent before: give --resume to send only the others, or --state with another file to \
         send all of them again",
        .path.display()
    )]
    SentBefore {
        /// Where that is remembered.
        path: PathBuf,
    },
    /// A name that cannot be remembered.
    #[error("{} has a name that is not UTF-8, which cannot be remembered: rename it to send it", .path.display())]
    Unprintable {
        /// The file.
        path: PathBuf,
    },
    /// What earlier runs have left cannot be used.
    #[error("{} does not fit: {why}; give --state with another file to send everything", .path.display())]
    Memory {
        /// Where it is remembered.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// Sift's answer to a question for a schema.
    #[error("cannot get the schema {config:?} from {uri}: {why}")]
    Remote {
        /// Which schema.
        config: String,
        /// From where.
        uri: String,
        /// Why not.
        why: String,
    },
}

impl Failure {
    /// An error of reading `path`.
    pub(crate) fn read(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        |error| Self::Read { path: path.to_owned(), error }
    }

    /// An error of writing `path`.
    pub(crate) fn write(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        |error| match error.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists { path: path.to_owned() },
            _ => Self::Write { path: path.to_owned(), error },
        }
    }

    /// Whether the reader of our output went away, which is nobody's mistake.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Stdout(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
