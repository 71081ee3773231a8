//! `siftstream backups repair`.

use super::Outcome;
use super::error::{Failure, Result};
use super::find;
use super::output::{NewFile, json_line, printable};
use serde_json::json;
use siftstream::spool::pbfs::Item;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Options of `siftstream backups repair`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The damaged file; it stays as it is.
    input: PathBuf,
    /// The new file; must not exist.
    #[arg(long, value_name = "NEW")]
    out: PathBuf,
    /// Print a line of JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args, out: &mut dyn Write) -> Result<Outcome> {
    let mut opened = find::single(args.input.clone())?.open()?;
    let mut file = BufWriter::new(NewFile::create(args.out.clone())?);
    let (mut rows, mut bytes) = (0, 0);
    while let Some(item) = opened.reader.next_item()? {
        let Item::Chunk(chunk) = item else { continue };
        file.write_all(chunk.bytes).map_err(Failure::write(&args.out))?;
        rows += chunk.rows();
        bytes += chunk.bytes.len() as u64;
    }
    if rows == 0 {
        return Err(Failure::NothingToSave { path: args.input.clone() });
    }
    let file = file.into_inner().map_err(|error| Failure::write(&args.out)(error.into_error()))?;
    file.publish()?;
    let lost = opened.bytes - bytes;
    let written = if args.json {
        json_line(
            out,
            &json!({ "file": args.out.to_string_lossy(), "rows": rows, "bytes": bytes, "lost_bytes": lost }),
        )
    } else {
        let path = printable(&args.out.to_string_lossy());
        writeln!(out, "saved {rows} rows, {bytes} bytes; left out {lost} bytes: {path}")
    };
    written.map_err(Failure::Stdout)?;
    Ok(Outcome::Whole)
}
