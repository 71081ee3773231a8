//! `siftstream backups verify`.

use super::backup::Backup;
use super::error::{Failure, Result};
use super::find::backups;
use super::output::{json_line, printable};
use super::row::Row;
use super::{Outcome, complain_of};
use prost::Message;
use serde_json::json;
use siftstream::spool::pbfs::{CHUNK_HEADER, Item};
use std::io::{self, Write};
use std::path::PathBuf;

/// Options of `siftstream backups verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files, slots, roots with slots, or any directories with backup files.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Print lines of JSON: one per damaged extent, then one per file.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args, out: &mut dyn Write) -> Result<Outcome> {
    let (files, mut outcome) = backups(&args.paths)?;
    for file in files {
        outcome = outcome.and(match check(args.json, &file, out) {
            Ok(true) => Outcome::Whole,
            Ok(false) => Outcome::Imperfect,
            Err(error @ Failure::Stdout(_)) => return Err(error),
            Err(error) => {
                complain_of(&file.path, &error);
                Outcome::Incomplete
            }
        });
    }
    Ok(outcome)
}

/// Checks every byte of a file; tells of each damaged extent as it is found, so that no number of them needs memory.
fn check(as_json: bool, file: &Backup, out: &mut dyn Write) -> Result<bool> {
    let path = file.path.to_string_lossy();
    let mut opened = file.open()?;
    let (mut rows, mut extents) = (0_u64, 0_u64);
    while let Some(item) = opened.reader.next_item()? {
        match item {
            Item::Damage(damage) => {
                extents += 1;
                let reason = damage.reason.as_str();
                extent(as_json, &path, damage.offset, damage.len, reason, out).map_err(Failure::Stdout)?;
            }
            Item::Chunk(chunk) => {
                let mut end = chunk.offset + CHUNK_HEADER as u64;
                for message in chunk.messages() {
                    let (start, len) = (end, 4 + message.len() as u64);
                    end += len;
                    if Row::decode(message).is_ok() {
                        rows += 1;
                    } else {
                        extents += 1;
                        extent(as_json, &path, start, len, "message", out).map_err(Failure::Stdout)?;
                    }
                }
            }
        }
    }
    let (whole, bytes) = (extents == 0, opened.bytes);
    let written = if as_json {
        let entry = json!({
            "file": path, "whole": whole, "rows": rows, "bytes": bytes, "damaged_extents": extents,
        });
        json_line(out, &entry)
    } else {
        let verdict = if whole { "whole" } else { "damaged" };
        writeln!(
            out,
            "{verdict}: {rows} rows, {bytes} bytes, {extents} damaged extents: {}",
            printable(&path)
        )
    };
    written.map_err(Failure::Stdout)?;
    Ok(whole)
}

fn extent(
    as_json: bool,
    path: &str,
    offset: u64,
    len: u64,
    reason: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    if as_json {
        return json_line(out, &json!({ "file": path, "offset": offset, "length": len, "reason": reason }));
    }
    writeln!(out, "  offset {offset}, length {len}, {reason}: {}", printable(path))
}
