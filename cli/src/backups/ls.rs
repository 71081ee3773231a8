//! `siftstream backups ls`.

use super::error::{Failure, Result};
use super::find::{Backup, backups};
use super::output::{json_line, printable};
use super::row::{Moment, RowTime};
use super::{Outcome, complain_of};
use prost::Message;
use serde_json::json;
use siftstream::spool::pbfs::Item;
use std::io::{self, Write};
use std::path::PathBuf;

/// Options of `siftstream backups ls`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files, slots, roots with slots, or any directories with backup files.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Print one line of JSON per file.
    #[arg(long)]
    json: bool,
}

/// What is in a file.
struct Summary {
    rows: u64,
    bytes: u64,
    damaged: u64,
    span: Option<(Moment, Moment)>,
    state: &'static str,
}

/// Runs the command.
pub(crate) fn run(args: &Args, out: &mut dyn Write) -> Result<Outcome> {
    let (files, mut outcome) = backups(&args.paths)?;
    if !args.json {
        line(out, ["ROWS", "BYTES", "FIRST", "LAST", "STATE"], "FILE").map_err(Failure::Stdout)?;
    }
    let (mut rows, mut bytes, count) = (0, 0, files.len());
    for file in files {
        match summary(&file) {
            Ok(summary) => {
                rows += summary.rows;
                bytes += summary.bytes;
                show(args.json, &file, &summary, out).map_err(Failure::Stdout)?;
            }
            Err(error) => {
                complain_of(&file.path, &error);
                outcome = Outcome::Incomplete;
            }
        }
    }
    if !args.json {
        let files = if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
        line(out, [&rows.to_string(), &bytes.to_string(), "", "", ""], &files).map_err(Failure::Stdout)?;
    }
    Ok(outcome)
}

fn summary(file: &Backup) -> Result<Summary> {
    let mut opened = file.open()?;
    let (mut rows, mut damaged, mut span) = (0, 0, None);
    while let Some(item) = opened.reader.next_item()? {
        let chunk = match item {
            Item::Chunk(chunk) => chunk,
            Item::Damage(damage) => {
                damaged += damage.len;
                continue;
            }
        };
        for message in chunk.messages() {
            rows += 1;
            // A message that is no row has no time; `verify` tells.
            let time = RowTime::decode(message).ok().and_then(|row| row.timestamp).map(Moment::from);
            if let Some(time) = time {
                let (first, last) = span.unwrap_or((time, time));
                span = Some((time.min(first), time.max(last)));
            }
        }
    }
    let bytes = opened.bytes;
    Ok(Summary { rows, bytes, damaged, span, state: file.state(bytes) })
}

fn show(as_json: bool, file: &Backup, summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let Summary { rows, bytes, damaged, span, state } = summary;
    let first = span.map(|(first, _)| first.to_string());
    let last = span.map(|(_, last)| last.to_string());
    let path = file.path.to_string_lossy();
    if as_json {
        let entry = json!({
            "file": path,
            "rows": rows,
            "bytes": bytes,
            "first": first,
            "last": last,
            "state": state,
            "damaged_bytes": damaged,
        });
        return json_line(out, &entry);
    }
    let state = if *damaged > 0 { format!("{state}, damaged") } else { (*state).to_owned() };
    let (first, last) = (first.unwrap_or("-".to_owned()), last.unwrap_or("-".to_owned()));
    line(out, [&rows.to_string(), &bytes.to_string(), &first, &last, &state], &printable(&path))
}

fn line(out: &mut dyn Write, columns: [&str; 5], file: &str) -> io::Result<()> {
    let [rows, bytes, first, last, state] = columns;
    writeln!(out, "{rows:>12} {bytes:>14}  {first:<30}  {last:<30}  {state:<16}  {file}")
}
