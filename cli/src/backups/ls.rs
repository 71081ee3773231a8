//! `siftstream backups ls`.

use super::backup::{Backup, Slot};
use super::error::{Failure, Result};
use super::find::backups_and_quarantine;
use super::output::{json_line, printable};
use super::row::{Moment, RowTime};
use super::{Outcome, complain_of};
use prost::Message;
use serde_json::json;
use siftstream::spool::pbfs::Item;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

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
    let (files, mut outcome) = backups_and_quarantine(&args.paths)?;
    if !args.json {
        line(out, ["ROWS", "BYTES", "FIRST", "LAST", "STATE"], "FILE").map_err(Failure::Stdout)?;
    }
    let (mut rows, mut bytes, mut count) = (0, 0, 0);
    let mut last_slot: Option<Arc<Slot>> = None;
    for file in files {
        match summary(&file) {
            Ok(summary) => {
                let same = file.slot().map(Arc::as_ptr) == last_slot.as_ref().map(Arc::as_ptr);
                if !args.json && !same {
                    writeln!(out, "{}", heading(file.slot())).map_err(Failure::Stdout)?;
                }
                last_slot = file.slot().cloned();
                count += 1;
                rows += summary.rows;
                bytes += summary.bytes;
                show(args.json, &file, &summary, out).map_err(Failure::Stdout)?;
            }
            Err(error) => {
                let gone = file.slot().is_some_and(|slot| slot.view.is_owned()) && !file.path.exists();
                if !gone {
                    complain_of(&file.path, &error);
                    outcome = Outcome::Incomplete;
                }
            }
        }
    }
    if !args.json {
        let files = if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
        line(out, [&rows.to_string(), &bytes.to_string(), "", "", ""], &files).map_err(Failure::Stdout)?;
    }
    Ok(outcome)
}

/// What the files that follow belong to.
fn heading(slot: Option<&Arc<Slot>>) -> String {
    let Some(slot) = slot else { return "in no slot:".to_owned() };
    let key = slot.view.key();
    printable(&format!(
        "asset {:?}, client key {:?}, stream {:?}, {}, {}:",
        key.asset, key.client_key, key.stream, key.mode, key.endpoint
    ))
}

fn summary(file: &Backup) -> Result<Summary> {
    if file.is_quarantined() {
        let bytes = file.path.symlink_metadata().map_err(Failure::read(&file.path))?.len();
        return Ok(Summary { rows: 0, bytes, damaged: 0, span: None, state: file.state(bytes) });
    }
    let mut opened = file.open()?;
    let (mut rows, mut damaged, mut span) = (0, 0, None);
    while let Some(item) = opened.reader.next_item()? {
        let chunk = match item {
            Item::Chunk(chunk) => chunk,
            // The end of a chunk that is being written.
            Item::Damage(damage) if damage.at_end && file.is_being_written() => continue,
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
        let slot = file.slot().map(|slot| {
            let key = slot.view.key();
            json!({
                "endpoint": key.endpoint,
                "asset": key.asset,
                "client_key": key.client_key,
                "stream": key.stream,
                "mode": key.mode,
            })
        });
        let entry = json!({
            "file": path,
            "rows": rows,
            "bytes": bytes,
            "first": first,
            "last": last,
            "state": state,
            "damaged_bytes": damaged,
            "slot": slot,
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
