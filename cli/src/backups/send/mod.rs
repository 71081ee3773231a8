//! `siftstream backups send`: the rows of files to Sift, each confirmed by the rules of a live stream.

mod delivery;
mod memory;
mod progress;
mod rate;
mod report;
mod source;

use self::delivery::{Delivered, Delivery};
use self::memory::Memory;
use self::progress::Progress;
use self::rate::Rate;
use self::report::Report;
use self::source::{Source, Step, Tally};
use super::backup::Backup;
use super::endpoint::Endpoint;
use super::error::{Failure, Result};
use super::find::backups;
use super::{Outcome, complain, complain_of};
use siftstream::connect::{ConnectionOptions, user_agent};
use siftstream::spool::pbfs::MAX_CHUNK;
use siftstream::{Credentials, Error, SiftStreamBuilder};
use std::collections::HashSet;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often Sift is asked to confirm what it has.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(2);

/// How long it may take to reach Sift.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Options of `siftstream backups send`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files, slots, roots with slots, or any directories with backup files.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    endpoint: Endpoint,
    /// Send only what earlier runs have not brought to Sift.
    #[arg(long)]
    resume: bool,
    /// Where to remember what was confirmed; beside the first path, or beside its slot, with `.siftstream-sent` behind
    /// the name, if not given.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// At most so many rows (5000) or bytes of rows (2MB, 512KiB) in a second.
    #[arg(long)]
    rate: Option<Rate>,
    /// Give up when nothing was confirmed for so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
    /// Say what would be sent, and connect to nobody.
    #[arg(long)]
    dry_run: bool,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args, out: &mut dyn Write) -> Result<Outcome> {
    let target = Target::new(args)?;
    let (files, mut outcome) = backups(&args.paths)?;
    let mut memory = target.memory(args)?;
    let (sources, refused) = sources(files, &memory, target.place.as_deref())?;
    if refused > 0 {
        outcome = Outcome::Incomplete;
    }
    let mut report = Report::new(&sources, refused);
    let found = match target.credentials.filter(|_| !args.dry_run) {
        Some(credentials) if sources.iter().any(|source| source.from.offset < source.bytes) => {
            deliver(args, credentials, &sources, &mut memory, &mut report)?
        }
        Some(_) => Outcome::Whole,
        None => survey(&sources, &mut report),
    };
    report.print(args.dry_run, args.json, out).map_err(Failure::Stdout)?;
    Ok(outcome.and(found).and(report.outcome()))
}

/// Whom to send to.
struct Target {
    /// The checked address; unknown only if nothing is sent and nothing was said.
    place: Option<String>,
    credentials: Option<Credentials>,
}

impl Target {
    fn new(args: &Args) -> Result<Self> {
        if args.dry_run && !args.endpoint.is_given() {
            return Ok(Self { place: None, credentials: None });
        }
        let credentials = args.endpoint.credentials()?;
        let (uri, _) = credentials.clone().resolve()?;
        let mut options = ConnectionOptions::new(uri);
        options.insecure = args.endpoint.insecure;
        let place = options.endpoint().map_err(Error::from)?.to_string();
        Ok(Self { place: Some(place), credentials: Some(credentials) })
    }

    fn memory(&self, args: &Args) -> Result<Memory> {
        let path = match (&args.state, args.paths.first()) {
            (Some(path), _) => path.clone(),
            (None, first) => Memory::default_path(first.map_or(Path::new("."), PathBuf::as_path))?,
        };
        Memory::open(path, self.place.as_deref(), args.resume)
    }
}

/// What of the files is to be sent, and how many of them cannot be; each file once, however often it was named.
fn sources(files: Vec<Backup>, memory: &Memory, place: Option<&str>) -> Result<(Vec<Source>, u64)> {
    let (mut sources, mut refused, mut seen) = (Vec::new(), 0, HashSet::new());
    for file in files {
        if let Some(why) = why_not(&file) {
            complain_of(&file.path, &why);
            refused += 1;
            continue;
        }
        match source(file, memory, place, &mut seen) {
            Ok(source) => sources.extend(source),
            Err(error) => {
                complain(&error);
                refused += 1;
            }
        }
    }
    Ok((sources, refused))
}

/// What of one file is to be sent; nothing if it was named before.
fn source(
    file: Backup,
    memory: &Memory,
    place: Option<&str>,
    seen: &mut HashSet<PathBuf>,
) -> Result<Option<Source>> {
    let path = file.path.canonicalize().map_err(Failure::read(&file.path))?;
    if path.to_str().is_none() {
        return Err(Failure::Unprintable { path });
    }
    if !seen.insert(path.clone()) {
        return Ok(None);
    }
    let (source, same) = Source::new(file, path.clone(), memory.of(&path), place)?;
    if !same {
        complain_of(&path, &"not the file that was sent before: it is sent from its start");
    }
    Ok(Some(source))
}

/// Why a file is not to be sent.
fn why_not(file: &Backup) -> Option<&'static str> {
    if file.is_pending() {
        return Some(
            "not sent: its rows lack IDs that Sift gives; start the stream that wrote it once with a network, which \
             moves them to data/, then send that",
        );
    }
    let slot = &file.slot()?.view;
    (slot.is_owned() && !slot.is_recording())
        .then_some("not sent: the owner of its slot is running and sends these rows itself")
}

/// Counts what would be sent.
fn survey(sources: &[Source], report: &mut Report) -> Outcome {
    let mut outcome = Outcome::Whole;
    for source in sources {
        let mut tally = Tally::default();
        let walked = source.walk(&mut tally, &mut |step| {
            if let Step::Damage(offset, len, reason) = step {
                tell_damage(&source.backup.path, offset, len, reason);
            }
            ControlFlow::Continue(())
        });
        report.add(&tally);
        if let Err(error) = walked {
            complain_of(&source.backup.path, &error);
            outcome = Outcome::Incomplete;
        }
    }
    outcome
}

/// Sends everything, and waits until it is confirmed.
fn deliver(
    args: &Args,
    credentials: Credentials,
    sources: &[Source],
    memory: &mut Memory,
    report: &mut Report,
) -> Result<Outcome> {
    memory.save()?;
    let patience = Duration::from_secs(args.timeout.max(1));
    let stream = SiftStreamBuilder::new(credentials)
        .insecure(args.endpoint.insecure)
        .connection(|options| options.user_agent = user_agent("cli"))
        .encoded_rows()
        .max_row_size(usize::try_from(MAX_CHUNK).unwrap_or(usize::MAX))
        .live(|live| live.checkpoint_interval(CHECKPOINT_EVERY))
        .build_blocking(START_TIMEOUT)?;
    let unsent = sources.iter().map(|source| (&*source.path, source.from.offset, source.bytes));
    let progress = Progress::new(unsent);
    let mut delivery = Delivery::new(stream, memory, &progress, args.rate, patience);
    let mut outcome = Outcome::Whole;
    let mut sending = Ok(());
    for source in sources {
        let path: Arc<Path> = Arc::from(&*source.path);
        let mut tally = Tally::default();
        let walked = source.walk(&mut tally, &mut |step| {
            match step {
                Step::Row(message) => sending = delivery.row(message),
                Step::Mark(sent) => delivery.mark(&path, sent),
                Step::Damage(offset, len, reason) => {
                    progress.aside(|| tell_damage(&source.backup.path, offset, len, reason));
                }
            }
            if sending.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        report.add(&tally);
        if let Err(error) = walked {
            progress.aside(|| complain_of(&source.backup.path, &error));
            outcome = Outcome::Incomplete;
        }
        if sending.is_err() {
            break;
        }
    }
    let delivered = delivery.finish(sending);
    progress.end();
    let delivered = delivered?;
    report.confirmed(delivered.confirmed);
    if delivered.failure.is_some() || delivered.confirmed < delivered.accepted {
        tell_missing(&delivered, memory.path());
        outcome = Outcome::Incomplete;
    }
    Ok(outcome)
}

fn tell_damage(path: &Path, offset: u64, len: u64, reason: &str) {
    complain_of(path, &format_args!("not sent: offset {offset}, length {len}, {reason}"));
}

fn tell_missing(delivered: &Delivered, memory: &Path) {
    if let Some(failure) = &delivered.failure {
        complain(failure);
    }
    if let Some((file, offset)) = &delivered.first_missing {
        complain_of(file, &format_args!("not confirmed from offset {offset} on"));
    }
    complain(&format_args!(
        "not everything is confirmed; what is stands in {}: run the command again with --resume",
        memory.display()
    ));
}
